//! Runs test documents (`*.test.yaml`): workflows in virtual time, against the real engine and a real store.

mod expect;
mod mocks;
mod report;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use prana_core::compile::{Compilation, Options, compile};
use prana_core::diagnostic::{Diagnostic, Severity};
use prana_core::document::{
    self, Draft, Expect, ExpectFinding, Loaded, Step, TestFile, TestWorkflow, WaitName, Workflow,
};
use prana_core::{ExecutionId, Registry};
use prana_store::{MemoryStore, SqliteStore, Target};
use prana_template::Str;

pub use self::mocks::MockEffects;
pub use self::report::{Report, junit};
use crate::clock::VirtualClock;
use crate::effects::Effects;
use crate::engine::{Engine, EngineOptions};
use crate::error::EngineError;
use crate::events::{Event, Middleware};
use crate::start::StartOptions;

pub use crate::database::AnyStore as TestStore;

/// Where the executions of a test are kept.
#[derive(Clone, Default)]
pub enum Keep {
    /// In memory.
    #[default]
    Memory,
    /// In an SQLite file of its own.
    Sqlite,
    /// In an empty store that this makes.
    In(Arc<dyn MakeStore>),
}

/// Makes empty stores.
#[async_trait::async_trait]
pub trait MakeStore: Send + Sync {
    /// One that nobody else uses.
    async fn make(&self) -> Arc<dyn TestStore>;
}

/// How tests run.
#[derive(Clone)]
pub struct TestOptions {
    /// The actions that workflows may name.
    pub registry: Registry,
    /// Runs effects that are not mocked.
    pub effects: Arc<dyn Effects>,
    /// Forget the execution before each node, and rebuild it from the store.
    pub restart_every_step: bool,
    /// Where executions are kept.
    pub keep: Keep,
}

/// Runs one test document.
///
/// # Errors
/// What is wrong with the document itself.
pub async fn run_file(path: &Path, text: &[u8], options: &TestOptions) -> Result<Report, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let test = document::load_test(&name, text)?;
    let (subject, beside) = subject(path, &test)?;
    let problems = match Harness::new(&test, subject, beside, options).await {
        Ok(harness) => harness.run(&test).await,
        Err(problem) => vec![problem],
    };
    Ok(Report { name: test.name.clone(), file: name, problems })
}

/// The workflow under test: loaded, or as far as it could be read.
type Subject = Result<Loaded, Box<Draft>>;

/// The workflow under test, and the others that stand beside it in its file.
fn subject(path: &Path, test: &TestFile) -> Result<(Subject, Vec<Workflow>), Vec<Diagnostic>> {
    match &test.workflow {
        TestWorkflow::Inline(loaded) => Ok((Ok((**loaded).clone()), Vec::new())),
        TestWorkflow::Refused(draft) => Ok((Err(draft.clone()), Vec::new())),
        TestWorkflow::File(file) => {
            let file = path.parent().unwrap_or(Path::new("")).join(file);
            let unreadable = |error: std::io::Error| {
                let message = format!("the workflow file {} can't be read: {error}", file.display());
                vec![Diagnostic::error("test.invalid_document", message)]
            };
            let text = std::fs::read(&file).map_err(unreadable)?;
            let mut drafts = document::drafts(&file.display().to_string(), &text)?;
            let draft = drafts.remove(0);
            let beside = drafts.into_iter().filter(|other| other.findings.is_empty());
            let beside = beside.map(|other| other.loaded.workflow).collect();
            Ok((if draft.findings.is_empty() { Ok(draft.loaded) } else { Err(Box::new(draft)) }, beside))
        }
    }
}

/// Hears all events of the execution under test.
#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Middleware for Recorder {
    fn on_event(&self, event: &Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

/// What is compared with an expectation after a step.
struct Observed<'a> {
    execution: Option<prana_core::execution::Execution>,
    events: Vec<&'static str>,
    refused: Option<&'a EngineError>,
}

