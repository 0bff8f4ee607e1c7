//! The OpenAPI document, and a page that people can read, made of it.

use std::fmt::Write;
use std::sync::OnceLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// What the page needs, and nothing from elsewhere.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("docs.css");

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(super::openapi)
}

/// Gives this document.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "openapi", tag = "about",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = Object)))]
pub(super) async fn openapi() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}

/// `GET /api/docs.css`
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// `GET /api/docs`
pub(super) async fn page() -> Response {
    static PAGE: OnceLock<String> = OnceLock::new();
    let text = PAGE.get_or_init(|| html(document()));
    let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text.as_str()).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text with `code` in backquotes, in paragraphs.
fn prose(text: &str) -> String {
    let paragraph = |text: &str| {
        let parts = text.split('`').enumerate();
        let marked: String = parts
            .map(|(place, part)| match place % 2 {
                1 => format!("<code>{}</code>", escaped(part)),
                _ => escaped(part),
            })
            .collect();
        format!("<p>{marked}</p>")
    };
    text.split("\n\n").filter(|part| !part.trim().is_empty()).map(paragraph).collect()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn html(document: &Value) -> String {
    let mut body = format!("<h1>{} API</h1>", escaped(text(&document["info"], "title")));
    body += &prose(text(&document["info"], "description"));
    body += "<p>The same for programs: <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a> (OpenAPI 3.1).</p>";
    let mut contents = String::new();
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(tag, "name");
        let _ = write!(contents, "<li><a href=\"#{0}\">{0}</a></li>", escaped(name));
        let _ = write!(body, "<h2 id=\"{0}\">{0}</h2>{1}", escaped(name), prose(text(tag, "description")));
        for (path, method, operation) in operations(document).filter(|(_, _, one)| one["tags"][0] == name) {
            body += &operation_html(path, method, operation);
        }
    }
    body += "<h2 id=\"codes\">codes</h2><table><tr><th>code</th><th>meaning</th></tr>";
    for (code, meaning) in document["x-codes"].as_object().into_iter().flatten() {
        let _ = write!(
            body,
            "<tr><td><code>{}</code></td><td>{}</td></tr>",
            escaped(code),
            prose(meaning.as_str().unwrap_or_default())
        );
    }
    body += "</table><h2 id=\"schemas\">schemas</h2>";
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = write!(
            body,
            "<section id=\"schema-{0}\"><h3>{0}</h3>{1}</section>",
            escaped(name),
            schema_html(schema)
        );
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Prana API</title><link rel=\"stylesheet\" href=\"/api/docs.css\"></head><body><nav><ul>{contents}\
         <li><a href=\"#codes\">codes</a></li><li><a href=\"#schemas\">schemas</a></li></ul></nav><main>{body}</main></body></html>\n"
    )
}

/// Path, method and description of each operation.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn operation_html(path: &str, method: &str, operation: &Value) -> String {
    let mut html = format!(
        "<section id=\"{}\"><h3><span class=\"method\">{}</span> <code>{}</code></h3>{}{}",
        escaped(text(operation, "operationId")),
        method.to_ascii_uppercase(),
        escaped(path),
        prose(text(operation, "summary")),
        prose(text(operation, "description")),
    );
    let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        html += "<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>";
        for one in parameters {
            let needed = if one["required"] == true { " (needed)" } else { "" };
            let _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{}{needed}</td><td>{}</td><td>{}</td></tr>",
                escaped(text(one, "name")),
                escaped(text(one, "in")),
                type_html(&one["schema"]),
                prose(text(one, "description")),
            );
        }
        html += "</table>";
    }
    if let Some(body) = operation.pointer("/requestBody/content/application~1json/schema") {
        let _ = write!(html, "<p>Body: {}</p>", type_html(body));
    }
    html += "<table><tr><th>status</th><th>body</th><th></th></tr>";
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let content = response["content"].as_object().and_then(|content| content.iter().next());
        let kind = content.map_or_else(String::new, |(media, content)| match content.get("schema") {
            Some(schema) => type_html(schema),
            None => escaped(media),
        });
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{kind}</td><td>{}</td></tr>",
            escaped(status),
            prose(text(response, "description")),
        );
    }
    html + "</table></section>"
}

/// A type in a few words, with links to the schemas that it names.
fn type_html(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = escaped(target.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[keyword].as_array() {
            return choices.iter().map(type_html).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let shown: Vec<String> =
            words.iter().map(|word| format!("<code>{}</code>", escaped(&word.to_string()))).collect();
        return shown.join(", ");
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    let one = |kind: &&str| match (*kind, schema["format"].as_str()) {
        ("array", _) => format!("list of {}", type_html(&schema["items"])),
        ("string", Some(format)) => format!("{} ", escaped(format)).trim().to_owned(),
        (kind, _) => escaped(kind),
    };
    kinds.iter().map(one).collect::<Vec<_>>().join(" or ")
}

fn schema_html(schema: &Value) -> String {
    let mut html = prose(text(schema, "description"));
    let parts: Vec<&Value> =
        schema["allOf"].as_array().map_or_else(|| vec![schema], |parts| parts.iter().collect());
    let mut rows = String::new();
    for part in parts {
        let required: Vec<&str> =
            part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            let needed = if required.contains(&name.as_str()) { "" } else { " (may be absent)" };
            let _ = write!(
                rows,
                "<tr><td><code>{}</code>{needed}</td><td>{}</td><td>{}</td></tr>",
                escaped(name),
                type_html(property),
                prose(text(property, "description")),
            );
        }
    }
    if rows.is_empty() {
        let _ = write!(html, "<p>{}</p>", type_html(schema));
    } else {
        let _ = write!(html, "<table><tr><th>field</th><th>type</th><th></th></tr>{rows}</table>");
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_harmless() {
        for (given, expect) in [
            ("", ""),
            ("a `b` c", "<p>a <code>b</code> c</p>"),
            ("<script>\n\n`<`", "<p>&lt;script&gt;\n</p><p><code>&lt;</code></p>"),
        ] {
            assert_eq!(prose(given).replace("\n</p>", "</p>"), expect.replace("\n</p>", "</p>"), "{given}");
        }
    }

    #[test]
    fn types_in_words() {
        for (schema, expect) in [
            (r##"{"$ref": "#/components/schemas/A"}"##, "<a href=\"#schema-A\">A</a>"),
            (r##"{"type": "array", "items": {"type": "integer"}}"##, "list of integer"),
            (r##"{"type": ["string", "null"], "format": "uuid"}"##, "uuid or null"),
            (r##"{"enum": ["a", null]}"##, "<code>&quot;a&quot;</code>, <code>null</code>"),
            (r##"{"oneOf": [{"type": "null"}, {"type": "string"}]}"##, "null or string"),
            ("{}", "anything"),
        ] {
            assert_eq!(type_html(&serde_json::from_str(schema).expect("JSON")), expect);
        }
    }

    #[test]
    fn the_page_has_every_operation() {
        let (document, page) = (document(), html(document()));
        let mut count = 0;
        for (_, _, operation) in operations(document) {
            count += 1;
            assert!(page.contains(&format!("<section id=\"{}\">", text(operation, "operationId"))));
        }
        assert!(count > 20 && !page.contains("<script"));
    }
}
