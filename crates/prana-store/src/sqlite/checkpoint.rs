//! Moving what is in the write-ahead log into the file, beside the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::open::Files;
use crate::{Result, StoreError};

/// From how many pages in the log on a checkpoint is worth while (16 MiB): the longer, the more pages are written once for many commits.
const PASSIVE_PAGES: i32 = 4 * 1_024;
/// From how many pages on the writer itself starts the log anew (64 MiB): checkpoints beside a busy writer never let it begin again.
const RESTART_PAGES: i32 = 16 * 1_024;
/// How much the log grows before that is tried again, if a read was in the way (16 MiB).
const RETRY_PAGES: i32 = 4 * 1_024;

/// Watches the length of the log and keeps it in bounds.
pub(super) struct Checkpoints {
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
        Ok(Checkpoints { pages, restart_at: RESTART_PAGES, bell: Some(bell), thread: Some(thread) })
    }

    /// Called by the writer between two batches.
    pub(super) fn after_batch(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < RESTART_PAGES {
            self.restart_at = RESTART_PAGES;
        }
        if pages >= self.restart_at {
            let busy = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, i64>(0));
            match busy {
                Ok(0) => self.restart_at = RESTART_PAGES,
                _ => self.restart_at = pages.saturating_add(RETRY_PAGES),
            }
        } else if pages >= PASSIVE_PAGES {
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
