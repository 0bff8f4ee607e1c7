//! What commands ask: the HTTP API, of a server or, from inside, of a database that no server has open. So both do the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use prana::Permissions;
use prana_server::{Inside, Owner};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::exit::{Failure, Outcome};
use crate::output;

/// A server must begin to answer after this time; one that waits for an end answers after a minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// A file with a token is no longer than this, in bytes.
const MAX_TOKEN: u64 = 4 << 10;

/// Where workflows and executions are.
#[derive(Debug, Clone, clap::Args)]
pub struct Where {
    /// The database file. If a server has it open, that server is asked.
    #[arg(long, value_name = "FILE", env = "PRANA_DB", global = true)]
    pub db: Option<PathBuf>,
    /// A server, such as https://flows.example. Its token comes from --token-file or from PRANA_TOKEN.
    #[arg(long, value_name = "URL", env = "PRANA_SERVER", global = true)]
    pub server: Option<String>,
    /// A file that holds the server's token.
    #[arg(long, value_name = "FILE", env = "PRANA_TOKEN_FILE", global = true)]
    pub token_file: Option<PathBuf>,
}

/// What was chosen.
enum Chosen {
    File(PathBuf),
    Url(String),
}

impl Where {
    /// A flag counts more than the environment.
    fn choose(&self) -> Outcome<Chosen> {
        let is_flag = |name: &str| {
            std::env::args().any(|argument| argument == name || argument.starts_with(&format!("{name}=")))
        };
        match (&self.db, &self.server) {
            (Some(db), None) => Ok(Chosen::File(db.clone())),
            (None, Some(url)) => Ok(Chosen::Url(url.clone())),
            (Some(db), Some(url)) => {
                match (is_flag("--db"), is_flag("--server")) {
                    (true, false) => Ok(Chosen::File(db.clone())),
                    (false, true) => Ok(Chosen::Url(url.clone())),
                    _ => Err(Failure::new("both a database and a server are named")
                        .help("name one: --db or --server")),
                }
            }
            (None, None) => Err(Failure::new("neither a database nor a server is named")
                .help("add --db FILE or --server URL, or set PRANA_DB or PRANA_SERVER")),
        }
    }
}

/// The API of a server.
pub struct Remote {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// The API.
pub enum Client {
    /// Of a database that no server has open.
    Inside(Box<Inside>, PathBuf),
    /// Of a server.
    Server(Remote),
}

impl Client {
    /// Finds what is asked. A database must be there.
    ///
    /// # Errors
    /// No such database, one that another program has open, a server that is none, a token that can't be read.
    pub async fn open(place: &Where) -> Outcome<Client> {
        match place.choose()? {
            Chosen::File(path) if !prana::is_server(&path) && !path.exists() => {
                Err(crate::session::no_database(&path))
            }
            Chosen::File(path) => Client::of_file(&path).await,
            Chosen::Url(url) => Ok(Client::Server(Remote::new(&url, token(place.token_file.as_deref())?)?)),
        }
    }

    /// The same; a database that isn't there is made.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub async fn open_or_make(place: &Where) -> Outcome<Client> {
        match place.choose()? {
            Chosen::File(path) => Client::of_file(&path).await,
            Chosen::Url(_) => Client::open(place).await,
        }
    }

    /// Of a database: its server's, if it has one.
    ///
    /// # Errors
    /// A database that can't be opened.
    pub async fn of_file(path: &Path) -> Outcome<Client> {
        if let Some(server) = Client::owner_of(path)? {
            return Ok(server);
        }
        let permissions = Permissions { private_network: true, ..Permissions::default() };
        let keys = std::env::var_os("PRANA_KEYS").map(PathBuf::from);
        let master_keys = crate::secrets::keys_of_environment()?;
        let inside = Inside::open(path, permissions, keys, master_keys).await.map_err(Failure::new)?;
        Ok(Client::Inside(Box::new(inside), path.to_owned()))
    }

    /// The server that has a database open, on this machine and under this user.
    ///
    /// # Errors
    /// If it can't be asked.
    pub fn owner_of(database: &Path) -> Outcome<Option<Client>> {
        let Some(owner) = Owner::of(database) else { return Ok(None) };
        let remote = Remote::new(&format!("http://{}", owner.address), Some(owner.token))?;
        Ok(Some(Client::Server(remote)))
    }

