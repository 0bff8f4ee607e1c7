//! Starts workers and kills them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::dice::Dice;
use super::ledger::Line;
use super::{Files, worker};
use crate::exit::{Failure, Outcome};

/// How long a worker lives on average, in milliseconds.
const LIFE_MS: f64 = 150.0;
/// How long the last worker may take until everything has ended.
const CALM: Duration = Duration::from_secs(120);

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// After so many kills.
    Kills(u64),
    /// After so long.
    Time(Duration),
}

/// What was done.
#[derive(Debug, Default)]
pub struct Tortured {
    /// Workers that were killed, those at a commit boundary among them.
    pub kills: u64,
    /// Workers that ended at a commit boundary.
    pub at_commits: u64,
    /// Workers that were stopped and continued.
    pub freezes: u64,
    /// What went wrong on the way.
    pub violations: Vec<String>,
}

/// Kills workers.
pub struct Tormentor {
    program: PathBuf,
    db: PathBuf,
    log: PathBuf,
    ledger: Child,
    address: SocketAddr,
    dice: Dice,
    generation: u64,
    tortured: Tortured,
}

impl Drop for Tormentor {
    fn drop(&mut self) {
        // It ends by itself when its stdin closes; this only makes it sooner.
        drop(self.ledger.stdin.take());
        let _ = self.ledger.wait();
    }
}

fn broken(what: &str) -> impl FnOnce(std::io::Error) -> Failure {
    let what = what.to_owned();
    move |error| Failure::new(format!("{what}: {error}"))
}

impl Tormentor {
    /// Starts the ledger.
    pub fn start(files: &Files, seed: u64) -> Outcome<Tormentor> {
        let program = std::env::current_exe().map_err(broken("this program can't be found"))?;
        let mut ledger = Command::new(&program)
            .arg("torture-ledger")
            .arg("--file")
            .arg(&files.ledger)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(broken("the ledger can't be started"))?;
        let mut line = String::new();
        if let Some(stdout) = ledger.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(broken("the ledger"))?;
        }
        let address = line.trim().parse().map_err(|_| Failure::new("the ledger doesn't say where it is"))?;
        Ok(Tormentor {
            program,
            db: files.db.clone(),
            log: files.log.clone(),
            ledger,
            address,
            dice: Dice::new(seed),
            generation: 0,
            tortured: Tortured::default(),
        })
    }

    /// Starts and kills workers; then lets one finish everything.
    pub fn torment(mut self, limit: Limit) -> Outcome<Tortured> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(broken("no threads can be started"))?;
        let line = runtime.block_on(Line::open(self.address, 0))?;
        let settle = || runtime.block_on(line.call(json!({"kind": "settle"}))).map(drop);
        let begun = Instant::now();
        self.prepare()?;
        settle()?;
        loop {
            let over = match limit {
                Limit::Kills(kills) => self.tortured.kills >= kills,
                Limit::Time(time) => begun.elapsed() >= time,
            };
            if over || !self.tortured.violations.is_empty() {
                break;
            }
            self.one_life()?;
            settle()?;
        }
        self.calm()?;
        settle()?;
        Ok(std::mem::take(&mut self.tortured))
    }

    fn spawn(&mut self, more: &[&str]) -> Outcome<Child> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.map_err(broken("the log can't be written"))?;
        let seed = self.dice.roll().to_string();
        let child = Command::new(&self.program)
            .arg("torture-worker")
            .arg("--db")
            .arg(&self.db)
            .args(["--ledger", &self.address.to_string(), "--seed", &seed])
            .args(["--generation", &self.generation.to_string()])
            .args(["--spawned-at", &worker::now().to_string()])
            .args(more)
            .env("PRANA_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.generation += 1;
        child.map_err(broken("a worker can't be started"))
    }

    /// The first worker only saves the workflows.
    fn prepare(&mut self) -> Outcome<()> {
        let child = self.spawn(&["--calm"])?;
        self.wait_for_end(child, "prepare the database")
    }

    /// One worker, from its start to its end.
    fn one_life(&mut self) -> Outcome<()> {
        let die_at = self.dice.one_in(3).then(|| (1 + self.dice.below(300)).to_string());
        let mut more = Vec::new();
        if let Some(boundary) = &die_at {
            more.extend(["--die-at", boundary]);
        }
        let mut child = self.spawn(&more)?;
        let life = Duration::from_millis(self.dice.exponential(LIFE_MS));
        let freeze = self.dice.one_in(6);
        let ended = match freeze {
            true => {
                let ended = self.live(&mut child, life / 2)?;
                if ended.is_none() {
                    self.freeze(&child)?;
                }
                ended.map_or_else(|| self.live(&mut child, life / 2), |ended| Ok(Some(ended)))?
            }
            false => self.live(&mut child, life)?,
        };
        match ended {
            Some(status) if is_abort(status) && die_at.is_some() => {
                self.tortured.kills += 1;
                self.tortured.at_commits += 1;
            }
            Some(status) => {
                let generation = self.generation - 1;
                let violation = format!("worker {generation} ended by itself ({status}); see the log");
                self.tortured.violations.push(violation);
            }
            None => {
                child.kill().map_err(broken("a worker can't be killed"))?;
                child.wait().map_err(broken("a worker"))?;
                self.tortured.kills += 1;
            }
        }
        Ok(())
    }

    /// Lets it live; how it ended, if it ended by itself.
    fn live(&self, child: &mut Child, time: Duration) -> Outcome<Option<ExitStatus>> {
        let until = Instant::now() + time;
        loop {
            if let Some(status) = child.try_wait().map_err(broken("a worker"))? {
                return Ok(Some(status));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(left.min(Duration::from_millis(2)));
        }
    }

    /// Stops it for a while, now and then for longer than its lease.
    fn freeze(&mut self, child: &Child) -> Outcome<()> {
        let signal = |name: &str| {
            let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
            sent.map(|status| status.success())
        };
        // Without the command, or if it has just ended, nothing is frozen.
        if matches!(signal("-STOP"), Ok(true)) {
            let longest = if self.dice.one_in(4) { 1_500 } else { 200 };
            thread::sleep(Duration::from_millis(self.dice.below(longest)));
            signal("-CONT").map_err(broken("a worker can't be continued"))?;
            self.tortured.freezes += 1;
        }
        Ok(())
    }

    /// The last worker: nothing hurts it, and everything must end.
    fn calm(&mut self) -> Outcome<()> {
        let child = self.spawn(&["--calm"])?;
        self.wait_for_end(child, "finish everything")
    }

    fn wait_for_end(&mut self, mut child: Child, to_do: &str) -> Outcome<()> {
        match self.live(&mut child, CALM)? {
            Some(status) if status.success() => {}
            Some(status) => self
                .tortured
                .violations
                .push(format!("the worker that was to {to_do} ended ({status}); see the log")),
            None => {
                child.kill().map_err(broken("a worker can't be killed"))?;
                child.wait().map_err(broken("a worker"))?;
                let seconds = CALM.as_secs();
                self.tortured.violations.push(format!("it took more than {seconds} s to {to_do}"));
            }
        }
        Ok(())
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
