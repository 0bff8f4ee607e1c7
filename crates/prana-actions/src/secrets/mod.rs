//! Secrets in the hands of actions: the text itself, where it may be sent, and how it is kept out of results.

mod call;
mod hosts;
mod redact;
mod text;
mod views;

pub use call::{CallSecrets, UsedSecret};
pub use hosts::{AllowedHosts, InvalidHosts};
pub use redact::Redactor;
pub use text::SecretText;
