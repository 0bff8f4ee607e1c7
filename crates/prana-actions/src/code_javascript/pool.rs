//! The few threads on which code runs, so that none of it holds up anything else.
//!
//! A run ends by its limits, since the engine looks at the clock all the time. Should a built-in function not do so, its thread is given up some time
//! later: who waits is told, and another thread takes its place.

use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use prana_core::ErrorValue;
use prana_core::record::Completed;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::failure::{Limits, timed_out};
use super::machine::{Machine, Program};

/// A thread's stack: that of JavaScript, and what reads and writes its values beside it.
const STACK_BYTES: usize = 8 << 20;

/// What a built-in function may take beyond its time without looking at the clock.
const GRACE: Duration = Duration::from_secs(2);

/// While something runs, it is looked after at least so often.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// With so many threads given up that have not ended, no more code is taken.
const MAX_STUCK: usize = 8;

type Outcome = Result<Completed, ErrorValue>;

struct Job {
    program: Program,
    cancelled: CancellationToken,
    reply: oneshot::Sender<Outcome>,
    /// Gone when nobody waits for the result any more.
    wanted: Weak<()>,
}

/// A job that a thread has taken.
struct Running {
    number: u64,
    /// When its thread is given up.
    until: Instant,
    limits: Limits,
    reply: oneshot::Sender<Outcome>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    running: Vec<Running>,
    /// Runs so far.
    runs: u64,
    threads: usize,
    idle: usize,
    /// Threads that were given up and have not ended.
    stuck: usize,
    is_watched: bool,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to run.
    ready: Condvar,
    /// There is something to look after.
    begun: Condvar,
    most: usize,
}

/// Threads that are started when there is something to run, and end with the pool.
pub(super) struct Pool(Arc<Shared>);

impl Default for Pool {
    fn default() -> Self {
        let most = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        let (state, ready, begun) = (Mutex::default(), Condvar::new(), Condvar::new());
        Pool(Arc::new(Shared { state, ready, begun, most }))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.ready.notify_all();
        self.0.begun.notify_all();
    }
}

impl Pool {
    /// Runs a program, after those that came before it. Dropping the future ends the run.
    pub async fn run(&self, program: Program, cancelled: CancellationToken) -> Outcome {
        let (reply, replied) = oneshot::channel();
        let wanted = Arc::new(());
        let job = Job { program, cancelled, reply, wanted: Arc::downgrade(&wanted) };
        Shared::submit(&self.0, job)?;
        replied.await.unwrap_or_else(|_| Err(unavailable("the thread that ran the code ended")))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(shared: &Arc<Shared>, job: Job) -> Result<(), ErrorValue> {
        let mut state = shared.lock();
        if state.stuck >= MAX_STUCK {
            return Err(unavailable(
                "too many runs of code are beyond their time and can't be ended from outside",
            ));
        }
        state.jobs.push_back(job);
        let started = Shared::watched(shared, &mut state).and_then(|()| Shared::grow(shared, &mut state));
        if let Err(error) = started
            && state.threads == 0
        {
            state.jobs.pop_back();
            return Err(unavailable(format!("no thread could be started for code: {error}")));
        }
        shared.ready.notify_one();
        Ok(())
    }

    /// Starts another thread if there is more to run than there are threads that wait for something.
    fn grow(shared: &Arc<Shared>, state: &mut State) -> io::Result<()> {
        if state.idle < state.jobs.len() && state.threads < shared.most {
            let own = Arc::clone(shared);
            start("prana-code", move || own.work())?;
            state.threads += 1;
        }
        Ok(())
    }

    /// Starts the thread that looks after the others.
    fn watched(shared: &Arc<Shared>, state: &mut State) -> io::Result<()> {
        if !state.is_watched {
            let own = Arc::clone(shared);
            start("prana-code-watch", move || Shared::watch(&own))?;
            state.is_watched = true;
        }
        Ok(())
    }

    /// Runs what comes, until the pool is closed or this thread was given up.
    fn work(&self) {
        let mut machine = Machine::default();
        while let Some(job) = self.next() {
            let Job { program, cancelled, reply, wanted } = job;
            let is_needed = move || wanted.strong_count() > 0 && !cancelled.is_cancelled();
            if !is_needed() {
                continue;
            }
            let number = self.begin(program.limits(), reply);
            let run = AssertUnwindSafe(|| machine.run(&program, is_needed));
            let outcome = std::panic::catch_unwind(run).unwrap_or_else(|_| Err(panicked()));
            match self.end(number) {
                // Nobody may wait for it any more.
                Some(reply) => drop(reply.send(outcome)),
                None => return,
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn begin(&self, limits: Limits, reply: oneshot::Sender<Outcome>) -> u64 {
        let mut state = self.lock();
        state.runs += 1;
        let number = state.runs;
        let until = Instant::now() + limits.timeout + GRACE;
        state.running.push(Running { number, until, limits, reply });
        self.begun.notify_one();
        number
    }

    /// Who waits for the result; none if the thread was given up.
    fn end(&self, number: u64) -> Option<oneshot::Sender<Outcome>> {
        let mut state = self.lock();
        let position = state.running.iter().position(|running| running.number == number);
        if position.is_none() {
            state.stuck -= 1;
        }
        position.map(|position| state.running.swap_remove(position).reply)
    }

    /// Gives up threads that are beyond their time, until the pool is closed and nothing runs.
    fn watch(shared: &Arc<Shared>) {
        let mut state = shared.lock();
        while !(state.closed && state.running.is_empty()) {
            let now = Instant::now();
            let late = state.running.iter().position(|running| running.until <= now);
            state = match (late, state.running.is_empty()) {
                (Some(position), _) => {
                    Shared::give_up(shared, &mut state, position);
                    state
                }
                (None, true) => shared.begun.wait(state).unwrap_or_else(PoisonError::into_inner),
                (None, false) => {
                    let waited = shared.begun.wait_timeout(state, LOOK_AFTER);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn give_up(shared: &Arc<Shared>, state: &mut State, position: usize) {
        let Running { limits, reply, .. } = state.running.swap_remove(position);
        // Nobody may wait for it any more.
        let _ = reply.send(Err(timed_out(limits)));
        state.threads -= 1;
        state.stuck += 1;
        // Should no thread start, the next job tries again.
        let _ = Shared::grow(shared, state);
    }
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(work).map(drop)
}

fn unavailable(message: impl Into<String>) -> ErrorValue {
    ErrorValue::new("code.unavailable", message)
}

fn panicked() -> ErrorValue {
    ErrorValue::new("action.panicked", "the action panicked while it ran code")
}
