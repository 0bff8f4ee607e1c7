//! What an evaluation has left to spend.

use std::cell::{Cell, RefCell};

use super::Fault;
use crate::{
    budget::Budget,
    filters::FilterError,
    names::{Scope, Slot},
    params::Trace,
    value::Str,
};

/// Bytes of text that cost a step.
const BYTES_PER_STEP: usize = 64;

/// The budget of an evaluation while it goes on, and what is kept between the calls of filters.
pub(crate) struct Work<'e> {
    steps: Cell<u64>,
    /// Largest thing that may be made, in bytes.
    pub output_bytes: usize,
    /// Where values come in from.
    slots: &'e [Slot],
    /// The last regular expression that was not constant.
    pub regex: RefCell<Option<(Str, regex::Regex)>>,
    /// Who wants to know what filters make, if anybody does.
    pub trace: Option<&'e Trace>,
}

impl<'e> Work<'e> {
    pub(crate) fn new(budget: &Budget, slots: &'e [Slot]) -> Self {
        Work {
            steps: Cell::new(budget.steps),
            output_bytes: budget.output_bytes,
            slots,
            regex: RefCell::new(None),
            trace: None,
        }
    }

    /// The same, telling of what filters make.
    pub(crate) fn traced(mut self, trace: &'e Trace) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Takes what was spent out of the budget.
    pub(crate) fn settle(&self, budget: &mut Budget) {
        budget.steps = self.steps.get();
    }

    #[inline]
    pub(crate) fn spend(&self, steps: u64) -> Result<(), Fault> {
        match self.steps.get().checked_sub(steps) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => {
                self.steps.set(0);
                Err(FilterError::limit("the template takes too many steps".to_owned()))
            }
        }
    }

    /// For going over that many bytes of text.
    pub(crate) fn spend_bytes(&self, bytes: usize) -> Result<(), Fault> {
        self.spend((bytes / BYTES_PER_STEP) as u64 + 1)
    }

    /// Before making text of that many bytes.
    pub(crate) fn check_text(&self, bytes: usize) -> Result<(), Fault> {
        if bytes > self.output_bytes {
            return Err(self.too_large());
        }
        self.spend_bytes(bytes)
    }

    pub(crate) fn too_large(&self) -> Fault {
        FilterError::limit(format!("the result would be larger than {} KiB", self.output_bytes / 1024))
    }

    /// Refuses a list or map that is too large to be made. What holds large inputs only passes them on, so it may be as large as
    /// a few of them.
    #[inline]
    pub(crate) fn check_size(&self, weight: usize, scope: &dyn Scope) -> Result<(), Fault> {
        if weight <= self.output_bytes || weight <= self.allowance(scope) {
            Ok(())
        } else {
            Err(self.too_large())
        }
    }

    #[cold]
    fn allowance(&self, scope: &dyn Scope) -> usize {
        let largest = self.slots.iter().map(|slot| scope.value(*slot).weight()).max().unwrap_or(0);
        largest.saturating_mul(4).saturating_add(self.output_bytes)
    }
}
