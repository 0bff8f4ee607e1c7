//! Secrets are planted, and everything that the program says while it uses them is searched for them: its log in full, and its numbers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::program::{Scratch, Watched, command, prana, prana_with};

const TOKEN: &str = "pl4nted/S3cret+key\\42";
const USER: &str = "planted-user-name";

/// What would give one of them away: it, in its usual forms, and its middle.
const GIVEAWAYS: [&str; 9] = [
    "pl4nted",
    "S3cret",
    "planted-user",
    // The middles of both in base64, wherever they begin in it.
    "bnRlZC9TM2NyZXQra2V5",
    "NG50ZWQvUzNjcmV0K2tleVw0",
    "bDRudGVkL1MzY3JldCtrZXlc",
    "bnRlZC11c2VyLW5h",
    "YW50ZWQtdXNlci1u",
    "bGFudGVkLXVzZXItbmFt",
];

/// Gives back what it was sent, as an error for every other request.
fn echo_service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut bytes = vec![0; 16_384];
            let count = stream.read(&mut bytes).unwrap();
            let status = ["200 OK", "500 Oh"][number % 2];
            let head = format!(
                "HTTP/1.1 {status}\r\nX-Echo: {TOKEN}\r\nConnection: close\r\nContent-Length: {count}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&bytes[..count]).unwrap();
        }
    });
    address.to_string()
}

fn workflow(service: &str) -> String {
    format!(
        r#"
id: calls
nodes:
  - {{key: hook, type: webhook.trigger, params: {{path: in, respond: last_node,
      auth: {{type: header, header_name: X-Hook, header_value: '{{{{ $secrets.token }}}}'}}}}}}
  - key: call
    type: http.request
    params:
      url: 'http://{service}/{{{{ $secrets.user }}}}'
      method: POST
      headers: {{X-Token: '{{{{ $secrets.token }}}}'}}
      auth: {{type: basic, username: '{{{{ $secrets.user }}}}', password: '{{{{ $secrets.token }}}}'}}
      query: {{q: '{{{{ $secrets.token }}}}'}}
      body: {{t: '{{{{ $secrets.token }}}}', d: "{{{{ $secrets.user + ':' + $secrets.token | base64 }}}}"}}
    settings: {{retry_on_failed: true, max_retries: 1, retry_delay_ms: 0, on_error: continue_error_output}}
  - {{key: log, type: core.log, params: {{message: '{{{{ $input | json }}}}'}}}}
connections: [hook -> call -> log, call.error -> log]
"#
    )
}

/// A request on a connection of its own, and the whole answer.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.replace("ADDRESS", address).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn check_clean(what: &str, text: &str) {
    for giveaway in GIVEAWAYS {
        if let Some(place) = text.find(giveaway) {
            let around: String =
                text[..place].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
            panic!("{what} holds {giveaway} after {around}");
        }
    }
}

#[test]
fn the_log_and_the_numbers_hold_no_planted_secret() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    for (name, text) in [("token", TOKEN), ("user", USER)] {
        let set = command(&["secrets", "set", name, "--host", "127.0.0.1", "--db", &db]);
        prana_with(set, text.as_bytes()).ends(0);
    }
    let file = scratch.file("w.yaml", workflow(&echo_service()));
    prana(&["workflows", "save", &file, "--activate", "--db", &db]).ends(0);
    let mut serve = command(&["serve", "--db", &db, "--listen", "127.0.0.1:0", "--log", "json"]);
    serve.env("PRANA_LOG", "trace").env("PRANA_ALLOW_PRIVATE_NETWORK", "true");
    let mut run = Watched::of(serve);
    run.until("listening on http://");
    let address = run.seen.last().unwrap().split("http://").nth(1).unwrap().trim().to_owned();
    let hook = |header: &str| {
        let head = "POST /webhook/in HTTP/1.1\r\nHost: ADDRESS\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
        ask(&address, &format!("{head}X-Hook: {header}\r\n\r\n{{}}"))
    };
    for _ in 0..4 {
        let answer = hook(TOKEN);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        check_clean("the answer", &answer);
    }
    assert!(hook("pl4nted-and-wrong").starts_with("HTTP/1.1 401"));
    let numbers = ask(&address, "GET /metrics HTTP/1.1\r\nHost: ADDRESS\r\nConnection: close\r\n\r\n");
    assert!(numbers.contains("prana_executions_ended_total{end=\"completed\"} 4"), "{numbers}");
    check_clean("/metrics", &numbers);
    // While the server has the database, its secret is set anew: by the API, this time.
    let set = command(&["secrets", "set", "token", "--host", "127.0.0.1", "--db", &db]);
    prana_with(set, TOKEN.as_bytes()).ends(0);
    let sent =
        std::process::Command::new("kill").args(["-TERM", &run.child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let log = run.finish().ends(0).stderr;
    // It is the whole log, with what libraries say.
    for level in ["\"level\":\"TRACE\"", "\"level\":\"DEBUG\""] {
        assert!(log.contains(level), "no {level} in {log}");
    }
    check_clean("the log", &log);
}
