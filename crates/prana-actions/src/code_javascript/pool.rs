//! The few threads on which code runs, so that none of it holds up anything else.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

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

type Outcome = Result<Completed, ErrorValue>;

struct Job {
    program: Program,
    cancelled: CancellationToken,
    started: oneshot::Sender<()>,
    reply: oneshot::Sender<Outcome>,
    /// Gone when nobody waits for the result any more.
    wanted: Weak<()>,
    /// Shared with who waits.
    course: Arc<Mutex<Course>>,
}

impl Job {
    fn is_needed(&self) -> bool {
        self.wanted.strong_count() > 0 && !self.cancelled.is_cancelled()
    }
}

/// How a run goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Running,
    Ended,
    /// It went on beyond its time and grace: its thread is given up.
    Left,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// Threads that run what can't be ended.
    stuck: usize,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    ready: Condvar,
    most: usize,
}

/// Threads that are started when there is something to run, and end with the pool.
pub(super) struct Pool(Arc<Shared>);

impl Default for Pool {
    fn default() -> Self {
        let most = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        Pool(Arc::new(Shared { state: Mutex::default(), ready: Condvar::new(), most }))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.ready.notify_all();
    }
}

impl Pool {
    /// Runs a program, after those that came before it. Dropping the future ends the run.
    pub async fn run(&self, program: Program, cancelled: CancellationToken) -> Outcome {
        let limits = Limits { timeout: program.timeout, memory_bytes: program.memory_bytes };
        let (started, has_started) = oneshot::channel();
        let (reply, replied) = oneshot::channel();
        let wanted = Arc::new(());
        let course = Arc::new(Mutex::new(Course::Running));
        let (is_wanted, own_course) = (Arc::downgrade(&wanted), Arc::clone(&course));
        let job = Job { program, cancelled, started, reply, wanted: is_wanted, course: own_course };
        Shared::submit(&self.0, job)?;
        // An error means that it has ended already.
        let _ = has_started.await;
        match tokio::time::timeout(limits.timeout + GRACE, replied).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ErrorValue::new("code.unavailable", "the thread that ran the code ended")),
            Err(_) => {
                self.0.leave(&course);
                Err(timed_out(limits))
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(shared: &Arc<Shared>, job: Job) -> Result<(), ErrorValue> {
        let mut state = shared.lock();
        if state.stuck >= 2 * shared.most {
            let message = "too many runs of code are beyond their time and can't be ended; the server must be started again";
            return Err(ErrorValue::new("code.unavailable", message));
        }
        state.jobs.push_back(job);
        if state.idle < state.jobs.len() && state.threads < shared.most {
            let own = Arc::clone(shared);
            let builder = std::thread::Builder::new().name("prana-code".to_owned()).stack_size(STACK_BYTES);
            match builder.spawn(move || own.work()) {
                Ok(_) => state.threads += 1,
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    state.jobs.pop_back();
                    let message = format!("no thread could be started for code: {error}");
                    return Err(ErrorValue::new("code.unavailable", message));
                }
            }
        }
        shared.ready.notify_one();
        Ok(())
    }

    /// Runs what comes, until the pool is closed or this thread was given up.
    fn work(&self) {
        let mut machine = Machine::default();
        while let Some(job) = self.next() {
            if !job.is_needed() {
                continue;
            }
            let (wanted, cancelled) = (Weak::clone(&job.wanted), job.cancelled.clone());
            let is_needed = move || wanted.strong_count() > 0 && !cancelled.is_cancelled();
            // Nobody may wait for either any more.
            let _ = job.started.send(());
            let run = AssertUnwindSafe(|| machine.run(&job.program, is_needed));
            let outcome = std::panic::catch_unwind(run).unwrap_or_else(|_| Err(panicked()));
            let _ = job.reply.send(outcome);
            let mut course = job.course.lock().unwrap_or_else(PoisonError::into_inner);
            if *course == Course::Left {
                self.lock().stuck -= 1;
                return;
            }
            *course = Course::Ended;
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

    /// A thread is beyond its time: another may be started in its place, and it ends when it can.
    fn leave(&self, course: &Mutex<Course>) {
        let mut course = course.lock().unwrap_or_else(PoisonError::into_inner);
        if *course == Course::Running {
            *course = Course::Left;
            let mut state = self.lock();
            state.threads -= 1;
            state.stuck += 1;
        }
    }
}

fn panicked() -> ErrorValue {
    ErrorValue::new("action.panicked", "the action panicked while it ran code")
}
