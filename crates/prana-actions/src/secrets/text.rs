//! Text that is nobody else's business.

use zeroize::Zeroizing;

/// Text that is neither printed nor left behind in memory: its `Debug` says nothing of it, and what it was held in is wiped when it is dropped.
///
/// ```
/// use prana_actions::SecretText;
/// let secret = SecretText::from("hunter2-hunter2".to_owned());
/// assert_eq!(format!("{secret:?}"), "SecretText");
/// assert_eq!(secret.reveal(), "hunter2-hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        SecretText(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText")
    }
}
