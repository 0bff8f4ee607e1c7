//! An engine for the length of one command: its store, its events, and the signals that end it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prana::core::ExecutionId;
use prana::store::MemoryStore;
use prana::{AnyStore, Engine, Event, Middleware};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::builtin;
use crate::exit::{Failure, Outcome};
use crate::secrets::{Given, SecretFile};

/// The stack of each thread: templates and values nest, but not without limit.
const STACK_BYTES: usize = 8 << 20;

/// Where executions are kept while the command runs, and after it.
#[derive(Debug, Clone)]
pub enum Keep {
    /// Nowhere: rows and waits in memory, no trail.
    Nothing,
    /// In memory, with the trail, so that it can be printed.
    Trail,
    /// In a database file, or on a server.
    File(PathBuf),
}

impl Keep {
    /// Whether executions outlive the command.
    pub fn is_durable(&self) -> bool {
        matches!(self, Keep::File(_))
    }
}

/// Runs a command that needs the engine.
pub fn block_on<T>(command: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("no threads can be started: {error}")))?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Opens a database that is to be there.
///
/// # Errors
/// A file that does not exist, or can't be opened.
pub async fn open_existing(path: &Path) -> Outcome<Arc<dyn AnyStore>> {
    if !prana::is_server(path) && !path.exists() {
        return Err(no_database(path));
    }
    open(path).await
}

/// A database that isn't there.
pub fn no_database(path: &Path) -> Failure {
    Failure::new(format!("there is no database {path:?}"))
        .help("`prana run FILE --db DATABASE` makes one; check the name")
}

/// Opens a database, or makes it: a file, or on a server.
///
/// # Errors
/// One that can't be opened.
pub async fn open(path: &Path) -> Outcome<Arc<dyn AnyStore>> {
    Ok(prana::open_database(path).await?)
}

/// An engine with what it tells.
pub struct Session {
    /// The engine. It advances executions while [`Session::serve`]d.
    pub engine: Engine,
    /// What happens, in order.
    pub events: UnboundedReceiver<Event>,
}

impl Session {
    /// An engine over a new or existing store.
    ///
    /// # Errors
    /// A database that can't be opened.
    pub async fn new(keep: &Keep) -> Outcome<Self> {
        Session::with_secrets(keep, &[], false).await
    }

    /// As [`Session::new`], with secrets from files, and programs if `shell` is true.
    ///
    /// # Errors
    /// As [`Session::new`], or a file that can't be read.
    pub async fn with_secrets(keep: &Keep, secrets: &[SecretFile], shell: bool) -> Outcome<Self> {
        let given = |database| Given::new(secrets, database);
        match keep {
            Keep::Nothing => Session::given(Arc::new(MemoryStore::ephemeral()), given(None)?, shell),
            Keep::Trail => Session::given(Arc::new(MemoryStore::new()), given(None)?, shell),
            Keep::File(path) => Session::given(open(path).await?, given(Some(path))?, shell),
        }
    }

    /// An engine over a store.
    ///
    /// # Errors
    /// If the actions can't be set up.
    pub fn over(store: Arc<dyn AnyStore>) -> Outcome<Self> {
        Session::given(store, Given::new(&[], None)?, false)
    }

    /// An engine over a database that is to be there.
    ///
    /// # Errors
    /// One that isn't there, or can't be opened.
    pub async fn existing(path: &Path, shell: bool) -> Outcome<Self> {
        Session::given(open_existing(path).await?, Given::new(&[], Some(path))?, shell)
    }

    fn given(store: Arc<dyn AnyStore>, given: Given, shell: bool) -> Outcome<Self> {
        let (sender, events) = unbounded_channel();
        let builder = Engine::builder()
            .shared_store(store)
            .registry(builtin::registry())
            .effects(builtin::effects(shell)?)
            .middleware(Arc::new(Forward(sender)));
        Ok(Session { engine: given.to(builder)?.build(), events })
    }

    /// Begins to advance executions; the task ends after [`Engine::shut_down`].
    pub fn serve(&self) -> tokio::task::JoinHandle<()> {
        let engine = self.engine.clone();
        tokio::spawn(async move { engine.serve().await })
    }
}

/// Hands events on to the task that shows them.
struct Forward(UnboundedSender<Event>);

impl Middleware for Forward {
    fn on_event(&self, event: &Event) {
        // Nobody shows events any more when the command ends.
        let _ = self.0.send(event.clone());
    }
}

/// Ctrl-C and requests to terminate.
pub struct Interrupts {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    /// Takes the signals over.
    ///
    /// # Errors
    /// If the system refuses.
    #[cfg(unix)]
    pub fn new() -> Outcome<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| Failure::new(format!("no signals: {error}")));
        Ok(Interrupts {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Takes the signals over.
    #[cfg(not(unix))]
    pub fn new() -> Outcome<Self> {
        Ok(Interrupts {})
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    pub async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Ends the program at once, as a second Ctrl-C asks for.
pub fn exit_at_once() -> ! {
    std::process::exit(130)
}

/// An execution's identity, as written on the command line.
///
/// # Errors
/// Text that is none.
pub fn execution_id(text: &str) -> Result<ExecutionId, String> {
    text.parse().map_err(|_| {
        "an execution has an id such as 0190f6f2-7c1a-7b3e-8a51-0d6c2f0e9b7a; `prana executions list` shows them"
            .to_owned()
    })
}

/// The time.
pub fn now() -> prana::core::Timestamp {
    use prana::Clock;
    prana::SystemClock.now()
}
