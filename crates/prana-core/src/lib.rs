//! The pure workflow engine: no I/O, no clock, no randomness, no async, no threads.
//!
//! A [`Workflow`](document::Workflow) is [compiled](compile::compile) once; an [`ExecutionGraph`] joins the compiled half with the runtime state of
//! one execution; a [`GraphExecutor`] decides which node runs next, with which input, and what its result changes.

#![cfg_attr(not(test), warn(clippy::cognitive_complexity))]

pub mod action;
pub mod compile;
pub mod diagnostic;
pub mod document;
pub mod duration;
pub mod error;
pub mod execution;
pub mod executor;
pub mod graph;
pub mod ids;
pub mod loop_path;
pub mod nearest;
pub mod nodes;
pub mod record;
pub mod registry;
pub mod schedule;
pub mod suspension;
pub mod testing;
pub mod time;

pub use error::ErrorValue;
pub use executor::GraphExecutor;
pub use graph::ExecutionGraph;
pub use ids::ExecutionId;
pub use loop_path::LoopPath;
pub use registry::Registry;
pub use time::Timestamp;
