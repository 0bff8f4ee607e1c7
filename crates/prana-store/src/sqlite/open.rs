//! Opening the file: the lock, the settings that are read back, the schema. Every connection comes from here.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::{Result, StoreError};

/// How SQLite flushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// Before each answer: what is acknowledged survives a power cut.
    Full,
    /// Now and then. For benchmarks: a power cut loses acknowledged work.
    Normal,
    /// Never. For benchmarks: a power cut may destroy the file.
    Off,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file. `FILE-wal`, `FILE-shm` and `FILE.lock` lie beside it.
    pub path: PathBuf,
    /// `Full`, except in benchmarks.
    pub synchronous: Synchronous,
    /// How many reads can go on at a time.
    pub readers: usize,
    /// How large the file may grow, in bytes; past it, commits fail as on a full disk.
    pub max_bytes: Option<u64>,
    /// From how many bytes in the write-ahead log on they are moved into the file. Past four times that, commits wait for it.
    pub log_bytes: u64,
    /// The name of a registered VFS, for tests of what disks do. The one of the system, if not said.
    pub vfs: Option<String>,
}

impl Options {
    /// The defaults, for a file.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Options {
            path: path.as_ref().to_owned(),
            synchronous: Synchronous::Full,
            readers: 3,
            max_bytes: None,
            log_bytes: 16 << 20,
            vfs: None,
        }
    }
}

/// "Pran", in the header of the file.
const APPLICATION_ID: i32 = 0x5072_616e;

/// The schema, one step after the other: its text, and the oldest number of steps a program must know to use the file after it.
const MIGRATIONS: [(&str, i64); 2] =
    [(include_str!("migrations/0001.sql"), 1), (include_str!("migrations/0002.sql"), 1)];

/// Where the file is and how it is opened.
#[derive(Debug, Clone)]
pub(super) struct Files {
    options: Arc<Options>,
}

impl Files {
    /// Locks the file, makes it what it should be, and opens the connection of the writer.
    pub(super) fn open(options: Options) -> Result<(Files, Lock, Connection)> {
        let files = Files { options: Arc::new(options) };
        let lock = Lock::take(&files.options.path)?;
        let mut connection = files.writing()?;
        migrate(&mut connection).map_err(|reason| files.cannot_open(reason))?;
        Ok((files, lock, connection))
    }

    /// A connection that writes.
    pub(super) fn writing(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = self.connect(flags)?;
        self.settle(&connection).map_err(|reason| self.cannot_open(reason))?;
        Ok(connection)
    }

    /// A connection that only reads.
    pub(super) fn reading(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = self.connect(flags)?;
        connection.busy_timeout(Duration::from_secs(1)).map_err(|error| self.cannot_open(error))?;
        Ok(connection)
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection> {
        let path = &self.options.path;
        let connection = match self.options.vfs.as_deref() {
            None => Connection::open_with_flags(path, flags),
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
        };
        connection.map_err(|error| self.cannot_open(error))
    }

    /// From how many bytes in the log on a checkpoint is worth while.
    pub(super) fn log_bytes(&self) -> u64 {
        self.options.log_bytes
    }

    pub(super) fn readers(&self) -> usize {
        self.options.readers.max(1)
    }

    pub(super) fn backup(&self, to: &Path) -> Result<()> {
        let text = to.to_str().ok_or_else(|| StoreError::invalid("the path of a backup must be UTF-8"))?;
        if to.exists() {
            return Err(StoreError::unavailable(format!("{} exists already: name a new file", to.display())));
        }
        let connection = self.writing()?;
        connection.execute("VACUUM INTO ?1", [text]).map_err(StoreError::unavailable)?;
        Ok(())
    }

    /// Sets what must hold and reads it back: a value that SQLite does not know is silently another.
    fn settle(&self, connection: &Connection) -> std::result::Result<(), String> {
        let text = |error: rusqlite::Error| error.to_string();
        connection.busy_timeout(Duration::from_secs(1)).map_err(text)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(text)?;
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(text)?;
        if mode != "wal" {
            return Err(format!("the file system has no write-ahead log for it (journal_mode is {mode})"));
        }
        let (name, number) = match self.options.synchronous {
            Synchronous::Full => ("FULL", 2),
            Synchronous::Normal => ("NORMAL", 1),
            Synchronous::Off => ("OFF", 0),
        };
        connection.pragma_update(None, "synchronous", name).map_err(text)?;
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(text)?;
        if synchronous != number {
            return Err(format!("SQLite answers synchronous={synchronous} and not {name}"));
        }
        self.tune(connection).map_err(text)
    }

    fn tune(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        connection.pragma_update(None, "cache_size", -32 * 1024)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        if let Some(bytes) = self.options.max_bytes {
            let page: u64 =
                connection.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))?.max(512) as u64;
            let pages = i64::try_from(bytes / page).unwrap_or(i64::MAX).max(1);
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(())
    }

