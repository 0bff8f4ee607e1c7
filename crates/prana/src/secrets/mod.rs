//! Secrets: `$secrets.NAME`, locked in the catalog or given to one process.

mod envelope;
mod fill;
mod keys;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use prana_actions::{AllowedHosts, SecretText};
use prana_core::Timestamp;
use prana_store::{Catalog, Item, StoreError};

use self::envelope::{Envelope, Facts};
pub use self::keys::MasterKeys;
use crate::clock::Clock;

/// The kind of a secret's item in the catalog.
const KIND: &str = "secret";

/// Those of a credential, of its tokens, and of an authorization that was asked for: locked the same way.
pub(crate) const CREDENTIAL: &str = "credential";
pub(crate) const TOKENS: &str = "credential_tokens";
pub(crate) const STATE: &str = "credential_state";

/// A secret's text may be this long, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// A secret's name may be this long.
const MAX_NAME: usize = 64;

/// So often is a change tried again when others change the same item.
const TRIES: usize = 5;

/// Why a secret can't be had or changed. Never says anything of a secret's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There is none of that name.
    #[error("secret.not_found: there is no secret `{0}`; `prana secrets set {0}` makes one")]
    NotFound(String),
    /// The name is none.
    #[error(
        "secret.invalid_name: a secret's name is 1 to {MAX_NAME} letters, digits, _ and -, and begins with a letter or _"
    )]
    InvalidName,
    /// The text can't be a secret.
    #[error("secret.invalid_value: {0}")]
    InvalidValue(&'static str),
    /// There are no master keys.
    #[error("secret.no_keys: there is no master key to lock secrets with")]
    NoKeys,
    /// The master keys can't be had.
    #[error("secret.invalid_keys: {0}")]
    Keys(String),
    /// It is locked with a master key that isn't there.
    #[error(
        "secret.unknown_key: `{name}` is locked with the master key {key}, which is not among the known ones; put that key back, or set the secret anew"
    )]
    UnknownKey {
        /// The secret.
        name: String,
        /// The id of the key.
        key: String,
    },
    /// What is stored is not what was stored.
    #[error("secret.damaged: what is stored as `{name}` can't be unlocked; set it anew")]
    Damaged {
        /// The secret.
        name: String,
    },
    /// The store refused, or can't be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SecretError {
    /// The stable code.
    pub fn code(&self) -> String {
        match self {
            SecretError::Store(_) => "store.refused".to_owned(),
            other => other.to_string().split(':').next().unwrap_or_default().to_owned(),
        }
    }
}

/// A secret's text, and where it may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revealed {
    /// The text.
    pub text: SecretText,
    /// The hosts that may have it.
    pub allowed_hosts: AllowedHosts,
}

/// What may be told of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFacts {
    /// Its name.
    pub name: String,
    /// One more with each change.
    pub version: u64,
    /// The hosts that may have it.
    pub allowed_hosts: AllowedHosts,
    /// When it was set, or locked anew.
    pub updated_at: Timestamp,
    /// The id of the master key that it is locked with.
    pub master_key: String,
}

/// The secrets of an engine. A text leaves only by [`Secrets::reveal`], which nothing that answers to the outside calls.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use prana::{AllowedHosts, Engine, MasterKeys, SecretText};
///
/// let keys = MasterKeys::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
/// let engine = Engine::builder().master_keys(keys).build();
/// let secrets = engine.secrets();
/// let text = SecretText::from("hunter2-hunter2".to_owned());
/// secrets.put("token", &text, AllowedHosts::any(), None).await.unwrap();
/// assert_eq!(secrets.reveal("token").await.unwrap().text.reveal(), "hunter2-hunter2");
/// # }
/// ```
pub struct Secrets {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    keys: RwLock<Option<MasterKeys>>,
    given: BTreeMap<String, Revealed>,
}

impl Secrets {
    pub(crate) fn new(
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
        keys: Option<MasterKeys>,
        given: BTreeMap<String, Revealed>,
    ) -> Self {
        Secrets { catalog, clock, keys: RwLock::new(keys), given }
    }

