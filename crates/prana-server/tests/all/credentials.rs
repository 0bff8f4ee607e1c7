//! Credentials over HTTP: what is in them goes in and doesn't come out; authorizations are finished once, by who may, where they began.

use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::kit::{Got, Kit};

const PASSWORD: &str = "correct horse battery";
const SECRET: &str = "client-secret-42";

/// A service whose token endpoint gives a token for any code but "wrong". What it was asked is kept.
async fn service() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                let text = loop {
                    let Ok(count @ 1..) = stream.read(&mut piece).await else { return };
                    request.extend_from_slice(&piece[..count]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.to_ascii_lowercase();
                    let length =
                        length.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                    if body.len() >= length.unwrap_or(0) {
                        break text;
                    }
                };
                let (status, said) = match () {
                    () if text.starts_with("GET /me") && text.contains("Bearer access-token-1") => {
                        (200, json!({"me": 1}))
                    }
                    () if text.starts_with("GET /me") => (401, json!({})),
                    () if text.contains("code=wrong") => (
                        400,
                        json!({"error": "invalid_grant", "error_description": format!("<b>{SECRET}</b>")}),
                    ),
                    () => (
                        200,
                        json!({"access_token": "access-token-1", "refresh_token": "refresh-token-1", "expires_in": 60}),
                    ),
                };
                seen.lock().unwrap().push(text);
                let said = said.to_string();
                let response = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{said}",
                    said.len()
                );
                let _ = stream.write_all(response.as_bytes()).await;
            });
        }
    });
    (format!("http://{address}"), asked)
}

fn by_a_person(service: &str) -> Value {
    json!({"allowed_hosts": ["127.0.0.1"], "test_url": format!("{service}/me"), "credential": {
        "type": "oauth2_authorization_code", "authorize_url": format!("{service}/authorize"), "token_url": format!("{service}/token"),
        "client_id": "client-id-1", "client_secret": SECRET, "scopes": ["mail"]}})
}

async fn planted() -> (Kit, String, Arc<Mutex<Vec<String>>>) {
    let kit = Kit::with(|options| options.permissions.private_network = true).await;
    let (service, asked) = service().await;
    kit.put("/api/v1/credentials/mail", by_a_person(&service)).await.is(200);
    (kit, service, asked)
}

/// The state in the address that a person opens.
fn state_of(begun: &Got) -> String {
    let url: reqwest::Url = begun.body["url"].as_str().unwrap().parse().unwrap();
    let found = url.query_pairs().find(|(name, _)| name == "state").unwrap();
    found.1.into_owned()
}

