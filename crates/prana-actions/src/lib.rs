//! The built-in actions that touch the outside world, one file (or folder) each.
//!
//! An [`Action`] declares itself as the pure ones do, and runs one attempt at a time. [`Actions`] is the table of them: an engine takes the
//! declarations out of it into its registry, and hands each call back to it.
//!
//! What an action may reach is the operator's decision, and is held by [`Outside`]: which directories, whether private networks, how
//! much at most.
//!
//! ```
//! use prana_actions::Actions;
//! use prana_core::Registry;
//!
//! let mut registry = Registry::standard();
//! Actions::standard().register(&mut registry);
//! assert!(registry.action("http.request").is_some());
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that can't go on should panic"))]

mod action;
mod actions;
pub mod code_javascript;
mod connect;
mod connector;
mod credentials;
pub mod email_send;
pub mod file_read;
pub mod file_write;
pub mod guard;
pub mod http_request;
pub mod llm_chat;
mod outside;
mod roots;
mod secrets;
pub mod shell_command;
pub mod sql_query;
mod tls;

pub use action::{Action, ActionCall};
pub use actions::Actions;
pub use connector::{Connector, Credential, CredentialKind, Unreadable};
pub use credentials::{CredentialSource, Grant, oauth2};
pub use outside::{Outside, OutsideError, Permissions};
pub use roots::Roots;
pub use secrets::{AllowedHosts, CallSecrets, InvalidHosts, Redactor, SecretText, UsedSecret};
