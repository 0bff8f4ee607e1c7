//! Whether what came is what was expected: maps by subset, lists by length and place, all else exactly.

use std::fmt;

use prana_template::Value;

use crate::diagnostic::DocPath;

/// The first place where a value is not as expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Where.
    pub path: DocPath,
    /// What was expected there.
    pub expected: Value,
    /// What is there; `None` if nothing is.
    pub actual: Option<Value>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.items().is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "expected {}, found ", shown(&self.expected))?;
        match &self.actual {
            Some(actual) => f.write_str(&shown(actual)),
            None => f.write_str("nothing"),
        }
    }
}

/// JSON, cut where it is long.
fn shown(value: &Value) -> String {
    let json = value.to_json_string();
    match json.char_indices().nth(500) {
        Some((end, _)) => format!("{}...", &json[..end]),
        None => json,
    }
}

/// Compares as `expect` of a test document does: every key of an expected map must match, at any depth; an expected list
/// must be matched by a list of the same length; numbers are equal by value, so `1` is `1.0`.
///
/// # Errors
/// The first mismatch, in the order of the expectation.
///
/// ```
/// use prana_core::document::matches;
/// use prana_template::Value;
///
/// let value = |json| Value::parse_json(json).unwrap();
/// assert!(matches(&value(r#"[{"a": 1}]"#), &value(r#"[{"a": 1.0, "b": 2}]"#)).is_ok());
/// let mismatch = matches(&value(r#"[{"a": 1}]"#), &value("[{}]")).unwrap_err();
/// assert_eq!(mismatch.to_string(), "[0].a: expected 1, found nothing");
/// ```
pub fn matches(expected: &Value, actual: &Value) -> Result<(), Mismatch> {
    compare(expected, actual, &mut DocPath::root())
}

fn compare(expected: &Value, actual: &Value, path: &mut DocPath) -> Result<(), Mismatch> {
    match (expected, actual) {
        (Value::Map(wanted), Value::Map(found)) => {
            for (key, value) in wanted.iter() {
                path.push(key.as_str());
                match found.get(key) {
                    Some(found) => compare(value, found, path)?,
                    None => return Err(mismatch(path, value, None)),
                }
                path.pop();
            }
            Ok(())
        }
        (Value::List(wanted), Value::List(found)) if wanted.len() == found.len() => {
            for (index, (value, found)) in wanted.iter().zip(found.iter()).enumerate() {
                path.push(index);
                compare(value, found, path)?;
                path.pop();
            }
            Ok(())
        }
        (Value::Map(_) | Value::List(_), _) => Err(mismatch(path, expected, Some(actual))),
        _ if expected == actual => Ok(()),
        _ => Err(mismatch(path, expected, Some(actual))),
    }
}

fn mismatch(path: &DocPath, expected: &Value, actual: Option<&Value>) -> Mismatch {
    Mismatch { path: path.clone(), expected: expected.clone(), actual: actual.cloned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(expected: &str, actual: &str, mismatch: Option<&str>) {
        let value = |json: &str| Value::parse_json(json).unwrap();
        let got = matches(&value(expected), &value(actual)).err().map(|mismatch| mismatch.to_string());
        assert_eq!(got.as_deref(), mismatch, "{expected} against {actual}");
    }

    #[test]
    fn maps_by_subset_lists_by_place_scalars_exactly() {
        check("{}", r#"{"a":1}"#, None);
        check(r#"{"a":{"b":[{"c":1}]}}"#, r#"{"x":0,"a":{"b":[{"c":1,"d":2}],"e":3}}"#, None);
        check("1", "1.0", None);
        check("null", "null", None);
        check("[1,2]", "[1,2,3]", Some("expected [1,2], found [1,2,3]"));
        check("[1,2]", "[2,1]", Some("[0]: expected 1, found 2"));
        check("[]", "[1]", Some("expected [], found [1]"));
        check(r#""1""#, "1", Some(r#"expected "1", found 1"#));
        check(r#"{"a":null}"#, "{}", Some("a: expected null, found nothing"));
        check(r#"{"a":1}"#, "[]", Some(r#"expected {"a":1}, found []"#));
        check(
            r#"{"a":{"b":[0,{"c":true}]}}"#,
            r#"{"a":{"b":[0,{"c":false}]}}"#,
            Some("a.b[1].c: expected true, found false"),
        );
    }
}
