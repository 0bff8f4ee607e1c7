//! A server of its own for each test, and a client.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use prana_server::{Options, Running, Server};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// A directory that is removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("prana-server-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub fn database(&self) -> PathBuf {
        self.0.join("prana.db")
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed stays in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Kit {
    pub running: Running,
    pub client: Client,
    pub scratch: Scratch,
}

/// What a request got.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Got {
    pub async fn of(response: Response) -> Got {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Got { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// The same, if it has this status; a refusal must be a problem document.
    #[track_caller]
    pub fn is(self, status: u16) -> Got {
        assert_eq!(self.status, status, "{self:#?}");
        if status >= 400 && !self.text.starts_with("<!doctype") {
            assert_eq!(self.headers["content-type"], "application/problem+json", "{self:#?}");
            assert_eq!(self.body["status"], status);
            assert!(!self.body["detail"].as_str().unwrap().is_empty());
        }
        assert_eq!(self.headers["x-content-type-options"], "nosniff");
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Got {
        let got = self.is(status);
        assert_eq!(got.body["code"], code, "{got:#?}");
        got
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }
}

impl Kit {
    pub async fn new() -> Kit {
        Kit::over(Scratch::new(), |_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Options)) -> Kit {
        Kit::over(Scratch::new(), change).await
    }

    pub async fn over(scratch: Scratch, change: impl FnOnce(&mut Options)) -> Kit {
        let mut options = Options::new(scratch.database());
        options.listen = ([127, 0, 0, 1], 0).into();
        options.grace = Duration::from_secs(5);
        change(&mut options);
        let running = Server::start(options).await.unwrap();
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Kit { running, client, scratch }
    }

    /// The same database under another server.
    pub async fn restarted(self) -> Kit {
        self.running.shut_down().await;
        Kit::over(self.scratch, |_| {}).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address())
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Sends a request. The answer must be what the OpenAPI document says.
    pub async fn send(&self, request: RequestBuilder) -> Got {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let got = Got::of(self.client.execute(request).await.unwrap()).await;
        crate::contract::check(&method, &path, &got);
        got
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send(self.ask(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Got {
        self.send(self.ask(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Got {
        self.send(self.ask(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Got {
        self.send(self.ask(Method::PUT, path).json(&body)).await
    }

    /// Saves and activates.
    pub async fn active(&self, workflow: Value) {
        self.post("/api/v1/workflows", workflow.clone()).await.is(201);
        let path = format!("/api/v1/workflows/{}/activate", workflow["id"].as_str().unwrap());
        self.post(&path, json!({})).await.is(200);
    }

    /// Starts and waits for the end.
    pub async fn run(&self, workflow: &str, input: Value) -> Got {
        self.post("/api/v1/executions?mode=sync", json!({"workflow_id": workflow, "input": input})).await
    }

    pub async fn start(&self, workflow: &str, input: Value) -> String {
        self.post("/api/v1/executions", json!({"workflow_id": workflow, "input": input})).await.is(202).id()
    }

    /// Follows the events of an execution until one of a kind comes.
    pub async fn until(&self, id: &str, kind: &str) -> Vec<Sse> {
        let mut stream = Stream::open(self, &format!("/api/v1/executions/{id}/events"), None).await;
        let mut seen = Vec::new();
        while let Some(event) = stream.next().await {
            let found = event.kind == kind;
            seen.push(event);
            if found {
                return seen;
            }
        }
        panic!("no {kind} in {seen:#?}");
    }
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Sse {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

/// A stream of events.
pub struct Stream {
    response: Response,
    rest: String,
}

impl Stream {
    pub async fn open(kit: &Kit, path: &str, last: Option<&str>) -> Stream {
        let mut request = kit.ask(Method::GET, path);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { response, rest: String::new() }
    }

    /// The next event; none when the server ends the stream.
    pub async fn next(&mut self) -> Option<Sse> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .unwrap_or_default()
                        .trim()
                        .to_owned()
                };
                let event = Sse {
                    id: field("id:"),
                    kind: field("event:"),
                    data: serde_json::from_str(&field("data:")).unwrap_or_default(),
                };
                self.rest = rest.to_owned();
                if !event.kind.is_empty() {
                    return Some(event);
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    pub async fn rest(mut self) -> Vec<Sse> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }
}

/// Doubles a number.
pub fn doubles() -> Value {
    json!({
        "id": "doubles",
        "nodes": [
            {"key": "start", "type": "manual.trigger"},
            {"key": "double", "type": "data.set_data", "params": {"fields": {"n": "{{ $input.n * 2 }}"}}},
        ],
        "connections": ["start -> double"],
    })
}

/// Waits for an answer.
pub fn asks() -> Value {
    json!({
        "id": "asks",
        "nodes": [
            {"key": "start", "type": "manual.trigger"},
            {"key": "links", "type": "workflow.set_state", "params": {"link": "{{ $execution.resume_urls.approve }}"}},
            {"key": "approve", "type": "wait.wait", "params": {"mode": "webhook"}},
            {"key": "end", "type": "data.set_data", "params": {"fields": {"by": "{{ $input.by }}"}}},
        ],
        "connections": ["start -> links -> approve -> end"],
    })
}

/// Fails.
pub fn fails() -> Value {
    json!({
        "id": "fails",
        "nodes": [
            {"key": "start", "type": "manual.trigger"},
            {"key": "stop", "type": "core.stop", "params": {"status": "failed", "code": "it.broke", "message": "as told"}},
        ],
        "connections": ["start -> stop"],
    })
}