    /// A secret's text: one that was given to this process, else the stored one.
    ///
    /// # Errors
    /// [`SecretError`]: there is none, or it can't be unlocked.
    pub async fn reveal(&self, name: &str) -> Result<Revealed, SecretError> {
        if let Some(given) = self.given.get(name) {
            return Ok(given.clone());
        }
        let (text, facts) =
            self.open(KIND, name).await?.ok_or_else(|| SecretError::NotFound(name.to_owned()))?;
        Ok(Revealed { text, allowed_hosts: facts.allowed_hosts })
    }

    /// What is locked in an item of a kind, and what may be told of it.
    pub(crate) async fn open(
        &self,
        kind: &str,
        name: &str,
    ) -> Result<Option<(SecretText, SecretFacts)>, SecretError> {
        let Some(item) = self.catalog.item(kind, name).await? else { return Ok(None) };
        let envelope = Envelope::from_bytes(kind, name, item.version, &item.bytes)?;
        let text = self.unlock(&envelope)?;
        Ok(Some((text, envelope.facts.into())))
    }

    /// Sets a secret, and returns what may be told of it. With `based_on` only if that is the stored version (0: none).
    ///
    /// # Errors
    /// A name, text or version that won't do, no master key, or what the store says.
    pub async fn put(
        &self,
        name: &str,
        text: &SecretText,
        allowed_hosts: AllowedHosts,
        based_on: Option<u64>,
    ) -> Result<SecretFacts, SecretError> {
        check_name(name)?;
        check_text(text)?;
        self.store(KIND, name, allowed_hosts, text, based_on).await
    }

