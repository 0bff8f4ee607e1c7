//! `prana serve`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::program::{Scratch, Watched, prana};

/// What the server answers.
fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_serves_until_told_to_stop_and_keeps_what_it_has() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let file = scratch.file("w.yaml", "id: idle\nnodes:\n  - {key: start, type: manual.trigger}\n");
    prana(&["workflows", "save", &file, "--db", &db]).ends(0);
    for signal in ["-TERM", "-INT"] {
        let mut run = Watched::start(&["serve", "--db", &db, "--listen", "127.0.0.1:0"]);
        run.until("listening on http://");
        let address = run.seen.last().unwrap().split("http://").nth(1).unwrap().to_owned();
        assert!(ask(&address, "/readyz").starts_with("HTTP/1.1 200 OK"));
        assert!(ask(&address, "/api/v1/workflows").contains("\"id\":\"idle\""));
        let sent = Command::new("kill").args([signal, &run.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        run.finish().ends(0).says("stopping");
    }
}

#[test]
fn a_shared_database_needs_keys_that_all_machines_have() {
    let scratch = Scratch::new();
    let shared = "postgres://nobody@127.0.0.1:1/nothing";
    prana(&["serve", "--db", shared]).ends(2).says("PRANA_MASTER_KEYS").says("--keys NAME");
    prana(&["doctor", "--db", shared]).ends(1).prints("WRONG keys").prints("WRONG database");
    // With keys it is the database that is missing.
    let keys = scratch.path("keys");
    let ran = prana(&["serve", "--db", shared, "--keys", &keys]).ends(2);
    assert!(!ran.stderr.contains("PRANA_MASTER_KEYS"), "{ran:?}");
    assert!(!std::path::Path::new("prana.keys").exists(), "nothing is made where nobody asked for it");
}

#[test]
fn it_refuses_addresses_that_others_reach() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    prana(&["serve", "--db", &db, "--listen", "0.0.0.0:0"]).ends(2).says("has no authentication yet");
    prana(&["serve", "--db", &db, "--listen", "localhost"]).ends(2);
    assert!(!std::path::Path::new(&db).exists());
}
