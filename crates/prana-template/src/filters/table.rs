//! The macro that makes a family's table out of documented rows.

use super::Run;

/// One row: a filter as its family's file declares it.
pub(super) struct Row {
    /// See [`Signature`](super::Signature).
    pub signature: &'static str,
    /// Whether the filter itself deals with null on the left, instead of null being passed on.
    pub on_null: bool,
    pub run: Run,
    /// Lines of documentation: a summary, and examples of the form "`{{ expression }}` -> `value`".
    pub docs: &'static [&'static str],
}

/// Declares the filters of a family: documentation with examples, signature, function. `on null` marks those that deal with null
/// themselves.
macro_rules! filters {
    (@null null) => { true };
    (@null) => { false };
    ($table:ident: $($(#[doc = $doc:literal])+ $signature:literal $(on $null:ident)? => $run:path;)+) => {
        pub(super) static $table: &[$crate::filters::table::Row] = &[
            $($crate::filters::table::Row {
                signature: $signature,
                on_null: $crate::filters::table::filters!(@null $($null)?),
                run: $run,
                docs: &[$($doc),+],
            },)+
        ];
    };
}
pub(super) use filters;
