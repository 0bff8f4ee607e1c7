//! Values, and the `{{ templates }}` that compute them.
//!
//! Two things live here: [`Value`], the JSON-like data that flows between nodes, and the one template language of
//! Prana. A template is parsed once ([`Template::parse`], [`Params::compile`]), with its names resolved to slots by the
//! caller's [`Names`], and evaluated any number of times over borrowed values ([`Scope`]).
//!
//! Everything is pure: no I/O, clock, randomness or threads; and nothing that a template does can panic, hang or exhaust
//! the process ([`Budget`]).
//!
//! ```
//! use prana_template::{value, Budget, Filters, FixedNames, Template};
//!
//! let names = FixedNames::new(["$input"]);
//! let template = Template::parse("Hello {{ $input.name | upper }}", &names, Filters::standard()).unwrap();
//! let text = template.evaluate(&[value!({"name": "ada"})], &mut Budget::default()).unwrap();
//! assert_eq!(text, value!("Hello ADA"));
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![cfg_attr(not(test), warn(clippy::cognitive_complexity))]

mod budget;
mod error;
mod eval;
mod filters;
mod names;
mod nearest;
mod params;
mod program;
mod syntax;
mod template;
mod value;

pub use budget::Budget;
pub use error::{EvalError, ParamsError, Span, TemplateError};
pub use filters::{FilterError, FilterExample, FilterReference, Filters};
pub use names::{FixedNames, NameError, Names, PathItem, PathSegment, Resolved, Scope, Slot, path_text};
pub use params::{Capture, Deferred, DeferredError, DeferredItem, Evaluated, Params, ParamsOptions};
pub use template::Template;
pub use value::{JsonError, List, MAX_DEPTH, Map, ParamError, Str, Value, check_with_holes, from_value};
