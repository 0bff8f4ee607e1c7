//! Sessions of people who logged in: a random cookie, kept as its hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prana::core::Timestamp;
use serde::{Deserialize, Serialize};

use super::users::{self, KIND as USER};
use super::{Access, Caller, Result, Scope, Who, hash_of};

const KIND: &str = "session";
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// A session ends when it was not used for so long, in milliseconds.
const IDLE_MS: u64 = 7 * 24 * HOUR_MS;

/// It ends so long after the login, in milliseconds.
const LIFE_MS: u64 = 30 * 24 * HOUR_MS;

/// When a session was last used is written at most this often, in milliseconds.
const USE_EVERY_MS: u64 = HOUR_MS;

/// A user has at most so many; the oldest make room.
const SESSIONS: usize = 50;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    user: String,
    password_number: u64,
    created_at: Timestamp,
    used_at: Timestamp,
}

impl Stored {
    fn is_over(&self, now: Timestamp) -> bool {
        now.millis_since(self.used_at) >= IDLE_MS || now.millis_since(self.created_at) >= LIFE_MS
    }
}

/// A session that began: what the cookie holds.
pub struct Login {
    /// The secret of the cookie.
    pub secret: String,
    /// How long the cookie is kept, in seconds.
    pub lives_seconds: u64,
    /// What the user may do.
    pub scope: Scope,
}

/// What a page sends with each change, so that others can't send it: made of the session's secret, which no page can read.
pub fn csrf_of(secret: &str) -> String {
    hash_of(&format!("csrf {secret}"))
}

impl Access {
    /// Begins a session, if the password is right.
    ///
    /// # Errors
    /// Too many at a time; the store does not answer.
    pub async fn log_in(&self, user: &str, password: &str) -> Result<Option<Login>> {
        let stored = self.read::<users::Stored>(USER, user).await?;
        let hash = stored.as_ref().map(|(user, _)| user.hash.as_str());
        let is_right = self.passwords.is_right(password, hash).await?;
        let Some((known, _)) = stored.filter(|_| is_right) else { return Ok(None) };
        self.make_room(user).await?;
        let secret = URL_SAFE_NO_PAD.encode(self.secret());
        let now = self.clock.now();
        let session = Stored {
            user: user.to_owned(),
            password_number: known.password_number,
            created_at: now,
            used_at: now,
        };
        self.write(KIND, &hash_of(&secret), Some(0), &session).await?;
        Ok(Some(Login { secret, lives_seconds: LIFE_MS / 1_000, scope: known.scope }))
    }

    async fn make_room(&self, user: &str) -> Result<()> {
        self.end_old_sessions().await?;
        let mut own = self.read_all::<Stored>(KIND).await?;
        own.retain(|(_, session)| session.user == user);
        own.sort_by_key(|(_, session)| session.used_at);
        for (key, _) in own.iter().take((own.len() + 1).saturating_sub(SESSIONS)) {
            self.catalog.delete_item(KIND, key, None).await?;
        }
        Ok(())
    }

    /// Removes sessions that are over.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn end_old_sessions(&self) -> Result<()> {
        let now = self.clock.now();
        for (key, session) in self.read_all::<Stored>(KIND).await? {
            if session.is_over(now) {
                self.catalog.delete_item(KIND, &key, None).await?;
            }
        }
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn log_out(&self, key: &str) -> Result<()> {
        self.catalog.delete_item(KIND, key, None).await?;
        Ok(())
    }

    /// Who a session's secret stands for; none if it is over, its password was changed, or its user is gone.
    pub(super) async fn by_session(&self, secret: &str) -> Result<Option<Caller>> {
        if secret.len() != 43 {
            return Ok(None);
        }
        self.by_session_key(hash_of(secret)).await
    }

    pub(super) async fn by_session_key(&self, key: String) -> Result<Option<Caller>> {
        let Some((session, version)) = self.read::<Stored>(KIND, &key).await? else { return Ok(None) };
        let Some((user, _)) = self.read::<users::Stored>(USER, &session.user).await? else { return Ok(None) };
        let now = self.clock.now();
        if session.is_over(now) || session.password_number != user.password_number {
            return Ok(None);
        }
        if now.millis_since(session.used_at) >= USE_EVERY_MS {
            let used = Stored { used_at: now, ..session.clone() };
            // Somebody else noted it, or ended the session: either is newer than this.
            let _ = self.write(KIND, &key, Some(version), &used).await;
        }
        Ok(Some(Caller { who: Who::User { name: session.user }, scope: user.scope, session: Some(key) }))
    }
}
