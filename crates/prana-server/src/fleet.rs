//! The processes that work on one database: each says now and then that it is there, and what it does.

use std::time::Duration;

use prana::core::Timestamp;
use prana::store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::server::{Options, Shared};

const KIND: &str = "process";

/// How often a process says that it is there, where others share its database.
const EVERY: Duration = Duration::from_secs(10);

/// One that has said nothing for so long is called silent.
const SILENT_AFTER_MS: u64 = 40_000;

/// One that has said nothing for so long is shown no more.
const GONE_AFTER_MS: u64 = 60 * 60 * 1_000;

/// More than these are never shown.
const MOST: usize = 500;

/// A process that works on this database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Process {
    /// What it is called where it holds executions; another one after each start.
    id: String,
    /// What it does: `api`, `worker`, `scheduler`.
    roles: Vec<String>,
    /// The machine's name.
    host: String,
    /// Its number on that machine.
    process: u32,
    /// The program's version.
    version: String,
    /// Where it answers HTTP, if it does.
    #[schema(required = true)]
    address: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it last said that it is there, by its own clock.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    /// How many executions it advanced then.
    running: usize,
    /// True if it has said nothing for 40 s: it was killed, or can't reach the database.
    #[serde(default)]
    silent: bool,
}

impl Process {
    /// This one.
    pub fn own(options: &Options, address: std::net::SocketAddr, id: String, started_at: Timestamp) -> Self {
        let roles =
            [("api", options.api), ("worker", options.roles.worker), ("scheduler", options.roles.scheduler)];
        Process {
            id,
            roles: roles.iter().filter(|(_, does)| *does).map(|(role, _)| (*role).to_owned()).collect(),
            host: host(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: options.api.then(|| address.to_string()),
            started_at,
            seen_at: started_at,
            running: 0,
            silent: false,
        }
    }

    fn now(&self, shared: &Shared) -> Self {
        Process { seen_at: shared.clock.now(), running: shared.engine.running(), ..self.clone() }
    }
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// Says that this process is there, until the server stops; then it says that it is not.
pub async fn attend(shared: Shared) {
    let mut closing = shared.closing.subscribe();
    while !*closing.borrow_and_update() {
        let own = shared.process.now(&shared);
        let bytes = serde_json::to_vec(&own).unwrap_or_default();
        if let Err(error) = shared.engine.catalog().put_item(KIND, &own.id, None, bytes).await {
            tracing::warn!(%error, "the other processes can't be told of this one now");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = closing.changed() => {}
        }
    }
    // What can't be deleted is silent, and later gone.
    let _ = shared.engine.catalog().delete_item(KIND, &shared.process.id, None).await;
}

/// All processes of this database that said lately that they are there, this one first.
///
/// # Errors
/// The store can't be read.
pub async fn all(shared: &Shared) -> Result<Vec<Process>, StoreError> {
    let own = shared.process.now(shared);
    let (now, id) = (own.seen_at, own.id.clone());
    let mut all = vec![own];
    if shared.engine.store().is_shared() {
        let items = shared.engine.catalog().items(KIND, None, MOST).await?;
        let others = items.iter().filter_map(|item| serde_json::from_slice::<Process>(&item.bytes).ok());
        let there = others.filter(|one| one.id != id && now.millis_since(one.seen_at) < GONE_AFTER_MS);
        all.extend(there.map(|one| Process { silent: is_silent(now, one.seen_at), ..one }));
    }
    Ok(all)
}

fn is_silent(now: Timestamp, seen_at: Timestamp) -> bool {
    now.millis_since(seen_at) > SILENT_AFTER_MS
}

/// Removes what killed processes left.
///
/// # Errors
/// The store can't be read or written.
pub async fn forget_the_gone(shared: &Shared) -> Result<(), StoreError> {
    let now = shared.clock.now();
    for item in shared.engine.catalog().items(KIND, None, MOST).await? {
        let seen_at = serde_json::from_slice::<Process>(&item.bytes).map(|one| one.seen_at);
        if seen_at.map_or(true, |seen_at| now.millis_since(seen_at) >= GONE_AFTER_MS) {
            shared.engine.catalog().delete_item(KIND, &item.key, None).await?;
        }
    }
    Ok(())
}
