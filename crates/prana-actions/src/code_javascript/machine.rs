//! One thread's JavaScript engine: a fresh context for every run, with limits on time, memory and stack.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use prana_core::ErrorValue;
use prana_core::record::Completed;
use prana_template::{Map, Str, Value};
use rquickjs::context::intrinsic;
use rquickjs::function::Args;
use rquickjs::promise::PromiseState;
use rquickjs::{Array, Context, Ctx, Function, Object, Promise, Runtime, Value as JsValue};

use super::console::Console;
use super::failure::{self, Course, Limits, Stop};
use super::values::{Helpers, Reader, Refusal, to_js};

const PRELUDE: &str = include_str!("prelude.js");

/// Calls of functions within functions may take this many bytes.
const MAX_STACK_BYTES: usize = 512 << 10;

/// Everything but weak references, which would show when memory is freed, and clocks.
type Intrinsics = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// What runs.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// The body of an async function.
    pub code: Str,
    /// The values of the names in it.
    pub scope: Map,
    pub timeout: Duration,
    pub memory_bytes: usize,
}

impl Program {
    pub fn limits(&self) -> Limits {
        Limits { timeout: self.timeout, memory_bytes: self.memory_bytes }
    }
}

/// Until when a run may go on.
struct Watch {
    deadline: Instant,
    is_needed: Box<dyn Fn() -> bool>,
    stopped: Option<Stop>,
}

impl Watch {
    /// True if the run must end.
    fn look(&mut self) -> bool {
        if self.stopped.is_none() {
            self.stopped = match (self.is_needed)() {
                false => Some(Stop::NotNeeded),
                true if Instant::now() >= self.deadline => Some(Stop::Time),
                true => None,
            };
        }
        self.stopped.is_some()
    }
}

/// An engine, used for one run after the other as long as each leaves it clean.
#[derive(Default)]
pub(super) struct Machine {
    engine: Option<Engine>,
}

impl Machine {
    /// Runs a program. `is_needed` is asked now and then, and ends the run by saying no.
    pub fn run(
        &mut self,
        program: &Program,
        is_needed: impl Fn() -> bool + 'static,
    ) -> Result<Completed, ErrorValue> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => Engine::new().map_err(|error| failure::no_engine(&error))?,
        };
        let deadline = Instant::now() + program.timeout;
        let watch = Watch { deadline, is_needed: Box::new(is_needed), stopped: None };
        let result = run_in(&engine.runtime, program, watch);
        engine.runtime.set_interrupt_handler(None);
        engine.runtime.set_memory_limit(0);
        self.engine = engine.cleaned();
        result
    }
}

struct Engine {
    runtime: Runtime,
    /// Objects that are there between two runs.
    objects: i64,
}

impl Engine {
    fn new() -> rquickjs::Result<Self> {
        let runtime = Runtime::new()?;
        // What the host's functions have in common belongs to the first context for ever: no code ever runs in that one.
        Context::custom::<Intrinsics>(&runtime)?.with(|ctx| Function::new(ctx, || ()).map(drop))?;
        runtime.run_gc();
        let objects = runtime.memory_usage().obj_count;
        Ok(Engine { runtime, objects })
    }

    /// The engine, if nothing of the run is left in it: no object, and no promise that waits to be gone on with.
    fn cleaned(self) -> Option<Self> {
        if self.runtime.is_job_pending() {
            return None;
        }
        self.runtime.run_gc();
        let is_clean = self.runtime.memory_usage().obj_count == self.objects;
        if !is_clean {
            // An engine that lost track of an object would end the process when it is freed: it is left to lie.
            std::mem::forget(self);
            return None;
        }
        Some(self)
    }
}

fn run_in(runtime: &Runtime, program: &Program, watch: Watch) -> Result<Completed, ErrorValue> {
    runtime.set_max_stack_size(MAX_STACK_BYTES);
    runtime.set_memory_limit(program.memory_bytes);
    let context = Context::custom::<Intrinsics>(runtime).map_err(|error| failure::no_engine(&error))?;
    let watch = Rc::new(RefCell::new(watch));
    let looking = Rc::clone(&watch);
    runtime.set_interrupt_handler(Some(Box::new(move || looking.borrow_mut().look())));
    let console = Rc::new(Console::default());
    let ended = context.with(|ctx| {
        let run = Run {
            ctx: ctx.clone(),
            program,
            watch: &watch,
            console: &console,
            is_read: Cell::default(),
            is_lost: Cell::default(),
        };
        run.result().map_err(|refusal| run.error(refusal))
    });
    let written = console.take();
    match ended {
        Ok(mut completed) => {
            if let Some(lines) = written {
                completed.context_updates.insert("console", lines);
            }
            Ok(completed)
        }
        Err(error) => Err(failure::with_console(error, written)),
    }
}

