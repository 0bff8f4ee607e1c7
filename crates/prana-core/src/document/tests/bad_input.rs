//! Texts that are no documents: each is refused in words that help, and none does harm.

use crate::document::{MAX_BYTES, load};

/// The first finding says `message`, with advice that says `help`, at `line:column`.
fn check(text: impl AsRef<[u8]>, place: &str, message: &str, help: &str) {
    let text = text.as_ref();
    let shown = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
    let findings = load("bad.yaml", text).expect_err(&shown);
    let first = &findings[0];
    assert_eq!(first.code, "workflow.invalid_document", "{shown}: {first:?}");
    assert!(first.message.contains(message), "{shown}: {}", first.message);
    assert!(first.help.as_deref().unwrap_or("").contains(help), "{shown}: {:?}", first.help);
    let found = first.location.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
    assert_eq!(found, place, "{shown}: {}", first.message);
}

#[test]
fn texts_without_a_document() {
    check("", "1:1", "empty", "id:");
    check("\n\n  \n", "1:1", "empty", "id:");
    check("# only a remark\n", "1:1", "empty", "id:");
    check("---\n...\n", "1:1", "empty", "id:");
    check("\u{feff}", "1:1", "empty", "id:");
    check("null", "1:1", "empty", "id:");
    check("[]", "", "no workflow", "");
    check("hello", "1:1", "must be a map", "");
    check("42", "1:1", "must be a map", "");
    check("[1]", "1:2", "must be a map", "");
}

#[test]
fn broken_yaml() {
    check("id: a\n\tnodes: []\n", "2:1", "tab indents", "blanks");
    check("id: a\nnodes:\n  - a\n  \t- x\n", "4:3", "tab indents", "blanks");
    check("id: \"a", "1:5", "closing quote", "");
    check("id: \"a\nnodes: []\n", "2:1", "in quotes goes on", "missing above");
    check("id: 'it's'\n", "1:9", "more after the closing quote", "''");
    check("id: \"\\q\"\n", "1:5", "unknown escape", "\\\\");
    check("id: a\nname: @x\n", "2:7", "cannot begin", "quotes");
    check("id: a\nname: {{ x }}\n", "2:8", "key of a map is text", "quotes");
    check("id: a\nname: *x\n", "2:7", "anchor", "&name");
    check("id: a: b\n", "1:6", "`:`", "quotes");
    check("id:a\nnodes: []\n", "2:6", "`:`", "blank follows");
    check("id: a\nnodes\n", "2:1", "key and a `:`", "key: value");
    check("id: [a, b\n", "1:5", "never closed", "quotes");
    check("id: {a: b\nnodes: c\n", "2:6", "`,` or the closing bracket", "");
    check("id: ]\n", "1:5", "closes nothing", "");
    check("id: [}\n", "1:5", "another kind", "");
    check("id: - a\n", "1:5", "list cannot begin", "line of its own");
    check("id: a\n nodes: []\n", "2:7", "`:`", "same column");
    check("id: a\nnodes: []\n  - x\n", "3:3", "not indented like", "same column");
    check("id: !secret x\n", "1:5", "tag `!secret`", "leave it out");
    check("? [a]\n: b\n", "1:3", "key of a map is text", "");
    check("<<: x\nid: a\n", "1:1", "merge", "quotes");
    check("a: &a [*a]\n", "1:8", "inside the value", "");
    check("a\u{0}b: 1", "1:2", "cannot begin", "");
}

#[test]
fn broken_json() {
    check("{\"id\": \"a\", \"nodes\": [}", "1:23", "expected a value, found `}`", "");
    check("{\"id\": \"a\"\n  \"nodes\": []}", "2:3", "expected `,` or `}`, found `\"`", "");
    check("{\"id\": \"a", "1:8", "no closing quote", "");
    check("{\"id\": \"\\q\"} ]", "1:9", "unknown escape", "");
    check("{\"id\": \"\\ud800\"} ]", "1:9", "half of a pair", "");
    check("{\"id\": 01} ]", "1:10", "superfluous 0", "");
    check("{\"id\": \"a\"} x", "1:13", "more text", "");
    let findings = load("a.json", b"{id: a}").expect_err("JSON by name");
    assert!(findings[0].message.contains("expected a key in double quotes"), "{:?}", findings[0]);
}

