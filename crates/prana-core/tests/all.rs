//! Proofs of the core, in one binary: random workflows against a model, recorded formats, graph algorithms, bad input.

#![allow(clippy::unwrap_used, missing_docs)]

mod bad_input;
mod computations;
mod deferred;
mod forks;
mod generate;
mod golden;
mod limits;
mod machine;
mod model;
mod parked;
mod properties;
mod scale;
mod topology;
