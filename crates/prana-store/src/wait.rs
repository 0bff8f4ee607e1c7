//! Waits: what a suspended execution can be woken by.

use std::sync::Arc;

use prana_core::Timestamp;

/// What a wait can take from the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Takes {
    /// Nothing: only its timer ends it (a delay, a retry).
    Nothing = 0,
    /// One answer, by node, index or token.
    Answer = 1,
    /// Any number of reports (of children).
    Reports = 2,
}

/// A wait to be opened. The same `execution_index` may wait again once its earlier wait is closed (retries, then an approval).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWait {
    /// The node execution that waits.
    pub execution_index: u32,
    /// Its node.
    pub node_key: Arc<str>,
    /// Its iteration; "" outside loops.
    pub loop_path: Arc<str>,
    /// Its run of that node.
    pub run_index: u32,
    /// Opaque to the store (webhook, interval, retry...).
    pub kind: u8,
    /// What can answer it.
    pub takes: Takes,
    /// When it becomes due by itself.
    pub wake_at: Option<Timestamp>,
}

/// A wait as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What it was opened with.
    pub wait: NewWait,
    /// Whether it still waits.
    pub open: bool,
    /// Whether an answer is bound to it: in the inbox while it is open, consumed or too late once it is closed.
    pub answered: bool,
}

impl Wait {
    /// Whether it is open, takes an answer and has none.
    pub(crate) fn wants_answer(&self) -> bool {
        self.open && self.wait.takes == Takes::Answer && !self.answered
    }

    /// An answer that comes now is too late.
    pub(crate) fn close(&mut self) {
        self.open = false;
        self.answered |= self.wait.takes == Takes::Answer;
    }
}
