//! One database on a server, and several processes over it: with the address of a PostgreSQL in PRANA_TEST_POSTGRES (`tests/postgres/with`), else passed over.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Scratch, Watched, command, prana, prana_with};

const LIMIT: Duration = Duration::from_secs(30);

fn served(args: &[&str], line: &str) -> Watched {
    let mut run = Watched::start(args);
    run.until(line);
    run
}

fn stop(run: Watched) {
    let sent =
        std::process::Command::new("kill").args(["-TERM", &run.child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    run.finish().ends(0);
}

const FLOW: &str = "
id: hooked
nodes:
  - {key: hook, type: webhook.trigger, params: {path: shared, respond: last_node, auth: {type: header, header_name: X-Proof, header_value: '{{ $secrets.proof }}'}}}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 10, unit: ms}}
  - {key: end, type: data.set_data, params: {fields: {n: '{{ $trigger.body.n }}'}}}
connections: [hook -> nap -> end]
";

#[test]
fn a_file_moves_to_a_server_that_an_api_and_a_worker_share() {
    let Ok(url) = std::env::var("PRANA_TEST_POSTGRES") else {
        eprintln!("passed over: PRANA_TEST_POSTGRES names no server");
        return;
    };
    let scratch = Scratch::new();
    let db = scratch.path("prana.db");
    let set = command(&["secrets", "set", "proof", "--any-host", "--db", &db]);
    prana_with(set, b"swordfish-of-this-test").ends(0);
    prana(&["workflows", "save", &scratch.file("w.yaml", FLOW), "--activate", "--db", &db]).ends(0);
    prana(&["backup", "--db", &db, "--to", &url]).ends(0).prints("rows copied");
    prana(&["backup", "--db", &db, "--to", &url]).ends(2);
    // What needs no keys needs none to be named.
    prana(&["workflows", "list", "--db", &url]).ends(0).prints("hooked");
    prana(&["doctor", "--db", &url, "--listen", "127.0.0.1:0"]).ends(1).prints("WRONG keys");
    prana(&["doctor", "--db", &url, "--keys", &db, "--listen", "127.0.0.1:0"]).ends(0);
    let serve = ["serve", "--db", &url, "--keys", &db, "--listen", "127.0.0.1:0", "--roles"];
    let with = |roles: &'static str| [&serve[..], &[roles]].concat();
    let worker = served(&with("worker,scheduler"), "working in the background");
    let api = served(&with("api"), "listening on http://");
    let address = api.seen.last().unwrap().split("http://").nth(1).unwrap().trim().to_owned();
    let base = format!("http://{address}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let http = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
    let called = runtime.block_on(async {
        let call = http.post(format!("{base}/webhook/shared")).header("X-Proof", "swordfish-of-this-test");
        call.json(&serde_json::json!({"n": 7}))
            .send()
            .await
            .unwrap()
            .error_for_status()
            .unwrap()
            .json::<Value>()
            .await
    });
    assert_eq!(called.unwrap()["n"], 7, "the worker ran what the other process took in");
    let begun = Instant::now();
    loop {
        let shown: Value = runtime.block_on(async {
            http.get(format!("{base}/api/v1/dashboard")).send().await.unwrap().json().await.unwrap()
        });
        let roles: Vec<String> =
            shown["workers"].as_array().unwrap().iter().map(|one| one["roles"].to_string()).collect();
        if roles.len() == 2 && roles[0] == "[\"api\"]" && roles[1] == "[\"worker\",\"scheduler\"]" {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{shown:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
    stop(worker);
    stop(api);
}
