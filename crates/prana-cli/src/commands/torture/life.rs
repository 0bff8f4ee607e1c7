//! The life of one worker: how long it is left alone, when it is frozen and thawed, and how it ends.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::tormentor::broken;
use crate::exit::Outcome;

/// How long a worker lives on average, in milliseconds: alone, and where several share the work and wait for each other's leases.
const ALONE_MS: f64 = 150.0;
const SHARING_MS: f64 = 2_500.0;

/// How a life ended.
pub enum End {
    /// It was killed.
    Killed,
    /// It ended at a commit boundary, as it was told.
    AtCommit,
    /// It ended, and was not to.
    ByItself(ExitStatus),
}

/// A worker, and what is going to happen to it.
pub struct Life {
    /// The process.
    pub child: Child,
    /// Its number.
    pub generation: u64,
    /// Whether it ends by itself at a commit boundary.
    dies: bool,
    ends_at: Instant,
    freezes_at: Option<Instant>,
    thaws_at: Option<Instant>,
}

impl Life {
    /// Decides how it goes.
    pub fn new(child: Child, generation: u64, dies: bool, workers: usize, dice: &mut Dice) -> Life {
        let length = Duration::from_millis(dice.exponential(if workers > 1 { SHARING_MS } else { ALONE_MS }));
        let now = Instant::now();
        let freezes_at = dice.one_in(6).then(|| now + length / 2);
        Life { child, generation, dies, ends_at: now + length, freezes_at, thaws_at: None }
    }

    /// Whether it is to be frozen now.
    pub fn is_to_freeze(&self) -> bool {
        self.freezes_at.is_some_and(|at| at <= Instant::now())
    }

    /// Stops it for a while, now and then for longer than its lease. True if it could be.
    pub fn freeze(&mut self, dice: &mut Dice) -> Outcome<bool> {
        self.freezes_at = None;
        // Without the command, or if it has just ended, nothing is frozen.
        if !self.signal("-STOP")? {
            return Ok(false);
        }
        let longest = if dice.one_in(3) { 3_500 } else { 200 };
        let pause = Duration::from_millis(dice.below(longest));
        self.thaws_at = Some(Instant::now() + pause);
        self.ends_at += pause;
        Ok(true)
    }

    fn signal(&self, name: &str) -> Outcome<bool> {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        Ok(matches!(sent, Ok(status) if status.success()))
    }

    /// Goes on with it: thaws it, or kills it when its time is over. How it ended, if it did.
    pub fn step(&mut self) -> Outcome<Option<End>> {
        let ended = self.child.try_wait().map_err(broken("a worker"))?;
        if let Some(status) = ended {
            return Ok(Some(if self.dies && is_abort(status) {
                End::AtCommit
            } else {
                End::ByItself(status)
            }));
        }
        if self.thaws_at.is_some_and(|at| at <= Instant::now()) {
            self.thaws_at = None;
            self.signal("-CONT")?;
        }
        if self.thaws_at.is_none() && self.ends_at <= Instant::now() {
            self.kill()?;
            return Ok(Some(End::Killed));
        }
        Ok(None)
    }

    /// Kills it, frozen or not.
    pub fn kill(&mut self) -> Outcome<()> {
        self.child.kill().map_err(broken("a worker can't be killed"))?;
        self.child.wait().map_err(broken("a worker")).map(drop)
    }
}

/// Whether it ended as a worker does at a commit boundary.
#[cfg(unix)]
fn is_abort(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal().is_some()
}

/// Whether it ended as a worker does at a commit boundary.
#[cfg(not(unix))]
fn is_abort(status: ExitStatus) -> bool {
    !status.success()
}
