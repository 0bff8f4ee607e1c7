//! Credentials: what they give, tokens got once and in time, authorization by a person; against a service of the tests' own.

mod service;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prana::core::Timestamp;
use prana::core::execution::Status;
use prana::store::{Catalog, MemoryStore, StoreError};
use prana::{
    AllowedHosts, BuiltIn, Clock, Credential, CredentialError, CredentialSource, Credentials, Engine, Grant,
    MasterKeys, Outcome, Outside, Permissions, SecretError, SecretText, Value, VirtualClock,
};
use prana_template::value;
use serde_json::json;
use tokio::net::TcpListener;

use self::service::{Stub, seen_by_the_service};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SECRET: &str = "client-secret-42";

fn credential(text: serde_json::Value) -> Credential {
    serde_json::from_value(text).unwrap()
}

fn hosts(entry: &str) -> AllowedHosts {
    [entry].try_into().unwrap()
}

fn outside() -> Arc<Outside> {
    let permissions = Permissions { private_network: true, ..Permissions::default() };
    Arc::new(Outside::new(permissions).unwrap())
}

fn engine_at(store: &Arc<MemoryStore>, clock: &Arc<VirtualClock>) -> Engine {
    let keys = MasterKeys::parse(KEY).unwrap();
    Engine::builder()
        .store(Arc::clone(store))
        .master_keys(keys)
        .clock(Arc::<VirtualClock>::clone(clock))
        .build()
}

