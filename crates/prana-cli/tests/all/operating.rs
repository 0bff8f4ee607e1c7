//! `prana tokens`, `users`, `backup`, `doctor`, and the configuration of `prana serve`.

use std::path::Path;

use serde_json::Value;

use crate::program::{Scratch, Watched, command, prana, prana_with};

const PASSWORD: &[u8] = b"correct horse battery\n";

/// A server that runs, and its address.
fn served(args: &[&str]) -> (Watched, String) {
    let mut run = Watched::start(args);
    run.until("listening on http://");
    let address = run.seen.last().unwrap().split("http://").nth(1).unwrap().trim().to_owned();
    (run, address)
}

fn stop(run: Watched) -> String {
    let sent =
        std::process::Command::new("kill").args(["-TERM", &run.child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    run.finish().ends(0).stderr
}

#[test]
fn tokens_and_users_are_made_with_and_without_a_server() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let first = prana(&["tokens", "create", "first", "--scope", "read", "--db", &db]).ends(0).stdout;
    assert!(first.starts_with("prana_"), "{first}");
    let (run, address) = served(&["serve", "--db", &db, "--listen", "127.0.0.1:0"]);
    let server = format!("http://{address}");
    prana_with(command(&["users", "add", "ann", "--db", &db, "--password-stdin"]), PASSWORD)
        .ends(0)
        .prints("ann saved");
    prana_with(command(&["users", "add", "ann", "--db", &db, "--password-stdin"]), PASSWORD)
        .ends(2)
        .says("there is a user");
    prana_with(command(&["users", "add", "bob", "--db", &db, "--password-stdin"]), b"short\n")
        .ends(2)
        .says("12 characters");
    prana(&["users", "list", "--db", &db]).ends(0).prints("ann");
    // The token may look, and nothing else; the command line of the server's user may do everything.
    let with_token = |args: &[&str]| {
        let mut asked = command(args);
        asked.env("PRANA_TOKEN", first.trim()).env("PRANA_SERVER", &server);
        prana_with(asked, b"")
    };
    with_token(&["workflows", "list"]).ends(0);
    with_token(&["tokens", "list"]).ends(2).says("admin");
    prana(&["workflows", "list", "--server", &server]).ends(2);
    let list = prana(&["tokens", "list", "--db", &db, "--format", "json"]).ends(0).json();
    assert_eq!(list["tokens"][0]["name"], "first");
    let id = list["tokens"][0]["id"].as_str().unwrap();
    prana(&["tokens", "revoke", id, "--db", &db]).ends(0);
    with_token(&["workflows", "list"]).ends(2);
    stop(run);
    prana(&["users", "delete", "ann", "--db", &db]).ends(0);
    prana(&["users", "delete", "ann", "--db", &db]).ends(2);
}

#[test]
fn a_backup_is_made_with_and_without_a_server() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let file = scratch.file("w.yaml", "id: idle\nnodes:\n  - {key: start, type: manual.trigger}\n");
    prana(&["workflows", "save", &file, "--db", &db]).ends(0);
    let (run, _) = served(&["serve", "--db", &db, "--listen", "127.0.0.1:0"]);
    let (live, cold) = (scratch.path("live.db"), scratch.path("cold.db"));
    prana(&["backup", &live, "--db", &db]).ends(0).prints("bytes");
    prana(&["backup", &live, "--db", &db]).ends(2).says("exists already");
    stop(run);
    prana(&["backup", &cold, "--db", &db]).ends(0);
    for copy in [live, cold] {
        prana(&["workflows", "list", "--db", &copy]).ends(0).prints("idle");
    }
}

#[test]
fn others_reach_it_only_once_somebody_is_asked() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let args = ["serve", "--db", &db, "--listen", "0.0.0.0:0", "--public-url", "http://flows.example"];
    prana(&args).ends(2).says("no authentication");
    assert!(!Path::new(&db).exists());
    prana(&["tokens", "create", "first", "--db", &db]).ends(0);
    let (run, _) = served(&args);
    stop(run);
    prana(&["serve", "--db", &db, "--listen", "0.0.0.0:0"]).ends(2).says("--public-url");
}

#[test]
fn a_file_says_what_flags_and_the_environment_do_not() {
    let scratch = Scratch::new();
    let (db, other) = (scratch.path("from-file.db"), scratch.path("from-flag.db"));
    let config = scratch.file("prana.toml", format!("db = {db:?}\nlisten = '127.0.0.1:0'\n"));
    let (run, _) = served(&["serve", "--config", &config]);
    stop(run);
    assert!(Path::new(&db).exists());
    let mut asked = command(&["doctor", "--config", &config]);
    asked.env("PRANA_DB", &other);
    prana_with(asked, b"").ends(0).prints("from-flag.db will be made");
    let mut asked = command(&["doctor", "--config", &config, "--db", &db]);
    asked.env("PRANA_DB", &other);
    prana_with(asked, b"").ends(0).prints("from-file.db is whole");
    let wrong = scratch.file("wrong.toml", "db = 'x.db'\nlisten_at = '127.0.0.1:0'\n");
    prana(&["serve", "--config", &wrong]).ends(2).says("line 2").says("listen_at");
    prana(&["serve", "--config", "nowhere.toml"]).ends(2).says("nowhere.toml");
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let (run, address) = served(&["serve", "--db", &db, "--listen", "127.0.0.1:0"]);
    prana(&["doctor", "--db", &db]).ends(0).prints("a server has it open").prints("for this machine alone");
    let elsewhere = scratch.path("other.db");
    prana(&["doctor", "--db", &elsewhere, "--listen", &address]).ends(1).prints("WRONG listen");
    stop(run);
    let healthy = ["doctor", "--db", &db, "--listen", "127.0.0.1:0"];
    prana(&healthy).ends(0).prints("is whole").prints("for its owner alone");
    let open = ["doctor", "--db", &db, "--listen", "0.0.0.0:0"];
    prana(&open).ends(1).prints("WRONG access").prints("WRONG listen");
    let keys = format!("{db}.keys");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    prana(&healthy).ends(1).prints("chmod 600");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&db, "this is no database, but a text that is long enough to be looked at as one")
        .unwrap();
    prana(&healthy).ends(1).prints("WRONG database");
}

#[test]
fn the_log_is_for_programs_too_and_holds_no_secret() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let token = prana(&["tokens", "create", "first", "--db", &db]).ends(0).stdout.trim().to_owned();
    let mut child = command(&["serve", "--db", &db, "--listen", "127.0.0.1:0", "--log", "json"]);
    child.env("PRANA_LOG", "debug");
    let mut run = Watched::of(child);
    run.until("listening on http://");
    let address = run.seen.last().unwrap().split("http://").nth(1).unwrap().trim().to_owned();
    let mut asked = command(&["workflows", "list", "--server", &format!("http://{address}")]);
    asked.env("PRANA_TOKEN", &token);
    prana_with(asked, b"").ends(0);
    let text = stop(run);
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let answered =
        lines.iter().find(|line| line["message"] == "answered").unwrap_or_else(|| panic!("{text}"));
    assert_eq!(answered["route"], "/api/v1/workflows");
    assert_eq!(answered["status"], 200);
    assert!(!text.contains(token.rsplit_once('_').unwrap().1), "{text}");
}
