//! `prana doctor`: whether a server can run here as it is configured, and what to do where it can't.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prana::store::SqliteStore;
use prana_server::{Access, Options, Owner};

use super::serve::Settings;
use crate::client::Client;
use crate::exit::{Exit, Outcome};
use crate::output;
use crate::session;

/// Less room than this is worth a word, in bytes.
const LITTLE_ROOM: u64 = 1 << 30;

/// With less than this, work stops soon, in bytes.
const NO_ROOM: u64 = 64 << 20;

/// A file from further in the future than this tells of a clock that goes wrong.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// What it takes: what `prana serve` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
}

/// What a check found.
#[derive(Debug, PartialEq)]
enum Found {
    Good(String),
    Doubtful(String),
    Bad(String),
}

use Found::{Bad, Doubtful, Good};

/// Does it. It ends with 1 if anything is bad.
pub fn run(args: Args) -> Outcome {
    let (options, config) = match args.settings.resolve() {
        Ok(resolved) => resolved,
        Err(failure) => {
            failure.show();
            return Ok(Exit::Failed);
        }
    };
    let said = config != crate::config::Config::default();
    let mut all =
        vec![("config", Good(if said { "read" } else { "no file, or one that changes nothing" }.to_owned()))];
    session::block_on(async move {
        let owner = Owner::of(&options.database);
        if prana::is_server(&options.database) {
            all.extend(on_server(&options).await);
        } else {
            all.extend(database(&options, owner.as_ref()).await);
            all.push(("disk", room(&options.database)));
            all.push(("clock", clock(&options.database)));
        }
        all.extend(all_keys(&options));
        all.push(("listen", listen(&options, owner.as_ref())));
        all.push(("web UI", ui()));
        Ok(tell(&all))
    })
}

fn tell(all: &[(&str, Found)]) -> Exit {
    for (name, found) in all {
        let (word, text) = match found {
            Good(text) => ("ok   ", text),
            Doubtful(text) => ("look ", text),
            Bad(text) => ("WRONG", text),
        };
        output::print(&format!("{word} {name}: {text}"));
    }
    match all.iter().any(|(_, found)| matches!(found, Bad(_))) {
        true => Exit::Failed,
        false => Exit::Done,
    }
}

async fn database(options: &Options, owner: Option<&Owner>) -> Vec<(&'static str, Found)> {
    let path = &options.database;
    if let Some(owner) = owner {
        let text = format!("a server has it open: process {}, http://{}", owner.process, owner.address);
        return vec![("database", Good(text)), ("access", live_access(path).await)];
    }
    if !path.exists() {
        let access = access(options, false);
        return vec![("database", Good(format!("{} will be made", path.display()))), ("access", access)];
    }
    let store = match SqliteStore::open(path) {
        Ok(store) => Arc::new(store),
        Err(error) => return vec![("database", Bad(error.to_string()))],
    };
    let whole = match store.check().await {
        Ok(problems) if problems.is_empty() => {
            Good(format!("{} is whole, and flushes what it promises", path.display()))
        }
        Ok(problems) => Bad(format!("it is damaged; go back to a backup. {}", problems.join("; "))),
        Err(error) => Bad(error.to_string()),
    };
    let closed = Access::new(store, Arc::new(prana::SystemClock)).is_closed().await;
    let access = closed.map_or_else(|error| Bad(error.to_string()), |closed| access(options, closed));
    vec![("database", whole), ("access", access)]
}

/// A database that many machines share.
async fn on_server(options: &Options) -> Vec<(&'static str, Found)> {
    let store = match prana::open_database(&options.database).await {
        Ok(store) => store,
        Err(error) => return vec![("database", Bad(error.to_string()))],
    };
    let closed = Access::new(store, Arc::new(prana::SystemClock)).is_closed().await;
    let access = closed.map_or_else(|error| Bad(error.to_string()), |closed| access(options, closed));
    vec![("database", Good("it answers, and flushes what it promises".to_owned())), ("access", access)]
}

fn all_keys(options: &Options) -> Vec<(&'static str, Found)> {
    let base = match &options.keys {
        None if prana::is_server(&options.database) => {
            return vec![(
                "keys",
                match &options.master_keys {
                    Some(_) => {
                        Good("they come from PRANA_MASTER_KEYS; all machines need the same".to_owned())
                    }
                    None => {
                        Bad("there are none: set PRANA_MASTER_KEYS, or name files with --keys".to_owned())
                    }
                },
            )];
        }
        None => &options.database,
        Some(keys) => keys,
    };
    ["keys", "master-keys"].map(|ending| (ending, keys(base, ending))).into()
}

