//! Why a filter, or any other part of an expression, failed.

use crate::{error::Span, eval::Fault, value::Value};

/// Why a filter failed. Must not quote values, only their types: what failed may be secret.
///
/// ```
/// use prana_template::{value, FilterError};
/// let error = FilterError::type_mismatch("`shout` needs text", &value!(1));
/// assert_eq!((error.code, error.value_type), ("expression.type", Some("int")));
/// assert_eq!(error.to_string(), "`shout` needs text, got int");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// Stable code, such as `expression.type`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The type of the value that could not be used.
    pub value_type: Option<&'static str>,
    /// Where in the template, once that is known.
    pub(crate) span: Option<Span>,
}

impl FilterError {
    /// A value of the right type that can't be used: `expression.value`.
    pub fn invalid(message: impl Into<String>) -> Self {
        FilterError { code: "expression.value", message: message.into(), value_type: None, span: None }
    }

    /// A value of the wrong type: `expression.type`. `needs` says what is needed; what was given is added.
    pub fn type_mismatch(needs: &str, given: &Value) -> Self {
        let type_name = given.type_name();
        let message = format!("{needs}, got {type_name}");
        FilterError { code: "expression.type", message, value_type: Some(type_name), span: None }
    }

    pub(crate) fn new(code: &'static str, message: String) -> Fault {
        Box::new(FilterError { code, message, value_type: None, span: None })
    }

    /// A value that can't be used, as far as its type goes; the message says so in full.
    pub(crate) fn type_error(message: String, culprit: &Value) -> Fault {
        Box::new(FilterError {
            code: "expression.type",
            message,
            value_type: Some(culprit.type_name()),
            span: None,
        })
    }

    pub(crate) fn limit(message: String) -> Fault {
        FilterError::new("expression.limit_exceeded", message)
    }

    /// The fault with a place, unless it has one already.
    pub(crate) fn placed(mut fault: Fault, span: Span) -> Fault {
        fault.span.get_or_insert(span);
        fault
    }
}
