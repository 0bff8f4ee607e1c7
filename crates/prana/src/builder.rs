//! How an engine is put together.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use prana_actions::{AllowedHosts, SecretText};
use prana_core::Registry;
use prana_store::{Catalog, MemoryStore, Store, WorkerId};
use prana_template::Str;
use tokio::sync::Notify;

use crate::clock::{Clock, SystemClock};
use crate::credentials::Credentials;
use crate::effects::{Effects, NoEffects};
use crate::engine::{Engine, EngineOptions, Inner};
use crate::events::Middleware;
use crate::health::Pulse;
use crate::lease::Lease;
use crate::nudges::{Nudges, Parked};
use crate::schedules::Scheduler;
use crate::secrets::{MasterKeys, Revealed, SecretError, Secrets};
use crate::traces::Tracing;
use crate::workflows::Workflows;

/// Makes an [`Engine`].
pub struct Builder {
    store: Arc<dyn Store>,
    catalog: Arc<dyn Catalog>,
    registry: Registry,
    effects: Arc<dyn Effects>,
    clock: Arc<dyn Clock>,
    options: EngineOptions,
    middleware: Vec<Arc<dyn Middleware>>,
    mocked: HashMap<String, Vec<Str>>,
    worker: Option<WorkerId>,
    master_keys: Option<MasterKeys>,
    given_secrets: BTreeMap<String, Revealed>,
    pub(crate) tracing: Option<Tracing>,
}

impl Builder {
    /// Everything in memory, the pure actions, and the computer's clock.
    pub(crate) fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        Builder {
            store: Arc::<MemoryStore>::clone(&store),
            catalog: store,
            registry: Registry::standard(),
            effects: Arc::new(NoEffects),
            clock: Arc::new(SystemClock),
            options: EngineOptions::default(),
            middleware: Vec::new(),
            mocked: HashMap::new(),
            worker: None,
            master_keys: None,
            given_secrets: BTreeMap::new(),
            tracing: None,
        }
    }

    /// Where executions and definitions are kept; in memory, if not said.
    #[must_use]
    pub fn store<S: Store + Catalog + 'static>(mut self, store: Arc<S>) -> Self {
        self.store = Arc::<S>::clone(&store);
        self.catalog = store;
        self
    }

    /// The same for a store whose type isn't known.
    #[must_use]
    pub fn shared_store(mut self, store: Arc<dyn crate::testing::TestStore>) -> Self {
        self.store = Arc::<dyn crate::testing::TestStore>::clone(&store);
        self.catalog = store;
        self
    }

    /// The actions that workflows may name.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Runs the effects.
    #[must_use]
    pub fn effects(mut self, effects: Arc<dyn Effects>) -> Self {
        self.effects = effects;
        self
    }

    /// Where time and randomness come from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How it behaves.
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// Adds somebody who hears of events, after those added before.
    #[must_use]
    pub fn middleware(mut self, middleware: Arc<dyn Middleware>) -> Self {
        self.middleware.push(middleware);
        self
    }

    /// Nodes of a workflow that [`Effects`] answer for instead of their action: for tests.
    #[must_use]
    pub fn mocked(mut self, workflow_id: &str, nodes: Vec<Str>) -> Self {
        self.mocked.insert(workflow_id.to_owned(), nodes);
        self
    }

    /// This worker's identity; a new one, if not said.
    #[must_use]
    pub fn worker(mut self, worker: WorkerId) -> Self {
        self.worker = Some(worker);
        self
    }

    /// What stored secrets are locked with. Without it there are none but those given by [`Builder::secret`].
    #[must_use]
    pub fn master_keys(mut self, keys: MasterKeys) -> Self {
        self.master_keys = Some(keys);
        self
    }

    /// Gives this engine a secret that is stored nowhere, and may be sent to any host. It comes before a stored one of that name.
    ///
    /// # Errors
    /// [`SecretError`]: a name or text that won't do.
    pub fn secret(mut self, name: &str, text: SecretText) -> Result<Self, SecretError> {
        crate::secrets::check_name(name)?;
        crate::secrets::check_text(&text)?;
        self.given_secrets.insert(name.to_owned(), Revealed { text, allowed_hosts: AllowedHosts::any() });
        Ok(self)
    }

    /// The engine. It advances executions once [`Engine::serve`] runs, or when stepped.
    pub fn build(self) -> Engine {
        let worker = self.worker.unwrap_or_else(|| {
            WorkerId(crate::clock::uuid_v7(self.clock.now(), self.clock.random(), self.clock.random()))
        });
        let catalog = Arc::clone(&self.catalog);
        let secrets = Secrets::new(catalog, Arc::clone(&self.clock), self.master_keys, self.given_secrets);
        let secrets = Arc::new(secrets);
        let catalog = Arc::clone(&self.catalog);
        let inner = Inner {
            credentials: Credentials::new(Arc::clone(&secrets), catalog, Arc::clone(&self.clock)),
            secrets,
            workflows: Workflows::new(self.catalog, Arc::new(self.registry), self.mocked),
            store: self.store,
            effects: self.effects,
            clock: self.clock,
            options: self.options,
            middleware: self.middleware,
            tracing: self.tracing,
            worker,
            nudges: Nudges::default(),
            schedules: Scheduler::default(),
            parked: Parked::default(),
            wake: Notify::new(),
            pulse: Pulse::default(),
            may_hold_unknown: AtomicBool::new(false),
            lease: Lease::default(),
            queue: Mutex::default(),
            waiters: Mutex::default(),
            stopping: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            idle: Notify::new(),
        };
        Engine { inner: Arc::new(inner) }
    }
}
