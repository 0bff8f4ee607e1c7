//! The web UI, as built into `ui/dist`: part of the program, so that one file is all there is to install.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use rust_embed::RustEmbed;
use uuid::Uuid;

use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Built;

/// What the build puts where the nonce of style sheets belongs.
const NONCE_PLACE: &str = "PRANA_STYLE_NONCE";

/// Paths that belong to programs: what isn't there is a problem document, never a page.
const NO_PAGES: [&str; 5] = ["/api/", "/webhook/", "/webhook-test/", "/resume/", "/oauth/"];

/// Said where the program was built without the UI.
const MISSING: &str = "<!doctype html><html lang=\"en\"><title>Prana</title><h1>Prana is running</h1>\
    <p>The API answers at <code>/api/v1</code>, but this program was built without its web UI. To have it, with Node 20 or newer:</p>\
    <pre>ui/build\ncargo build --release -p prana-cli</pre></html>";

/// Whether the web UI is in this program.
pub fn has_ui() -> bool {
    Built::get("index.html").is_some()
}

/// Answers what no other route does: a file of the UI, its page, or that there is nothing.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> axum::response::Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return unknown().into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = file(path, &headers) {
        return file;
    }
    let is_page = !NO_PAGES.iter().any(|start| uri.path().starts_with(start)) && wants_page(&headers);
    if is_page { page() } else { unknown().into_response() }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "request.unknown_route", "there is nothing at this path")
}

/// True for what a browser asks when somebody opens an address.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn file(path: &str, headers: &HeaderMap) -> Option<axum::response::Response> {
    let media_type = media_type(path)?;
    let plain = Built::get(path)?;
    let packed = takes_gzip(headers).then(|| Built::get(&format!("{path}.gz"))).flatten();
    let tag = etag(&plain.metadata.sha256_hash(), packed.is_some());
    let mut response = match unchanged(headers, &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => body(packed.as_ref().map_or(plain.data, |packed| packed.data.clone())),
    };
    let told = response.headers_mut();
    told.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching(path)));
    told.insert(header::ETAG, tag);
    if packed.is_some() {
        told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

/// The kinds of file that the UI is made of; others in the folder are not for browsers.
fn media_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

/// The names of assets hold the hash of their content: what was once fetched stays right for ever.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn etag(hash: &[u8; 32], packed: bool) -> HeaderValue {
    let mut text: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    if packed {
        text.push('z');
    }
    HeaderValue::from_str(&format!("\"{text}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn unchanged(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let (Some(asked), Ok(tag)) = (headers.get(header::IF_NONE_MATCH), tag.to_str()) else { return false };
    asked.to_str().is_ok_and(|asked| asked.split(',').any(|one| one.trim().trim_start_matches("W/") == tag))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| {
        accept.split(',').any(|one| one.trim() == "gzip" || one.trim().starts_with("gzip;"))
    })
}

fn body(data: Cow<'static, [u8]>) -> axum::response::Response {
    Response::new(match data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    })
}

/// The one page of the UI; what it shows is decided by its address, in the browser.
fn page() -> axum::response::Response {
    let nonce = Uuid::new_v4().simple().to_string();
    let built = Built::get("index.html");
    let (text, policy) = match &built {
        Some(file) => (String::from_utf8_lossy(&file.data).replace(NONCE_PLACE, &nonce), policy(&nonce)),
        None => (MISSING.to_owned(), "default-src 'none'; frame-ancestors 'none'".to_owned()),
    };
    let mut response = Response::new(Body::from(text));
    let told = response.headers_mut();
    told.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        told.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Scripts from files of this server alone; style sheets, too, and those that its scripts make, which know the nonce.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
         worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_files_for_browsers_are_served() {
        for (path, known) in [
            ("assets/index-1.js", true),
            ("icon.svg", true),
            ("assets/index-1.js.gz", false),
            ("manifest.json", false),
            (".built-here", false),
            ("workflows", false),
        ] {
            assert_eq!(media_type(path).is_some(), known, "{path}");
        }
    }

    #[test]
    fn tags_are_compared() {
        let tag = etag(&[7; 32], false);
        for (asked, same) in [
            ("\"070707070707070707070707\"", true),
            ("W/\"070707070707070707070707\"", true),
            ("\"a\", \"070707070707070707070707\"", true),
            ("\"070707070707070707070707z\"", false),
            ("\"a\"", false),
        ] {
            assert_eq!(unchanged(&headers(&[(header::IF_NONE_MATCH, asked)]), &tag), same, "{asked}");
        }
        assert!(!unchanged(&HeaderMap::new(), &tag));
    }

    #[test]
    fn compression_is_for_those_who_take_it() {
        for (accept, takes) in [("gzip", true), ("br, gzip;q=0.8", true), ("br", false), ("identity", false)]
        {
            assert_eq!(takes_gzip(&headers(&[(header::ACCEPT_ENCODING, accept)])), takes, "{accept}");
        }
    }

    #[tokio::test]
    async fn pages_are_for_people_and_problems_for_programs() {
        let html = headers(&[(header::ACCEPT, "text/html,*/*;q=0.8")]);
        let json = headers(&[(header::ACCEPT, "application/json")]);
        for (method, path, headers, status) in [
            (Method::GET, "/", &html, 200),
            (Method::GET, "/workflows/one", &html, 200),
            (Method::HEAD, "/", &html, 200),
            (Method::POST, "/", &html, 404),
            (Method::GET, "/workflows/one", &json, 404),
            (Method::GET, "/api/v1/nothing", &html, 404),
            (Method::GET, "/webhook-test/nothing", &html, 404),
            (Method::GET, "/assets/gone.js", &json, 404),
        ] {
            let answer = serve(method.clone(), Uri::from_static(path), headers.clone()).await;
            assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        }
    }

    #[test]
    fn every_page_has_its_own_nonce_and_a_strict_policy() {
        let one = policy("a");
        assert!(one.contains("script-src 'self';") && !one.contains("unsafe"), "{one}");
        assert!(one.contains("style-src 'self' 'nonce-a'"), "{one}");
        let policies = [page(), page()].map(|page| page.headers()[header::CONTENT_SECURITY_POLICY].clone());
        let built = Built::get("index.html").is_some();
        assert_eq!(policies[0] != policies[1], built);
    }
}
