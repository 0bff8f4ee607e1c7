use prana_server::{NewToken, Options, ROUTES, Scope, Server};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::kit::{Got, Kit, Scratch, asks, doubles};

const PASSWORD: &str = "correct horse battery";

impl Kit {
    /// A token of a scope. The first one closes the server.
    async fn token(&self, scope: &str) -> String {
        let owner = prana_server::Owner::of(&self.scratch.database()).unwrap().token;
        let asked = self.ask(Method::POST, "/api/v1/tokens").bearer_auth(owner);
        let got = self.send(asked.json(&json!({"name": format!("a {scope}"), "scope": scope}))).await.is(201);
        got.body["token"].as_str().unwrap().to_owned()
    }

    async fn with_token(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Got {
        let request = self.ask(method, path).bearer_auth(token);
        self.send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// Makes the user `admin`.
    async fn user(&self) {
        self.put("/api/v1/users/admin", json!({"password": PASSWORD})).await.is(200);
    }

    async fn log_in(&self, user: &str, password: &str) -> Got {
        self.post("/api/v1/login", json!({"user": user, "password": password})).await
    }
}

/// A session of the UI.
struct Session {
    cookie: String,
    csrf: String,
}

impl Session {
    fn of(got: &Got) -> Session {
        let cookie = got.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Session { cookie, csrf: got.body["csrf_token"].as_str().unwrap().to_owned() }
    }

    fn looks(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("cookie", &self.cookie)
    }

    fn changes(&self, request: RequestBuilder) -> RequestBuilder {
        self.looks(request).header("x-csrf-token", &self.csrf)
    }
}

/// A path that a route answers to.
fn path_of(route: &str) -> String {
    let parts = route.split('/').map(|part| match part {
        "{index}" => "0",
        "{id}" if route.contains("executions") => "01890a5d-ac96-774b-bcce-b302099a8057",
        _ if part.starts_with('{') => "nothing",
        _ => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_refuses_strangers_and_those_who_may_less() {
    let kit = Kit::new().await;
    let mut tokens = Vec::new();
    for scope in Scope::ALL {
        tokens.push((scope, kit.token(scope.as_str()).await));
    }
    for route in ROUTES {
        let Some(needs) = route.needs else { continue };
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let ask = || kit.ask(method.clone(), &path_of(route.path));
        kit.send(ask()).await.refused(401, "auth.required");
        kit.send(ask().basic_auth("admin", Some(PASSWORD))).await.refused(401, "auth.required");
        kit.send(ask().bearer_auth("prana_nonsense")).await.refused(401, "auth.invalid_token");
        for (scope, token) in &tokens {
            if *scope < needs {
                let got = kit.send(ask().bearer_auth(token)).await.refused(403, "auth.scope_too_small");
                assert_eq!(got.body["needs"], needs.as_str(), "{route:?}");
            } else if !route.path.ends_with("/events") {
                let got = kit.send(ask().bearer_auth(token)).await;
                let code = got.body["code"].as_str().unwrap_or_default();
                let is_ours = code.starts_with("auth.") && code != "auth.no_password";
                assert!(!is_ours && got.status != 401, "{route:?} {scope}: {got:#?}");
            }
        }
    }
}

#[tokio::test]
async fn every_described_route_is_in_the_table() {
    let document = prana_server::openapi();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let known = ROUTES.iter().any(|route| {
                route.path == path && (route.method.eq_ignore_ascii_case(method) || route.method == "*")
            });
            assert!(known, "{method} {path} is not in the table of routes");
        }
    }
}

#[tokio::test]
async fn what_has_its_own_proof_needs_no_other() {
    let kit = Kit::new().await;
    kit.token("read").await;
    kit.get("/healthz").await.is(200);
    kit.get("/webhook/nothing").await.refused(404, "webhook.not_found");
    kit.get("/resume/nothing").await.is(404);
    kit.get("/api/v1/openapi.json").await.is(200);
    let session = kit.get("/api/v1/session").await.is(200).body;
    let nobody = json!({"authenticated": false, "open": false, "who": null, "scope": null, "allowed": [],
        "csrf_token": null, "can_log_in": false});
    assert_eq!(session, nobody);
    assert_eq!(kit.get("/readyz").await.is(200).body, json!({"ready": true}));
    kit.get("/metrics").await.refused(401, "auth.required");
}

#[tokio::test]
async fn it_is_open_only_here_and_only_until_somebody_is_asked() {
    let kit = Kit::with(|options| options.allowed_hosts = vec!["flows.example".to_owned()]).await;
    let session = kit.get("/api/v1/session").await.is(200).body;
    assert_eq!((&session["open"], &session["who"]["kind"]), (&json!(true), &json!("anyone")));
    assert_eq!(session["allowed"], json!(["read", "run", "edit", "admin"]));
    let path = "/api/v1/workflows";
    kit.get(path).await.is(200);
    // Under a name that others use, or through a proxy, it is not this machine that asks.
    for (name, value) in [
        ("host", "flows.example"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("via", "1.1 proxy"),
    ] {
        let asked = kit.ask(Method::GET, path).header(name, value);
        kit.send(asked).await.refused(401, "auth.required");
    }
    kit.user().await;
    kit.get(path).await.refused(401, "auth.required");
    // Not even when the last user is gone, or the server starts again.
    let owner = prana_server::Owner::of(&kit.scratch.database()).unwrap().token;
    kit.with_token(&owner, Method::DELETE, "/api/v1/users/admin", None).await.is(204);
    kit.get(path).await.refused(401, "auth.required");
    let kit = kit.restarted().await;
    kit.get(path).await.refused(401, "auth.required");
    kit.with_token(&owner, Method::GET, path, None).await.refused(401, "auth.invalid_token");
}

#[tokio::test]
async fn tokens_live_until_they_are_revoked() {
    let kit = Kit::new().await;
    let body = json!({"name": "deploy", "scope": "admin", "expires_in_days": 30});
    let made = kit.post("/api/v1/tokens", body).await.is(201).body;
    let token = made["token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), "prana_".len() + 12 + 1 + 43);
    let list = kit.with_token(&token, Method::GET, "/api/v1/tokens", None).await.is(200);
    let row = &list.body["tokens"][0];
    assert_eq!((&row["name"], &row["scope"], &row["id"]), (&json!("deploy"), &json!("admin"), &made["id"]));
    assert!(row["expires_at"].is_string() && row["last_used_at"].is_string(), "{row}");
    let secret = token.rsplit_once('_').unwrap().1;
    assert!(!list.text.contains(secret) && !list.text.contains("hash"));
    let kit = kit.restarted().await;
    // One letter off, cut short, of another token, in other letters.
    let end = if token.ends_with('A') { 'B' } else { 'A' };
    for wrong in [
        format!("{}{end}", &token[..token.len() - 1]),
        token[..token.len() - 1].to_owned(),
        token.to_uppercase(),
        format!("{token} "),
        String::new(),
    ] {
        let refused = wrong.trim() != token;
        let got = kit.with_token(&wrong, Method::GET, "/api/v1/tokens", None).await;
        assert_eq!(got.status, if refused { 401 } else { 200 }, "{wrong}");
    }
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    kit.with_token(&token, Method::DELETE, &path, None).await.is(204);
    kit.with_token(&token, Method::GET, "/api/v1/tokens", None).await.refused(401, "auth.invalid_token");
    kit.running.shut_down().await;
    let bytes = std::fs::read(kit.scratch.database()).unwrap();
    let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(!found, "the secret is in the file");
}

#[tokio::test]
async fn nonsense_makes_no_token() {
    let kit = Kit::new().await;
    for body in [
        json!({"name": "", "scope": "read"}),
        json!({"name": " x", "scope": "read"}),
        json!({"name": "a\nb", "scope": "read"}),
        json!({"name": "x".repeat(101), "scope": "read"}),
        json!({"name": "x", "scope": "read", "expires_in_days": 0}),
    ] {
        kit.post("/api/v1/tokens", body).await.refused(422, "access.invalid");
    }
    kit.post("/api/v1/tokens", json!({"name": "x", "scope": "root"})).await.refused(400, "request.invalid");
    kit.put("/api/v1/users/a%2Fb", json!({"password": PASSWORD})).await.refused(422, "access.invalid");
    kit.put("/api/v1/users/ann", json!({"password": "short"})).await.refused(422, "access.invalid");
    kit.put("/api/v1/users/ann", json!({"scope": "read"})).await.refused(422, "access.invalid");
    assert_eq!(kit.get("/api/v1/session").await.is(200).body["open"], true);
}

#[tokio::test]
async fn tokens_are_not_for_queries() {
    let kit = Kit::new().await;
    let token = kit.token("admin").await;
    for name in ["token", "access_token", "api_key", "TOKEN"] {
        kit.get(&format!("/api/v1/workflows?{name}={token}")).await.refused(400, "auth.token_in_query");
    }
    let twice = kit.ask(Method::GET, "/api/v1/workflows").bearer_auth(&token).bearer_auth(&token);
    kit.send(twice).await.refused(401, "auth.invalid_token");
}

#[tokio::test]
async fn a_session_begins_and_ends() {
    let kit = Kit::new().await;
    kit.user().await;
    assert_eq!(kit.get("/api/v1/session").await.is(200).body["can_log_in"], true);
    let got = kit.log_in("admin", PASSWORD).await.is(200);
    let cookie = got.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("prana_session="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"), "{cookie}");
    let session = Session::of(&got);
    let path = "/api/v1/workflows";
    kit.send(session.looks(kit.ask(Method::GET, path))).await.is(200);
    let told = kit.send(session.looks(kit.ask(Method::GET, "/api/v1/session"))).await.is(200).body;
    assert_eq!(told["who"], json!({"kind": "user", "name": "admin"}));
    assert_eq!(told["csrf_token"], session.csrf);
    // A change needs what no other page can send, and a foreign page fails even with it.
    let save = || kit.ask(Method::POST, path).json(&doubles());
    kit.send(session.looks(save())).await.refused(403, "auth.csrf");
    kit.send(session.looks(save()).header("x-csrf-token", "0".repeat(64))).await.refused(403, "auth.csrf");
    let foreign = session.changes(save()).header("origin", "https://evil.example");
    kit.send(foreign).await.refused(403, "request.origin_refused");
    kit.send(session.changes(save())).await.is(201);
    // It outlives the server, and ends with the logout.
    let kit = kit.restarted().await;
    kit.send(session.looks(kit.ask(Method::GET, path))).await.is(200);
    kit.send(session.looks(kit.ask(Method::POST, "/api/v1/logout"))).await.refused(403, "auth.csrf");
    let out = kit.send(session.changes(kit.ask(Method::POST, "/api/v1/logout"))).await.is(204);
    assert!(out.headers["set-cookie"].to_str().unwrap().starts_with("prana_session=; Path=/; Max-Age=0;"));
    kit.send(session.looks(kit.ask(Method::GET, path))).await.refused(401, "auth.required");
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_the_name() {
    let kit = Kit::with(|options| options.public_url = Some("https://flows.example".to_owned())).await;
    kit.user().await;
    let got = kit.log_in("admin", PASSWORD).await.is(200);
    let cookie = got.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-prana="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    let session = Session::of(&got);
    kit.send(session.looks(kit.ask(Method::GET, "/api/v1/workflows"))).await.is(200);
    // The other name is not looked at.
    let other =
        Session { cookie: session.cookie.replace("__Host-prana", "prana_session"), csrf: session.csrf };
    kit.send(other.looks(kit.ask(Method::GET, "/api/v1/workflows"))).await.refused(401, "auth.required");
}

#[tokio::test]
async fn a_new_password_ends_all_sessions() {
    let kit = Kit::new().await;
    kit.user().await;
    let here = Session::of(&kit.log_in("admin", PASSWORD).await.is(200));
    let elsewhere = Session::of(&kit.log_in("admin", PASSWORD).await.is(200));
    let change = |session: &Session, current: &str, new: &str| {
        let body = json!({"current": current, "new": new});
        kit.send(session.changes(kit.ask(Method::POST, "/api/v1/password")).json(&body))
    };
    change(&here, "wrong password", "a new long password").await.refused(401, "auth.wrong_password");
    change(&here, PASSWORD, "short").await.refused(422, "access.invalid");
    let renewed = Session::of(&change(&here, PASSWORD, "a new long password").await.is(200));
    for (session, status) in [(&here, 401), (&elsewhere, 401), (&renewed, 200)] {
        kit.send(session.looks(kit.ask(Method::GET, "/api/v1/workflows"))).await.is(status);
    }
    kit.log_in("admin", PASSWORD).await.refused(401, "auth.wrong_password");
    kit.log_in("admin", "a new long password").await.is(200);
    // Who is gone is out at once, and another of the same name is another.
    let owner = prana_server::Owner::of(&kit.scratch.database()).unwrap().token;
    kit.with_token(&owner, Method::DELETE, "/api/v1/users/admin", None).await.is(204);
    let body = Some(json!({"password": "a new long password"}));
    kit.with_token(&owner, Method::PUT, "/api/v1/users/admin", body).await.is(200);
    kit.send(renewed.looks(kit.ask(Method::GET, "/api/v1/workflows"))).await.refused(401, "auth.required");
    kit.with_token(&owner, Method::POST, "/api/v1/password", Some(json!({"current": "x", "new": PASSWORD})))
        .await
        .refused(409, "auth.no_password");
}

#[tokio::test]
async fn passwords_can_not_be_tried_for_long() {
    let kit = Kit::with(|options| options.trusted_proxies = vec![[127, 0, 0, 1].into()]).await;
    kit.user().await;
    let try_from = |address: &'static str, password: &'static str| {
        let request = kit.ask(Method::POST, "/api/v1/login").header("x-forwarded-for", address);
        kit.send(request.json(&json!({"password": password})))
    };
    for _ in 0..10 {
        try_from("192.0.2.1", "a wrong password").await.refused(401, "auth.wrong_password");
    }
    let refused = try_from("192.0.2.1", PASSWORD).await.refused(429, "request.too_many");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    // Others are not held up, and who knows the password isn't counted.
    for _ in 0..12 {
        try_from("192.0.2.2", PASSWORD).await.is(200);
    }
    let unknown =
        kit.ask(Method::POST, "/api/v1/login").json(&json!({"user": "nobody", "password": PASSWORD}));
    kit.send(unknown).await.refused(401, "auth.wrong_password");
}

#[tokio::test]
async fn who_may_only_look_never_sees_a_link() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    let id = kit.start("asks", json!({})).await;
    kit.until(&id, "execution_suspended").await;
    let (read, run) = (kit.token("read").await, kit.token("run").await);
    let paths = [
        format!("/api/v1/executions/{id}"),
        format!(
            "/api/v1/executions/{id}/node_executions?include=params,output,state_updates,context_updates"
        ),
        format!("/api/v1/executions/{id}/node_executions/1"),
        format!("/api/v1/executions/{id}/node_executions/2"),
    ];
    let mut links = 0;
    for path in &paths {
        let seen = kit.with_token(&run, Method::GET, path, None).await.is(200).text;
        let found = seen.matches("/resume/").count();
        links += found;
        let hidden = kit.with_token(&read, Method::GET, path, None).await.is(200).text;
        assert_eq!(hidden.matches("/resume/****").count(), found, "{hidden}");
    }
    assert!(links > 0);
    let events = kit.ask(Method::GET, &format!("/api/v1/executions/{id}/events")).bearer_auth(&read);
    assert_eq!(events.send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn who_may_not_listen_any_more_hears_nothing() {
    let kit = Kit::new().await;
    let token = kit.token("read").await;
    let request = kit.ask(Method::GET, "/api/v1/events").bearer_auth(&token);
    let mut stream = request.send().await.unwrap();
    assert_eq!(stream.status().as_u16(), 200);
    let id = token.split('_').nth(1).unwrap();
    let owner = prana_server::Owner::of(&kit.scratch.database()).unwrap().token;
    kit.with_token(&owner, Method::DELETE, &format!("/api/v1/tokens/{id}"), None).await.is(204);
    // Ends by itself; the client gives up after 30 s.
    while stream.chunk().await.unwrap().is_some() {}
}

#[tokio::test]
async fn others_reach_it_only_if_everybody_is_asked() {
    let scratch = Scratch::new();
    let mut options = Options::new(scratch.database());
    options.listen = ([0, 0, 0, 0], 0).into();
    options.public_url = Some("http://flows.example".to_owned());
    let refused = Server::start(options.clone()).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("no authentication"), "{refused}");
    assert!(!scratch.database().exists());
    let kit = Kit::over(scratch, |_| {}).await;
    kit.running.shut_down().await;
    let refused = Server::start(options.clone()).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("no authentication"), "{refused}");
    // The first token, made by the command line while no server runs.
    let store = std::sync::Arc::new(prana::store::SqliteStore::open(&options.database).unwrap());
    let access = prana_server::Access::new(store, std::sync::Arc::new(prana::SystemClock));
    let new = NewToken { name: "first".to_owned(), scope: Scope::Admin, expires_in_days: None };
    let (_, token) = access.create_token(new).await.unwrap();
    drop(access);
    let nowhere = Options { public_url: None, ..options.clone() };
    let refused = Server::start(nowhere).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("--public-url"), "{refused}");
    let listen = options.listen;
    let kit = Kit::over(kit.scratch, |own| {
        *own = options;
        own.listen = listen;
    })
    .await;
    let port = kit.running.address().port();
    let ask = |host: String, token: Option<&str>| {
        let request =
            kit.client.get(format!("http://127.0.0.1:{port}/api/v1/workflows")).header("host", host);
        kit.send(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    };
    ask("flows.example".to_owned(), None).await.refused(401, "auth.required");
    ask(format!("127.0.0.1:{port}"), None).await.refused(401, "auth.required");
    ask("flows.example".to_owned(), Some(&token)).await.is(200);
    // A name that an attacker bound to this address.
    ask("rebound.example".to_owned(), Some(&token)).await.refused(421, "request.host_refused");
    ask(format!("0.0.0.0:{port}"), Some(&token)).await.refused(421, "request.host_refused");
    let owner = prana_server::Owner::of(&kit.scratch.database()).unwrap();
    assert_eq!(owner.address.to_string(), format!("127.0.0.1:{port}"));
    ask(owner.address.to_string(), Some(&owner.token)).await.is(200);
    let proxied = kit.client.get(format!("http://127.0.0.1:{port}/api/v1/workflows"));
    let proxied = proxied.bearer_auth(&owner.token).header("x-forwarded-for", "192.0.2.1");
    kit.send(proxied).await.refused(401, "auth.invalid_token");
}
