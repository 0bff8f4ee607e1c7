//! A service with a token endpoint and an API, on this machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prana::Credential;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{SECRET, credential};

pub type Fields = BTreeMap<String, String>;

/// A service with a token endpoint, which gives each refresh token up once it was used, and an API that takes the newest access token alone.
#[derive(Default)]
pub struct Service {
    pub asked: Vec<Fields>,
    /// What it answers instead, if something is wrong with it.
    pub broken: Option<(u16, &'static str)>,
    pub number: u32,
    pub lives: u64,
    pub refresh_token: String,
    pub challenge: String,
    pub api_calls: Vec<String>,
    pub is_api_shut: bool,
}

#[derive(Clone)]
pub struct Stub {
    pub port: u16,
    pub service: Arc<Mutex<Service>>,
}

impl Stub {
    pub async fn start() -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = Arc::new(Mutex::new(Service { lives: 3600, ..Service::default() }));
        let stub = Stub { port, service: Arc::clone(&service) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&service)));
            }
        });
        stub
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut Service) -> T) -> T {
        change(&mut self.service.lock().unwrap())
    }

    pub fn asked(&self, grant_type: &str) -> usize {
        self.with(|service| service.asked.iter().filter(|fields| fields["grant_type"] == grant_type).count())
    }

    pub fn client_credentials(&self) -> Credential {
        credential(
            json!({"type": "oauth2_client_credentials", "token_url": self.url("/token"), "client_id": "client-id-1",
            "client_secret": SECRET, "scopes": ["read", "write"], "auth_style": "body"}),
        )
    }

    pub fn by_a_person(&self) -> Credential {
        credential(
            json!({"type": "oauth2_authorization_code", "authorize_url": self.url("/authorize?prompt=consent"),
            "token_url": self.url("/token"), "client_id": "client-id-1", "client_secret": SECRET, "scopes": ["mail"]}),
        )
    }
}

async fn answer(mut stream: TcpStream, service: Arc<Mutex<Service>>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    let (head, body) = loop {
        let Ok(count @ 1..) = stream.read(&mut piece).await else { return };
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").parse().unwrap_or(0);
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let path = head.split([' ', '?']).nth(1).unwrap_or_default();
    let (status, said) = match path {
        "/token" => token(&mut service.lock().unwrap(), &body),
        _ => api(&mut service.lock().unwrap(), &head),
    };
    let response = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{said}",
        said.len()
    );
    let _ = stream.write_all(response.as_bytes()).await;
}

fn header(head: &str, name: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or("", |(_, value)| value)
        .to_owned()
}

fn token(service: &mut Service, body: &str) -> (u16, String) {
    let url = format!("http://x/?{body}").parse::<reqwest::Url>().unwrap();
    let fields: Fields = url.query_pairs().into_owned().collect();
    service.asked.push(fields.clone());
    if let Some((status, said)) = service.broken {
        return (status, said.to_owned());
    }
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let is_good = match field("grant_type").as_str() {
        "client_credentials" => field("client_secret") == SECRET,
        "refresh_token" => field("refresh_token") == service.refresh_token,
        "authorization_code" => {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier").as_bytes()));
            field("code") == "the-code-1" && challenge == service.challenge
        }
        _ => false,
    };
    if !is_good {
        let said = json!({"error": "invalid_grant", "error_description": format!("{} is over", field("refresh_token"))});
        return (400, said.to_string());
    }
    service.number += 1;
    service.refresh_token = format!("refresh-token-{}", service.number);
    let mut said = json!({"access_token": format!("access-token-{}", service.number), "token_type": "bearer", "expires_in": service.lives});
    if field("grant_type") != "client_credentials" {
        said["refresh_token"] = service.refresh_token.clone().into();
    }
    (200, said.to_string())
}

/// Gives back what it was sent, if it comes with the newest token.
fn api(service: &mut Service, head: &str) -> (u16, String) {
    let shown = header(head, "authorization");
    service.api_calls.push(shown.clone());
    let is_good = shown == format!("Bearer access-token-{}", service.number) && !service.is_api_shut;
    (
        if is_good { 200 } else { 401 },
        json!({"you": shown, "secret": SECRET, "line": head.lines().next()}).to_string(),
    )
}

/// What the service keeps of the address that a person opened, and the state that it sends back.
pub fn seen_by_the_service(url: &str, stub: &Stub) -> String {
    let url: reqwest::Url = url.parse().unwrap();
    let fields: Fields = url.query_pairs().into_owned().collect();
    assert_eq!(
        (fields["response_type"].as_str(), fields["code_challenge_method"].as_str()),
        ("code", "S256")
    );
    assert_eq!((fields["scope"].as_str(), fields["prompt"].as_str()), ("mail", "consent"));
    stub.with(|service| service.challenge = fields["code_challenge"].clone());
    fields["state"].clone()
}
