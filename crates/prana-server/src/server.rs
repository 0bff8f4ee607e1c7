//! The server: an engine over a database, the HTTP that reaches it, and the background that keeps it going.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prana::connectors::{Connectors, ConnectorsError};
use prana::core::{Registry, Timestamp};
use prana::store::{SqliteStore, StoreError};
use prana::{
    AnyStore, BuiltIn, Clock, Engine, EngineOptions, MasterKeys, Outside, OutsideError, Permissions,
    ResumeTokens, Roles, SystemClock,
};
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::access::{Access, AccessError};
use crate::changes::Changes;
use crate::feed::Feed;
use crate::fleet::Process;
use crate::folder::Folder;
use crate::guard::{Hosts, without_port};
use crate::hooks::Table;
use crate::keys::Ring;
use crate::limit::Limiter;
use crate::measure::{Measured, Measures, Times};
use crate::owner::{self, Owner};
use crate::telemetry::{Exporting, Outlet, SpanCounts, Telemetry};
use crate::{fleet, keys, listen};

/// So much of bodies is taken in at the same time, in pieces of [`INTAKE_PIECE`].
const INTAKE: usize = (256 << 20) / INTAKE_PIECE;

/// The measure of what is taken in, in bytes.
pub(crate) const INTAKE_PIECE: usize = 64 << 10;

/// How many requests are answered at the same time.
pub(crate) const IN_FLIGHT: usize = 4_096;

/// How often sessions that are over, and changes that are too old to be kept, are removed.
const TIDY_EVERY: Duration = Duration::from_secs(60 * 60);

/// How often it is looked for what other processes changed in the catalogue.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database: a file, or `postgres://...` on a server that many processes share.
    pub database: PathBuf,
    /// What key files are named after: `NAME.keys` holds the keys of resume links, `NAME.master-keys` those of secrets. The database file, if not said; a
    /// database on a server has no files beside it, so there they are named, or `master_keys` are given. All processes that share a database need the same.
    pub keys: Option<PathBuf>,
    /// What it does in the background.
    pub roles: Roles,
    /// Whether it answers HTTP. Without this it only works in the background.
    pub api: bool,
    /// The address to listen on; one that other machines reach only if everybody must say who they are. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// What stands before `/resume/...` in links: `http://` and the address that is listened on, if not said. Its name is answered to, too.
    pub public_url: Option<String>,
    /// More names that the server answers to, without ports.
    pub allowed_hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How many requests a second each address may send, this machine aside; five times as many at once.
    pub requests_per_second: u32,
    /// How many connections may be open; as many as the system allows, and at most 16,384, if not said.
    pub connections: Option<usize>,
    /// How long the change log is kept, in days.
    pub changes_days: u32,
    /// What secrets are locked with; those in the key file, which is made with one, if not said.
    pub master_keys: Option<MasterKeys>,
    /// What actions may reach outside. By default no private network and no files.
    pub permissions: Permissions,
    /// A directory whose documents are live: saved and activated as they change.
    pub workflows: Option<PathBuf>,
    /// A directory of connectors, beside those that are shipped.
    pub connectors: Option<PathBuf>,
    /// How long a caller who waits for an execution's end may wait.
    pub wait: Duration,
    /// How long a shutdown gives requests and running nodes to end.
    pub grace: Duration,
    /// Where spans of executions go; none are made, if not said.
    pub telemetry: Option<Telemetry>,
}

impl Options {
    /// The defaults, for a database file: 127.0.0.1:7700.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Options {
            database: database.into(),
            keys: None,
            roles: Roles::default(),
            api: true,
            listen: SocketAddr::from(([127, 0, 0, 1], 7700)),
            public_url: None,
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            requests_per_second: 200,
            connections: None,
            changes_days: 400,
            master_keys: None,
            permissions: Permissions::default(),
            workflows: None,
            connectors: None,
            wait: Duration::from_secs(60),
            grace: Duration::from_secs(10),
            telemetry: None,
        }
    }
}

