//! `prana torture --http`: kills the real server while clients call webhooks and answer waits, and holds what they were told against the database.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prana::core::Timestamp;
use prana::core::document::{self, Workflow};
use prana::store::Filter;
use prana::{Engine, Value};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::Files;
use super::dice::Dice;
use super::ledger::Line;
use super::tormentor::{Ledger, Limit, Tortured, broken};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::session;

/// How long a server lives on average, in milliseconds.
const LIFE_MS: f64 = 500.0;

/// How many clients there are.
const CLIENTS: u64 = 6;

/// How long the last server may take until everybody is answered and everything has ended.
const CALM: Duration = Duration::from_secs(120);

/// An answer comes within this time, or the client asks again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The workflow that a schedule starts.
const TICKS: &str = "http-ticks";

/// The workflow that waits for an answer.
const ASKS: &str = "http-asks";

/// What clients and the tormentor share.
struct Shared {
    http: reqwest::Client,
    line: Arc<Line>,
    /// Where the server is, while there is one.
    server: watch::Receiver<Option<String>>,
    /// True when no new work is to begin.
    over: watch::Receiver<bool>,
    wrong: Mutex<Vec<String>>,
}

/// Kills servers; then lets one answer everybody.
pub async fn torment(files: &Files, ledger: &Ledger, seed: u64, limit: Limit) -> Outcome<Tortured> {
    save_workflows(&files.db).await?;
    let (server, told) = watch::channel(None);
    let (stop, over) = watch::channel(false);
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(Failure::new)?;
    let line = Line::open(ledger.address, 0).await?;
    let shared = Arc::new(Shared { http, line, server: told, over, wrong: Mutex::default() });
    let clients: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(client(Arc::clone(&shared), number))).collect();
    let (mut dice, mut tortured) = (Dice::new(seed), Tortured::default());
    let begun = Instant::now();
    while !limit.is_reached(tortured.kills, begun) && clients.iter().all(|client| !client.is_finished()) {
        let (mut child, address) = serve(files)?;
        server.send_replace(Some(address));
        tokio::time::sleep(Duration::from_millis(dice.exponential(LIFE_MS))).await;
        server.send_replace(None);
        if let Some(status) = child.try_wait().map_err(broken("the server"))? {
            tortured.violations.push(format!("a server ended by itself ({status}); see the log"));
            break;
        }
        kill(&mut child)?;
        tortured.kills += 1;
    }
    let (mut child, address) = serve(files)?;
    server.send_replace(Some(address.clone()));
    stop.send_replace(true);
    let calm = tokio::time::timeout(CALM, async {
        for client in clients {
            client.await.map_err(Failure::new)??;
        }
        until_ended(&shared.http, &address).await
    });
    match calm.await {
        Ok(ended) => ended?,
        Err(_) => tortured.violations.push(format!("not everything has ended within {} s", CALM.as_secs())),
    }
    kill(&mut child)?;
    tortured.violations.append(&mut shared.wrong.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(tortured)
}

fn kill(child: &mut Child) -> Outcome<()> {
    child.kill().map_err(broken("the server can't be killed"))?;
    child.wait().map_err(broken("the server")).map(drop)
}