    /// The events of an execution as they come.
    ///
    /// # Errors
    /// What the API refuses; a database that no server has open, where nobody tells of any.
    pub async fn events(&self, id: &str) -> Outcome<Events> {
        match self {
            Client::Server(remote) => remote.events(id).await,
            Client::Inside(..) => Err(Failure::new("no server runs executions of this database")),
        }
    }

    /// The body of a good answer.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let (status, body) = self.try_ask(method, path, body).await?;
        if (200..300).contains(&status) { Ok(body) } else { Err(refusal(&body, status)) }
    }

    /// The status and the body of an answer.
    ///
    /// # Errors
    /// If there is none.
    pub async fn try_ask(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<(u16, Value)> {
        let path = format!("/api/v1{path}");
        match self {
            Client::Inside(inside, _) => {
                let answer = inside.ask(method.as_str(), &path, body).await.map_err(Failure::new)?;
                Ok((answer.status, answer.body))
            }
            Client::Server(remote) => {
                let response = remote.send(method, &path, body).await?;
                let status = response.status().as_u16();
                let text = response.text().await.map_err(Failure::new)?;
                if text.is_empty() {
                    return Ok((status, Value::Null));
                }
                let body = serde_json::from_str(&text);
                let body = body.map_err(|_| {
                    Failure::new(format!("{} is no Prana server: it didn't answer JSON", remote.base))
                })?;
                Ok((status, body))
            }
        }
    }

    /// `GET`
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn get(&self, path: &str) -> Outcome<Value> {
        self.ask(Method::GET, path, None).await
    }

    /// `GET`, and none where there is nothing.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn find(&self, path: &str) -> Outcome<Option<Value>> {
        let (status, body) = self.try_ask(Method::GET, path, None).await?;
        match status {
            404 => Ok(None),
            200..300 => Ok(Some(body)),
            _ => Err(refusal(&body, status)),
        }
    }

    /// `POST`
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// All rows of a list that comes in pages. `cursor` is the parameter that `next` goes into.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn all(&self, path: &str, rows: &str, cursor: &str) -> Outcome<Vec<Value>> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let after = next.as_ref().map_or_else(String::new, |next| format!("&{cursor}={}", segment(next)));
            let mut page = self.get(&format!("{path}{sign}limit=500{after}")).await?;
            if let Some(rows) = page[rows].as_array_mut() {
                all.append(rows);
            }
            next = match &page["next"] {
                Value::Null => return Ok(all),
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
        }
    }

    /// Reads an answer to its end, however long that takes.
    ///
    /// # Errors
    /// If there is none.
    pub async fn drain(&self, path: &str) -> Outcome<()> {
        match self {
            Client::Inside(inside, _) => {
                let read = inside.ask("GET", &format!("/api/v1{path}"), None).await;
                read.map(|_| ()).map_err(Failure::new)
            }
            Client::Server(remote) => {
                let request = remote.request(Method::GET, &format!("/api/v1{path}"));
                let mut response = request.send().await.map_err(|error| remote.unreachable(&error))?;
                while response.chunk().await.map_err(Failure::new)?.is_some() {}
                Ok(())
            }
        }
    }

    /// Lets executions go on; a server does so by itself.
    pub fn advance(&mut self) {
        if let Client::Inside(inside, _) = self {
            inside.advance();
        }
    }

    /// The database, if no server has it.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Client::Inside(_, path) => Some(path.clone()),
            Client::Server(_) => None,
        }
    }

    /// Lets go of what was opened.
    pub async fn close(self) {
        if let Client::Inside(inside, _) = self {
            inside.close().await;
        }
    }
}

/// Asks the API, and lets go of it whatever comes of it.
///
/// # Errors
/// As [`Client::open`], and what the question refuses.
pub async fn with<T>(client: Client, question: impl AsyncFnOnce(&Client) -> Outcome<T>) -> Outcome<T> {
    let outcome = question(&client).await;
    client.close().await;
    outcome
}

