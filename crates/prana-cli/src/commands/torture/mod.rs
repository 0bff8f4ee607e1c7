//! `prana torture`: kills the engine again and again, and shows that nothing is lost and nothing happens twice.
//!
//! Three kinds of process. The tormentor (this one) starts and kills; the ledger writes down every effect and is never killed; the worker is the
//! engine on a database, with work for it. In the end a worker that nobody kills finishes everything, and the database is held against the ledger.

mod check;
mod dice;
mod effect;
mod http;
pub mod ledger;
mod life;
mod tormentor;
mod trail;
pub mod worker;
mod workload;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exit::{Exit, Failure, Outcome};
use crate::{output, session};
use tormentor::{Ledger, Limit, Tormentor, Tortured};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The database file, which must not exist yet; on the disk that is to be tried. A temporary one, if not said. Or an empty database on a server:
    /// postgres://user:password@host/database.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// For how long.
    #[arg(long, default_value_t = 5.0, conflicts_with = "kills")]
    minutes: f64,
    /// How many kills, instead of for how long.
    #[arg(long)]
    kills: Option<u64>,
    /// Decides about everything random but the machine itself.
    #[arg(long)]
    seed: Option<u64>,
    /// How many workers at the same time; one for a file, three on a server, if not said.
    #[arg(long)]
    workers: Option<usize>,
    /// A command that is run every few seconds, to disturb what is around the workers: to restart the server, say.
    #[arg(long, value_name = "COMMAND")]
    disturb: Option<String>,
    /// Kills the real server instead, while clients call webhooks and answer waits: nothing that was answered 2xx may be lost, and nothing happen twice.
    #[arg(long, conflicts_with_all = ["workers", "disturb"])]
    http: bool,
    /// Keeps the database and the ledger.
    #[arg(long)]
    keep: bool,
}

/// The files of one run.
struct Files {
    db: PathBuf,
    ledger: PathBuf,
    log: PathBuf,
    /// Made for this run alone.
    folder: Option<PathBuf>,
}

impl Files {
    fn new(db: Option<PathBuf>) -> Outcome<Files> {
        let (db, folder) = match db {
            Some(db) if prana::is_server(&db) => {
                let folder = own_folder()?;
                let [ledger, log] = ["torture.ledger", "torture.log"].map(|name| folder.join(name));
                return Ok(Files { db, ledger, log, folder: Some(folder) });
            }
            Some(db) => (db, None),
            None => {
                let folder = own_folder()?;
                (folder.join("torture.db"), Some(folder))
            }
        };
        if db.exists() {
            let failure = Failure::new(format!("{} exists already", db.display()));
            return Err(failure.help("name a new file: what is tortured is thrown away"));
        }
        Ok(Files { ledger: beside(&db, ".ledger"), log: beside(&db, ".log"), db, folder })
    }

    /// One more file of this run.
    fn beside_log(&self, name: &str) -> PathBuf {
        self.log.with_extension(name)
    }

    /// Removes them; what can't be removed stays.
    fn remove(&self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
            return;
        }
        for suffix in ["", "-wal", "-shm", ".lock", ".ledger", ".log", ".toml", ".keys", ".master-keys"] {
            let _ = std::fs::remove_file(beside(&self.db, suffix));
        }
    }
}

fn own_folder() -> Outcome<PathBuf> {
    let folder = std::env::temp_dir().join(format!("prana-torture-{}", std::process::id()));
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    Ok(folder)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What was done, and what came of it.
fn tell(args: &Args, tortured: &Tortured, summary: &[String]) {
    let Tortured { kills, at_commits, freezes, disturbances, .. } = tortured;
    let how = if args.http {
        String::new()
    } else {
        format!(" ({at_commits} at a commit boundary, {freezes} freezes)")
    };
    output::print(&format!("{:<43} {kills}{how}", "kills"));
    if args.disturb.is_some() {
        output::print(&format!("{:<43} {disturbances}", "disturbances"));
    }
    summary.iter().for_each(|line| output::print(line));
}

/// Does it.
pub fn run(args: &Args) -> Outcome {
    let files = Files::new(args.db.clone())?;
    let seed = args.seed.unwrap_or_else(|| worker::now().unsigned_abs());
    let limit = match args.kills {
        Some(kills) => Limit::Kills(kills),
        None => Limit::Time(Duration::from_secs_f64(args.minutes.clamp(0.0, 10_000.0) * 60.0)),
    };
    let is_server = prana::is_server(&files.db);
    let named = if is_server { "on a server".to_owned() } else { files.db.display().to_string() };
    output::say(&format!("database {named}, seed {seed}"));
    let workers = match is_server {
        true => args.workers.unwrap_or(3),
        false => 1,
    };
    let tortured = match args.http {
        true => {
            let ledger = Ledger::start(&files)?;
            session::block_on(http::torment(&files, &ledger, seed, limit))?
        }
        false => Tormentor::start(&files, seed, workers, args.disturb.clone())?.torment(limit)?,
    };
    let mut verdict = session::block_on(check::check(&files.db, &files.ledger))?;
    if args.http {
        let found = session::block_on(http::check(&files.db))?;
        verdict.summary.extend(found.summary);
        verdict.violations.extend(found.violations);
    }
    tell(args, &tortured, &verdict.summary);
    let mut violations = tortured.violations;
    violations.extend(verdict.violations);
    if violations.is_empty() {
        if args.keep {
            output::say(&format!("kept: {named}"));
        } else {
            files.remove();
        }
        return Ok(Exit::Done);
    }
    output::print(&format!("\n{} violations:", violations.len()));
    violations.iter().take(50).for_each(|violation| output::print(&format!("  {violation}")));
    output::say(&format!("kept: {named}, {}, {}", files.ledger.display(), files.log.display()));
    Ok(Exit::Failed)
}
