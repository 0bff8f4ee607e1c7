//! Passwords, kept as argon2id hashes. Hashing takes memory and time on purpose: never on a thread that answers others, and few at a time.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use tokio::sync::Semaphore;

use super::{AccessError, Result};

/// Each takes 19 MiB while it runs.
const AT_A_TIME: usize = 2;

/// More than so many that wait are sent away.
const WAITING: usize = 32;

/// In characters.
const MIN: usize = 12;

/// In bytes.
const MAX: usize = 1_024;

/// A hash that no password has, of the same cost: who asks for an unknown user waits as long as others.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmUh$Jsx7pJFH5z2bBvBPKcFXkYVN5V0v4nTzQ6Zr0dlhqbM";

/// Checks passwords, few at a time.
pub struct Passwords {
    running: Semaphore,
    waiting: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords { running: Semaphore::new(AT_A_TIME), waiting: Semaphore::new(WAITING) }
    }
}

impl Passwords {
    /// The hash of a new password.
    ///
    /// # Errors
    /// One that is too short or too long; too many at a time.
    pub async fn hash(&self, password: &str) -> Result<String> {
        if password.chars().count() < MIN || password.len() > MAX {
            let detail = format!("a password has at least {MIN} characters, and at most {MAX} bytes");
            return Err(AccessError::Invalid(detail));
        }
        let password = password.to_owned();
        let hashed = self.on_a_thread(move || {
            let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).ok()?;
            Some(hash.to_string())
        });
        hashed.await?.ok_or_else(|| AccessError::Invalid("this password can't be hashed".to_owned()))
    }

    /// Whether a password has a hash; with none, as slowly, never.
    ///
    /// # Errors
    /// Too many at a time.
    pub async fn is_right(&self, password: &str, hash: Option<&str>) -> Result<bool> {
        if password.len() > MAX {
            return Ok(false);
        }
        let known = hash.is_some();
        let (password, hash) = (password.to_owned(), hash.unwrap_or(NOBODY).to_owned());
        let fits = self.on_a_thread(move || {
            let hash = PasswordHash::new(&hash).ok()?;
            Argon2::default().verify_password(password.as_bytes(), &hash).ok()
        });
        Ok(fits.await?.is_some() && known)
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let _place = self.waiting.try_acquire().map_err(|_| AccessError::Busy)?;
        let _turn = self.running.acquire().await.map_err(|_| AccessError::Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| AccessError::Busy)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn only_the_password_passes() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(passwords.hash("correct horse battery").await.unwrap(), hash);
        assert!(passwords.is_right("correct horse battery", Some(&hash)).await.unwrap());
        for wrong in ["", "correct horse batter", "correct horse battery ", &"x".repeat(5_000)] {
            assert!(!passwords.is_right(wrong, Some(&hash)).await.unwrap(), "{wrong}");
        }
        assert!(!passwords.is_right("anything", None).await.unwrap());
        assert!(!passwords.is_right("anything", Some("no hash")).await.unwrap());
        // The stand-in is a hash of the same cost, or it would answer sooner.
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_refused() {
        let passwords = Passwords::default();
        for password in ["", "elevenchars", &"x".repeat(1_025)] {
            assert!(matches!(passwords.hash(password).await, Err(AccessError::Invalid(_))), "{password}");
        }
    }
}
