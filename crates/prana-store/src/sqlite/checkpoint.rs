//! Moving what is in the write-ahead log into the file, beside the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::open::Files;
use crate::{Result, StoreError};

/// The size of a page: SQLite's default, which new files have.
const PAGE: u64 = 4 * 1_024;

/// From how many pages in the log on what is done.
#[derive(Debug, Clone, Copy)]
struct Thresholds {
    /// A checkpoint beside the writer is worth while: the longer, the more pages are written once for many commits.
    passive: i32,
    /// The writer itself starts the log anew: checkpoints beside a busy writer never let it begin again.
    restart: i32,
    /// How much the log grows before that is tried again, if a read was in the way.
    retry: i32,
}

impl Thresholds {
    fn new(log_bytes: u64) -> Self {
        let passive = i32::try_from(log_bytes / PAGE).unwrap_or(i32::MAX / 4).clamp(1, i32::MAX / 4);
        Thresholds { passive, restart: passive * 4, retry: passive }
    }
}

/// Watches the length of the log and keeps it in bounds.
pub(super) struct Checkpoints {
    thresholds: Thresholds,
    pages: Arc<AtomicI32>,
    restart_at: i32,
    bell: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread; it ends when this is dropped.
    pub(super) fn start(files: &Files, connection: &mut Connection) -> Result<Checkpoints> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        let hook = move |_: &mut rusqlite::hooks::Wal, count: i32| {
            seen.store(count, Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(StoreError::unavailable)?;
        let (bell, rung) = sync_channel(1);
        let own = files.writing()?;
        let thread = thread::Builder::new().name("prana-checkpoint".to_owned());
        let thread = thread.spawn(move || checkpoint(&own, &rung)).map_err(StoreError::unavailable)?;
        let thresholds = Thresholds::new(files.log_bytes());
        Ok(Checkpoints {
            thresholds,
            pages,
            restart_at: thresholds.restart,
            bell: Some(bell),
            thread: Some(thread),
        })
    }

    /// Called by the writer between two batches.
    pub(super) fn after_batch(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        let Thresholds { passive, restart, retry } = self.thresholds;
        if pages < restart {
            self.restart_at = restart;
        }
        if pages >= self.restart_at {
            let busy = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, i64>(0));
            match busy {
                Ok(0) => self.restart_at = restart,
                _ => self.restart_at = pages.saturating_add(retry),
            }
        } else if pages >= passive {
            // Full means that the thread has been told.
            let _ = self.bell.as_ref().map(|bell| bell.try_send(()));
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.bell = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn checkpoint(connection: &Connection, rung: &Receiver<()>) {
    while rung.recv().is_ok() {
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "a checkpoint of the database failed; it is tried again");
        }
    }
}
