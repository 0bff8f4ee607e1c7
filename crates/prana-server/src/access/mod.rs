//! Who may do what: tokens for programs, users with passwords and sessions for people, and what each route asks for.
//!
//! Nobody is asked who they are until the first token or user is made ([`Access::close`]): then everybody is, for ever.

pub mod identify;
pub mod passwords;
pub mod routes;
pub mod sessions;
pub mod tokens;
pub mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prana::Clock;
use prana::store::{Catalog, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::passwords::Passwords;

/// The most items of a kind that are read at once.
const PAGE: usize = 500;

/// What somebody may do; each may what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at workflows and executions; never at links that resume one.
    Read,
    /// Start, answer, cancel and retry executions.
    Run,
    /// Change workflows, and remove executions.
    Edit,
    /// Everything: tokens, users, secrets, the change log, backups.
    Admin,
}

impl Scope {
    /// All, the smallest first.
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Run, Scope::Edit, Scope::Admin];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Run => "run",
            Scope::Edit => "edit",
            Scope::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no scope; there are read, run, edit and admin"))
    }
}

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Who {
    /// Somebody at this machine, while nobody is asked who they are.
    Anyone,
    /// A program of the user who runs the server, by the token in the lock file.
    Local,
    /// A program with a token.
    Token {
        /// The token's.
        id: String,
        /// What it is called.
        name: String,
    },
    /// Whoever has a link that resumes an execution.
    Link,
    /// A person who logged in.
    User {
        /// Their name.
        name: String,
    },
}

/// Who sends a request, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// What they may do.
    pub scope: Scope,
    /// The key of the session that they came with.
    pub session: Option<String>,
}

/// Why something about tokens and users can't be done.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// What was given is not what it should be.
    #[error("{0}")]
    Invalid(String),
    /// There is no such token or user.
    #[error("{0}")]
    Unknown(String),
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked; try again")]
    Busy,
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T, E = AccessError> = std::result::Result<T, E>;

/// The tokens, users and sessions in a catalogue.
///
/// ```
/// # use std::sync::Arc;
/// use prana_server::{Access, NewToken, Scope};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let catalog = Arc::new(prana::store::MemoryStore::new());
/// let access = Access::new(catalog, Arc::new(prana::SystemClock));
/// let new = NewToken { name: "deploy".into(), scope: Scope::Edit, expires_in_days: Some(90) };
/// let (token, text) = access.create_token(new).await.unwrap();
/// assert!(text.starts_with("prana_"));
/// assert!(access.is_closed().await.unwrap());
/// assert!(access.revoke_token(&token.id).await.unwrap().is_some());
/// # });
/// ```
pub struct Access {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    /// Known to ask everybody who they are. It never becomes false again.
    closed: AtomicBool,
    passwords: Passwords,
}

const MARK: &str = "access";

impl Access {
    /// Of a catalogue.
    pub fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>) -> Self {
        Access { catalog, clock, closed: AtomicBool::new(false), passwords: Passwords::default() }
    }

    /// Whether everybody is asked who they are: once a token or a user was made, whatever became of it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn is_closed(&self) -> Result<bool> {
        if self.closed.load(Ordering::Acquire) {
            return Ok(true);
        }
        // Another process may have made the first token meanwhile.
        let closed = self.catalog.item(MARK, "closed").await?.is_some();
        if closed {
            self.closed.store(true, Ordering::Release);
        }
        Ok(closed)
    }

    /// From now on everybody is asked who they are.
    async fn close(&self) -> Result<()> {
        if !self.is_closed().await? {
            self.catalog.put_item(MARK, "closed", None, b"true".to_vec()).await?;
            self.closed.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// 256 bits that nobody can guess.
    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.clock.random().to_be_bytes());
        }
        bytes
    }

    /// An item of a kind with its version.
    async fn read<T: DeserializeOwned>(&self, kind: &str, key: &str) -> Result<Option<(T, u64)>> {
        let Some(item) = self.catalog.item(kind, key).await? else { return Ok(None) };
        let version = item.version;
        Ok(decode(&item.bytes).map(|value| (value, version)))
    }

    /// All items of a kind, by key.
    async fn read_all<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.catalog.items(kind, after.as_deref(), PAGE).await?;
            let is_full = page.len() == PAGE;
            after = page.last().map(|item| item.key.clone());
            all.extend(page.into_iter().filter_map(|item| Some((item.key, decode(&item.bytes)?))));
            if !is_full {
                return Ok(all);
            }
        }
    }

    async fn write<T: Serialize>(
        &self,
        kind: &str,
        key: &str,
        based_on: Option<u64>,
        value: &T,
    ) -> Result<u64> {
        let bytes = serde_json::to_vec(value).map_err(|error| AccessError::Invalid(error.to_string()))?;
        Ok(self.catalog.put_item(kind, key, based_on, bytes).await?)
    }
}

/// What doesn't read lets nobody in.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes)
        .inspect_err(|error| tracing::error!(%error, "an item of access is damaged"))
        .ok()
}

/// SHA-256 in hexadecimal. Secrets of 256 random bits need no slower hash.
fn hash_of(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A name for people: 1 to 100 characters, none of them for machines.
fn check_name(name: &str) -> Result<()> {
    let fits = (1..=100).contains(&name.chars().count()) && name.trim() == name;
    if fits && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(AccessError::Invalid("a name has 1 to 100 characters, and no spaces around it".to_owned()))
}
