//! Fifty kills, with a fixed seed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Scratch, command};

#[test]
fn fifty_kills_lose_and_repeat_nothing() {
    let scratch = Scratch::new();
    let db = scratch.path("torture.db");
    let mut torture: Command = command(&["torture", "--kills", "50", "--seed", "7", "--db", &db]);
    let child = torture.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let ended = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{text}\n{}", String::from_utf8_lossy(&ended.stderr));
    assert!(begun.elapsed() < Duration::from_secs(300), "{text}");
    for line in ["kills   ", "acknowledged and lost   ", "repeated outside the in-doubt window   "] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert!(!std::path::Path::new(&db).exists(), "it is thrown away");
}

#[test]
fn five_kills_of_the_server_lose_nothing_that_it_acknowledged() {
    let scratch = Scratch::new();
    let db = scratch.path("torture.db");
    let ran =
        crate::program::prana(&["torture", "--http", "--kills", "5", "--seed", "3", "--db", &db]).ends(0);
    for line in ["kills   ", "acknowledged and lost   ", "events sent twice, with one execution each "] {
        assert!(ran.stdout.contains(line), "no {line:?} in {ran:#?}");
    }
    let number = |line: &str| -> u64 {
        let found = ran.stdout.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        found.split_whitespace().next().unwrap().parse().unwrap()
    };
    assert!(number("executions") >= 20, "{ran:#?}");
    assert!(!std::path::Path::new(&db).exists(), "it is thrown away");
}

#[test]
fn a_database_that_exists_is_refused() {
    let scratch = Scratch::new();
    let db = scratch.file("torture.db", "something of value");
    let ran = crate::program::prana(&["torture", "--kills", "1", "--db", &db]).ends(2);
    ran.says("exists already");
}