struct Harness<'t> {
    options: &'t TestOptions,
    subject: Subject,
    others: Vec<Workflow>,
    store: Arc<dyn TestStore>,
    clock: Arc<VirtualClock>,
    mocks: Arc<MockEffects>,
    mocked: Vec<Str>,
    recorder: Arc<Recorder>,
    engine: Engine,
    execution: Option<ExecutionId>,
    environment: prana_template::Map,
    _directory: Option<Directory>,
}

impl<'t> Harness<'t> {
    async fn new(
        test: &TestFile,
        subject: Subject,
        mut others: Vec<Workflow>,
        options: &'t TestOptions,
    ) -> Result<Self, String> {
        others.extend(test.workflows.iter().map(|loaded| loaded.workflow.clone()));
        let (store, directory) = open_store(options).await?;
        let clock = Arc::new(VirtualClock::new(test.clock));
        let mocks = Arc::new(MockEffects::new(&test.mocks, Arc::clone(&options.effects)));
        let mocked: Vec<Str> = test.mocks.keys().map(|key| Str::from(key.as_str())).collect();
        let recorder = Arc::new(Recorder::default());
        let mut harness = Harness {
            options,
            others,
            engine: Engine::builder().build(),
            subject,
            store,
            clock,
            mocks,
            mocked,
            recorder,
            execution: None,
            environment: test.env.clone(),
            _directory: directory,
        };
        harness.engine = harness.start_engine();
        harness.save_workflows().await.map_err(|error| error.to_string())?;
        Ok(harness)
    }

    fn start_engine(&self) -> Engine {
        let id = self.subject.as_ref().map_or("", |loaded| loaded.workflow.id.as_str());
        let options = EngineOptions {
            stepped: true,
            restart_every_step: self.options.restart_every_step,
            ..EngineOptions::default()
        };
        Engine::builder()
            .shared_store(Arc::clone(&self.store))
            .registry(self.options.registry.clone())
            .effects(Arc::<MockEffects>::clone(&self.mocks))
            .clock(Arc::<VirtualClock>::clone(&self.clock))
            .middleware(Arc::<Recorder>::clone(&self.recorder))
            .mocked(id, self.mocked.clone())
            .options(options)
            .build()
    }

    async fn save_workflows(&self) -> Result<(), EngineError> {
        if let Ok(loaded) = &self.subject {
            self.engine.activate(&loaded.workflow).await?;
        }
        for other in &self.others {
            self.engine.activate(other).await?;
        }
        Ok(())
    }

    async fn run(mut self, test: &TestFile) -> Vec<String> {
        let mut problems = Vec::new();
        for (position, step) in test.steps.iter().enumerate() {
            let line = test.step_lines.get(position).copied().unwrap_or(0);
            let found = self.step(step).await;
            problems.extend(
                found.into_iter().map(|problem| format!("step {} (line {line}): {problem}", position + 1)),
            );
            if !problems.is_empty() {
                break;
            }
        }
        problems
    }

    async fn step(&mut self, step: &Step) -> Vec<String> {
        self.recorder.events.lock().unwrap_or_else(PoisonError::into_inner).clear();
        match step {
            Step::Run { input, trigger, expect } => {
                let started = self.start(input.clone(), trigger.clone()).await;
                self.compare(started, expect).await
            }
            Step::Advance { millis, expect } => {
                let advanced = self.advance(*millis).await;
                self.compare(advanced, expect).await
            }
            Step::Restart => {
                self.engine = self.start_engine();
                Vec::new()
            }
            Step::Resume { wait, data, expect } => {
                let target = match wait {
                    WaitName::Node(key) => Target::Node(Arc::from(key.as_str())),
                    WaitName::ExecutionIndex(index) => {
                        Target::Index(u32::try_from(*index).unwrap_or(u32::MAX))
                    }
                };
                let resumed = match self.execution {
                    Some(id) => self.engine.answer(id, target, data.clone()).await.map(|_| ()),
                    None => Ok(()),
                };
                let resumed = self.then_idle(resumed).await;
                self.compare(resumed, expect).await
            }
            Step::Cancel { expect } => {
                let cancelled = match self.execution {
                    Some(id) => self.engine.cancel(id, "the test cancels it").await,
                    None => Ok(()),
                };
                let cancelled = self.then_idle(cancelled).await;
                self.compare(cancelled, expect).await
            }
            Step::CompileError(expected) => self.compile_step(expected, Severity::Error),
            Step::CompileWarnings(expected) => self.compile_step(expected, Severity::Warning),
        }
    }