#[test]
fn numbers_that_cannot_be_kept() {
    check("id: a\nvariables: {n: 1e400}\n", "2:16", "too large", "quotes");
    check("{\"id\": \"a\", \"variables\": {\"n\": -1e999}}", "1:32", "too large", "quotes");
    check("id: a\nvariables: {n: .inf}\n", "2:16", "infinity", "quotes");
    check("id: a\nvariables: {n: .NaN}\n", "2:16", "not-a-number", "quotes");
    check("id: a\nversion: 1e400\n", "2:10", "too large", "quotes");
    check(format!("id: a\nvariables: {{n: {}}}\n", "9".repeat(400)), "2:16", "too large", "quotes");
}

#[test]
fn bytes_that_are_no_text() {
    check(b"id: a\nname: \xff\n", "2:7", "byte at offset 12", "UTF-8");
    check(b"\xef\xbb\xbfid: \xc3(", "1:5", "byte at offset 7", "UTF-8");
    check(b"\xff\xfei\0d\0", "1:1", "UTF-16", "UTF-8");
    check(vec![b' '; MAX_BYTES + 1], "", "16 MiB", "input");
}

#[test]
fn duplicate_keys_tell_both_places() {
    check("id: a\nname: x\nid: b\n", "3:1", "`id` is given twice: first at line 1, column 1", "");
    check("{\"id\": \"a\",\n \"id\": \"b\"}", "2:2", "`id` is given twice: first at line 1, column 2", "");
    let text = "id: a\nvariables: {x: {y: 1, z: 2, y: 3}}\nvariables: {}\n";
    let findings = load("w.yaml", text.as_bytes()).expect_err("twice");
    let paths: Vec<String> = findings.iter().map(|finding| finding.path.to_string()).collect();
    assert_eq!(paths, ["variables.x.y", "variables"]);
}

#[test]
fn nesting_is_bounded() {
    let deep = |open: &str, count: usize| format!("id: a\nvariables:\n  x: {}", open.repeat(count));
    for text in [
        deep("[", 200_000),
        deep("{a: ", 200_000),
        deep("[{a: ", 100_000),
        "[".repeat(200_000),
        "{\"a\":".repeat(200_000),
        "- ".repeat(200_000),
        "? ".repeat(200_000),
        (0..3000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)),
    ] {
        let findings = load("deep.yaml", text.as_bytes()).expect_err("deep");
        let message = &findings[0].message;
        assert!(message.contains("nested more than 128 deep") || text.starts_with('?'), "{message}");
    }
    let nested = |depth: usize| {
        format!("{{\"id\": \"a\", \"variables\": {{\"x\": {}{}}}}}", "[".repeat(depth), "]".repeat(depth))
    };
    assert!(load("a.json", nested(126).as_bytes()).is_ok());
    assert!(load("a.json", nested(127).as_bytes()).is_err());
    let yaml = |depth: usize| format!("id: a\nvariables:\n  x: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert!(load("a.yaml", yaml(126).as_bytes()).is_ok());
    assert!(load("a.yaml", yaml(127).as_bytes()).is_err());
}

#[test]
fn aliases_are_bounded() {
    let mut bomb = String::from("id: a\nvariables:\n  l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let before = level - 1;
        let aliases = vec![format!("*l{before}"); 10].join(", ");
        bomb.push_str(&format!("  l{level}: &l{level} [{aliases}]\n"));
    }
    let findings = load("bomb.yaml", bomb.as_bytes()).expect_err("bomb");
    assert!(findings[0].message.contains("aliases"), "{:?}", findings[0]);
    let text =
        format!("id: a\nvariables:\n  a: &a {}\n  b: [{}]\n", "x".repeat(1 << 20), ["*a"; 17].join(", "));
    let findings = load("bomb.yaml", text.as_bytes()).expect_err("text bomb");
    assert!(findings[0].message.contains("aliases"), "{:?}", findings[0]);
    let nested: String = (1..200).map(|level| format!("  l{level}: &l{level} [*l{}]\n", level - 1)).collect();
    let findings =
        load("deep.yaml", format!("id: a\nvariables:\n  l0: &l0 []\n{nested}").as_bytes()).expect_err("deep");
    assert!(findings[0].message.contains("nested more than"), "{:?}", findings[0]);
}

#[test]
fn long_texts_are_fine() {
    let long = "x".repeat(1 << 20);
    let text = format!("id: a\nvariables:\n  plain: {long}\n  quoted: \"{long}\"\n  block: |\n    {long}\n");
    let workflow = super::workflow(&text);
    assert_eq!(workflow.variables.get("plain").and_then(|value| value.as_str()).map(str::len), Some(1 << 20));
    let findings = super::findings(&format!("id: {long}\nnodes: [{{key: {long}, type: x}}]\n"));
    assert!(findings.iter().all(|finding| finding.message.len() < 200), "messages stay short");
    assert_eq!(findings.len(), 2);
}
