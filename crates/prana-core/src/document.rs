//! The workflow document: what people write, how it is read, and how it is written back.

pub mod model;

pub use model::{
    Backoff, Concurrency, Connection, Durability, Join, Node, NodeSettings, OnCrash, OnError, OnSuspend, Position,
    Save, Workflow, WorkflowSettings,
};
