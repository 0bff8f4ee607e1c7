//! Hides the tokens of resume links from those who may only look: who has one can answer in another's name.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::Response;
use futures_util::StreamExt;
use prana::ResumeTokens;

/// No token of a link is shorter, in characters.
const SHORTEST: usize = 40;

/// Puts stars over the tokens in an answer, whatever they stand in. It stays as long as it is.
pub fn hide_links(response: Response, tokens: &ResumeTokens) -> Response {
    let is_text = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !is_text.is_some_and(|kind| kind.contains("json") || kind.starts_with("text/")) {
        return response;
    }
    let tokens = tokens.clone();
    response.map(|body| {
        let chunks = body.into_data_stream();
        Body::from_stream(chunks.map(move |chunk| chunk.map(|bytes| hide(bytes, &tokens))))
    })
}

fn hide(bytes: Bytes, tokens: &ResumeTokens) -> Bytes {
    let mut hidden: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| is_token(**byte)).count();
        if length >= SHORTEST && is_link(&bytes[..at], &bytes[at..at + length], tokens) {
            hidden.get_or_insert_with(|| bytes.to_vec())[at..at + length].fill(b'*');
        }
        at += length.max(1);
    }
    hidden.map_or(bytes, Bytes::from)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// What stands where the token of a link stands, or is one.
fn is_link(before: &[u8], run: &[u8], tokens: &ResumeTokens) -> bool {
    let before = &before[before.len().saturating_sub(16)..];
    let before = String::from_utf8_lossy(before).to_ascii_lowercase();
    // `/`, or how it is written in a URL, twice at most.
    let is_after_resume = before.trim_end_matches(['/', '\\', '%', '2', '5']).ends_with("resume");
    is_after_resume || std::str::from_utf8(run).is_ok_and(|run| tokens.verify(run).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use prana::ResumeKey;
    use prana::core::graph::WaitTarget;

    use super::*;

    #[test]
    fn tokens_are_hidden_wherever_they_stand() {
        let tokens = ResumeTokens::new(vec![ResumeKey { id: 1, secret: [7; 32] }]).unwrap();
        let target = WaitTarget {
            execution_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            node_key: "approve".into(),
            loop_path: prana::core::LoopPath::default(),
            run_index: 0,
        };
        let token = tokens.sign(&target);
        for text in [
            format!(r#"{{"url":"http://127.0.0.1:1/resume/{token}"}}"#),
            format!(r#"{{"inner":"{{\"url\":\"http:\/\/x\/resume\/{token}\"}}"}}"#),
            format!("to=http%3A%2F%2Fx%2Fresume%2F{token}&then"),
            format!("to=http%253A%252F%252Fx%252Fresume%252F{token}"),
            format!("<a href=\"/resume/{token}?approved=yes\">"),
            format!("/resume/{token}-and-more"),
            format!("\"{token}\""),
            token.clone(),
        ] {
            let hidden = hide(Bytes::from(text.clone()), &tokens);
            let hidden = std::str::from_utf8(&hidden).unwrap();
            assert!(!hidden.contains(&token[..]), "{hidden}");
            assert_eq!(hidden.len(), text.len());
            assert!(hidden.contains("****"));
        }
        let plain =
            "01890a5d-ac96-774b-bcce-b302099a8057 and a very_long_word_that_is_no_token_at_all_whatever";
        assert_eq!(hide(Bytes::from(plain), &tokens), plain);
    }
}