/// Credentials over a store of their own, and the clock that they go by.
fn credentials() -> (Credentials, Arc<VirtualClock>, Arc<MemoryStore>) {
    let clock = Arc::new(VirtualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    let store = Arc::new(MemoryStore::new());
    (engine_at(&store, &clock).credentials().clone(), clock, store)
}

fn later(clock: &VirtualClock, seconds: u64) {
    clock.set(clock.now().plus_millis(seconds * 1_000));
}

fn value_of(grant: &Grant) -> String {
    grant.value().reveal().to_owned()
}

/// Has somebody agree.
async fn agree(credentials: &Credentials, stub: &Stub, name: &str, outside: &Arc<Outside>) {
    let begun =
        credentials.authorize(name, "http://127.0.0.1:7700/oauth/callback", json!("ann")).await.unwrap();
    let state = seen_by_the_service(&begun.url, stub);
    let pending = credentials.take_state(&state).await.unwrap();
    assert_eq!((pending.credential.as_str(), &pending.asker), (name, &json!("ann")));
    credentials.finish(&pending, SecretText::from("the-code-1".to_owned()), outside).await.unwrap();
}

#[tokio::test]
async fn each_kind_gives_what_it_is_for() {
    let (credentials, _, _) = credentials();
    let outside = outside();
    let pair = STANDARD.encode("ada:swordfish");
    for (content, header, url) in [
        (
            json!({"type": "basic", "username": "ada", "password": "swordfish"}),
            ("authorization", format!("Basic {pair}")),
            "https://a.example/x",
        ),
        (
            json!({"type": "bearer", "token": "swordfish"}),
            ("authorization", "Bearer swordfish".to_owned()),
            "https://a.example/x",
        ),
        (
            json!({"type": "header", "name": "X-Key", "value": "swordfish"}),
            ("x-key", "swordfish".to_owned()),
            "https://a.example/x",
        ),
        (
            json!({"type": "query", "name": "key", "value": "sword&fish"}),
            ("x-key", String::new()),
            "https://a.example/x?key=sword%26fish",
        ),
    ] {
        credentials.put("c", credential(content), hosts("a.example"), None, None).await.unwrap();
        let grant = credentials.grant("c", &outside, None).await.unwrap();
        let (mut asked, mut headers) = ("https://a.example/x".parse().unwrap(), Default::default());
        grant.put_into(&mut asked, &mut headers).unwrap();
        let (name, expected) = header;
        assert_eq!(headers.get(name).map_or("", |value| value.to_str().unwrap()), expected);
        assert_eq!((asked.as_str(), grant.is_renewable()), (url, false));
        for elsewhere in ["https://b.example/", "https://a.example.b.example/"] {
            let refused = grant.put_into(&mut elsewhere.parse().unwrap(), &mut headers).unwrap_err();
            assert_eq!(&*refused.code, "credential.host_not_allowed");
        }
        assert!(!format!("{grant:?}").contains("fish"));
    }
}

#[tokio::test]
async fn what_is_set_is_told_without_what_is_in_it() {
    let (credentials, _, store) = credentials();
    let bearer = |token: &str| credential(json!({"type": "bearer", "token": token}));
    let first = credentials
        .put("a", bearer("swordfish-1"), hosts("a.example"), Some("https://a.example/me".into()), Some(0))
        .await
        .unwrap();
    assert_eq!((first.version, first.inside.as_ref().unwrap().kind), (1, "bearer"));
    let outdated = credentials.put("a", bearer("x"), hosts("*"), None, Some(0)).await;
    assert!(matches!(outdated, Err(CredentialError::Kept(SecretError::Store(StoreError::Outdated { .. })))));
    credentials.put("b", bearer("swordfish-2"), hosts("*"), None, None).await.unwrap();
    let names: Vec<String> =
        credentials.list(None, 9).await.unwrap().into_iter().map(|facts| facts.name).collect();
    assert_eq!(names, ["a", "b"]);
    let bytes = store.item("credential", "a").await.unwrap().unwrap().bytes;
    assert!(!String::from_utf8_lossy(&bytes).contains("swordfish"));
    assert_eq!(
        credentials.put("1a", bearer("x"), hosts("*"), None, None).await,
        Err(CredentialError::InvalidName)
    );
    // Without its key it is told that it is there, and no more.
    let other = MasterKeys::parse(&STANDARD.encode([7; 32])).unwrap();
    let stranger = Engine::builder().store(Arc::clone(&store)).master_keys(other).build();
    assert_eq!(stranger.credentials().facts("a").await.unwrap().unwrap().inside, None);
    assert_eq!(credentials.delete("a").await, Ok(true));
    assert_eq!(credentials.delete("a").await, Ok(false));
    let missing = credentials.grant("a", &outside(), None).await.unwrap_err();
    assert_eq!((&*missing.code, missing.retryable), ("credential.not_found", false));
}

#[tokio::test]
async fn a_new_master_key_locks_credentials_and_tokens_too() {
    let (_, _, store) = credentials();
    let both = format!("{} {KEY}", STANDARD.encode([7; 32]));
    let with = |keys: &str| {
        Engine::builder().store(Arc::clone(&store)).master_keys(MasterKeys::parse(keys).unwrap()).build()
    };
    let stub = Stub::start().await;
    let first = with(KEY);
    first.credentials().put("c", stub.client_credentials(), hosts("*"), None, None).await.unwrap();
    first.credentials().grant("c", &outside(), None).await.unwrap();
    assert_eq!(with(&both).secrets().rotate().await, Ok(2));
    let new = with(both.split(' ').next().unwrap());
    new.credentials().grant("c", &outside(), None).await.unwrap();
    assert_eq!(stub.asked("client_credentials"), 1, "its token is there still");
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_it_is_over() {
    let (credentials, clock, _) = credentials();
    let (stub, outside) = (Stub::start().await, outside());
    credentials.put("c", stub.client_credentials(), hosts("127.0.0.1"), None, None).await.unwrap();
    let get = async || value_of(&credentials.grant("c", &outside, None).await.unwrap());
    assert_eq!(get().await, "Bearer access-token-1");
    later(&clock, 3530);
    assert_eq!(get().await, "Bearer access-token-1");
    let asked = stub.with(|service| service.asked[0].clone());
    assert_eq!((asked["scope"].as_str(), asked["client_id"].as_str()), ("read write", "client-id-1"));
    later(&clock, 20);
    assert_eq!(get().await, "Bearer access-token-2", "a minute before its end");
    // What a service does not take is given up, once.
    let refused = credentials.grant("c", &outside, None).await.unwrap();
    let another = credentials.grant("c", &outside, Some(&refused)).await.unwrap();
    assert_eq!(value_of(&another), "Bearer access-token-3");
    let late = credentials.grant("c", &outside, Some(&refused)).await.unwrap();
    assert_eq!((value_of(&late), stub.asked("client_credentials")), ("Bearer access-token-3".to_owned(), 3));
    // Another content has no use for it; another list of hosts has.
    credentials.put("c", stub.client_credentials(), hosts("*"), None, None).await.unwrap();
    assert_eq!(get().await, "Bearer access-token-3");
    let facts = credentials.facts("c").await.unwrap().unwrap().inside.unwrap();
    assert!(facts.is_ready && facts.token_expires_at.is_some());
    credentials
        .put("c", credential(json!({"type": "bearer", "token": "t"})), hosts("*"), None, None)
        .await
        .unwrap();
    credentials.put("c", stub.client_credentials(), hosts("*"), None, None).await.unwrap();
    assert_eq!(get().await, "Bearer access-token-4");
}

#[tokio::test]
async fn refresh_tokens_are_used_once_and_the_new_one_is_kept() {
    let (credentials, clock, _) = credentials();
    let (stub, outside) = (Stub::start().await, outside());
    credentials.put("c", stub.by_a_person(), hosts("127.0.0.1"), None, None).await.unwrap();
    let nobody = credentials.grant("c", &outside, None).await.unwrap_err();
    assert_eq!((&*nobody.code, nobody.retryable), ("credential.needs_authorization", false));
    assert!(!credentials.facts("c").await.unwrap().unwrap().inside.unwrap().is_ready);
    agree(&credentials, &stub, "c", &outside).await;
    assert!(credentials.facts("c").await.unwrap().unwrap().inside.unwrap().is_ready);
    for number in 1..5 {
        let grant = credentials.grant("c", &outside, None).await.unwrap();
        assert_eq!(value_of(&grant), format!("Bearer access-token-{number}"));
        later(&clock, 3600);
    }
    assert_eq!((stub.asked("authorization_code"), stub.asked("refresh_token")), (1, 3));
}

#[tokio::test]
async fn many_at_once_on_many_workers_refresh_once() {
    let (first, clock, store) = credentials();
    let (stub, outside) = (Stub::start().await, outside());
    first.put("c", stub.by_a_person(), hosts("127.0.0.1"), None, None).await.unwrap();
    agree(&first, &stub, "c", &outside).await;
    let workers: Vec<Engine> = (0..4).map(|_| engine_at(&store, &clock)).collect();
    for round in 2..5 {
        later(&clock, 3600);
        let mut running = tokio::task::JoinSet::new();
        for number in 0..40 {
            let (credentials, outside) =
                (workers[number % workers.len()].credentials().clone(), Arc::clone(&outside));
            running.spawn(async move {
                credentials.grant("c", &outside, None).await.map(|grant| value_of(&grant))
            });
        }
        let all = running.join_all().await;
        let expected = format!("Bearer access-token-{round}");
        assert!(all.iter().all(|value| value.as_deref() == Ok(expected.as_str())), "{all:?}");
        assert_eq!(stub.asked("refresh_token"), round - 1);
    }
}

#[tokio::test]
async fn who_stops_waiting_does_not_lose_the_new_token() {
    let (credentials, clock, _) = credentials();
    let (stub, outside) = (Stub::start().await, outside());
    credentials.put("c", stub.by_a_person(), hosts("127.0.0.1"), None, None).await.unwrap();
    agree(&credentials, &stub, "c", &outside).await;
    later(&clock, 3600);
    {
        let mut asking = std::pin::pin!(credentials.grant("c", &outside, None));
        // Once polled, it is under way; then nobody waits for it.
        while stub.asked("refresh_token") == 0 {
            tokio::select! {
                biased;
                _ = &mut asking => break,
                () = tokio::task::yield_now() => {}
            }
        }
    }
    let grant = credentials.grant("c", &outside, None).await.unwrap();
    assert_eq!((value_of(&grant), stub.asked("refresh_token")), ("Bearer access-token-2".to_owned(), 1));
}

#[tokio::test]
async fn what_the_token_endpoint_says_is_told_and_no_secret() {
    let (credentials, clock, _) = credentials();
    let (stub, outside) = (Stub::start().await, outside());
    credentials.put("c", stub.by_a_person(), hosts("127.0.0.1"), None, None).await.unwrap();
    agree(&credentials, &stub, "c", &outside).await;
    later(&clock, 3600);
    let check = async |code: &str, retryable: bool, parts: &[&str]| {
        let error = credentials.grant("c", &outside, None).await.unwrap_err();
        assert_eq!((&*error.code, error.retryable), (code, retryable), "{error}");
        assert!(parts.iter().all(|part| error.message.contains(part)), "{error}");
        assert!(error.message.starts_with("the credential `c`: "), "{error}");
        assert!(!error.message.contains("refresh-token") && !error.message.contains(SECRET), "{error}");
        error
    };
    stub.with(|service| service.broken = Some((503, "<html>client-secret-42")));
    let error = check("credential.token_unavailable", true, &["/token was answered with 503"]).await;
    assert_eq!(error.retry_after_ms, Some(7_000));
    stub.with(|service| {
        service.broken =
            Some((401, r#"{"error":"invalid_client","error_description":"client-secret-42 is wrong"}"#))
    });
    check("credential.token_refused", false, &["401 invalid_client: [redacted] is wrong"]).await;
    stub.with(|service| service.broken = Some((200, "<html>")));
    check("credential.token_invalid", false, &["no `access_token`"]).await;
    stub.with(|service| (service.broken, service.refresh_token) = (None, "another".to_owned()));
    check(
        "credential.needs_authorization",
        false,
        &["400 invalid_grant: [redacted] is over; authorize it again"],
    )
    .await;
    // After all of that it is as it was.
    stub.with(|service| service.refresh_token = "refresh-token-1".to_owned());
    assert_eq!(value_of(&credentials.grant("c", &outside, None).await.unwrap()), "Bearer access-token-2");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_passing() {
    let (credentials, _, _) = credentials();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gone = Stub { port, service: Arc::default() };
    credentials.put("c", gone.client_credentials(), hosts("*"), None, None).await.unwrap();
    let error = credentials.grant("c", &outside(), None).await.unwrap_err();
    assert_eq!((&*error.code, error.retryable), ("credential.token_unavailable", true));
    let guarded = Arc::new(Outside::new(Permissions::default()).unwrap());
    let error = credentials.grant("c", &guarded, None).await.unwrap_err();
    assert!(error.message.contains("loopback") && !error.retryable, "{error}");
}

#[tokio::test]
async fn a_state_is_good_once_for_ten_minutes() {
    let (credentials, clock, store) = credentials();
    let (stub, outside) = (Stub::start().await, outside());
    credentials.put("c", stub.by_a_person(), hosts("*"), None, None).await.unwrap();
    let unknown =
        async |state: &str| matches!(credentials.take_state(state).await, Err(CredentialError::UnknownState));
    let begin = async || {
        let begun = credentials.authorize("c", "http://127.0.0.1/oauth/callback", json!(null)).await.unwrap();
        seen_by_the_service(&begun.url, &stub)
    };
    assert!(unknown("").await && unknown("made-up").await);
    let state = begin().await;
    assert!(credentials.take_state(&state).await.is_ok());
    assert!(unknown(&state).await, "it was used");
    let state = begin().await;
    let (one, other) = tokio::join!(credentials.take_state(&state), credentials.take_state(&state));
    assert_ne!(one.is_ok(), other.is_ok(), "of two at once, one has it");
    let state = begin().await;
    later(&clock, 601);
    assert!(unknown(&state).await, "it is over");
    begin().await;
    later(&clock, 601);
    credentials.forget_old_states().await.unwrap();
    assert_eq!(store.items("credential_state", None, 9).await.unwrap(), []);
    let state = begin().await;
    let pending = credentials.take_state(&state).await.unwrap();
    let other = credential(json!({"type": "bearer", "token": "t"}));
    credentials.put("c", other, hosts("*"), None, None).await.unwrap();
    let error =
        credentials.finish(&pending, SecretText::from("the-code-1".to_owned()), &outside).await.unwrap_err();
    assert_eq!(&*error.code, "credential.changed");
    let refused = credentials.authorize("c", "http://x", json!(null)).await.err();
    assert_eq!(refused, Some(CredentialError::NotAuthorizable("c".into())));
}

/// Runs a workflow of one request.
async fn run(stub: &Stub, allowed: &str, params: &str, input: Value) -> (Outcome, String) {
    let document = format!(
        "id: w\nnodes:\n  - {{key: start, type: manual.trigger}}\n  - {{key: call, type: http.request, params: {params}}}\n\
         \x20 - {{key: again, type: data.set_data, params: {{fields: {{got: '{{{{ $input }}}}'}}}}}}\nconnections: [start -> call -> again]"
    );
    let workflow = prana::core::document::load("w.yaml", document.as_bytes()).unwrap().remove(0).workflow;
    let mut registry = prana::core::Registry::standard();
    prana::Actions::standard().register(&mut registry);
    let permissions = Permissions { private_network: true, ..Permissions::default() };
    let engine = Engine::builder()
        .registry(registry)
        .effects(Arc::new(BuiltIn::new(permissions).unwrap()))
        .master_keys(MasterKeys::parse(KEY).unwrap())
        .build();
    engine.credentials().put("c", stub.client_credentials(), hosts(allowed), None, None).await.unwrap();
    let serving = tokio::spawn({
        let engine = engine.clone();
        async move { engine.serve().await }
    });
    let outcome = engine.run(&workflow, input).await.unwrap();
    let execution = engine.execution(outcome.id).await.unwrap();
    engine.shut_down();
    serving.await.unwrap();
    let told = format!("{outcome:?} {}", serde_json::to_string(&execution).unwrap());
    (outcome, told)
}

#[tokio::test]
async fn a_request_has_the_token_and_the_trail_has_not() {
    let stub = Stub::start().await;
    let params = format!("{{url: '{}', auth: {{credential: c}}}}", stub.url("/me?q=1"));
    let (outcome, told) = run(&stub, "127.0.0.1", &params, Value::Null).await;
    assert_eq!(outcome.status, Status::Completed, "{told}");
    assert_eq!(stub.with(|service| service.api_calls.clone()), ["Bearer access-token-1"]);
    assert!(told.contains("[redacted]") && told.contains("GET /me?q=1 "), "{told}");
    assert!(
        !told.contains("access-token") && !told.contains(SECRET) && !told.contains("client-id-1"),
        "{told}"
    );
}

#[tokio::test]
async fn a_401_gets_one_new_token_and_one_more_try() {
    let stub = Stub::start().await;
    stub.with(|service| service.is_api_shut = true);
    let params = format!("{{url: '{}', auth: {{credential: c}}}}", stub.url("/me"));
    let (outcome, told) = run(&stub, "127.0.0.1", &params, Value::Null).await;
    assert_eq!(outcome.error.unwrap().code, "http.status", "{told}");
    assert_eq!(
        stub.with(|service| service.api_calls.clone()),
        ["Bearer access-token-1", "Bearer access-token-2"]
    );
    assert!(!told.contains("access-token"), "{told}");
}

#[tokio::test]
async fn many_requests_at_once_get_one_token() {
    let stub = Stub::start().await;
    let params = format!(
        "{{url: '{}', auth: {{credential: c}}, batch: {{items: [1, 2, 3, 4, 5, 6, 7, 8], concurrency: 8}}}}",
        stub.url("/me?n={{ $item }}")
    );
    let (outcome, told) = run(&stub, "127.0.0.1", &params, Value::Null).await;
    assert_eq!(outcome.status, Status::Completed, "{told}");
    assert_eq!(stub.asked("client_credentials"), 1);
}

#[tokio::test]
async fn a_credential_goes_to_its_hosts_alone_and_is_chosen_by_no_data() {
    let stub = Stub::start().await;
    let url = stub.url("/me");
    let check = async |allowed: &str, params: String, input: Value, code: &str| {
        let (outcome, told) = run(&stub, allowed, &params, input).await;
        assert_eq!(outcome.error.unwrap().code, code, "{told}");
        assert_eq!(stub.with(|service| service.api_calls.len()), 0);
    };
    let named = format!("{{url: '{url}', auth: {{credential: c}}}}");
    check("a.example", named, Value::Null, "credential.host_not_allowed").await;
    let by_data = format!("{{url: '{url}', auth: '{{{{ $input }}}}'}}");
    check("127.0.0.1", by_data, value!({"credential": "c"}), "credential.not_named").await;
    let missing = format!("{{url: '{url}', auth: {{credential: other}}}}");
    check("127.0.0.1", missing, Value::Null, "credential.not_found").await;
    let both = format!("{{url: '{url}', auth: {{credential: c, type: bearer, token: t}}}}");
    check("127.0.0.1", both, Value::Null, "workflow.invalid_params").await;
}

#[tokio::test]
async fn a_test_says_how_it_went() {
    let (credentials, _, _) = credentials();
    let (stub, outside) = (Stub::start().await, outside());
    credentials.put("c", stub.client_credentials(), hosts("127.0.0.1"), None, None).await.unwrap();
    let test = async |url: Option<String>| credentials.test("c", url, &outside).await.unwrap();
    let tested = test(None).await;
    assert_eq!((tested.is_good, tested.status, tested.error), (true, None, None));
    let tested = test(Some(stub.url("/me"))).await;
    assert_eq!((tested.is_good, tested.status), (true, Some(200)));
    stub.with(|service| service.is_api_shut = true);
    let tested = test(Some(stub.url("/me"))).await;
    assert_eq!((tested.is_good, tested.status), (false, Some(401)));
    assert!(!format!("{tested:?}").contains("access-token"));
    let tested = test(Some("http://localhost:1/".to_owned())).await;
    assert_eq!(&*tested.error.unwrap().code, "credential.host_not_allowed");
    let fixed = credential(json!({"type": "bearer", "token": "t"}));
    credentials.put("f", fixed, hosts("*"), None, None).await.unwrap();
    assert!(matches!(credentials.test("f", None, &outside).await, Err(CredentialError::Invalid(_))));
}

#[test]
fn a_name_is_written_as_it_is() {
    let check = |auth: &str, codes: &[&str], names: &[&str]| {
        let node = |key: &str| {
            format!(
                "  - {{key: {key}, type: http.request, params: {{url: 'https://a.example', auth: {auth}}}}}\n"
            )
        };
        let document = format!(
            "id: w\nnodes:\n  - {{key: start, type: manual.trigger}}\n{}{}connections: [start -> a -> b]",
            node("a"),
            node("b")
        );
        let workflow = prana::core::document::load("w.yaml", document.as_bytes()).unwrap().remove(0).workflow;
        let mut registry = prana::core::Registry::standard();
        prana::Actions::standard().register(&mut registry);
        let compiled =
            prana::core::compile::compile(&workflow, &registry, prana::core::compile::Options::default());
        let found: Vec<&str> = compiled
            .diagnostics
            .iter()
            .filter(|finding| finding.is_error())
            .map(|finding| &*finding.code)
            .collect();
        assert_eq!(found, codes, "{auth}");
        let named = compiled.graph.map(|graph| graph.credentials.clone()).unwrap_or_default();
        assert_eq!(named.iter().map(|name| name.as_str()).collect::<Vec<_>>(), names, "{auth}");
    };
    check("{credential: shop-1}", &[], &["shop-1"]);
    check("{type: none}", &[], &[]);
    check("'{{ $input }}'", &[], &[]);
    for name in ["'{{ $input.name }}'", "'9a'", "''", "'a b'"] {
        check(&format!("{{credential: {name}}}"), &["credential.invalid_name"; 2], &[]);
    }
    let both = ["workflow.invalid_params", "credential.invalid_name"];
    check("{credential: 7}", &[both, both].concat(), &[]);
}
