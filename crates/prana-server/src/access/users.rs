//! People: a name, a password, and what they may do.

use prana::core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Access, AccessError, Result, Scope};

pub(super) const KIND: &str = "user";

/// A user, as listed.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// What they may do.
    pub scope: Scope,
    /// When they were made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    pub hash: String,
    pub scope: Scope,
    pub created_at: Timestamp,
    /// Sessions name the password that they began with: a new one ends all of them.
    pub password_number: u64,
}

impl Access {
    /// Makes a user, or changes one; what is not given stays. A new password ends all sessions of the user. True if they are new.
    ///
    /// # Errors
    /// A name or password that is none; a new user without a password; the store does not answer.
    pub async fn put_user(&self, name: &str, password: Option<&str>, scope: Option<Scope>) -> Result<bool> {
        check_user_name(name)?;
        let before = self.read::<Stored>(KIND, name).await?;
        let hash = match password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let based_on = before.as_ref().map_or(0, |(_, version)| *version);
        let is_new = before.is_none();
        let number = self.clock.random();
        let stored = match (before, hash) {
            (None, None) => return Err(AccessError::Invalid("a new user needs a password".to_owned())),
            (None, Some(hash)) => Stored {
                hash,
                scope: scope.unwrap_or(Scope::Admin),
                created_at: self.clock.now(),
                password_number: number,
            },
            (Some((old, _)), None) => Stored { scope: scope.unwrap_or(old.scope), ..old },
            (Some((old, _)), Some(hash)) => {
                Stored { hash, scope: scope.unwrap_or(old.scope), password_number: number, ..old }
            }
        };
        self.write(KIND, name, Some(based_on), &stored).await?;
        self.close().await?;
        Ok(is_new)
    }

    /// Takes a user out, and ends their sessions. False if there is none.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn delete_user(&self, name: &str) -> Result<bool> {
        Ok(self.catalog.delete_item(KIND, name, None).await?)
    }

    /// All users, by name.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn users(&self) -> Result<Vec<User>> {
        let all = self.read_all::<Stored>(KIND).await?.into_iter();
        Ok(all.map(|(name, user)| User { name, scope: user.scope, created_at: user.created_at }).collect())
    }

    /// Changes the password of a user who knows the old one. False if they don't.
    ///
    /// # Errors
    /// A new password that is none; too many at a time; the store does not answer.
    pub async fn change_password(&self, name: &str, current: &str, new: &str) -> Result<bool> {
        let user = self.read::<Stored>(KIND, name).await?;
        let hash = user.as_ref().map(|(user, _)| user.hash.as_str());
        if !self.passwords.is_right(current, hash).await? {
            return Ok(false);
        }
        self.put_user(name, Some(new), None).await.map(|_| true)
    }
}

/// The letters of a user's name: it stands in paths and in the change log.
fn check_user_name(name: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-@+".contains(&byte);
    if (1..=100).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    let detail = "a user's name has 1 to 100 letters, digits and _ . - @ +";
    Err(AccessError::Invalid(detail.to_owned()))
}
