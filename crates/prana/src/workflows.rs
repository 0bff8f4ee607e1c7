//! Definitions: saved versions, and their compiled form, made once and shared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prana_core::Registry;
use prana_core::compile::{CompiledGraph, Options, compile};
use prana_core::document::{self, Workflow};
use prana_store::{Catalog, NewVersion, Which};
use prana_template::{Str, Value};

use crate::clock::Clock;
use crate::error::EngineError;
use crate::nudges::locked;

/// A workflow version with its document.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its number.
    pub number: u64,
    /// Its document.
    pub workflow: Arc<Workflow>,
}

/// What a compiled graph depends on besides the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    id: String,
    version: u64,
    trigger: Option<String>,
    test_run: bool,
    until: Option<String>,
}

impl Key {
    fn new(id: &str, version: u64, trigger: Option<&str>, test_run: bool, until: Option<&str>) -> Self {
        let (trigger, until) = (trigger.map(str::to_owned), until.map(str::to_owned));
        Key { id: id.to_owned(), version, trigger, test_run, until }
    }
}

/// Compiled graphs kept at most; the cache is emptied when it is full.
const CACHED: usize = 1_000;

/// The definitions that an engine works with.
pub(crate) struct Workflows {
    catalog: Arc<dyn Catalog>,
    registry: Arc<Registry>,
    mocked: HashMap<String, Vec<Str>>,
    compiled: Mutex<HashMap<Key, Arc<CompiledGraph>>>,
    /// Versions never change: each is read once.
    documents: Mutex<HashMap<(String, u64), Arc<Workflow>>>,
}

impl Workflows {
    pub fn new(
        catalog: Arc<dyn Catalog>,
        registry: Arc<Registry>,
        mocked: HashMap<String, Vec<Str>>,
    ) -> Self {
        Workflows { catalog, registry, mocked, compiled: Mutex::default(), documents: Mutex::default() }
    }

    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.catalog
    }

    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Saves a version and makes it the active one.
    pub async fn activate(&self, workflow: &Workflow, clock: &dyn Clock) -> Result<u64, EngineError> {
        let bytes = document::to_value(workflow).to_json_string().into_bytes();
        let new = NewVersion { workflow_id: workflow.id.clone(), bytes, based_on: None, at: clock.now() };
        let saved = self.catalog.save_workflow(new).await?;
        self.catalog.activate(&workflow.id, Some(saved.version), clock.now()).await?;
        Ok(saved.version)
    }

    /// The document of a version.
    pub async fn version(&self, id: &str, which: Which) -> Result<Version, EngineError> {
        let stored = self.catalog.workflow(id, which).await?;
        let stored = stored.ok_or_else(|| EngineError::UnknownWorkflow(id.to_owned()))?;
        let key = (id.to_owned(), stored.version);
        if let Some(known) = locked(&self.documents).get(&key) {
            return Ok(Version { number: stored.version, workflow: Arc::clone(known) });
        }
        let value = Value::parse_json(&stored.bytes).map_err(EngineError::damaged)?;
        let workflow = document::from_value(&value).map_err(EngineError::InvalidWorkflow)?;
        let workflow = Arc::new(workflow);
        let mut documents = locked(&self.documents);
        if documents.len() >= CACHED {
            documents.clear();
        }
        documents.insert(key, Arc::clone(&workflow));
        Ok(Version { number: stored.version, workflow })
    }

    /// The compiled form of a version for a trigger (none: the only one), up to a node (none: to its ends).
    pub async fn compiled(
        &self,
        id: &str,
        which: Which,
        trigger: Option<&str>,
        test_run: bool,
        until: Option<&str>,
    ) -> Result<Arc<CompiledGraph>, EngineError> {
        if let Which::Version(version) = which
            && let Some(known) = self.known(id, version, trigger, test_run, until)
        {
            return Ok(known);
        }
        let version = self.version(id, which).await?;
        if let Some(known) = self.known(id, version.number, trigger, test_run, until) {
            return Ok(known);
        }
        self.compile(&version, trigger, test_run, until)
    }

    fn known(
        &self,
        id: &str,
        version: u64,
        trigger: Option<&str>,
        test_run: bool,
        until: Option<&str>,
    ) -> Option<Arc<CompiledGraph>> {
        let key = Key::new(id, version, trigger, test_run, until);
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    fn compile(
        &self,
        version: &Version,
        trigger: Option<&str>,
        test_run: bool,
        until: Option<&str>,
    ) -> Result<Arc<CompiledGraph>, EngineError> {
        let id = &version.workflow.id;
        let mocked = self.mocked.get(id).map_or(&[][..], Vec::as_slice);
        let options = Options { trigger, mocked, use_pinned: test_run, until, locate: None };
        let numbered = Workflow { version: Some(version.number), ..(*version.workflow).clone() };
        let graph = compile(&numbered, &self.registry, options).into_result();
        let graph = graph.map_err(EngineError::InvalidWorkflow)?;
        let key = Key::new(id, version.number, trigger, test_run, until);
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= CACHED {
            compiled.clear();
        }
        compiled.insert(key, Arc::clone(&graph));
        Ok(graph)
    }

    /// The trigger at which a start from outside begins, if none is named: the only one, or the only manual one.
    pub fn default_trigger(&self, workflow: &Workflow, wanted: &str) -> Option<String> {
        let is = |node: &&document::Node, name: &str| {
            self.registry.action(&node.type_name).is_some_and(|action| &*action.descriptor.type_name == name)
        };
        let mut of_type = workflow.nodes.iter().filter(|node| is(node, wanted));
        match (of_type.next(), of_type.next()) {
            (Some(only), None) => Some(only.key.clone()),
            _ => None,
        }
    }
}