/// Why a server can't be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address can be reached from other machines, and nobody would be asked who they are.
    #[error(
        "{0} can be reached from other machines, and this database has no authentication yet: whoever reaches it could run anything. Make a \
         user or a token first (`prana users add NAME`, `prana tokens create NAME`), or listen on 127.0.0.1 or [::1]"
    )]
    NobodyIsAsked(SocketAddr),
    /// Links would lead nowhere.
    #[error(
        "{0} is no address that links can lead to: say what others call this server, such as --public-url https://flows.example"
    )]
    NoPublicUrl(SocketAddr),
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
    /// A connector can't be used.
    #[error(transparent)]
    Connectors(#[from] ConnectorsError),
    /// The directory of workflows can't be read.
    #[error("the directory of workflows {path} can't be read: {source}")]
    Workflows {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The keys of resume links can't be had.
    #[error("{0}")]
    Keys(String),
    /// Spans can't be sent anywhere.
    #[error("the spans can't be sent: {0}")]
    Telemetry(String),
    /// Who may come can't be read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The actions can't be set up.
    #[error(transparent)]
    Outside(#[from] OutsideError),
}

/// What all requests share.
pub(crate) type Shared = Arc<Inner>;

pub(crate) struct Inner {
    pub engine: Engine,
    /// What actions reach the world by.
    pub outside: Arc<Outside>,
    /// What stands before paths in links, without a slash at its end.
    pub base: String,
    /// What this process tells of itself.
    pub process: Process,
    /// The database file, for what only a file can do.
    pub file: Option<Arc<SqliteStore>>,
    pub feed: Arc<Feed>,
    pub tokens: ResumeTokens,
    pub hosts: Hosts,
    pub hooks: Table,
    pub listeners: crate::hooks::Listeners,
    /// Executions that were read lately.
    pub trails: crate::api::Trails,
    /// From when on the dashboard counts everything.
    pub counted_since: OnceCell<Timestamp>,
    pub clock: Arc<dyn Clock>,
    /// What programs of the same user show, told in the lock file.
    pub local_token: String,
    pub access: Access,
    pub changes: Changes,
    pub limits: Limits,
    pub measures: Arc<Measures>,
    /// What became of spans, if any are made.
    pub spans: Option<Arc<SpanCounts>>,
    /// From a request to the head of its answer.
    pub http_times: Times,
    pub trusted_proxies: Vec<IpAddr>,
    /// Others reach this over TLS.
    pub is_secure: bool,
    pub intake: Semaphore,
    pub wait: Duration,
    /// True when the server is about to stop.
    pub closing: watch::Sender<bool>,
    /// True while the engine advances executions.
    pub advancing: watch::Sender<bool>,
}

/// How much of what.
pub(crate) struct Limits {
    /// Requests of an address.
    pub requests: Limiter,
    /// Tries of passwords from an address, and of all.
    pub logins: Limiter,
    pub all_logins: Limiter,
    /// Requests that are being answered.
    pub in_flight: Arc<Semaphore>,
}

impl Limits {
    fn new(options: &Options) -> Self {
        let per_second = options.requests_per_second.max(1);
        Limits {
            requests: Limiter::new(per_second.saturating_mul(5), f64::from(per_second)),
            logins: Limiter::new(10, 0.1),
            all_logins: Limiter::new(100, 1.0),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
        }
    }
}

/// A server: what it works with. [`router`](crate::router) makes its HTTP.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Shared,
}

/// The actions that workflows may name, connectors of directories aside.
pub fn registry() -> Registry {
    Connectors::shipped().registry()
}

/// The connectors that are shipped, and those of the directory that the options name.
fn connectors(options: &Options) -> Result<Connectors, ServerError> {
    let shipped = Connectors::shipped();
    Ok(match &options.connectors {
        Some(directory) => shipped.with_directory(directory)?,
        None => shipped,
    })
}

impl Server {
    /// Opens the database and listens. The server runs until [`Running::shut_down`].
    ///
    /// # Errors
    /// [`ServerError`]: an address that isn't loopback, one that is taken, a database or key file that can't be used.
    pub async fn start(options: Options) -> Result<Running, ServerError> {
        check_address(&options)?;
        keys::check_named(&options).map_err(ServerError::Keys)?;
        let folder = open_folder(&options)?;
        let failed = |source| ServerError::Listen { address: options.listen, source };
        let (mut listener, mut address) = (None, options.listen);
        if options.api {
            let bound = TcpListener::bind(options.listen).await.map_err(failed)?;
            address = bound.local_addr().map_err(failed)?;
            listener = Some(bound);
        }
        let outlet =
            options.telemetry.as_ref().map(Outlet::new).transpose().map_err(ServerError::Telemetry)?;
        let server = Server::open(&options, address, outlet.as_ref()).await?;
        if options.api && !options.listen.ip().is_loopback() && !server.shared.access.is_closed().await? {
            return Err(ServerError::NobodyIsAsked(options.listen));
        }
        server.shared.hooks.load(&server.shared).await?;
        let engine = server.shared.engine.clone();
        let shared = Arc::clone(&server.shared);
        shared.advancing.send_replace(true);
        let advancing = tokio::spawn(async move {
            engine.serve().await;
            shared.advancing.send_replace(false);
        });
        if let Some(folder) = folder {
            tokio::spawn(folder.follow(Arc::clone(&server.shared)));
        }
        let tidying = tokio::spawn(tidy(Arc::clone(&server.shared), options.changes_days));
        let attending = server.shared.engine.store().is_shared().then(|| {
            tokio::spawn(follow_others(Arc::clone(&server.shared)));
            tokio::spawn(fleet::attend(Arc::clone(&server.shared)))
        });
        let exporting = outlet.map(Outlet::start);
        let closing = server.shared.closing.subscribe();
        let (grace, connections) = (options.grace, options.connections);
        let listening = listener.map(|listener| {
            tokio::spawn(listen::serve(listener, crate::router(&server), closing, grace, connections))
        });
        server.announce(address)?;
        Ok(Running {
            server,
            address,
            advancing,
            tidying,
            listening,
            attending,
            exporting,
            grace: options.grace,
        })
    }

    /// Opens the database.
    pub(crate) async fn open(
        options: &Options,
        address: SocketAddr,
        outlet: Option<&Outlet>,
    ) -> Result<Server, ServerError> {
        let base = options.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let name = host_of(&base).ok_or_else(|| ServerError::PublicUrl(base.clone()))?;
        // An address of all interfaces is nobody's name: browsers take it for this machine.
        let own =
            without_port(&address.to_string()).filter(|_| !address.ip().is_unspecified()).map(str::to_owned);
        let names = std::iter::once(name).chain(own);
        let (store, file): (Arc<dyn AnyStore>, _) = if prana::is_server(&options.database) {
            (prana::open_database(&options.database).await?, None)
        } else {
            let file = Arc::new(SqliteStore::open(&options.database)?);
            (Arc::<SqliteStore>::clone(&file), Some(file))
        };
        let measures = Arc::new(Measures::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let feed = Arc::new(Feed::new(clock.random(), clock.now()));
        let ring = Ring::open(options, &*clock).map_err(ServerError::Keys)?;
        let Ring { links: tokens, signs, master } = ring;
        let signer = signs.then(|| tokens.signer(&base));
        let connectors = connectors(options)?;
        let effects = BuiltIn::with(connectors.actions(), options.permissions.clone())?;
        let outside = Arc::clone(effects.outside());
        let mut engine = Engine::builder();
        if let (Some(outlet), Some(telemetry)) = (outlet, &options.telemetry) {
            engine = engine.spans(Arc::clone(&outlet.spans), telemetry.sample);
        }
        if let Some(master) = master {
            engine = engine.master_keys(master);
        }
        let engine = engine
            .store(Arc::new(Measured::new(Arc::clone(&store), Arc::clone(&measures))))
            .registry(connectors.registry())
            .effects(Arc::new(effects))
            .options(EngineOptions {
                sign_resume_url: signer,
                roles: options.roles,
                ..EngineOptions::default()
            })
            .middleware(Arc::<Feed>::clone(&feed))
            .build();
        let shared = Arc::new(Inner {
            process: Process::own(options, address, engine.worker().0.to_string(), clock.now()),
            engine,
            outside,
            base: base.trim_end_matches('/').to_owned(),
            file,
            feed,
            tokens,
            hosts: Hosts::new(names.into_iter().chain(options.allowed_hosts.iter().cloned())),
            hooks: Table::default(),
            listeners: crate::hooks::Listeners::default(),
            trails: crate::api::Trails::default(),
            counted_since: OnceCell::new(),
            local_token: owner::new_token(&*clock),
            clock: Arc::clone(&clock),
            access: Access::new(Arc::<dyn AnyStore>::clone(&store), Arc::clone(&clock)),
            changes: Changes::new(Arc::<dyn AnyStore>::clone(&store), Arc::clone(&clock)),
            limits: Limits::new(options),
            measures,
            spans: outlet.map(|outlet| Arc::clone(&outlet.counts)),
            http_times: Times::default(),
            trusted_proxies: options.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            is_secure: base.starts_with("https://"),
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
        match &self.shared.file {
            Some(file) => file.announce(&owner.to_text()),
            None => Ok(()),
        }
    }

    /// The engine, for programs that embed the server.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }
}

/// Other processes change the same catalogue: what webhooks there are is read again now and then.
async fn follow_others(shared: Shared) {
    let mut closing = shared.closing.subscribe();
    while !*closing.borrow_and_update() {
        if let Err(error) = shared.hooks.load(&shared).await {
            tracing::warn!(%error, "the webhooks can't be read now");
        }
        tokio::select! {
            () = tokio::time::sleep(FOLLOW_EVERY) => {}
            _ = closing.changed() => {}
        }
    }
}

fn open_folder(options: &Options) -> Result<Option<Folder>, ServerError> {
    let Some(path) = &options.workflows else { return Ok(None) };
    let failed = |source| ServerError::Workflows { path: path.clone(), source };
    Folder::open(path).map(Some).map_err(failed)
}

/// What can be told before anything is opened or made.
fn check_address(options: &Options) -> Result<(), ServerError> {
    let ip = options.listen.ip();
    if !options.api {
        return Ok(());
    }
    if !ip.is_loopback() && !prana::is_server(&options.database) && !options.database.exists() {
        return Err(ServerError::NobodyIsAsked(options.listen));
    }
    if ip.is_unspecified() && options.public_url.is_none() {
        return Err(ServerError::NoPublicUrl(options.listen));
    }
    Ok(())
}

/// The name in a URL.
fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split('/').next().filter(|authority| !authority.contains('@'))?;
    without_port(authority).map(str::to_owned)
}

/// Removes what nobody needs any more.
async fn tidy(shared: Shared, changes_days: u32) {
    loop {
        let kept = i64::from(changes_days) * DAY_MS;
        let oldest = Timestamp::from_millis(shared.clock.now().as_millis().saturating_sub(kept));
        let tidied = async {
            while shared.changes.forget_before(oldest).await? {}
            fleet::forget_the_gone(&shared).await?;
            if let Err(error) = shared.engine.credentials().forget_old_states().await {
                tracing::warn!(%error, "authorizations that nobody finished can't be removed now");
            }
            shared.access.end_old_sessions().await
        };
        if let Err(error) = tidied.await {
            tracing::warn!(%error, "old sessions and changes can't be removed now");
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}

/// A server that runs.
pub struct Running {
    server: Server,
    address: SocketAddr,
    advancing: JoinHandle<()>,
    tidying: JoinHandle<()>,
    listening: Option<JoinHandle<()>>,
    attending: Option<JoinHandle<()>>,
    exporting: Option<Exporting>,
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
        self.tidying.abort();
        self.server.shared.closing.send_replace(true);
        self.server.shared.engine.shut_down();
        let both = async {
            // A task that panicked has nothing left to wait for.
            if let Some(listening) = self.listening {
                let _ = listening.await;
            }
            let _ = self.advancing.await;
            if let Some(attending) = self.attending {
                let _ = attending.await;
            }
        };
        if tokio::time::timeout(self.grace, both).await.is_err() {
            tracing::warn!("some requests or nodes did not end in time; they are given up");
        }
        if let Some(exporting) = self.exporting {
            exporting.finish().await;
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