    /// Deletes a secret; false if there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, name: &str) -> Result<bool, SecretError> {
        Ok(self.catalog.delete_item(KIND, name, None).await?)
    }

    /// What may be told of one stored secret.
    ///
    /// # Errors
    /// The store's, or [`SecretError::Damaged`].
    pub async fn facts(&self, name: &str) -> Result<Option<SecretFacts>, SecretError> {
        self.facts_of(KIND, name).await
    }

    pub(crate) async fn facts_of(&self, kind: &str, name: &str) -> Result<Option<SecretFacts>, SecretError> {
        let item = self.catalog.item(kind, name).await?;
        item.map(|item| facts_of(kind, &item)).transpose()
    }

    /// What may be told of up to `limit` stored secrets whose name is greater than `after`, by name.
    ///
    /// # Errors
    /// The store's, or [`SecretError::Damaged`].
    pub async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<SecretFacts>, SecretError> {
        self.list_of(KIND, after, limit).await
    }

    pub(crate) async fn list_of(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SecretFacts>, SecretError> {
        let items = self.catalog.items(kind, after, limit).await?;
        items.iter().map(|item| facts_of(kind, item)).collect()
    }

    /// Puts a new master key before the others, if they are in a file, and locks with the first one all that others lock. Returns how many were locked anew. The
    /// other keys stay, for backups.
    ///
    /// # Errors
    /// No master keys, a file that can't be written, a secret that can't be unlocked, or what the store says.
    pub async fn rotate(&self) -> Result<usize, SecretError> {
        let keys = self.known_keys().ok_or(SecretError::NoKeys)?.with_new_first()?;
        self.use_keys(keys.clone());
        let mut changed = 0;
        for kind in [KIND, CREDENTIAL, TOKENS] {
            changed += self.lock_all_anew(kind, &keys).await?;
        }
        Ok(changed)
    }

    async fn lock_all_anew(&self, kind: &str, keys: &MasterKeys) -> Result<usize, SecretError> {
        let mut changed = 0;
        let mut after: Option<String> = None;
        loop {
            let items = self.catalog.items(kind, after.as_deref(), 100).await?;
            let Some(last) = items.last() else { return Ok(changed) };
            after = Some(last.key.clone());
            for item in &items {
                changed += usize::from(self.lock_anew(kind, &item.key, keys).await?);
            }
        }
    }

    /// Locks a stored text with the first key, if another locks it.
    async fn lock_anew(&self, kind: &str, name: &str, keys: &MasterKeys) -> Result<bool, SecretError> {
        for _ in 0..TRIES {
            let Some(item) = self.catalog.item(kind, name).await? else { return Ok(false) };
            let envelope = Envelope::from_bytes(kind, name, item.version, &item.bytes)?;
            if envelope.facts.master_key == keys.first().id {
                return Ok(false);
            }
            let text = self.unlock(&envelope)?;
            let hosts = envelope.facts.allowed_hosts;
            match self.store(kind, name, hosts, &text, Some(item.version)).await {
                Err(SecretError::Store(StoreError::Outdated { .. })) => {}
                stored => return stored.map(|_| true),
            }
        }
        Err(changed_too_often(name))
    }

    /// Locks a text as an item of a kind.
    pub(crate) async fn store(
        &self,
        kind: &str,
        name: &str,
        allowed_hosts: AllowedHosts,
        text: &SecretText,
        based_on: Option<u64>,
    ) -> Result<SecretFacts, SecretError> {
        let keys = self.known_keys().ok_or(SecretError::NoKeys)?;
        for _ in 0..TRIES {
            // The lock holds the version, so it must be known before.
            let base = match based_on {
                Some(version) => version,
                None => self.catalog.item(kind, name).await?.map_or(0, |item| item.version),
            };
            let facts = Facts {
                kind: kind.to_owned(),
                name: name.to_owned(),
                version: base + 1,
                allowed_hosts: allowed_hosts.clone(),
                updated_at: self.clock.now(),
                master_key: String::new(),
            };
            let envelope = Envelope::seal(keys.first(), facts, text)?;
            match self.catalog.put_item(kind, name, Some(base), envelope.to_bytes()?).await {
                Ok(_) => return Ok(envelope.facts.into()),
                Err(StoreError::Outdated { .. }) if based_on.is_none() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(changed_too_often(name))
    }

    fn unlock(&self, envelope: &Envelope) -> Result<SecretText, SecretError> {
        let keys = self.known_keys().ok_or(SecretError::NoKeys)?;
        match envelope.open(&keys) {
            // Another process may have made a new key.
            Err(error @ SecretError::UnknownKey { .. }) => match keys.reread()? {
                Some(keys) => {
                    let text = envelope.open(&keys)?;
                    self.use_keys(keys);
                    Ok(text)
                }
                None => Err(error),
            },
            opened => opened,
        }
    }

    fn known_keys(&self) -> Option<MasterKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn use_keys(&self, keys: MasterKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }
}

impl From<Facts> for SecretFacts {
    fn from(facts: Facts) -> Self {
        let Facts { name, version, allowed_hosts, updated_at, master_key, kind: _ } = facts;
        SecretFacts { name, version, allowed_hosts, updated_at, master_key }
    }
}

fn facts_of(kind: &str, item: &Item) -> Result<SecretFacts, SecretError> {
    Envelope::from_bytes(kind, &item.key, item.version, &item.bytes).map(|envelope| envelope.facts.into())
}

fn changed_too_often(name: &str) -> SecretError {
    let reason = format!("`{name}` is being changed by others; try again");
    SecretError::Store(StoreError::Unavailable { reason })
}

/// A name that a template can say.
pub(crate) fn check_name(name: &str) -> Result<(), SecretError> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    (starts && rest && name.len() <= MAX_NAME).then_some(()).ok_or(SecretError::InvalidName)
}

/// A text that can be found again in what comes back.
pub(crate) fn check_text(text: &SecretText) -> Result<(), SecretError> {
    match text.reveal() {
        "" => Err(SecretError::InvalidValue("a secret can't be empty")),
        text if text.len() > MAX_BYTES => Err(SecretError::InvalidValue("a secret is 64 KiB long at most")),
        _ => Ok(()),
    }
}
