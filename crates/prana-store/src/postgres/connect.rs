//! Connections: how they are made, and what must hold on each of them.

use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{Config, NoTls};

use super::failure::explain;
use crate::{Result, StoreError};

/// How to reach a store in PostgreSQL.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user:password@host:port/database`, or `key=value` pairs as libpq takes them.
    pub url: String,
    /// How many connections at most, those for signs of life and for hints (one each) aside.
    pub connections: usize,
    /// How many batches may be under way at a time: while one is flushed, the next is prepared.
    pub committers: usize,
}

impl Options {
    /// The defaults, for an address.
    pub fn new(url: impl Into<String>) -> Self {
        Options { url: url.into(), connections: 10, committers: 2 }
    }

    /// The address for messages: without the password.
    pub(super) fn place(&self) -> String {
        let Ok(config) = Config::from_str(&self.url) else { return "PostgreSQL".to_owned() };
        let hosts: Vec<String> = config
            .get_hosts()
            .iter()
            .map(|host| match host {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        format!(
            "PostgreSQL at {}, database {}",
            hosts.join(","),
            config.get_dbname().unwrap_or("(none named)")
        )
    }

    pub(super) fn cannot_open(&self, reason: impl std::fmt::Display) -> StoreError {
        StoreError::CannotOpen { reason: format!("{}: {reason}", self.place()) }
    }

    /// The address, with what a long-lived client needs: a dead peer is noticed within seconds.
    pub(super) fn config(&self) -> Result<Config> {
        let mut config = Config::from_str(&self.url).map_err(|_| {
            let reason = "the address is not understood: write postgres://user:password@host:port/database";
            StoreError::CannotOpen { reason: reason.to_owned() }
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(3));
        config.keepalives_retries(3);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(10));
        }
        if config.get_application_name().is_none() {
            config.application_name("prana");
        }
        Ok(config)
    }

    pub(super) fn pool(&self, size: usize) -> Result<Pool> {
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(self.config()?, NoTls, manager))
            .max_size(size.max(1))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(Duration::from_secs(30)),
                create: Some(Duration::from_secs(10)),
                recycle: Some(Duration::from_secs(5)),
            })
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async move { settled(client).await.map_err(HookError::message) })
            }));
        pool.build().map_err(|error| self.cannot_open(error))
    }
}

/// The settings on which promises rest, read back: what is acknowledged must be on the disk of the server.
async fn settled(client: &deadpool_postgres::ClientWrapper) -> std::result::Result<(), String> {
    let sql = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'),
      current_setting('server_version_num')::int4, pg_is_in_recovery()";
    let row = client.query_one(sql, &[]).await.map_err(|error| explain(&error))?;
    let text = |column: usize| row.try_get::<_, String>(column).unwrap_or_default();
    let off = ["fsync", "synchronous_commit", "full_page_writes"];
    if let Some(place) = (0..3).find(|place| text(*place) == "off") {
        let name = off[place];
        return Err(format!("{name} is off there, so that what is acknowledged may be lost: turn it on"));
    }
    let version: i32 = row.try_get(3).unwrap_or_default();
    if version < 130_000 {
        return Err(format!(
            "the server's version is {version}; 130000 (13) is the oldest that can be asked what became of a commit"
        ));
    }
    if row.try_get(4).unwrap_or(false) {
        return Err("the server is a standby that only reads: name the primary".to_owned());
    }
    Ok(())
}