    async fn start(
        &mut self,
        input: prana_template::Value,
        trigger: Option<String>,
    ) -> Result<(), EngineError> {
        let loaded = match &self.subject {
            Ok(loaded) => loaded,
            Err(draft) => return Err(EngineError::InvalidWorkflow(draft.findings.clone())),
        };
        let options =
            StartOptions { trigger, environment: self.environment.clone(), ..StartOptions::default() };
        let id = self.engine.start_with(&loaded.workflow.id, input, options).await?;
        self.execution = Some(id);
        self.engine.run_until_idle().await
    }

    async fn then_idle(&self, before: Result<(), EngineError>) -> Result<(), EngineError> {
        before?;
        self.engine.run_until_idle().await
    }

    /// Moves the clock from one due time to the next, and at last to the end.
    async fn advance(&self, millis: u64) -> Result<(), EngineError> {
        use crate::clock::Clock;
        let end = self.clock.now().plus_millis(millis);
        let mut from = self.clock.now();
        while let Some(due) = self.engine.next_wake(from).await?.filter(|due| *due <= end) {
            self.clock.set(due);
            self.engine.run_until_idle().await?;
            from = due;
        }
        self.clock.set(end);
        self.engine.run_until_idle().await
    }

    async fn compare(&self, result: Result<(), EngineError>, expect: &Expect) -> Vec<String> {
        let execution = match self.execution {
            Some(id) => match self.engine.execution(id).await {
                Ok(execution) => Some(execution),
                Err(error) => return vec![format!("the execution can't be read: {error}")],
            },
            None => None,
        };
        let events = self.recorder.events.lock().unwrap_or_else(PoisonError::into_inner);
        let own = events.iter().filter(|event| Some(event.execution_id) == self.execution);
        let events = own.map(|event| event.kind.as_str()).collect();
        expect::compare(&Observed { execution, events, refused: result.as_ref().err() }, expect)
    }

    fn compile_step(&self, expected: &[ExpectFinding], severity: Severity) -> Vec<String> {
        let loaded = self.subject.as_ref().unwrap_or_else(|draft| &draft.loaded);
        let locate = loaded.locator();
        let options = Options { mocked: &self.mocked, locate: Some(&locate), ..Options::default() };
        let Compilation { diagnostics, .. } = compile(&loaded.workflow, &self.options.registry, options);
        let found = match &self.subject {
            Ok(_) => diagnostics,
            Err(draft) => draft.with_compiled(diagnostics),
        };
        if severity == Severity::Warning && found.iter().any(Diagnostic::is_error) {
            return found.iter().map(|finding| format!("the workflow is refused: {finding}")).collect();
        }
        let found: Vec<&Diagnostic> = found.iter().filter(|finding| finding.severity == severity).collect();
        expect::compare_findings(&found, expected)
    }
}

/// A folder that is removed with the test.
struct Directory(std::path::PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // What can't be removed stays in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn open_store(options: &TestOptions) -> Result<(Arc<dyn TestStore>, Option<Directory>), String> {
    match &options.keep {
        Keep::Memory => return Ok((Arc::new(MemoryStore::new()), None)),
        Keep::In(stores) => return Ok((stores.make().await, None)),
        Keep::Sqlite => {}
    }
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("prana-test-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let store = SqliteStore::open(folder.join("test.db")).map_err(|error| error.to_string())?;
    Ok((Arc::new(store), Some(Directory(folder))))
}