struct Run<'a, 'js> {
    ctx: Ctx<'js>,
    program: &'a Program,
    watch: &'a Rc<RefCell<Watch>>,
    console: &'a Rc<Console>,
    /// The code was read as JavaScript.
    is_read: Cell<bool>,
    /// What should have gone on was lost, for want of memory.
    is_lost: Cell<bool>,
}

impl<'js> Run<'_, 'js> {
    fn result(&self) -> Result<Completed, Refusal> {
        let around = self.surroundings()?;
        let promise = self.start(&around)?;
        self.finish(&promise)?;
        let result: JsValue<'js> = match promise.result() {
            Some(result) => result?,
            None => return Err(Refusal::Unsettled),
        };
        let opened: Array<'js> = around.get::<_, Function<'js>>("open")?.call((result,))?;
        let port: Option<String> = opened.get(0)?;
        let helpers = Helpers { kind: around.get("kind")?, well_formed: around.get("wellFormed")? };
        let output = Reader::new(&self.ctx, &helpers)?.read(&opened.get(1)?)?;
        Ok(Completed { port: port.map(Str::from), ..Completed::new(output) })
    }

    /// What the prelude makes.
    fn surroundings(&self) -> rquickjs::Result<Object<'js>> {
        let console = Rc::clone(self.console);
        let write =
            move |level: String, message: rquickjs::Coerced<String>| console.write(&level, &message.0);
        let write = Function::new(self.ctx.clone(), write)?;
        self.ctx.eval::<Function<'js>, _>(PRELUDE)?.call((write,))
    }

    /// Begins the code, as a function whose arguments are the names in it.
    fn start(&self, around: &Object<'js>) -> rquickjs::Result<Promise<'js>> {
        let names: Vec<&str> = self.program.scope.keys().map(|name| &**name).collect();
        let compile: Function<'js> = around.get("compile")?;
        let code: Function<'js> = compile.call((names, &*self.program.code))?;
        self.is_read.set(true);
        let mut args = Args::new(self.ctx.clone(), self.program.scope.len());
        for (name, value) in self.program.scope.iter() {
            args.push_arg(match (&**name, value) {
                ("$nodes", Value::Map(nodes)) => self.nodes(around, nodes)?,
                _ => to_js(&self.ctx, value)?,
            })?;
        }
        code.call_arg(args)
    }

    /// `$nodes`: a node's result becomes one of JavaScript when it is read.
    fn nodes(&self, around: &Object<'js>, nodes: &Map) -> rquickjs::Result<JsValue<'js>> {
        let keys: Vec<&str> = nodes.keys().map(|key| &**key).collect();
        let nodes = nodes.clone();
        let load = move |ctx: Ctx<'js>, at: usize| -> rquickjs::Result<JsValue<'js>> {
            let value = nodes.entry_at(at).map(|(_, value)| value.clone());
            to_js(&ctx, &value.unwrap_or_default())
        };
        let load = Function::new(self.ctx.clone(), load)?;
        around.get::<_, Function<'js>>("nodes")?.call((keys, load))
    }

    /// Goes on with what waits until the promise is settled.
    fn finish(&self, promise: &Promise<'js>) -> Result<(), Refusal> {
        while promise.state() == PromiseState::Pending {
            if self.watch.borrow_mut().look() || !self.ctx.execute_pending_job() {
                return Err(Refusal::Unsettled);
            }
            // The exception of a job is taken by who ran it; this one nobody knows of.
            if self.ctx.has_exception() {
                self.is_lost.set(true);
            }
        }
        Ok(())
    }

    /// The error of the node.
    fn error(&self, refusal: Refusal) -> ErrorValue {
        let limits = self.program.limits();
        let error = match refusal {
            Refusal::Thrown(error) => {
                let words = ["null", "undefined", "throw", "reject"];
                let may_throw_null = words.iter().any(|word| self.program.code.contains(word));
                let is_read = self.is_read.get();
                failure::thrown(&self.ctx, error, Course { limits, is_read, may_throw_null })
            }
            Refusal::Invalid(message) => failure::invalid(message),
            Refusal::TooLarge => failure::too_large(),
            Refusal::Unsettled if self.is_lost.get() => failure::out_of_memory(limits),
            Refusal::Unsettled => failure::never_settles(),
        };
        match self.watch.borrow().stopped {
            Some(stop) => failure::stopped(stop, limits),
            None => error,
        }
    }
}