fn workflows() -> Outcome<Vec<Workflow>> {
    let loaded = document::load("http.yaml", include_bytes!("http.yaml")).map_err(|findings| {
        Failure::new(findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    Ok(loaded.into_iter().map(|one| one.workflow).collect())
}

async fn save_workflows(db: &Path) -> Outcome<()> {
    let client = Client::of_file(db).await?;
    for workflow in workflows()? {
        let id = workflow.id.clone();
        let document: Json = serde_json::from_str(&document::to_json(&workflow)).map_err(Failure::new)?;
        client.post("/workflows", &document).await?;
        client.post(&format!("/workflows/{id}/activate"), &json!({})).await?;
    }
    client.close().await;
    Ok(())
}

/// The real server, and where it listens.
fn serve(files: &Files) -> Outcome<(Child, String)> {
    let program = std::env::current_exe().map_err(broken("this program can't be found"))?;
    let mut command = Command::new(program);
    // Nothing of the surroundings changes what it is.
    for (name, _) in std::env::vars_os() {
        if ["PRANA_", "OTEL_"].iter().any(|own| name.to_string_lossy().starts_with(own)) {
            command.env_remove(name);
        }
    }
    let empty = files.beside_log("toml");
    std::fs::write(&empty, "").map_err(broken("the configuration can't be written"))?;
    command.arg("serve").arg("--db").arg(&files.db).arg("--config").arg(empty);
    command.args(["--listen", "127.0.0.1:0", "--requests-per-second", "1000000"]);
    if prana::is_server(&files.db) {
        command.arg("--keys").arg(files.beside_log("serve"));
    }
    let child =
        command.env("PRANA_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = child.spawn().map_err(broken("the server can't be started"))?;
    let log = File::options().create(true).append(true).open(&files.log);
    let mut log = log.map_err(broken("the log can't be written"))?;
    let mut lines =
        BufReader::new(child.stderr.take().ok_or_else(|| Failure::new("the server has no stderr"))?).lines();
    while let Some(Ok(text)) = lines.next() {
        if let Some((_, address)) = text.split_once("listening on http://") {
            let address = address.trim().to_owned();
            std::thread::spawn(move || {
                for text in lines.map_while(Result::ok) {
                    // What can't be written is not needed.
                    let _ = writeln!(log, "{text}");
                }
            });
            return Ok((child, address));
        }
        // The same.
        let _ = writeln!(log, "{text}");
    }
    let status = child.wait().map_err(broken("the server"))?;
    Err(Failure::new(format!("the server doesn't start ({status}); see {}", files.log.display())))
}

/// Calls one webhook after the other until it is over; of what it has begun it wants to know the end.
async fn client(shared: Arc<Shared>, number: u64) -> Outcome<()> {
    for count in 0u64.. {
        if *shared.over.borrow() {
            break;
        }
        match count % 5 {
            0 => shared.call("http-now", &json!({"n": count}), false).await.map(drop)?,
            1 => shared.call("http-answered", &json!({"n": count}), false).await.map(drop)?,
            2 => shared.call("http-done", &json!({"n": count}), false).await.map(drop)?,
            3 => shared.deliver(&format!("{number}-{count}")).await?,
            _ => shared.ask(i64::try_from(number * 1_000_000 + count).unwrap_or_default()).await?,
        }
    }
    Ok(())
}

impl Shared {
    /// Asks whatever server there is; none if no whole answer came.
    async fn send(&self, path: &str, body: &Json) -> Option<(u16, Json)> {
        let mut server = self.server.clone();
        let found = tokio::time::timeout(CALM, server.wait_for(Option::is_some)).await.ok()?.ok()?.clone()?;
        let response = self.http.post(format!("http://{found}{path}")).json(body).send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.ok()?))
    }

    fn note(&self, wrong: String) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(wrong);
    }

    /// Calls a webhook, again if it must: the execution that was acknowledged, and has been written down as such.
    async fn call(&self, workflow: &str, body: &Json, again: bool) -> Outcome<Option<String>> {
        loop {
            match self.send(&format!("/webhook/{workflow}"), body).await {
                Some((200..300, answer)) => {
                    let id = answer["execution_id"].as_str().or(answer["id"].as_str()).unwrap_or_default();
                    let started =
                        json!({"kind": "started", "execution": id, "workflow": workflow, "body": body});
                    self.line.call(started).await?;
                    return Ok(Some(id.to_owned()));
                }
                Some((503, _)) => {}
                Some((status, answer)) => {
                    self.note(format!("`{workflow}` answered {status}: {answer}"));
                    return Ok(None);
                }
                None if !again || *self.over.borrow() => return Ok(None),
                None => {}
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// One event, sent until it is taken, and once more: one execution must come of it.
    async fn deliver(&self, key: &str) -> Outcome<()> {
        let body = json!({"key": key});
        let first = self.call("http-once", &body, true).await?;
        let second = self.call("http-once", &body, true).await?;
        if let (Some(first), Some(second)) = (&first, &second)
            && first != second
        {
            self.note(format!("the event {key} was acknowledged as {first} and as {second}"));
        }
        Ok(())
    }

    /// Starts one that waits, and answers it until that is taken.
    async fn ask(&self, answer: i64) -> Outcome<()> {
        let Some(id) = self.call(ASKS, &json!({}), false).await? else { return Ok(()) };
        self.line.call(json!({"kind": "answering", "execution": id, "answer": answer})).await?;
        let body = json!({"node": "ask", "data": {"answer": answer}});
        loop {
            match self.send(&format!("/api/v1/executions/{id}/resume"), &body).await {
                Some((200..300, _)) => {
                    self.line.call(json!({"kind": "answered", "execution": id, "answer": answer})).await?;
                    return Ok(());
                }
                // It was taken before, and the word of it was lost.
                Some((409 | 410, _)) => return Ok(()),
                Some((503, _)) | None => tokio::time::sleep(Duration::from_millis(5)).await,
                Some((status, said)) => {
                    self.note(format!("the answer to {id} got {status}: {said}"));
                    return Ok(());
                }
            }
        }
    }
}

/// Stops the clock, and waits until nothing is under way.
async fn until_ended(http: &reqwest::Client, address: &str) -> Outcome<()> {
    let base = format!("http://{address}/api/v1");
    let stop = http.post(format!("{base}/workflows/{TICKS}/deactivate")).json(&json!({}));
    stop.send().await.and_then(reqwest::Response::error_for_status).map_err(Failure::new)?;
    loop {
        let open = http.get(format!("{base}/executions?status=pending,running,suspended&limit=100"));
        let page: Json = open.send().await.map_err(Failure::new)?.json().await.map_err(Failure::new)?;
        let Some(rows) = page["executions"].as_array().filter(|rows| !rows.is_empty()) else { return Ok(()) };
        for row in rows.iter().filter(|row| row["workflow_id"] == ASKS) {
            answer_unknown(http, &base, row).await?;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Its caller was never told its id, because the server died before its answer went out: so nobody else answers it.
async fn answer_unknown(http: &reqwest::Client, base: &str, row: &Json) -> Outcome<()> {
    let id = row["id"].as_str().unwrap_or_default();
    let answer =
        http.post(format!("{base}/executions/{id}/resume")).json(&json!({"node": "ask", "data": null}));
    // It may have been answered before: then it ends anyway.
    answer.send().await.map(drop).map_err(Failure::new)
}

/// What came out besides what every torture looks at.
pub struct Found {
    /// Lines for people.
    pub summary: Vec<String>,
    /// What must not be.
    pub violations: Vec<String>,
}

/// Each event has one execution, and each time of the clock one.
pub async fn check(db: &Path) -> Outcome<Found> {
    let store = session::open(db).await?;
    let engine = Engine::builder().shared_store(store).registry(prana_server::registry()).build();
    let mut violations = Vec::new();
    let mut events: BTreeMap<String, usize> = BTreeMap::new();
    for input in inputs(&engine, "http-once").await? {
        let key = input.get("body").and_then(|body| body.get("key")).map(Value::to_text);
        *events.entry(key.map(|key| key.to_string()).unwrap_or_default()).or_default() += 1;
    }
    let twice = events.iter().filter(|(_, count)| **count != 1);
    violations.extend(twice.map(|(key, count)| format!("the event {key} started {count} executions")));
    let mut planned = Vec::new();
    for input in inputs(&engine, TICKS).await? {
        let time = input.get("scheduled_for").and_then(|time| time.as_str()?.parse::<Timestamp>().ok());
        planned.extend(time.map(Timestamp::as_millis));
    }
    planned.sort_unstable();
    let odd = planned.windows(2).filter(|pair| pair[1] - pair[0] != 1_000);
    violations.extend(odd.map(|pair| {
        let times: BTreeSet<String> = pair.iter().map(|at| Timestamp::from_millis(*at).to_string()).collect();
        format!("the clock of every second started executions for {times:?}, one after the other")
    }));
    let line = |name: &str, value: usize| format!("{name:<43} {value}");
    let summary = vec![
        line("events sent twice, with one execution each", events.len()),
        line("times of a clock, with one execution each", planned.len()),
    ];
    Ok(Found { summary, violations })
}

/// What each execution of a workflow was started with.
async fn inputs(engine: &Engine, workflow: &str) -> Outcome<Vec<Value>> {
    let filter = Filter { workflow_id: Some(workflow.to_owned()), ..Filter::default() };
    let (mut inputs, mut after) = (Vec::new(), None);
    loop {
        let page = engine.store().list(&filter, after, 500).await?;
        for row in &page.rows {
            inputs.push(engine.execution(row.id).await?.trigger_data);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(inputs),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn the_workflows_are_fine() {
        let ids: Vec<String> = super::workflows().unwrap().into_iter().map(|workflow| workflow.id).collect();
        assert_eq!(ids, ["http-now", "http-answered", "http-done", "http-once", super::ASKS, super::TICKS]);
    }
}
