//! Lists that come in pages, tokens that are asked for first, and proxies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prana_actions::{ActionCall, Outside, Permissions};
use prana_template::{Value, value};

use crate::server::{Reply, Server};
use crate::{outside, request, run};

/// The value of a name in the query.
fn query(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

#[tokio::test]
async fn pages_are_fetched_until_the_last() {
    let server = Server::start(|asked| {
        let page: u32 = query(&asked.target, "page").and_then(|page| page.parse().ok()).unwrap_or(1);
        let next = format!(
            "<{}?page={}>; rel=\"next\"",
            asked.target.split('?').next().unwrap_or_default(),
            page + 1
        );
        let headers = [("Content-Type", "application/json"), ("Link", next.as_str())];
        Reply::text(200, if page < 3 { &headers } else { &headers[..1] }, &format!("[{page}, {}]", page * 10))
    })
    .await;
    let params = value!({"url": server.url("/list"), "query": {"page": 1}, "pagination": {"type": "link"},
        "auth": {"type": "bearer", "token": "t"}});
    let output = request(params).await.expect("all of it");
    assert_eq!(output.get("body"), Some(&value!([1, 10, 2, 20, 3, 30])));
    assert_eq!((output.get("pages"), output.get("complete")), (Some(&value!(3)), Some(&value!(true))));
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.header("authorization") == "Bearer t"));
    let keys: Vec<&str> = asked.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert_eq!(keys, ["test/0", "test/0/page-1", "test/0/page-2"]);
}

#[tokio::test]
async fn a_page_that_fails_is_the_end_of_it() {
    let server = Server::start(|asked| match query(&asked.target, "offset").as_deref() {
        Some("0") => Reply::json("[1,2]"),
        _ => Reply::text(503, &[("Retry-After", "3")], "busy"),
    })
    .await;
    let params = value!({"url": server.url("/"), "pagination": {"type": "offset", "size": 2}});
    let error = request(params).await.expect_err("the second page fails");
    assert_eq!((&*error.code, error.retry_after_ms), ("http.status", Some(3_000)));
}

#[tokio::test]
async fn a_list_without_an_end_ends_at_its_limits() {
    let server = Server::start(|_| Reply::json(&format!("[\"{}\"]", "x".repeat(1_000)))).await;
    let ask = async |limits: Value| {
        let mut how = value!({"type": "page"}).as_map().cloned().expect("a map");
        limits
            .as_map()
            .expect("a map")
            .iter()
            .for_each(|(name, value)| drop(how.insert(name.clone(), value.clone())));
        request(value!({"url": server.url("/"), "pagination": Value::Map(how)})).await
    };
    let output = ask(value!({"max_pages": 5})).await.expect("five of them");
    assert_eq!((output.get("pages"), output.get("complete")), (Some(&value!(5)), Some(&value!(false))));
    let error = ask(value!({"max_bytes": 3_000})).await.expect_err("it is too much");
    assert!(error.message.contains("larger than 3000 bytes together"), "{error}");
    // The operator's limit for one body is one for all pages too: 100,000 bytes here.
    let error = ask(value!({"max_pages": 1000})).await.expect_err("it is too much");
    assert_eq!(&*error.code, "http.body_too_large");
}

#[tokio::test]
async fn a_token_is_asked_for_first_and_kept() {
    let number = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&number);
    let server = Server::start(move |asked| match asked.target.as_str() {
        "/token" => {
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            Reply::json(&format!("{{\"access_token\":\"token-{number}\",\"expires_in\":3600}}"))
        }
        // Only the second token will do.
        "/strict" if asked.header("authorization") != "Bearer token-2" => Reply::text(401, &[], ""),
        _ => Reply::json("1"),
    })
    .await;
    let outside = outside();
    let ask = async |path: &str, scopes: Value| {
        let auth = value!({"type": "oauth2", "token_url": server.url("/token"), "client_id": "me", "client_secret": "pw", "scopes": scopes});
        let params = value!({"url": server.url(path), "auth": auth});
        run(ActionCall::detached("http.request", params, Arc::clone(&outside))).await
    };
    for _ in 0..3 {
        ask("/", value!(["a"])).await.expect("it is answered");
    }
    assert_eq!(number.load(Ordering::SeqCst), 1, "it is kept");
    assert_eq!(server.asked()[0].header("authorization"), "Basic bWU6cHc=");
    assert!(server.asked()[0].body.contains("grant_type=client_credentials&scope=a"));
    ask("/strict", value!(["a"])).await.expect("another token is got for it");
    assert_eq!(number.load(Ordering::SeqCst), 2);
    ask("/", value!(["b"])).await.expect("it is answered");
    assert_eq!(number.load(Ordering::SeqCst), 3, "for something else there is another");
    let error = ask("/strict", value!(["b"])).await.expect_err("it is taken no more");
    assert_eq!(
        (&*error.code, number.load(Ordering::SeqCst)),
        ("http.status", 4),
        "and asked for once more alone"
    );
}

#[tokio::test]
async fn a_proxy_is_taken_if_it_is_named_and_allowed() {
    let proxy = Server::start(|_| Reply::json("\"by proxy\"")).await;
    let url = format!("http://ann:pw@127.0.0.1:{}", proxy.port);
    let params = value!({"url": "http://service.example/x?q=1", "proxy": url});
    let output = request(params.clone()).await.expect("the proxy answers");
    assert_eq!(output.get("body"), Some(&value!("by proxy")));
    let asked = proxy.asked().remove(0);
    assert_eq!(asked.target, "http://service.example/x?q=1");
    assert_eq!(asked.header("proxy-authorization"), "Basic YW5uOnB3");
    let guarded = Arc::new(Outside::new(Permissions::default()).expect("a way outside"));
    let error =
        run(ActionCall::detached("http.request", params, guarded)).await.expect_err("it is on this machine");
    assert_eq!(&*error.code, "http.forbidden_address");
    assert!(!error.message.contains("pw@"), "{error}");
}

#[tokio::test]
async fn bytes_go_out_and_come_in() {
    let server = Server::start(|_| {
        Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\xff\x00".to_vec())
    })
    .await;
    let params = value!({"url": server.url("/"), "method": "PUT", "body": "aGk=", "body_type": "binary", "response": "binary"});
    let output = request(params).await.expect("it is answered");
    assert_eq!(output.get("body"), Some(&value!("/wA=")));
    let asked = server.asked().remove(0);
    assert_eq!((asked.body.as_str(), asked.header("content-type")), ("hi", "application/octet-stream"));
}
