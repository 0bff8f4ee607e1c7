//! The pure workflow engine: no I/O, no clock, no randomness, no async, no threads.

pub mod diagnostic;
pub mod document;
pub mod duration;
pub mod ids;
pub mod nearest;
pub mod time;

pub use ids::ExecutionId;
pub use time::Timestamp;
