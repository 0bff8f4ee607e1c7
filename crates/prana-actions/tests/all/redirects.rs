//! Redirects: followed, bounded, and silent about who asks.

use prana_template::value;

use crate::request;
use crate::server::{Reply, Server};

#[tokio::test]
async fn a_redirect_is_followed() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/a" => Reply::redirect(302, "/b?c=1"),
        _ => Reply::json("1"),
    })
    .await;
    let params = value!({"url": server.url("/a"), "auth": {"type": "bearer", "token": "t"}});
    let output = request(params).await.expect("it is answered");
    assert_eq!(output.get("body"), Some(&value!(1)));
    let asked = server.asked();
    assert_eq!(asked[1].target, "/b?c=1");
    assert_eq!(asked[1].header("authorization"), "Bearer t");
    let stayed =
        request(value!({"url": server.url("/a"), "follow_redirects": false, "success": [302]})).await;
    assert_eq!(stayed.expect("it is answered").get("status"), Some(&value!(302)));
}

#[tokio::test]
async fn the_method_is_kept_or_becomes_get() {
    for (status, method, expected, body) in [
        (301, "POST", "GET", ""),
        (302, "PUT", "PUT", "5"),
        (303, "PUT", "GET", ""),
        (303, "HEAD", "HEAD", ""),
        (307, "POST", "POST", "5"),
        (308, "DELETE", "DELETE", "5"),
    ] {
        let server = Server::start(move |asked| match asked.target.as_str() {
            "/a" => Reply::redirect(status, "/b"),
            _ => Reply::text(200, &[], ""),
        })
        .await;
        let params = match method {
            "HEAD" => value!({"url": server.url("/a"), "method": method}),
            _ => value!({"url": server.url("/a"), "method": method, "body": 5}),
        };
        request(params).await.expect("it is answered");
        let asked = server.asked();
        assert_eq!((asked[1].method.as_str(), asked[1].body.as_str()), (expected, body), "{status} {method}");
    }
}

#[tokio::test]
async fn another_host_is_not_told_who_asks() {
    let other = Server::start(|_| Reply::json("1")).await;
    let location = other.url("/b");
    let server = Server::start(move |_| Reply::redirect(307, &location)).await;
    let params = value!({"url": server.url("/a"), "headers": {"Cookie": "c=1", "X-Token": "t", "Accept": "text/x"},
        "auth": {"type": "header", "name": "Accept-Language", "value": "key"}});
    request(params).await.expect("it is answered");
    let asked = other.asked().remove(0);
    for name in ["cookie", "x-token", "accept-language", "authorization"] {
        assert_eq!(asked.header(name), "", "{name}");
    }
    assert_eq!(asked.header("accept"), "text/x");
}

#[tokio::test]
async fn a_circle_ends() {
    let server = Server::start(|_| Reply::redirect(302, "/again")).await;
    let error = request(value!({"url": server.url("/")})).await.expect_err("it goes round");
    assert_eq!((&*error.code, error.retryable), ("http.too_many_redirects", false));
    assert_eq!(server.asked().len(), 11);
}

#[tokio::test]
async fn places_that_cannot_be_followed() {
    for location in ["file:///etc/passwd", "http://", "gopher://x"] {
        let server = Server::start(move |_| Reply::redirect(302, location)).await;
        let error = request(value!({"url": server.url("/")})).await.expect_err("it is refused");
        assert_eq!(error.code, *"http.invalid_redirect", "{location}");
    }
}
