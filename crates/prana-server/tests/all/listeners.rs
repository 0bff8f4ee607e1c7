//! Many who listen, and some who don't read.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::kit::{Kit, Stream, doubles};

/// How many listen at once.
const LISTENERS: usize = 1_000;

/// A listener of all executions, who has the headers of the answer.
async fn listen(kit: &Kit) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(kit.running.address()).await.unwrap();
    let request = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert_ne!(reader.read_line(&mut line).await.unwrap(), 0, "it ended");
        assert!(!line.starts_with("HTTP/") || line.contains(" 200 "), "{line}");
    }
    reader
}

/// The next `count` executions whose end a listener hears of, in order.
async fn ends(reader: &mut BufReader<TcpStream>, count: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut line = String::new();
    while found.len() < count {
        line.clear();
        assert_ne!(reader.read_line(&mut line).await.unwrap(), 0, "it ended");
        if let Some(data) = line.strip_prefix("data: ") {
            let event: Value = serde_json::from_str(data).unwrap();
            if event["kind"] == "execution_completed" {
                found.push(event["execution_id"].clone());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hear_of_everything_in_order() {
    let kit = Kit::with(|options| options.connections = Some(2_000)).await;
    kit.active(doubles()).await;
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        listeners.push(listen(&kit).await);
    }
    // One who never reads holds nobody up.
    let _silent = listen(&kit).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(kit.run("doubles", json!({"n": n})).await.is(200).body["id"].clone());
    }
    let all = async {
        for listener in &mut listeners {
            assert_eq!(ends(listener, ids.len()).await, ids);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("everybody hears in time");
}

#[tokio::test]
async fn who_lags_too_far_behind_is_told_so() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let mut live = Stream::open(&kit, "/api/v1/events", None).await;
    kit.run("doubles", json!({"n": 1})).await.is(200);
    let first = live.next().await.unwrap();
    // More events than are kept: six for each execution.
    let mut long = doubles();
    long["id"] = json!("long");
    long["nodes"][1] =
        json!({"key": "each", "type": "core.for_each", "params": {"collection": "{{ range(0, 3000) }}"}});
    long["nodes"].as_array_mut().unwrap().push(json!({"key": "item", "type": "core.no_op"}));
    long["connections"] = json!(["start -> each", "each.loop -> item -> each"]);
    kit.active(long).await;
    kit.run("long", json!({})).await.is(200);
    let mut again = Stream::open(&kit, "/api/v1/events", Some(&first.id)).await;
    assert_eq!(again.next().await.unwrap().kind, "reset");
    // What follows the reset follows without a gap.
    let mut numbers = Vec::new();
    for _ in 0..500 {
        let event = again.next().await.unwrap();
        numbers.push(event.id.rsplit_once('-').unwrap().1.parse::<u64>().unwrap());
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}
