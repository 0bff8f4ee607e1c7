//! Executions and workflows of the original Elixir engine: taken in, and written back.
//!
//! A stored execution of that engine is one map: `WorkflowExecution.to_map` without its graph. [`from_legacy`] makes of it what is stored here,
//! a header and a log; [`to_legacy`] is the way back. [`migrate_to_v2`] and [`extract_graph_context`] are the two halves of it that need
//! no workflow: the clean result data, and what was given from outside.
//!
//! What has ended is history: its node runs are kept in their order. What waits must go on here, so its log is made by replaying its node runs
//! against the compiled workflow: each run consumes what the runs before it handed on. A trail that can't be replayed is refused, with the reason.

mod bundle;
mod context;
mod export;
mod history;
mod import;
mod legacy;
mod loops;
mod numbers;
mod replay;
mod report;
mod resumable;

pub use self::bundle::Bundle;
pub use self::context::{GraphContext, extract_graph_context, migrate_to_v2};
pub use self::export::to_legacy;
pub use self::import::ImportOptions;
pub use self::legacy::LegacyError;
pub use self::report::{ExecutionReport, Fate, Finding, Outcome, Report, WorkflowReport};
pub use self::resumable::{Imported, from_legacy};
