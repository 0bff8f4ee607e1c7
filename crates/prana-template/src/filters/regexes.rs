//! Regular expressions, within limits.

use regex::{Regex, RegexBuilder};

use super::FilterError;
use crate::eval::{Cx, Fault};

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 10_000;
/// Largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 512 * 1024;
/// Steps that compiling a pattern costs.
const COMPILE_STEPS: u64 = 10_000;

/// Compiles a pattern.
pub(crate) fn compile_regex(pattern: &str) -> Result<Regex, Fault> {
    if pattern.len() > MAX_PATTERN {
        return Err(FilterError::limit(format!(
            "a regular expression can't be longer than {MAX_PATTERN} bytes"
        )));
    }
    let compiled = RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .nest_limit(50)
        .build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            FilterError::limit("the regular expression is too large".to_owned())
        }
        // The last line says why; those before it quote the pattern.
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            FilterError::new("expression.regex", format!("the regular expression is not valid: {reason}"))
        }
    })
}

/// Compiles a pattern that is known only now; the last one is kept.
pub(crate) fn regex_of(pattern: &str, cx: &Cx<'_>) -> Result<Regex, Fault> {
    if let Some((known, regex)) = &*cx.work.regex.borrow()
        && known == pattern
    {
        return Ok(regex.clone());
    }
    cx.work.spend(COMPILE_STEPS)?;
    let regex = compile_regex(pattern)?;
    cx.work.regex.replace(Some((pattern.into(), regex.clone())));
    Ok(regex)
}
