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
use super::life::{End, Life};
use super::{Files, worker};
use crate::exit::{Failure, Outcome};

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

impl Limit {
    /// Whether it is time to stop.
    pub fn is_reached(self, kills: u64, begun: Instant) -> bool {
        match self {
            Limit::Kills(most) => kills >= most,
            Limit::Time(time) => begun.elapsed() >= time,
        }
    }
}

/// The process that writes everything down.
pub struct Ledger {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Ledger {
    /// Starts it.
    pub fn start(files: &Files) -> Outcome<Ledger> {
        let program = std::env::current_exe().map_err(broken("this program can't be found"))?;
        let mut child = Command::new(program)
            .arg("torture-ledger")
            .arg("--file")
            .arg(&files.ledger)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(broken("the ledger can't be started"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(broken("the ledger"))?;
        }
        let address = line.trim().parse().map_err(|_| Failure::new("the ledger doesn't say where it is"))?;
        Ok(Ledger { child, address })
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // It ends by itself when its stdin closes; this only makes it sooner.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
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
    /// How often what is around the workers was disturbed.
    pub disturbances: u64,
    /// What went wrong on the way.
    pub violations: Vec<String>,
}

/// Kills workers.
pub struct Tormentor {
    program: PathBuf,
    db: PathBuf,
    log: PathBuf,
    ledger: Ledger,
    dice: Dice,
    generation: u64,
    /// How many workers live at the same time.
    workers: usize,
    /// A command that disturbs what is around them.
    disturb: Option<String>,
    tortured: Tortured,
}

pub fn broken(what: &str) -> impl FnOnce(std::io::Error) -> Failure {
    let what = what.to_owned();
    move |error| Failure::new(format!("{what}: {error}"))
}

impl Tormentor {
    /// Starts the ledger.
    pub fn start(files: &Files, seed: u64, workers: usize, disturb: Option<String>) -> Outcome<Tormentor> {
        Ok(Tormentor {
            program: std::env::current_exe().map_err(broken("this program can't be found"))?,
            db: files.db.clone(),
            log: files.log.clone(),
            ledger: Ledger::start(files)?,
            dice: Dice::new(seed),
            generation: 0,
            workers: workers.max(1),
            disturb,
            tortured: Tortured::default(),
        })
    }

    /// Starts and kills workers; then lets one finish everything.
    pub fn torment(mut self, limit: Limit) -> Outcome<Tortured> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(broken("no threads can be started"))?;
        let line = runtime.block_on(Line::open(self.ledger.address, 0))?;
        let tell = |message| runtime.block_on(line.call(message)).map(drop);
        // Everything that the dead sent is written down before the next is born.
        let settle = |alive: usize| tell(json!({"kind": "settle", "alive": alive}));
        let begun = Instant::now();
        let mut disturbed = Instant::now();
        self.prepare()?;
        settle(0)?;
        let mut lives: Vec<Life> = Vec::new();
        while !self.is_over(limit, begun) {
            while lives.len() < self.workers {
                lives.push(self.give_life()?);
            }
            let mut place = 0;
            while place < lives.len() {
                if self.live_on(&mut lives[place], &tell)? {
                    place += 1;
                } else {
                    lives.swap_remove(place);
                    settle(lives.len())?;
                }
            }
            self.disturb(&mut disturbed)?;
            thread::sleep(Duration::from_millis(2));
        }
        for mut life in lives {
            life.kill()?;
            self.tortured.kills += 1;
        }
        settle(0)?;
        self.calm()?;
        settle(0)?;
        Ok(std::mem::take(&mut self.tortured))
    }

    fn is_over(&self, limit: Limit, begun: Instant) -> bool {
        limit.is_reached(self.tortured.kills, begun) || !self.tortured.violations.is_empty()
    }

    fn spawn(&mut self, more: &[&str]) -> Outcome<Child> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.map_err(broken("the log can't be written"))?;
        let seed = self.dice.roll().to_string();
        let child = Command::new(&self.program)
            .arg("torture-worker")
            .arg("--db")
            .arg(&self.db)
            .args(["--ledger", &self.ledger.address.to_string(), "--seed", &seed])
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

    /// One more worker.
    fn give_life(&mut self) -> Outcome<Life> {
        let die_at = self.dice.one_in(3).then(|| (1 + self.dice.below(300)).to_string());
        // Where there are several, not all their clocks are right.
        let skew_ms = if self.workers > 1 { [0, 700, -700][self.generation as usize % 3] } else { 0 };
        let skew = format!("--skew-ms={skew_ms}");
        let mut more = vec![&*skew];
        if let Some(boundary) = &die_at {
            more.extend(["--die-at", boundary]);
        }
        let generation = self.generation;
        let child = self.spawn(&more)?;
        Ok(Life::new(child, generation, die_at.is_some(), self.workers, &mut self.dice))
    }

    /// Goes on with one worker; false when it has ended.
    fn live_on(&mut self, life: &mut Life, tell: &dyn Fn(serde_json::Value) -> Outcome<()>) -> Outcome<bool> {
        if life.is_to_freeze() {
            tell(json!({"kind": "frozen", "worker": life.generation}))?;
            self.tortured.freezes += u64::from(life.freeze(&mut self.dice)?);
        }
        match life.step()? {
            None => return Ok(true),
            Some(End::Killed) => self.tortured.kills += 1,
            Some(End::AtCommit) => {
                self.tortured.kills += 1;
                self.tortured.at_commits += 1;
            }
            Some(End::ByItself(status)) => {
                let generation = life.generation;
                let violation = format!("worker {generation} ended by itself ({status}); see the log");
                self.tortured.violations.push(violation);
            }
        }
        Ok(false)
    }

    /// Does something to what is around the workers, now and then.
    fn disturb(&mut self, last: &mut Instant) -> Outcome<()> {
        let Some(command) = &self.disturb else { return Ok(()) };
        if last.elapsed() < Duration::from_millis(2_000 + self.dice.below(4_000)) {
            return Ok(());
        }
        let done =
            Command::new("sh").args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null()).status();
        if !done.map_err(broken("the disturbance"))?.success() {
            return Err(Failure::new("the disturbance failed"));
        }
        self.tortured.disturbances += 1;
        *last = Instant::now();
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
