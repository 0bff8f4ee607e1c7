//! The filters: the registry, and one file per family.

mod convert;
mod date;
mod duration;
mod encode;
mod error;
mod invocation;
mod list;
mod map;
mod number;
mod order;
mod reference;
mod regexes;
mod registry;
mod select;
mod signature;
mod table;
mod text;
mod yaml;

pub use error::FilterError;
pub use reference::{FilterExample, FilterReference};
pub use registry::Filters;

pub(crate) use invocation::Invocation;
pub(crate) use regexes::{compile_regex, regex_of};
pub(crate) use registry::{AppFilter, Builtin};
pub(crate) use signature::{Param, Signature};
pub(crate) use text::text_slice;

use crate::{eval::Fault, value::Value};

/// What a filter gives.
type Outcome = Result<Value, Fault>;
/// A built-in filter.
type Run = fn(&Invocation<'_, '_>) -> Outcome;

#[cfg(test)]
mod tests;
