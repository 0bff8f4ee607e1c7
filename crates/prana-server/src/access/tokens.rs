//! API tokens: `prana_ID_SECRET`. The secret is 256 random bits, shown once, and kept as its hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prana::core::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Access, AccessError, Caller, Result, Scope, Who, check_name, hash_of};

const KIND: &str = "token";
const PREFIX: &str = "prana_";
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// When a token was last used is written at most this often, in milliseconds.
const USE_EVERY_MS: u64 = 60_000;

/// A token to be made.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is called, in the change log, too.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// After how many days it ends; never, if not said.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
}

/// A token, as listed: not the secret.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Token {
    /// Its identity, which is a part of its text.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    name: String,
    scope: Scope,
    hash: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl Stored {
    fn listed(self, id: String) -> Token {
        let Stored { name, scope, hash: _, created_at, expires_at, last_used_at } = self;
        Token { id, name, scope, created_at, expires_at, last_used_at }
    }
}

impl Access {
    /// Makes a token. Its text is told here and never again.
    ///
    /// # Errors
    /// A name that is none; the store does not answer.
    pub async fn create_token(&self, new: NewToken) -> Result<(Token, String)> {
        check_name(&new.name)?;
        let now = self.clock.now();
        let lifetime = new.expires_in_days.map(|days| u64::from(days) * DAY_MS);
        if lifetime == Some(0) {
            return Err(AccessError::Invalid("a token that ends in 0 days can't be used".to_owned()));
        }
        let id = format!("{:012x}", self.clock.random() >> 16);
        let secret = URL_SAFE_NO_PAD.encode(self.secret());
        let stored = Stored {
            name: new.name,
            scope: new.scope,
            hash: hash_of(&secret),
            created_at: now,
            expires_at: lifetime.map(|millis| now.plus_millis(millis)),
            last_used_at: None,
        };
        self.write(KIND, &id, Some(0), &stored).await?;
        self.close().await?;
        Ok((stored.listed(id.clone()), format!("{PREFIX}{id}_{secret}")))
    }

    /// All tokens, the expired ones, too.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let mut all: Vec<Token> =
            self.read_all::<Stored>(KIND).await?.into_iter().map(|(id, stored)| stored.listed(id)).collect();
        all.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(all)
    }

    /// Ends a token at once, and gives what it was; none if there is none.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn revoke_token(&self, id: &str) -> Result<Option<Token>> {
        let Some((stored, _)) = self.read::<Stored>(KIND, id).await? else { return Ok(None) };
        let removed = self.catalog.delete_item(KIND, id, None).await?;
        Ok(removed.then(|| stored.listed(id.to_owned())))
    }

    /// Who a token stands for; none if it is none of ours, revoked or expired.
    pub(super) async fn by_token(&self, text: &str) -> Result<Option<Caller>> {
        let Some((id, secret)) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else {
            return Ok(None);
        };
        let is_id = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id || secret.len() != 43 {
            return Ok(None);
        }
        let Some((stored, version)) = self.read::<Stored>(KIND, id).await? else { return Ok(None) };
        let is_right: bool = hash_of(secret).as_bytes().ct_eq(stored.hash.as_bytes()).into();
        let now = self.clock.now();
        if !is_right || stored.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        self.note_use(id, &stored, version, now).await;
        let who = Who::Token { id: id.to_owned(), name: stored.name };
        Ok(Some(Caller { who, scope: stored.scope, session: None }))
    }

    /// Whether a token is still good for a scope.
    pub(super) async fn has_token(&self, id: &str, scope: Scope) -> Result<bool> {
        let Some((stored, _)) = self.read::<Stored>(KIND, id).await? else { return Ok(false) };
        let is_over = stored.expires_at.is_some_and(|end| end <= self.clock.now());
        Ok(stored.scope >= scope && !is_over)
    }

    async fn note_use(&self, id: &str, stored: &Stored, version: u64, now: Timestamp) {
        if stored.last_used_at.is_some_and(|last| now.millis_since(last) < USE_EVERY_MS) {
            return;
        }
        let used = Stored { last_used_at: Some(now), ..stored.clone() };
        // Somebody else noted it, or revoked the token: either is newer than this.
        let _ = self.write(KIND, id, Some(version), &used).await;
    }
}