    fn cannot_open(&self, reason: impl ToString) -> StoreError {
        let reason = format!("{}: {}", self.options.path.display(), reason.to_string());
        StoreError::CannotOpen { reason }
    }
}

/// Brings the schema up to date, in one transaction.
fn migrate(connection: &mut Connection) -> std::result::Result<(), String> {
    let known = MIGRATIONS.len() as i64;
    let text = |error: rusqlite::Error| error.to_string();
    let transaction = connection.transaction().map_err(text)?;
    let number =
        |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(text);
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(text)?;
    if tables > 0 && application != i64::from(APPLICATION_ID) {
        return Err("this is an SQLite file of another program: name a new file".to_owned());
    }
    if version > known {
        let sql = "SELECT oldest_binary FROM schema";
        let oldest: i64 = transaction.query_row(sql, [], |row| row.get(0)).map_err(text)?;
        if oldest > known {
            return Err(format!(
                "its schema is {version} and needs a program that knows {oldest}; this one knows {known}: use a newer one"
            ));
        }
        return Ok(());
    }
    for (step, oldest) in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(step).map_err(text)?;
        transaction.execute("DELETE FROM schema", []).map_err(text)?;
        transaction.execute("INSERT INTO schema (oldest_binary) VALUES (?1)", [oldest]).map_err(text)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(text)?;
    transaction.pragma_update(None, "user_version", known).map_err(text)?;
    transaction.commit().map_err(text)
}

/// The lock of the owning process, free again when it ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    fn take(path: &Path) -> Result<Lock> {
        let lock_path = beside(path);
        let cannot = |reason: String| StoreError::CannotOpen { reason };
        let file = open_private(&lock_path);
        let mut file = file.map_err(|error| cannot(format!("{}: {error}", lock_path.display())))?;
        match file.try_lock() {
            Ok(()) => {
                let lock = Lock { file };
                lock.write(&format!("process {}", std::process::id()))?;
                Ok(lock)
            }
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = file.read_to_string(&mut owner);
                let owner = owner.lines().next().unwrap_or("").trim().to_owned();
                let owner = if owner.is_empty() { "another process".to_owned() } else { owner };
                Err(cannot(format!("{} is in use by {owner}: stop it, or work through it", path.display())))
            }
            Err(TryLockError::Error(error)) => Err(cannot(format!("{}: {error}", lock_path.display()))),
        }
    }

    /// Replaces what the lock file says about its owner.
    pub(super) fn write(&self, owner: &str) -> Result<()> {
        let mut file = &self.file;
        keep_private(file).map_err(StoreError::unavailable)?;
        let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
        let written = written.and_then(|_| file.write_all(owner.as_bytes())).and_then(|()| file.flush());
        written.map_err(StoreError::unavailable)
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// A lock file of before may be open to others.
fn keep_private(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    let _ = file;
    Ok(())
}

fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
