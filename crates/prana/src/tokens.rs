//! Resume links: stateless signed tokens. Nothing is stored to look them up, and they can't be guessed.
//!
//! A token names one wait: execution, node, the loop path it will have, its run. It is `base64url(key id, execution, run, node, loop path, MAC)`,
//! where the MAC is the first 16 bytes of HMAC-SHA256 (RFC 2104) over what comes before it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use prana_core::graph::{SignResumeUrl, WaitTarget};
use prana_core::{ExecutionId, LoopPath};
use sha2::Sha256;
use uuid::Uuid;

const MAC_BYTES: usize = 16;

/// Tokens longer than this are refused unread.
const MAX_TOKEN_BYTES: usize = 4 << 10;

/// A key with its number, which each token made with it carries.
#[derive(Clone)]
pub struct ResumeKey {
    /// Its number; a new key gets a new one.
    pub id: u8,
    /// 32 random bytes.
    pub secret: [u8; 32],
}

impl std::fmt::Debug for ResumeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResumeKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Makes and reads tokens. The first key signs; all are accepted, so that keys can be rotated.
#[derive(Debug, Clone)]
pub struct ResumeTokens {
    keys: Arc<[ResumeKey]>,
}

/// Why a token was refused. It doesn't say which part is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("resume.invalid_token: this link is not one of ours, or its key is no longer accepted")]
pub struct InvalidToken;

impl ResumeTokens {
    /// With these keys; none without any.
    pub fn new(keys: Vec<ResumeKey>) -> Option<Self> {
        (!keys.is_empty()).then(|| ResumeTokens { keys: keys.into() })
    }

    /// The token for a wait. The same wait always has the same token.
    pub fn sign(&self, target: &WaitTarget) -> String {
        let key = &self.keys[0];
        let mut bytes = vec![key.id];
        bytes.extend_from_slice(target.execution_id.0.as_bytes());
        bytes.extend_from_slice(&target.run_index.to_be_bytes());
        bytes.push(target.node_key.len() as u8);
        bytes.extend_from_slice(target.node_key.as_bytes());
        bytes.extend_from_slice(target.loop_path.to_string().as_bytes());
        let mac = mac(key, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The wait that a token names.
    ///
    /// # Errors
    /// [`InvalidToken`] for anything that [`ResumeTokens::sign`] didn't make with one of these keys.
    pub fn verify(&self, token: &str) -> Result<WaitTarget, InvalidToken> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
        let split = bytes.len().checked_sub(MAC_BYTES).ok_or(InvalidToken)?;
        let (signed, tag) = bytes.split_at(split);
        let id = signed.first().ok_or(InvalidToken)?;
        let key = self.keys.iter().find(|key| key.id == *id).ok_or(InvalidToken)?;
        // Compared in constant time.
        mac(key, signed).verify_truncated_left(tag).map_err(|_| InvalidToken)?;
        read(&signed[1..]).ok_or(InvalidToken)
    }

    /// What an engine signs `$execution.resume_urls` with: `base` and the token.
    pub fn signer(&self, base: &str) -> SignResumeUrl {
        let (tokens, base) = (self.clone(), base.trim_end_matches('/').to_owned());
        Arc::new(move |target| format!("{base}/resume/{}", tokens.sign(target)))
    }
}

fn mac(key: &ResumeKey, bytes: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    #[allow(clippy::expect_used, reason = "a 32-byte key is never refused")]
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.secret).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac
}

fn read(bytes: &[u8]) -> Option<WaitTarget> {
    let (execution, rest) = bytes.split_first_chunk::<16>()?;
    let (run_index, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    let (node_key, loop_path) = rest.split_at_checked(usize::from(*length))?;
    let loop_path: LoopPath = std::str::from_utf8(loop_path).ok()?.parse().ok()?;
    Some(WaitTarget {
        execution_id: ExecutionId(Uuid::from_bytes(*execution)),
        node_key: std::str::from_utf8(node_key).ok()?.into(),
        loop_path,
        run_index: u32::from_be_bytes(*run_index),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn key(id: u8) -> ResumeKey {
        ResumeKey { id, secret: [id; 32] }
    }

    fn target() -> WaitTarget {
        WaitTarget {
            execution_id: ExecutionId(Uuid::from_u128(7)),
            node_key: "approve".into(),
            loop_path: "pages:0/items:3".parse().unwrap(),
            run_index: 2,
        }
    }

    #[test]
    fn tokens_read_back_and_keys_rotate() {
        let old = ResumeTokens::new(vec![key(1)]).unwrap();
        let both = ResumeTokens::new(vec![key(2), key(1)]).unwrap();
        let new = ResumeTokens::new(vec![key(2)]).unwrap();
        let token = old.sign(&target());
        assert_eq!(old.verify(&token), Ok(target()));
        assert_eq!(both.verify(&token), Ok(target()));
        assert_eq!(new.verify(&token), Err(InvalidToken));
        assert_eq!(new.verify(&both.sign(&target())), Ok(target()));
        assert_eq!(old.sign(&target()), token);
    }

    #[test]
    fn no_changed_token_is_taken() {
        let tokens = ResumeTokens::new(vec![key(1)]).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(tokens.sign(&target())).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert_eq!(
                tokens.verify(&URL_SAFE_NO_PAD.encode(&changed)),
                Err(InvalidToken),
                "byte {position}"
            );
            assert_eq!(tokens.verify(&URL_SAFE_NO_PAD.encode(&bytes[..position])), Err(InvalidToken));
        }
        for text in ["", "!", "AAAA", &"A".repeat(10_000)] {
            assert_eq!(tokens.verify(text), Err(InvalidToken));
        }
    }
}