async fn back(kit: &Kit, query: &str, cookie: Option<&str>) -> Got {
    let mut request = kit.ask(Method::GET, &format!("/oauth/callback?{query}"));
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    // As a browser comes from a page of the service.
    let got = kit.send(request.header("sec-fetch-site", "cross-site").header("accept", "text/html")).await;
    assert!(got.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{got:?}");
    assert!(got.headers.get("location").is_none() && !got.text.contains(SECRET), "{got:?}");
    got
}

#[tokio::test]
async fn facts_are_told_and_what_is_in_it_is_not() {
    let kit = Kit::new().await;
    let set = |body: Value| kit.put("/api/v1/credentials/a", body);
    let bearer = |token: &str| json!({"type": "bearer", "token": token});
    let first =
        set(json!({"credential": bearer("swordfish-1"), "allowed_hosts": ["A.example"], "based_on": 0}))
            .await
            .is(200);
    assert_eq!((&first.body["version"], &first.body["type"]), (&json!(1), &json!("bearer")));
    assert_eq!(first.body["is_ready"], json!(true));
    set(json!({"credential": bearer("x"), "allowed_hosts": ["*"], "based_on": 0}))
        .await
        .refused(409, "credential.outdated");
    set(json!({"credential": bearer("x"), "allowed_hosts": []}))
        .await
        .refused(422, "credential.invalid_hosts");
    set(json!({"credential": bearer("swordfish\n2"), "allowed_hosts": ["*"]}))
        .await
        .refused(422, "credential.invalid");
    let nested =
        set(json!({"credential": {"type": "bearer", "token": {"a": "swordfish-3"}}, "allowed_hosts": ["*"]}))
            .await;
    assert!(nested.status == 400 && !nested.text.contains("swordfish"), "{nested:?}");
    set(json!({"credential": {"type": "magic"}, "allowed_hosts": ["*"]}))
        .await
        .refused(400, "request.invalid");
    kit.put("/api/v1/credentials/9a", json!({"credential": bearer("x"), "allowed_hosts": ["*"]}))
        .await
        .refused(422, "credential.invalid_name");
    kit.put("/api/v1/credentials/b", json!({"credential": bearer("swordfish-2"), "allowed_hosts": ["*"]}))
        .await
        .is(200);
    let page = kit.get("/api/v1/credentials?limit=1").await.is(200);
    assert_eq!((&page.body["credentials"][0]["name"], &page.body["next"]), (&json!("a"), &json!("a")));
    let kit = kit.restarted().await;
    let changes = kit.get("/api/v1/changes").await.is(200);
    for got in [
        kit.get("/api/v1/credentials").await.is(200),
        kit.get("/api/v1/credentials/a").await.is(200),
        changes,
    ] {
        assert!(!got.text.contains("swordfish"), "{got:?}");
    }
    kit.post("/api/v1/credentials/a/test", json!({})).await.refused(422, "credential.invalid");
    kit.post("/api/v1/credentials/a/authorize", json!({})).await.refused(409, "credential.not_authorizable");
    kit.delete("/api/v1/credentials/a").await.is(204);
    kit.delete("/api/v1/credentials/a").await.refused(404, "credential.not_found");
    kit.get("/api/v1/credentials/a").await.refused(404, "credential.not_found");
}

#[tokio::test]
async fn somebody_agrees_and_it_works() {
    let (kit, service, asked) = planted().await;
    let tested = kit.post("/api/v1/credentials/mail/test", json!({})).await.is(200);
    assert_eq!(tested.body["error"]["code"], "credential.needs_authorization");
    let begun = kit.post("/api/v1/credentials/mail/authorize", json!({})).await.is(200);
    let url = begun.body["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{service}/authorize?response_type=code&")), "{url}");
    assert!(url.contains("code_challenge_method=S256") && !url.contains(SECRET), "{url}");
    assert_eq!(begun.body["redirect_uri"], kit.url("/oauth/callback"));
    let state = state_of(&begun);
    let done = back(&kit, &format!("state={state}&code=right&scope=mail"), None).await.is(200);
    assert!(done.text.contains("The credential mail can be used now"), "{}", done.text);
    assert!(
        asked
            .lock()
            .unwrap()
            .iter()
            .any(|text| text.contains("code=right") && text.contains("code_verifier="))
    );
    let tested = kit.post("/api/v1/credentials/mail/test", json!({})).await.is(200);
    assert_eq!((&tested.body["is_good"], &tested.body["status"]), (&json!(true), &json!(200)));
    let facts = kit.get("/api/v1/credentials/mail").await.is(200);
    assert_eq!(
        (&facts.body["is_ready"], &facts.body["type"]),
        (&json!(true), &json!("oauth2_authorization_code"))
    );
    let again = back(&kit, &format!("state={state}&code=right"), None).await;
    assert_eq!((again.status, again.text.contains("finished before")), (410, true), "{}", again.text);
    let changes = kit.get("/api/v1/changes").await.is(200);
    for action in
        ["credential.set", "credential.authorization_asked", "credential.authorized", "credential.tested"]
    {
        assert!(changes.text.contains(action), "{action}");
    }
    for text in [&changes.text, &facts.text, &tested.text] {
        assert!(!text.contains("-token-1") && !text.contains(SECRET) && !text.contains(&state), "{text}");
    }
}

