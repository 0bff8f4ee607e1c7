//! The embeddable workflow engine.

mod builtin;
mod clock;
mod codec;
mod drive;
mod effects;
pub mod elixir;
mod engine;
mod error;
mod events;
mod fork;
mod inbox;
mod restore;
mod serve;
mod start;
pub mod testing;
mod tokens;
mod workflows;

pub use builtin::BuiltIn;
pub use clock::{Clock, SystemClock, VirtualClock};
pub use drive::CommitPoint;
pub use effects::{EffectRequest, Effects, NoEffects};
pub use engine::{AtCommit, Builder, Engine, EngineOptions, Outcome};
pub use error::EngineError;
pub use events::{Event, EventKind, Middleware};
pub use fork::ForkOptions;
pub use prana_actions::{Action, ActionCall, Actions, Outside, OutsideError, Permissions};
pub use prana_core as core;
pub use prana_store as store;
pub use prana_template::{self as template, Value};
pub use start::StartOptions;
pub use tokens::{InvalidToken, ResumeKey, ResumeTokens};
pub use workflows::Version;
