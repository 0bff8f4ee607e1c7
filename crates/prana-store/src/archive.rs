//! A whole store, row by row: how one is copied into another of a different kind, losing nothing.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::Result;

/// What a column holds. Each kind of store has its own way to keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    /// A number below 2^15.
    Small,
    Flag,
    /// 16 bytes.
    Id,
    Text,
    Bytes,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Number(i64),
    Bytes(Vec<u8>),
}

/// A table, as every kind of store has it.
#[derive(Debug)]
pub(crate) struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
}

use Kind::{Bytes, Flag, Id, Number, Small, Text};

/// All tables but the schema's own. Workers are copied as dead ones: what they held is taken over.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "execution",
        columns: &[
            ("ordinal", Number),
            ("id", Id),
            ("workflow_id", Text),
            ("workflow_version", Number),
            ("parent", Id),
            ("root", Id),
            ("mode", Small),
            ("status", Small),
            ("epoch", Number),
            ("next_sequence", Number),
            ("created_at", Number),
            ("completed_at", Number),
            ("start_key", Text),
            ("ready_at", Number),
            ("claimed_by", Id),
            ("recoveries", Number),
            ("lane", Text),
            ("lane_limit", Number),
            ("slot", Small),
            ("retention_ms", Number),
            ("expires_at", Number),
            ("summary", Bytes),
            ("trail_kept", Flag),
            ("answers", Number),
            ("reports", Number),
            ("open_waits", Number),
            ("is_child", Flag),
        ],
    },
    Table { name: "header", columns: &[("execution", Number), ("bytes", Bytes)] },
    Table {
        name: "entry",
        columns: &[
            ("execution", Number),
            ("sequence", Number),
            ("execution_index", Number),
            ("node_key", Text),
            ("at", Number),
            ("kind", Small),
            ("bytes", Bytes),
        ],
    },
    Table {
        name: "snapshot",
        columns: &[("execution", Number), ("next_sequence", Number), ("bytes", Bytes)],
    },
    Table { name: "payload", columns: &[("root", Id), ("hash", Bytes), ("bytes", Bytes)] },
    Table {
        name: "wait",
        columns: &[
            ("execution", Number),
            ("execution_index", Number),
            ("node_key", Text),
            ("loop_path", Text),
            ("run_index", Number),
            ("kind", Small),
            ("takes", Small),
            ("wake_at", Number),
            ("open", Flag),
            ("answered", Flag),
        ],
    },
    Table {
        name: "inbox",
        columns: &[
            ("id", Number),
            ("execution", Number),
            ("target", Small),
            ("node_key", Text),
            ("loop_path", Text),
            ("number", Number),
            ("wait", Number),
            ("kind", Small),
            ("dedupe", Text),
            ("bytes", Bytes),
            ("at", Number),
            ("answer", Small),
            ("consumed", Flag),
        ],
    },
    Table { name: "lane", columns: &[("key", Text), ("holders", Number)] },
    Table { name: "worker", columns: &[("id", Id)] },
    Table { name: "grave", columns: &[("execution", Number), ("everything", Flag), ("payloads_of", Id)] },
    Table {
        name: "workflow",
        columns: &[
            ("id", Text),
            ("latest", Number),
            ("active", Number),
            ("updated_at", Number),
            ("is_deleted", Flag),
        ],
    },
    Table {
        name: "workflow_version",
        columns: &[
            ("workflow_id", Text),
            ("version", Number),
            ("hash", Bytes),
            ("bytes", Bytes),
            ("created_at", Number),
        ],
    },
    Table { name: "item", columns: &[("kind", Text), ("key", Text), ("version", Number), ("bytes", Bytes)] },
];

impl Table {
    /// The names of its columns, for a statement.
    pub fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// How many rows of a chunk at most, and how many bytes, about.
const CHUNK_ROWS: usize = 500;
const CHUNK_BYTES: usize = 4 << 20;

/// Some rows of a table, on their way from one store to another.
#[derive(Debug)]
pub struct Chunk {
    pub(crate) table: &'static Table,
    pub(crate) rows: Vec<Vec<Cell>>,
    bytes: usize,
}

impl Chunk {
    pub(crate) fn new(table: &'static Table) -> Self {
        Chunk { table, rows: Vec::new(), bytes: 0 }
    }

    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        let size = |cell: &Cell| if let Cell::Bytes(bytes) = cell { bytes.len() } else { 8 };
        self.bytes += row.iter().map(size).sum::<usize>();
        self.rows.push(row);
    }

    /// Whether it is large enough to go.
    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES
    }
}

/// A store that can be copied as a whole.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Hands out everything, as of one moment, while work goes on.
    ///
    /// # Errors
    /// `Unavailable`; also if nobody takes it any more.
    async fn dump(&self, to: mpsc::Sender<Chunk>) -> Result<()>;

    /// Takes everything in, into an empty store that nobody uses yet; how many rows.
    ///
    /// # Errors
    /// `Invalid` if the store is not empty; `Unavailable`. What was taken in until then stays: throw it away.
    async fn fill(&self, from: mpsc::Receiver<Chunk>) -> Result<u64>;
}

/// Copies everything in a store into an empty one of any kind: trails, waits, kept answers, keys that were used, definitions. Executions that a worker
/// holds go on in the copy as after its death. How many rows.
///
/// ```
/// # use prana_store::{SqliteStore, copy};
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("prana-copy-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let from = SqliteStore::open(folder.join("from.db")).unwrap();
/// let to = SqliteStore::open(folder.join("to.db")).unwrap();
/// assert_eq!(copy(&from, &to).await.unwrap(), 0);
/// # drop((from, to));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # });
/// ```
///
/// # Errors
/// `Invalid` if the other one is not empty; `Unavailable`.
pub async fn copy(from: &dyn Archive, to: &dyn Archive) -> Result<u64> {
    let (sender, receiver) = mpsc::channel(4);
    let (dumped, filled) = futures_util::future::join(from.dump(sender), to.fill(receiver)).await;
    // If nobody takes it, the reason is on the other side.
    let rows = filled?;
    dumped.map(|()| rows)
}