#[tokio::test]
async fn what_comes_back_wrong_gives_nothing() {
    let (kit, _, asked) = planted().await;
    for (query, status, part) in [
        ("", 410, "not asked for here"),
        ("state=", 410, "not asked for here"),
        ("state=made-up&code=right", 410, "not asked for here"),
    ] {
        let got = back(&kit, query, None).await;
        assert!(got.status == status && got.text.contains(part), "{query}: {got:?}");
    }
    let begin = async || state_of(&kit.post("/api/v1/credentials/mail/authorize", json!({})).await.is(200));
    for (query, status, part) in [
        ("code=", 400, "sent no code"),
        (
            "error=access_denied&error_description=<script>",
            400,
            "did not agree: access_denied: &lt;script&gt;",
        ),
        ("code=right&error=odd", 400, "did not agree: odd"),
        ("code=wrong", 502, "invalid_grant: &lt;b&gt;[redacted]&lt;/b&gt;"),
    ] {
        let state = begin().await;
        let got = back(&kit, &format!("state={state}&{query}"), None).await;
        assert!(got.status == status && got.text.contains(part), "{query}: {got:?}");
        assert!(!got.text.contains("<script>"));
        assert_eq!(
            back(&kit, &format!("state={state}&code=right"), None).await.status,
            410,
            "it was used up"
        );
    }
    assert!(!asked.lock().unwrap().iter().any(|text| text.contains("code=right")));
    let facts = kit.get("/api/v1/credentials/mail").await.is(200);
    assert_eq!(facts.body["is_ready"], json!(false));
}

#[tokio::test]
async fn it_is_finished_in_the_browser_where_it_began_by_who_may() {
    let (kit, _, _) = planted().await;
    kit.put("/api/v1/users/admin", json!({"password": PASSWORD})).await.is(200);
    let login = kit.post("/api/v1/login", json!({"user": "admin", "password": PASSWORD})).await.is(200);
    let session = login.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let csrf = login.body["csrf_token"].as_str().unwrap().to_owned();
    let change = |method: Method, path: &str| {
        kit.ask(method, path).header("cookie", &session).header("x-csrf-token", &csrf).json(&json!({}))
    };
    let begin = async || {
        let begun = kit.send(change(Method::POST, "/api/v1/credentials/mail/authorize")).await.is(200);
        let cookie = begun.headers["set-cookie"].to_str().unwrap().to_owned();
        (state_of(&begun), cookie)
    };
    let (state, cookie) = begin().await;
    for part in ["HttpOnly", "SameSite=Lax", "Path=/oauth/callback", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    for other in [None, Some("prana_oauth=other")] {
        let (state, _) = begin().await;
        let got = back(&kit, &format!("state={state}&code=right"), other).await;
        assert!(got.status == 403 && got.text.contains("another browser"), "{got:?}");
    }
    let cookie = cookie.split(';').next().unwrap();
    back(&kit, &format!("state={state}&code=right"), Some(cookie)).await.is(200);
    let (state, cookie) = begin().await;
    kit.send(change(Method::POST, "/api/v1/logout")).await.is(204);
    let got = back(&kit, &format!("state={state}&code=right"), cookie.split(';').next()).await;
    assert!(got.status == 403 && got.text.contains("may do so no more"), "{got:?}");
}

#[tokio::test]
async fn a_token_that_was_revoked_finishes_nothing() {
    let (kit, _, _) = planted().await;
    let owner = prana_server::Owner::of(&kit.scratch.database()).unwrap().token;
    let made = kit.ask(Method::POST, "/api/v1/tokens").bearer_auth(&owner);
    let made = kit.send(made.json(&json!({"name": "ci", "scope": "edit"}))).await.is(201);
    let (id, text) = (made.id(), made.body["token"].as_str().unwrap().to_owned());
    let begun = kit.ask(Method::POST, "/api/v1/credentials/mail/authorize").bearer_auth(&text);
    let begun = kit.send(begun.json(&json!({}))).await.is(200);
    assert!(begun.headers.get("set-cookie").is_none());
    let revoked = kit.ask(Method::DELETE, &format!("/api/v1/tokens/{id}")).bearer_auth(&owner);
    assert!(kit.send(revoked).await.status < 300);
    let got = back(&kit, &format!("state={}&code=right", state_of(&begun)), None).await;
    assert!(got.status == 403 && got.text.contains("may do so no more"), "{got:?}");
}
