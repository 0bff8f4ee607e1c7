//! The embeddable workflow engine.

mod answers;
mod builtin;
mod clock;
mod codec;
mod commit;
pub mod connectors;
mod credentials;
mod database;
mod doubt;
mod drive;
mod effects;
pub mod elixir;
mod engine;
mod error;
mod events;
mod family;
mod fork;
mod health;
mod inbox;
mod lease;
mod live;
pub mod n8n;
mod nudges;
mod outcome;
mod reason;
mod restore;
mod schedules;
mod secrets;
mod serve;
mod start;
pub mod testing;
mod tokens;
mod traces;
mod trail;
mod worker;
mod workflows;

pub use answers::Begun;
pub use builtin::BuiltIn;
pub use clock::{Clock, SystemClock, VirtualClock};
pub use commit::CommitPoint;
pub use credentials::{
    Authorization, Credential, CredentialError, CredentialFacts, CredentialInside, Credentials, Pending,
    Tested,
};
pub use database::{AnyStore, copy_database, is_server, open_database};
pub use effects::{EffectRequest, Effects, NoEffects, holds_secrets};
pub use engine::{AtCommit, Builder, Engine, EngineOptions, Outcome, Roles};
pub use error::EngineError;
pub use events::{Event, EventKind, Middleware};
pub use fork::ForkOptions;
pub use health::Health;
pub use prana_actions::{Action, ActionCall, Actions, Outside, OutsideError, Permissions};
pub use prana_actions::{AllowedHosts, CallSecrets, InvalidHosts, Redactor, SecretText};
pub use prana_actions::{CredentialSource, Grant, oauth2};
pub use prana_core as core;
pub use prana_store as store;
pub use prana_template::{self as template, Value};
pub use reason::EndReason;
pub use restore::Glance;
pub use schedules::{LastStart, Schedule, ScheduleCounts, ScheduleState};
pub use secrets::{MasterKeys, Revealed, SecretError, SecretFacts, Secrets};
pub use start::StartOptions;
pub use tokens::{InvalidToken, ResumeKey, ResumeTokens};
pub use traces::{NodeSpan, Span, Spans, TraceParent};
pub use trail::TrailPage;
pub use workflows::Version;
