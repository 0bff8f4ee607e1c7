//! What the server acknowledged survives SIGKILL: webhooks that were answered, and times of schedules.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Scratch, Watched, prana};

const LIMIT: Duration = Duration::from_secs(60);

/// A request on a connection of its own; none if no whole answer came.
fn ask(address: &str, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}

struct Serving {
    run: Watched,
    address: String,
}

fn serve(db: &str) -> Serving {
    let mut run =
        Watched::start(&["serve", "--db", db, "--listen", "127.0.0.1:0", "--requests-per-second", "100000"]);
    run.until("listening on http://");
    let address = run.seen.last().unwrap().split("http://").nth(1).unwrap().trim().to_owned();
    Serving { run, address }
}

/// Calls webhooks until the server dies. Gives the executions that it acknowledged.
fn call_until_dead(address: &str, acknowledged: &Mutex<Vec<String>>) {
    for number in 0.. {
        let path = ["/webhook/now", "/webhook/answered", "/webhook/done"][number % 3];
        let Some((status, body)) = ask(address, "POST", path, "{\"n\": 1}") else { return };
        let id = body["execution_id"].as_str().or(body["id"].as_str());
        if (200..300).contains(&status) {
            acknowledged.lock().unwrap().push(id.unwrap().to_owned());
        }
    }
}

const FLOWS: &str = r#"
workflows:
  - id: now
    nodes:
      - {key: hook, type: webhook.trigger, params: {path: now}}
      - {key: rest, type: core.no_op}
    connections: [hook -> rest]
  - id: answered
    nodes:
      - {key: hook, type: webhook.trigger, params: {path: answered, respond: respond_node}}
      - {key: says, type: webhook.respond, params: {body: {id: "{{ $execution.id }}"}}}
      - {key: nap, type: wait.wait, params: {mode: interval, duration: 20, unit: ms}}
      - {key: rest, type: core.no_op}
    connections: [hook -> says -> nap -> rest]
  - id: done
    nodes:
      - {key: hook, type: webhook.trigger, params: {path: done, respond: last_node}}
      - {key: rest, type: data.set_data, params: {fields: {id: "{{ $execution.id }}"}}}
    connections: [hook -> rest]
  - id: ticks
    nodes:
      - {key: clock, type: schedule.trigger, params: {every: 1s, missed: all}}
"#;

fn setup(scratch: &Scratch, db: &str) {
    for (number, flow) in FLOWS.split("  - id: ").skip(1).enumerate() {
        let text: String = format!("id: {flow}")
            .lines()
            .map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n")
            .collect();
        let file = scratch.file(&format!("{number}.yaml"), &text);
        prana(&["workflows", "save", &file, "--activate", "--db", db]).ends(0);
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    setup(&scratch, &db);
    let acknowledged: Arc<Mutex<Vec<String>>> = Arc::default();
    for round in 1..=5 {
        let mut serving = serve(&db);
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let (address, acknowledged) = (serving.address.clone(), Arc::clone(&acknowledged));
                std::thread::spawn(move || call_until_dead(&address, &acknowledged))
            })
            .collect();
        let enough = round * 40;
        let begun = Instant::now();
        while acknowledged.lock().unwrap().len() < enough {
            assert!(begun.elapsed() < LIMIT, "nothing is answered");
            std::thread::yield_now();
        }
        // SIGKILL, in the middle of whatever it does.
        serving.run.child.kill().unwrap();
        serving.run.child.wait().unwrap();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    }
    let mut serving = serve(&db);
    let acknowledged = acknowledged.lock().unwrap().clone();
    let distinct: BTreeSet<&String> = acknowledged.iter().collect();
    assert_eq!(distinct.len(), acknowledged.len(), "each request has an execution of its own");
    for id in &acknowledged {
        let begun = Instant::now();
        let path = format!("/api/v1/executions/{id}");
        let mut shown = ask(&serving.address, "GET", &path, "").unwrap();
        while shown.1["execution"]["status"] != "completed" {
            assert!(shown.0 == 200 && begun.elapsed() < LIMIT, "{id} is lost: {shown:?}");
            shown = ask(&serving.address, "GET", &path, "").unwrap();
        }
    }
    check_ticks(&serving.address);
    serving.run.child.kill().unwrap();
    serving.run.child.wait().unwrap();
}

/// Every second since the first has one execution: none is left out, none came twice. On a fast machine all kills may lie
/// within a second, so this waits until the clock has ticked more than once.
fn check_ticks(address: &str) {
    let begun = Instant::now();
    let mut planned = ticks(address);
    while planned.len() < 2 {
        assert!(begun.elapsed() < LIMIT, "the clock does not tick: {planned:?}");
        planned = ticks(address);
    }
    planned.sort();
    let times: Vec<i64> = planned.iter().map(|time| prana_time(time)).collect();
    for pair in times.windows(2) {
        assert_eq!(pair[1] - pair[0], 1_000, "{planned:?}");
    }
}

/// The planned time of each execution that the schedule started.
fn ticks(address: &str) -> Vec<String> {
    let mut planned = Vec::new();
    let mut path = "/api/v1/executions?workflow_id=ticks&limit=500".to_owned();
    loop {
        let (status, page) = ask(address, "GET", &path, "").unwrap();
        assert_eq!(status, 200, "{page}");
        for row in page["executions"].as_array().unwrap() {
            let shown =
                ask(address, "GET", &format!("/api/v1/executions/{}", row["id"].as_str().unwrap()), "")
                    .unwrap()
                    .1;
            let input = if shown["execution"]["trigger_data"].is_null() {
                &shown["input"]
            } else {
                &shown["execution"]["trigger_data"]
            };
            planned.push(
                input["scheduled_for"]
                    .as_str()
                    .or(shown["output"]["scheduled_for"].as_str())
                    .unwrap()
                    .to_owned(),
            );
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/executions?workflow_id=ticks&limit=500&cursor={next}"),
            None => return planned,
        }
    }
}

/// Milliseconds of a time.
fn prana_time(text: &str) -> i64 {
    text.parse::<prana::core::Timestamp>().unwrap().as_millis()
}