impl Remote {
    fn new(url: &str, token: Option<String>) -> Outcome<Self> {
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(
                Failure::new(format!("{url:?} is no server")).help("write it as https://flows.example")
            );
        }
        // An environment's proxy must not see the token.
        let http = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(10)).build();
        Ok(Remote { http: http.map_err(Failure::new)?, base, token })
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Response> {
        let request = self.request(method, path).timeout(PATIENCE);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        Failure::new(format!("{} does not answer: {why}", self.base))
            .help("is it running, and is that its address?")
    }

    async fn events(&self, id: &str) -> Outcome<Events> {
        let request = self.request(Method::GET, &format!("/api/v1/executions/{}/events", segment(id)));
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(Events { response, text: Vec::new() }),
            status => {
                let body: Value = response.json().await.unwrap_or_default();
                Err(refusal(&body, status.as_u16()))
            }
        }
    }
}

/// A stream of events.
pub struct Events {
    response: Response,
    text: Vec<u8>,
}

impl Events {
    /// The next event; none when the stream ends.
    ///
    /// # Errors
    /// A connection that broke.
    pub async fn next(&mut self) -> Outcome<Option<Value>> {
        loop {
            if let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                let block = String::from_utf8_lossy(&block);
                let data: String = block.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                if let Ok(event) = serde_json::from_str(data.trim()) {
                    return Ok(Some(event));
                }
                continue;
            }
            match self.response.chunk().await.map_err(Failure::new)? {
                Some(chunk) => self.text.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// The token of a server: from a file, or from the environment. Never from the command line, which others can read.
fn token(file: Option<&Path>) -> Outcome<Option<String>> {
    let Some(file) = file else {
        return Ok(std::env::var("PRANA_TOKEN").ok().filter(|token| !token.is_empty()));
    };
    let text = crate::input::read(&file.to_string_lossy(), MAX_TOKEN)?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    match text.is_empty() || text.len() as u64 >= MAX_TOKEN {
        true => {
            Err(Failure::new(format!("{file:?} holds no token"))
                .help("put the token into it, and nothing else"))
        }
        false => Ok(Some(text)),
    }
}

/// Why the API refused.
fn refusal(problem: &Value, status: u16) -> Failure {
    let text = |name: &str| problem[name].as_str().unwrap_or_default();
    let (code, detail) = (text("code"), text("detail"));
    if detail.is_empty() {
        return Failure::new(format!("the server answered {status}"));
    }
    for finding in problem["findings"].as_array().into_iter().flatten() {
        let part = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        output::say(&output::harmless(&format!(
            "{} {}: {}",
            part("severity"),
            part("code"),
            part("message")
        )));
    }
    let failure = Failure::new(format!("{code}: {}", output::harmless(detail)));
    match (code, status) {
        ("execution.not_found", _) => failure.help("`prana executions list` shows those that there are"),
        ("workflow.not_found", _) => failure.help("`prana workflows list` shows those that there are"),
        ("execution.not_suspended", _) => failure.help("`prana executions show ID` says what it waits for"),
        ("execution.not_ended", _) => failure.help("`prana executions cancel ID` ends it"),
        (_, 401) => {
            failure.help("put a token into PRANA_TOKEN, or name a file that holds it with --token-file")
        }
        _ => failure,
    }
}

/// A part of a path, whatever its characters.
pub fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// The fields that are there, as a query.
pub fn query(fields: &[(&str, Option<String>)]) -> String {
    let fields = fields.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let pairs: Vec<String> = fields.map(|(name, value)| format!("{name}={}", segment(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// An object of the fields that are there.
pub fn object(fields: &[(&str, Option<Value>)]) -> Value {
    let mut object = json!({});
    for (name, value) in fields {
        if let Some(value) = value {
            object[*name] = value.clone();
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries() {
        assert_eq!(segment("a b/ü.x"), "a%20b%2F%C3%BC.x");
        assert_eq!(query(&[("a", None)]), "");
        assert_eq!(
            query(&[("a", Some("1,2".into())), ("b", None), ("c", Some("&".into()))]),
            "?a=1%2C2&c=%26"
        );
        assert_eq!(object(&[("a", Some(json!(1))), ("b", None)]), json!({"a": 1}));
    }
}
