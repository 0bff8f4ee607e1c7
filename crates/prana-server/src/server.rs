//! The server: an engine over a database, the HTTP that reaches it, and the background that keeps it going.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prana::core::Registry;
use prana::store::{SqliteStore, StoreError};
use prana::{BuiltIn, Clock, Engine, EngineOptions, OutsideError, Permissions, ResumeTokens, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::feed::Feed;
use crate::guard::{Hosts, without_port};
use crate::hooks::Table;
use crate::owner::{self, Owner};
use crate::{keys, listen};

/// How many bodies are read at the same time.
const INTAKE: usize = 64;

/// How often executions whose retention is over are looked for.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file; `FILE.keys` beside it holds the keys of resume links.
    pub database: PathBuf,
    /// The address to listen on: a loopback one. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// What stands before `/resume/...` in links: `http://` and the address that is listened on, if not said. Its name is answered to, too.
    pub public_url: Option<String>,
    /// More names that the server answers to, without ports.
    pub allowed_hosts: Vec<String>,
    /// What actions may reach outside. By default no private network and no files.
    pub permissions: Permissions,
    /// How long a caller who waits for an execution's end may wait.
    pub wait: Duration,
    /// How long a shutdown gives requests and running nodes to end.
    pub grace: Duration,
}

impl Options {
    /// The defaults, for a database file: 127.0.0.1:7700.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Options {
            database: database.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7700)),
            public_url: None,
            allowed_hosts: Vec::new(),
            permissions: Permissions::default(),
            wait: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}

/// Why a server can't be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address can be reached from other machines.
    #[error(
        "{0} is not a loopback address, and this server has no authentication yet: whoever reaches it could run anything. Listen on \
         127.0.0.1 or [::1], and put a proxy that authenticates before it if others need it"
    )]
    NotLoopback(SocketAddr),
    /// The public URL is none.
    #[error("`{0}` is not a URL such as https://flows.example")]
    PublicUrl(String),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys of resume links can't be had.
    #[error("{0}")]
    Keys(String),
    /// The actions can't be set up.
    #[error(transparent)]
    Outside(#[from] OutsideError),
}

/// What all requests share.
pub(crate) type Shared = Arc<Inner>;

pub(crate) struct Inner {
    pub engine: Engine,
    /// The database file, for what only a file can do.
    pub database: Arc<SqliteStore>,
    pub feed: Arc<Feed>,
    pub tokens: ResumeTokens,
    pub hosts: Hosts,
    pub hooks: Table,
    pub clock: Arc<dyn Clock>,
    /// What programs of the same user show, told in the lock file.
    pub local_token: String,
    pub intake: Semaphore,
    pub wait: Duration,
    /// True when the server is about to stop.
    pub closing: watch::Sender<bool>,
    /// True while the engine advances executions.
    pub advancing: watch::Sender<bool>,
}

/// A server: what it works with. [`router`](crate::router) makes its HTTP.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Shared,
}

/// The actions that workflows may name here.
pub fn registry() -> Registry {
    let mut registry = Registry::standard();
    prana::Actions::standard().register(&mut registry);
    registry
}

impl Server {
    /// Opens the database and listens. The server runs until [`Running::shut_down`].
    ///
    /// # Errors
    /// [`ServerError`]: an address that isn't loopback, one that is taken, a database or key file that can't be used.
    pub async fn start(options: Options) -> Result<Running, ServerError> {
        if !options.listen.ip().is_loopback() {
            return Err(ServerError::NotLoopback(options.listen));
        }
        let failed = |source| ServerError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let server = Server::open(&options, address)?;
        server.shared.hooks.load(&server.shared).await?;
        let engine = server.shared.engine.clone();
        let shared = Arc::clone(&server.shared);
        shared.advancing.send_replace(true);
        let advancing = tokio::spawn(async move {
            engine.serve().await;
            shared.advancing.send_replace(false);
        });
        let retention = tokio::spawn(retain(server.shared.engine.clone()));
        let router = crate::router(&server);
        let listening =
            tokio::spawn(listen::serve(listener, router, server.shared.closing.subscribe(), options.grace));
        server.announce(address)?;
        Ok(Running { server, address, advancing, retention, listening, grace: options.grace })
    }

    fn open(options: &Options, address: SocketAddr) -> Result<Server, ServerError> {
        let base = options.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let name = host_of(&base).ok_or_else(|| ServerError::PublicUrl(base.clone()))?;
        let names = [name, without_port(&address.to_string()).unwrap_or_default().to_owned()];
        let store = Arc::new(SqliteStore::open(&options.database)?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let tokens = keys::open(&keys::path_for(&options.database), &*clock).map_err(ServerError::Keys)?;
        let feed = Arc::new(Feed::new(clock.random()));
        let signer = tokens.signer(&base);
        let engine = Engine::builder()
            .store(Arc::clone(&store))
            .registry(registry())
            .effects(Arc::new(BuiltIn::new(options.permissions.clone())?))
            .options(EngineOptions { sign_resume_url: Some(signer), ..EngineOptions::default() })
            .middleware(Arc::<Feed>::clone(&feed))
            .build();
        let shared = Arc::new(Inner {
            engine,
            database: store,
            feed,
            tokens,
            hosts: Hosts::new(names.into_iter().chain(options.allowed_hosts.iter().cloned())),
            hooks: Table::default(),
            local_token: owner::new_token(&*clock),
            clock,
            intake: Semaphore::new(INTAKE),
            wait: options.wait,
            closing: watch::Sender::new(false),
            advancing: watch::Sender::new(false),
        });
        Ok(Server { shared })
    }

    /// Tells programs of the same user where the server is.
    fn announce(&self, address: SocketAddr) -> Result<(), StoreError> {
        let owner = Owner {
            process: std::process::id(),
            address: owner::reachable(address),
            token: self.shared.local_token.clone(),
        };
        self.shared.database.announce(&owner.to_text())
    }

    /// The engine, for programs that embed the server.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }
}

/// The name in a URL.
fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split('/').next().filter(|authority| !authority.contains('@'))?;
    without_port(authority).map(str::to_owned)
}

async fn retain(engine: Engine) {
    loop {
        match engine.retain().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "old executions can't be removed now"),
        }
        tokio::time::sleep(RETENTION_EVERY).await;
    }
}

/// A server that runs.
pub struct Running {
    server: Server,
    address: SocketAddr,
    advancing: JoinHandle<()>,
    retention: JoinHandle<()>,
    listening: JoinHandle<()>,
    grace: Duration,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Stops: takes no more work, ends streams, lets requests and running nodes end for as long as the grace period, and commits. What is
    /// left then is as safe as after a crash.
    pub async fn shut_down(self) {
        self.retention.abort();
        self.server.shared.closing.send_replace(true);
        self.server.shared.engine.shut_down();
        let both = async {
            // A task that panicked has nothing left to wait for.
            let _ = self.listening.await;
            let _ = self.advancing.await;
        };
        if tokio::time::timeout(self.grace, both).await.is_err() {
            tracing::warn!("some requests or nodes did not end in time; they are given up");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn the_name_of_a_url() {
        for (url, name) in [
            ("http://127.0.0.1:7700", Some("127.0.0.1")),
            ("https://flows.example/prana", Some("flows.example")),
            ("http://[::1]:1", Some("[::1]")),
            ("flows.example", None),
            ("https://", None),
            ("https://a@b", None),
        ] {
            assert_eq!(host_of(url).as_deref(), name, "{url}");
        }
    }
}
