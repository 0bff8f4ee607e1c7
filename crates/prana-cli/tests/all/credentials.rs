//! Credentials on the command line: what is in them goes in by files and stdin, and comes out nowhere.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::program::{Scratch, command, prana, prana_with};

/// A service that takes one token, and gives back what it was sent.
fn service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/me", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let Ok(count) = stream.read(&mut request) else { continue };
            let text = String::from_utf8_lossy(&request[..count]).into_owned();
            let status = if text.contains("Bearer swordfish-1\r\n") { "200 OK" } else { "401 No" };
            let answer = format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn they_are_added_tried_used_and_removed() {
    let (scratch, url) = (Scratch::new(), service());
    let db = scratch.path("p.db");
    let run = |args: &[&str]| prana(&[args, &["--db", &db]].concat());
    let add = |token: &str, more: &[&str]| {
        let args = [&["credentials", "add", "shop", "--db", &db], more].concat();
        let content = format!("{{\"type\": \"bearer\", \"token\": \"{token}\"}}");
        prana_with(command(&args), content.as_bytes())
    };
    add("swordfish-1", &[]).ends(2).says("--host");
    add("swordfish-1", &["--host", "127.0.0.1", "--test-url", &url]).ends(0).prints("shop added, version 1");
    run(&["credentials", "list"]).ends(0).prints("bearer").prints("127.0.0.1");
    run(&["credentials", "test", "shop"]).ends(0).prints("shop works (200)");
    run(&["credentials", "test", "shop", "--url", "http://localhost:1/"])
        .ends(1)
        .prints("may not be sent to localhost");
    run(&["credentials", "authorize", "shop"]).ends(2).says("credential.not_authorizable");
    let workflow = format!(
        "id: w\nnodes:\n  - {{key: start, type: manual.trigger}}\n  - {{key: me, type: http.request, params: {{url: '{url}', auth: {{credential: shop}}}}}}\nconnections: [start -> me]"
    );
    let file = scratch.file("w.yaml", workflow);
    let ran = run(&["run", &file]).ends(0).prints("authorization: [redacted]");
    assert!(!format!("{ran:?}").contains("swordfish"), "{ran:?}");
    add("swordfish-2", &["--any-host"]).ends(0).prints("version 2");
    run(&["credentials", "test", "shop", "--url", &url]).ends(1).prints("shop does not work (401)");
    run(&["credentials", "test", "shop"]).ends(2).says("nothing to try");
    run(&["credentials", "remove", "shop"]).ends(0).prints("shop removed");
    run(&["credentials", "remove", "shop"]).ends(2).says("credential.not_found");
    run(&["run", &file]).ends(1).says("credential.not_found");
}

#[test]
fn what_is_wrong_is_told_without_what_was_given() {
    let scratch = Scratch::new();
    let db = scratch.path("p.db");
    let add = |content: &str| {
        let args = ["credentials", "add", "shop", "--any-host", "--db", &db];
        let ran = prana_with(command(&args), content.as_bytes()).ends(2);
        assert!(!format!("{ran:?}").contains("swordfish"), "{ran:?}");
        ran
    };
    add("swordfish").says("is JSON, and this is none in line 1");
    add("{\"type\": \"bearer\", \"token\": [\"swordfish\"]}").says("is to be text");
    add("{\"type\": \"bearer\", \"token\": \"swordfish\\n\"}").says("credential.invalid");
    add("{\"type\": \"magic\"}").says("unknown variant `magic`");
}