async fn live_access(path: &Path) -> Found {
    let asked = async {
        let client = Client::of_file(path).await?;
        client.get("/session").await
    };
    match asked.await {
        Ok(session) if session["open"] == true => {
            Good("nobody is asked who they are: for this machine alone".to_owned())
        }
        Ok(_) => Good("everybody must say who they are".to_owned()),
        Err(_) => Bad("the server doesn't answer; look at its log".to_owned()),
    }
}

fn access(options: &Options, closed: bool) -> Found {
    match (closed, options.listen.ip().is_loopback()) {
        (true, _) => Good("everybody must say who they are".to_owned()),
        (false, true) => Good("nobody is asked who they are: for this machine alone".to_owned()),
        (false, false) => Bad(format!(
            "others reach {}, and nobody would be asked who they are: `prana users add NAME` first",
            options.listen
        )),
    }
}

/// The directory that a file is in.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn room(path: &Path) -> Found {
    let facts = match rustix::fs::statvfs(directory(path)) {
        Ok(facts) => facts,
        Err(error) => return Bad(format!("{} can't be used: {error}", directory(path).display())),
    };
    enough(facts.f_bavail.saturating_mul(facts.f_frsize), directory(path))
}

/// Whether so many free bytes are enough.
#[cfg(unix)]
fn enough(bytes: u64, place: &Path) -> Found {
    let text = format!("{} MiB are free in {}", bytes >> 20, place.display());
    match bytes {
        0..NO_ROOM => Bad(format!("{text}: make room, or work stops")),
        NO_ROOM..LITTLE_ROOM => Doubtful(format!("{text}: make room soon")),
        _ => Good(text),
    }
}

#[cfg(not(unix))]
fn room(_: &Path) -> Found {
    Doubtful("how much room there is can't be told on this system".to_owned())
}

#[cfg(unix)]
fn keys(database: &Path, ending: &str) -> Found {
    use std::os::unix::fs::PermissionsExt;
    let path = format!("{}.{ending}", database.display());
    let Ok(facts) = std::fs::metadata(&path) else { return Good(format!("{path} will be made")) };
    match facts.permissions().mode() & 0o077 {
        0 => Good(format!("{path} is for its owner alone; keep a copy of it apart from the backups")),
        _ => Bad(format!("others may read {path}: `chmod 600 {path}`, and put a new key into it")),
    }
}

#[cfg(not(unix))]
fn keys(_: &Path, _: &str) -> Found {
    Doubtful("who may read the key file can't be told on this system".to_owned())
}

fn clock(database: &Path) -> Found {
    let now = SystemTime::now();
    let changed = std::fs::metadata(database).and_then(|facts| facts.modified());
    match changed.map(|changed| changed.duration_since(now)) {
        Ok(Ok(ahead)) if ahead > CLOCK_SLACK => Bad(format!(
            "the database was changed {} s in the future: set the clock, or timers fire at the wrong time",
            ahead.as_secs()
        )),
        _ => Good(format!("it is {}", session::now())),
    }
}

fn listen(options: &Options, owner: Option<&Owner>) -> Found {
    let address = options.listen;
    if address.ip().is_unspecified() && options.public_url.is_none() {
        return Bad(format!("links can't lead to {address}: say --public-url"));
    }
    if let Some(owner) = owner {
        return Good(format!("the server listens at {}", owner.address));
    }
    match TcpListener::bind(address) {
        Ok(_) => Good(format!("{address} is free")),
        Err(error) => Bad(format!("{address} can't be listened on: {error}; say another with --listen")),
    }
}

fn ui() -> Found {
    match prana_server::has_ui() {
        true => Good("it is in this program".to_owned()),
        false => Doubtful(
            "it is not in this program: build `ui` first, and then the program, to have it".to_owned(),
        ),
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn little_room_is_told_and_none_is_wrong() {
        let found = |bytes| enough(bytes, Path::new("/data"));
        assert!(matches!(found(0), Bad(text) if text.contains("0 MiB are free in /data")));
        assert!(matches!(found(NO_ROOM - 1), Bad(_)));
        assert!(matches!(found(NO_ROOM), Doubtful(text) if text.contains("make room soon")));
        assert!(matches!(found(LITTLE_ROOM - 1), Doubtful(_)));
        assert!(matches!(found(LITTLE_ROOM), Good(_)));
        assert!(
            matches!(room(Path::new("/there/is/no/such/folder")), Bad(text) if text.contains("can't be used"))
        );
    }

    #[test]
    fn a_database_from_the_future_tells_of_a_wrong_clock() {
        let path = std::env::temp_dir().join(format!("prana-doctor-{}", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        let found = |ahead: u64| {
            file.set_modified(SystemTime::now() + Duration::from_secs(ahead)).unwrap();
            clock(&path)
        };
        assert!(matches!(found(0), Good(_)));
        assert!(matches!(found(30), Good(_)));
        assert!(matches!(found(3_600), Bad(text) if text.contains("set the clock")));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(clock(&path), Good(_)), "one that isn't there yet");
    }
}
