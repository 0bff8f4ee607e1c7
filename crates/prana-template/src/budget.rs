//! [`Budget`]: what one rendering may cost.

/// What evaluation may still spend. Pass one budget to everything that one node renders.
///
/// ```
/// let mut budget = prana_template::Budget::default();
/// assert_eq!((budget.steps, budget.output_bytes), (10_000_000, 16 * 1024 * 1024));
/// budget.steps = 1000; // for a preview
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Steps that are left: turns of loops, items that filters go over, and each 64 bytes of text made.
    pub steps: u64,
    /// Largest text, list or map that may be made, in bytes. Handing on a value that exists already is free.
    pub output_bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { steps: 10_000_000, output_bytes: 16 * 1024 * 1024 }
    }
}
