//! Secrets in the hands of actions: the text itself, where it may be sent, and how it is kept out of results.

mod hosts;
mod text;

pub use hosts::{AllowedHosts, InvalidHosts};
pub use text::SecretText;
