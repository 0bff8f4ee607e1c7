//! A directory that goes with the test.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub struct Directory {
    path: PathBuf,
}

impl Directory {
    pub fn new() -> Self {
        let name = format!("prana-store-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Directory { path }
    }

    /// A name that no file has.
    pub fn file(&self) -> PathBuf {
        self.path.join(format!("{}.db", NUMBER.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
