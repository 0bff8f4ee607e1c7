//! What code writes to the console, limited in count and size.

use std::cell::RefCell;

use prana_template::{Map, Value};

/// A run keeps this many lines,
const MAX_LINES: usize = 100;

/// and this many bytes of them.
const MAX_BYTES: usize = 16 << 10;

/// The lines of one run.
#[derive(Debug, Default)]
pub(super) struct Console(RefCell<Lines>);

#[derive(Debug, Default)]
struct Lines {
    kept: Vec<Value>,
    bytes: usize,
    dropped: usize,
}

impl Console {
    /// Adds a line, or counts it if there is no more room.
    pub fn write(&self, level: &str, message: &str) {
        let mut lines = self.0.borrow_mut();
        if lines.dropped > 0 || lines.kept.len() >= MAX_LINES || lines.bytes + message.len() > MAX_BYTES {
            lines.dropped += 1;
            return;
        }
        lines.bytes += message.len();
        lines.kept.push(line(level, message));
    }

    /// The lines, with a last one that says how many there were more. None if nothing was written.
    pub fn take(&self) -> Option<Value> {
        let mut lines = self.0.take();
        if lines.dropped > 0 {
            lines.kept.push(line("warn", &format!("{} more lines are not kept", lines.dropped)));
        }
        (!lines.kept.is_empty()).then(|| Value::from(lines.kept))
    }
}

fn line(level: &str, message: &str) -> Value {
    let mut map = Map::new();
    map.insert("level", level);
    map.insert("message", message);
    Value::Map(map)
}
