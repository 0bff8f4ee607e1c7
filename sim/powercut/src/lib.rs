//! A disk for tests that loses what was not flushed.
//!
//! [`Disk::register`] adds a VFS to SQLite that writes to real files and remembers every write, truncation and flush. [`Disk::image`] then
//! makes, of any moment of the past, what a power cut at that moment might have left behind: all that was flushed, and of the rest any
//! part, in any order, torn at the borders of sectors. [`Disk::fail`] makes the disk full or broken.

mod image;
mod vfs;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What happened to a file.
#[derive(Debug, Clone)]
enum Operation {
    /// It was opened for the first time, with this in it; none: it was not there.
    Found(Option<Vec<u8>>),
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate(usize),
    Flush,
    /// The names in the directory were flushed: what was deleted before stays deleted.
    FlushNames,
    Delete {
        /// Whether the directory was flushed after it.
        flushed: bool,
    },
}

/// How the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing can be written: there is no room.
    Full,
    /// Nothing can be written: the device reports an error.
    Broken,
    /// Everything can be written and nothing flushed.
    NoFlush,
}

#[derive(Default)]
struct State {
    operations: Vec<(PathBuf, Operation)>,
    failure: Option<Failure>,
}

/// A VFS with a memory. It stays registered for the life of the process.
pub struct Disk {
    name: String,
    state: Mutex<State>,
}

impl Disk {
    /// Registers a new VFS of this name, which must be used once only in a process.
    ///
    /// # Panics
    /// If SQLite has no default VFS, or refuses the new one, or the name has a zero byte in it.
    pub fn register(name: &str) -> &'static Disk {
        let disk = Disk { name: name.to_owned(), state: Mutex::default() };
        let disk: &'static Disk = Box::leak(Box::new(disk));
        vfs::register(disk);
        disk
    }

    /// Its name, for those who open files by it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much has happened so far: a moment for [`Disk::image`].
    pub fn now(&self) -> usize {
        self.state().operations.len()
    }

    /// From now on it fails, or works again.
    pub fn fail(&self, failure: Option<Failure>) {
        self.state().failure = failure;
    }

    /// Writes what a power cut at a moment might have left behind into a folder: which part of what was not flushed is there, the seed decides.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn image(&self, moment: usize, seed: u64, folder: &Path) -> std::io::Result<()> {
        let state = self.state();
        let past = state.operations.get(..moment).unwrap_or(&state.operations);
        image::write(past, seed, folder)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
