//! How a secret lies in the catalog: its text locked with a key of its own, and that key locked with a master key. What surrounds the text can't be
//! changed or exchanged either: it is part of what the locks check.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use prana_actions::{AllowedHosts, SecretText};
use prana_core::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SecretError;
use super::keys::{MasterKey, MasterKeys};

const NONCE_BYTES: usize = 24;

/// What is known of a secret without unlocking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// The kind of the catalog's item: one kind's bytes are no other kind's.
    pub kind: String,
    pub name: String,
    /// The version of the item that it is stored as.
    pub version: u64,
    pub allowed_hosts: AllowedHosts,
    pub updated_at: Timestamp,
    /// Who locked it: the id of the master key.
    pub master_key: String,
}

/// A locked secret, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    format: u8,
    pub facts: Facts,
    /// Nonce and locked key, in base64.
    key: String,
    /// Nonce and locked text, in base64.
    text: String,
}

const FORMAT: u8 = 1;

impl Envelope {
    /// Locks a text.
    pub fn seal(master: &MasterKey, mut facts: Facts, text: &SecretText) -> Result<Self, SecretError> {
        facts.master_key.clone_from(&master.id);
        let key = <[u8; 32]>::try_generate().map(Zeroizing::new).map_err(no_random)?;
        Ok(Envelope {
            format: FORMAT,
            key: lock(&master.bytes, &*key, &facts.bound_to("key"))?,
            text: lock(&key, text.reveal().as_bytes(), &facts.bound_to("text"))?,
            facts,
        })
    }

    /// Unlocks it.
    pub fn open(&self, master: &MasterKeys) -> Result<SecretText, SecretError> {
        let name = &self.facts.name;
        let master = master.find(&self.facts.master_key).ok_or_else(|| SecretError::UnknownKey {
            name: name.clone(),
            key: self.facts.master_key.clone(),
        })?;
        let damaged = || SecretError::Damaged { name: name.clone() };
        let unlocked = unlock(&master.bytes, &self.key, &self.facts.bound_to("key")).ok_or_else(damaged)?;
        let key = Zeroizing::new(<[u8; 32]>::try_from(unlocked.as_slice()).map_err(|_| damaged())?);
        let text = unlock(&key, &self.text, &self.facts.bound_to("text")).ok_or_else(damaged)?;
        let text = std::str::from_utf8(&text).map_err(|_| damaged())?;
        Ok(SecretText::from(text.to_owned()))
    }

    pub fn from_bytes(kind: &str, name: &str, version: u64, bytes: &[u8]) -> Result<Self, SecretError> {
        let damaged = || SecretError::Damaged { name: name.to_owned() };
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        let facts = &envelope.facts;
        let fits = (&*facts.kind, &*facts.name, facts.version) == (kind, name, version);
        (fits && envelope.format == FORMAT).then_some(envelope).ok_or_else(damaged)
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, SecretError> {
        serde_json::to_vec(self).map_err(|_| SecretError::Damaged { name: self.facts.name.clone() })
    }
}

impl Facts {
    /// What a lock checks beside what it locks.
    fn bound_to(&self, part: &str) -> Vec<u8> {
        // A map in a fixed order, each text with its quotes: two different ones never look the same.
        let facts = serde_json::json!([
            "prana secret",
            FORMAT,
            part,
            self.kind,
            self.name,
            self.version,
            self.allowed_hosts.entries(),
            self.updated_at.as_micros(),
            self.master_key,
        ]);
        facts.to_string().into_bytes()
    }
}

fn lock(key: &[u8; 32], text: &[u8], bound: &[u8]) -> Result<String, SecretError> {
    let nonce = XNonce::try_generate().map_err(no_random)?;
    let locked = cipher(key)
        .encrypt(&nonce, Payload { msg: text, aad: bound })
        .map_err(|_| SecretError::Keys("the text is too long to be locked".to_owned()))?;
    Ok(STANDARD.encode([nonce.as_slice(), &locked].concat()))
}

fn unlock(key: &[u8; 32], locked: &str, bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = STANDARD.decode(locked).ok()?;
    let (nonce, locked) = bytes.split_at_checked(NONCE_BYTES)?;
    let nonce = XNonce::try_from(nonce).ok()?;
    cipher(key).decrypt(&nonce, Payload { msg: locked, aad: bound }).ok().map(Zeroizing::new)
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

fn no_random(error: impl std::fmt::Display) -> SecretError {
    SecretError::Keys(format!("the system gives no random numbers: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn keys(byte: u8) -> MasterKeys {
        MasterKeys::parse(&STANDARD.encode([byte; 32])).unwrap()
    }

    fn facts() -> Facts {
        Facts {
            kind: "secret".into(),
            name: "token".into(),
            version: 3,
            allowed_hosts: ["a.example"].try_into().unwrap(),
            updated_at: Timestamp::from_micros(5),
            master_key: String::new(),
        }
    }

    fn sealed(text: &str) -> Envelope {
        Envelope::seal(keys(1).first(), facts(), &SecretText::from(text.to_owned())).unwrap()
    }

    #[test]
    fn what_is_locked_is_unlocked_with_its_key_alone() {
        let envelope = sealed("swordfish-\u{e4}");
        let bytes = envelope.to_bytes().unwrap();
        assert!(!String::from_utf8(bytes.clone()).unwrap().contains("swordfish"));
        let envelope = Envelope::from_bytes("secret", "token", 3, &bytes).unwrap();
        assert_eq!(envelope.open(&keys(1)).unwrap().reveal(), "swordfish-\u{e4}");
        assert!(matches!(envelope.open(&keys(2)), Err(SecretError::UnknownKey { .. })));
        assert_ne!(sealed("x").text, sealed("x").text, "each time another key and nonce");
    }

    #[test]
    fn nothing_around_it_can_be_changed() {
        let check = |change: fn(&mut Envelope)| {
            let mut envelope = sealed("swordfish");
            change(&mut envelope);
            assert!(
                matches!(envelope.open(&keys(1)), Err(SecretError::Damaged { .. })),
                "{:?}",
                envelope.facts
            );
        };
        check(|envelope| envelope.facts.kind = "credential".into());
        check(|envelope| envelope.facts.name = "other".into());
        check(|envelope| envelope.facts.version = 4);
        check(|envelope| envelope.facts.allowed_hosts = AllowedHosts::any());
        check(|envelope| envelope.facts.updated_at = Timestamp::from_micros(6));
        check(|envelope| envelope.text = sealed("another").text);
        check(|envelope| envelope.key = sealed("another").key);
        check(|envelope| std::mem::swap(&mut envelope.key, &mut envelope.text));
        check(|envelope| envelope.text = "short".into());
    }

    #[test]
    fn an_item_under_another_name_or_version_is_damaged() {
        let bytes = sealed("x").to_bytes().unwrap();
        for (kind, name, version) in
            [("credential", "token", 3), ("secret", "other", 3), ("secret", "token", 2)]
        {
            assert!(Envelope::from_bytes(kind, name, version, &bytes).is_err());
        }
        assert!(Envelope::from_bytes("secret", "token", 3, b"{}").is_err());
    }
}
