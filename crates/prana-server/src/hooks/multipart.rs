//! Forms with files.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use multer::{Field, Multipart};
use prana::Value;
use prana::template::{Map, Str};

use crate::problem::Problem;

/// More parts than this are refused.
const MAX_PARTS: usize = 1_000;

/// The parts by name: text, or `{filename, content_type, size, text or base64}` for a file. One that comes again becomes a list.
pub async fn parse(headers: &HeaderMap, body: Bytes) -> Result<Map, Problem> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type).map_err(refused)?;
    let whole = futures_util::stream::once(async move { Ok::<_, std::io::Error>(body) });
    let mut parts = Multipart::new(whole, boundary);
    let mut fields: Vec<(Str, Vec<Value>)> = Vec::new();
    let mut count = 0;
    while let Some(part) = parts.next_field().await.map_err(refused)? {
        count += 1;
        if count > MAX_PARTS {
            let detail = format!("a form has at most {MAX_PARTS} parts");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "webhook.too_many_parts", detail));
        }
        let name = Str::from(part.name().unwrap_or_default());
        let value = value(part).await?;
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
    }
    let joined = fields.into_iter().map(|(name, mut values)| {
        let value = if values.len() == 1 { values.remove(0) } else { Value::from(values) };
        (name, value)
    });
    Ok(joined.collect())
}

async fn value(part: Field<'_>) -> Result<Value, Problem> {
    let filename = part.file_name().map(str::to_owned);
    let media_type = part.content_type().map(ToString::to_string);
    let bytes = part.bytes().await.map_err(refused)?;
    let Some(filename) = filename else {
        return Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()));
    };
    let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let mut file = Map::new();
    file.insert("filename", filename.as_str());
    file.insert("content_type", media_type.as_str());
    file.insert("size", Value::Int(bytes.len() as i64));
    match std::str::from_utf8(&bytes) {
        Ok(text) if is_text(&media_type) => file.insert("text", text),
        _ => file.insert("base64", STANDARD.encode(&bytes)),
    };
    Ok(Value::Map(file))
}

fn is_text(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence == "application/json"
        || essence.ends_with("+json")
        || essence.ends_with("/xml")
}

fn refused(error: multer::Error) -> Problem {
    Problem::bad_request("webhook.invalid_form", format!("the form can't be read: {error}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    async fn check(body: &str, expect: Result<&str, &str>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=x"));
        let body = body.replace('\n', "\r\n");
        let read = parse(&headers, Bytes::from(body)).await;
        match (read, expect) {
            (Ok(map), Ok(expect)) => assert_eq!(Value::Map(map).to_json_string(), expect),
            (Err(problem), Err(part)) => assert!(problem.detail().contains(part), "{problem:?}"),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn forms_with_files_are_read() {
        check(
            "--x\nContent-Disposition: form-data; name=\"a\"\n\none\n--x\nContent-Disposition: form-data; name=\"a\"\n\ntwo\n--x--\n",
            Ok(r#"{"a":["one","two"]}"#),
        )
        .await;
        check(
            "--x\nContent-Disposition: form-data; name=\"f\"; filename=\"a.csv\"\nContent-Type: text/csv\n\n1;2\n--x--\n",
            Ok(r#"{"f":{"filename":"a.csv","content_type":"text/csv","size":3,"text":"1;2"}}"#),
        )
        .await;
        check(
            "--x\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\n\nhi\n--x--\n",
            Ok(r#"{"f":{"filename":"a.png","content_type":"application/octet-stream","size":2,"base64":"aGk="}}"#),
        )
        .await;
        check("--x--\n", Ok("{}")).await;
        check("--x\nContent-Disposition: form-data; name=\"a\"\n\ncut", Err("can't be read")).await;
        check("nothing of the kind", Err("can't be read")).await;
    }
}
