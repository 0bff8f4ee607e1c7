//! Keeps secrets out of what actions give back.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use prana_core::ErrorValue;
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::{Map, Str, Value};
use zeroize::Zeroizing;

use super::views::each_reading;

/// What stands in the place of a secret.
const MARK: &str = "[redacted]";

/// Shorter texts stand in too much that has nothing to do with them, so they are not looked for.
const SHORTEST: usize = 8;

/// Lines of a longer text are looked for by themselves from this length on.
const SHORTEST_LINE: usize = 16;

/// Something to look for.
struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    /// A part of text in base64: the characters before and after it hold some of its bits too.
    edges: Option<Edges>,
}

#[derive(Clone, Copy)]
struct Edges {
    before: bool,
    after: bool,
}

/// Finds the secrets that it has learnt in texts and values, in whatever of the usual forms they stand there, and takes them out.
///
/// ```
/// use prana_actions::Redactor;
/// let redactor = Redactor::default();
/// redactor.learn("hunter2/hunter2");
/// assert_eq!(redactor.text("pw=hunter2%2Fhunter2&a=b"), "pw=[redacted]&a=b");
/// assert_eq!(redactor.text("Basic YWRhOmh1bnRlcjIvaHVudGVyMg=="), "Basic YWRhO[redacted]");
/// ```
#[derive(Default)]
pub struct Redactor {
    needles: RwLock<Vec<Needle>>,
}

impl Redactor {
    /// From now on looks for this text: as it is, escaped as in URLs and JSON, and in base64. One of fewer than 8 characters is not looked for.
    pub fn learn(&self, text: &str) {
        let mut needles = self.needles.write().unwrap_or_else(PoisonError::into_inner);
        learn_text(&mut needles, text);
        let lines =
            text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("--"));
        if text.trim().contains('\n') {
            lines.for_each(|line| learn_text(&mut needles, line));
        }
    }

    /// As [`Redactor::learn`], of all texts and numbers in a value.
    pub fn learn_value(&self, value: &Value) {
        match value {
            Value::Str(text) => self.learn(text),
            Value::List(items) => items.iter().for_each(|item| self.learn_value(item)),
            Value::Map(map) => map.values().for_each(|item| self.learn_value(item)),
            Value::Int(_) | Value::Float(_) => self.learn(&value.to_text()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// True if there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.needles.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The text without secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found = self.places(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let mut redacted = String::with_capacity(text.len());
        let mut done = 0;
        for (from, to) in found {
            if to <= done {
                continue;
            }
            // What touches or overlaps is one.
            if from > done || done == 0 {
                redacted.push_str(&text[done.min(from)..from]);
                redacted.push_str(MARK);
            }
            done = to;
        }
        redacted.push_str(&text[done..]);
        Cow::Owned(redacted)
    }

    /// The value without secrets: in texts, in keys, and in numbers that contain one.
    pub fn value(&self, value: &Value) -> Value {
        if self.is_empty() { value.clone() } else { self.changed(value).unwrap_or_else(|| value.clone()) }
    }

    /// The result of an action without secrets.
    pub fn result(&self, result: Result<EffectOutput, ErrorValue>) -> Result<EffectOutput, ErrorValue> {
        if self.is_empty() {
            return result;
        }
        match result {
            Ok(EffectOutput::Complete(completed)) => Ok(EffectOutput::Complete(self.completed(completed))),
            Ok(EffectOutput::Suspend(suspension)) => Ok(EffectOutput::Suspend(suspension)),
            Err(error) => Err(self.error(error)),
        }
    }

    fn completed(&self, completed: Completed) -> Completed {
        Completed {
            output: self.value(&completed.output),
            port: completed.port.map(|port| self.str(&port)),
            state_updates: self.map(&completed.state_updates),
            context_updates: self.map(&completed.context_updates),
            is_error: completed.is_error,
        }
    }

    fn error(&self, mut error: ErrorValue) -> ErrorValue {
        error.code = self.str(&error.code);
        error.message = self.str(&error.message);
        error.details = self.value(&error.details);
        error
    }

    fn str(&self, text: &Str) -> Str {
        match self.text(text) {
            Cow::Borrowed(_) => text.clone(),
            Cow::Owned(redacted) => redacted.into(),
        }
    }

    fn map(&self, map: &Map) -> Map {
        self.changed_map(map).unwrap_or_else(|| map.clone())
    }

    /// The value without secrets, if it has any.
    fn changed(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Str(text) => owned(self.text(text)).map(Value::from),
            Value::Int(_) | Value::Float(_) => owned(self.text(&value.to_text())).map(Value::from),
            Value::List(items) => {
                let changed: Vec<Option<Value>> = items.iter().map(|item| self.changed(item)).collect();
                changed.iter().any(Option::is_some).then(|| {
                    let pairs = changed.into_iter().zip(items.iter());
                    pairs.map(|(changed, item)| changed.unwrap_or_else(|| item.clone())).collect()
                })
            }
            Value::Map(map) => self.changed_map(map).map(Value::Map),
            Value::Null | Value::Bool(_) => None,
        }
    }

    fn changed_map(&self, map: &Map) -> Option<Map> {
        let entry = |(key, value): (&Str, &Value)| (owned(self.text(key)), self.changed(value));
        let changed: Vec<(Option<String>, Option<Value>)> = map.iter().map(entry).collect();
        changed.iter().any(|(key, value)| key.is_some() || value.is_some()).then(|| {
            let pairs = changed.into_iter().zip(map.iter());
            pairs
                .map(|((new_key, new_value), (key, value))| {
                    (
                        new_key.map_or_else(|| key.clone(), Str::from),
                        new_value.unwrap_or_else(|| value.clone()),
                    )
                })
                .collect()
        })
    }

    /// Where secrets stand in a text.
    fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let needles = self.needles.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        if needles.is_empty() || text.len() < SHORTEST {
            return found;
        }
        look(&needles, text.as_bytes(), &mut |from, to| found.push((from, to)));
        each_reading(text, &mut |view| {
            look(&needles, &view.bytes, &mut |from, to| found.push(view.in_text(from, to)));
        });
        found.retain(|(from, to)| from < to);
        // A byte that an escape stands for can lie within a character; so can a secret's end only if it isn't one.
        found.iter_mut().for_each(|place| *place = whole_characters(text, *place));
        found
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

fn owned(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    }
}

fn whole_characters(text: &str, (mut from, mut to): (usize, usize)) -> (usize, usize) {
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    while !text.is_char_boundary(to) {
        to += 1;
    }
    (from, to)
}

fn look(needles: &[Needle], bytes: &[u8], found: &mut dyn FnMut(usize, usize)) {
    for needle in needles {
        for at in memmem::find_iter(bytes, &*needle.bytes) {
            let (mut from, mut to) = (at, at + needle.bytes.len());
            if let Some(edges) = needle.edges {
                from -= usize::from(edges.before && from > 0 && is_base64(bytes[from - 1]));
                to += usize::from(edges.after && bytes.get(to).copied().is_some_and(is_base64));
                to += bytes[to..].iter().take(2).take_while(|byte| **byte == b'=').count();
            }
            found(from, to);
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn learn_text(needles: &mut Vec<Needle>, text: &str) {
    // Names of hosts are written in small letters, whatever the parameter said.
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    for text in [text, text.trim(), &lower] {
        let known = needles.iter().any(|needle| needle.bytes.as_slice() == text.as_bytes());
        if text.chars().count() < SHORTEST || known {
            continue;
        }
        needles.push(Needle { bytes: Zeroizing::new(text.as_bytes().to_vec()), edges: None });
        (0..3).for_each(|offset| learn_base64(needles, text.as_bytes(), offset));
    }
}

/// What the text looks like in base64 when it stands so many bytes (modulo 3) behind the beginning of what was encoded.
fn learn_base64(needles: &mut Vec<Needle>, text: &[u8], offset: usize) {
    let mut shifted = Zeroizing::new(vec![0; offset]);
    shifted.extend_from_slice(text);
    let bits = shifted.len() * 8;
    let (first, end) = ((offset * 8).div_ceil(6), bits / 6);
    let edges = Edges { before: offset > 0, after: !bits.is_multiple_of(6) };
    let standard = Zeroizing::new(STANDARD_NO_PAD.encode(&*shifted));
    let url_safe = Zeroizing::new(URL_SAFE_NO_PAD.encode(&*shifted));
    let needle = |text: &str| Needle {
        bytes: Zeroizing::new(text.as_bytes()[first..end].to_vec()),
        edges: Some(edges),
    };
    needles.push(needle(&standard));
    if *standard != *url_safe {
        needles.push(needle(&url_safe));
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use prana_template::value;

    use super::*;

    const SECRET: &str = "s3cr\"t/pä ss+word";

    fn redactor() -> Redactor {
        let redactor = Redactor::default();
        redactor.learn(SECRET);
        redactor
    }

    #[test]
    fn all_usual_forms_are_found() {
        let json = serde_json::to_string(SECRET).unwrap();
        let json_in_json = serde_json::to_string(&json).unwrap();
        for form in [
            SECRET,
            json.trim_matches('"'),
            &json_in_json[3..json_in_json.len() - 3],
            r#"s3cr\u0022t\/p\u00e4 ss+word"#,
            "s3cr%22t%2Fp%C3%A4%20ss%2Bword",
            "s3cr%22t/p%c3%a4+ss%2bword",
            "s3cr%2522t%252Fp%25C3%25A4%2520ss%252Bword",
            "s3cr%5C%22t%2Fp%C3%A4%20ss%2Bword",
        ] {
            let text = format!("before {form} after {form}");
            assert_eq!(redactor().text(&text), "before [redacted] after [redacted]", "{form}");
        }
    }

    #[test]
    fn base64_is_found_wherever_it_stands_in_what_was_encoded() {
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "x", "xy", "xyz"] {
                let encoded = STANDARD.encode(format!("{before}{SECRET}{after}"));
                for form in [
                    encoded.clone(),
                    encoded.replace('+', "-").replace('/', "_"),
                    encoded.replace('=', "%3D"),
                ] {
                    let text = format!("<{form}>");
                    let redacted = redactor().text(&text).into_owned();
                    assert!(redacted.contains(MARK), "{text}");
                    // What is left says nothing of the secret: it is the same for another one.
                    let other = Redactor::default();
                    let another: String = SECRET.chars().rev().collect();
                    other.learn(&another);
                    let encoded = STANDARD.encode(format!("{before}{another}{after}"));
                    let rest = other.text(&encoded).into_owned();
                    if form == text.trim_matches(['<', '>']) && !form.contains(['-', '_', '%']) {
                        assert_eq!(redacted, format!("<{rest}>"), "{before} {after}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in ["", "short", "s3cr\"t/p", "nothing of it % \\ +", "c2hvcnQ=", "100 % sure \\o/"] {
            assert!(matches!(redactor().text(text), Cow::Borrowed(_)), "{text}");
        }
        let short = Redactor::default();
        short.learn("1234567");
        assert!(short.is_empty());
        assert_eq!(short.text("1234567"), "1234567");
    }

    #[test]
    fn overlapping_and_touching_secrets_leave_nothing() {
        let redactor = Redactor::default();
        ["abcdefgh", "efghijkl", "mnopqrst"].iter().for_each(|secret| redactor.learn(secret));
        assert_eq!(redactor.text("<abcdefghijkl>"), "<[redacted]>");
        assert_eq!(redactor.text("abcdefghmnopqrst"), "[redacted]");
        assert_eq!(redactor.text("abcdefgh mnopqrst."), "[redacted] [redacted].");
    }

    #[test]
    fn values_are_searched_to_the_last_corner() {
        let redactor = Redactor::default();
        redactor.learn("12345678");
        redactor.learn_value(&value!({"a": ["tracked-text", 87654321, true]}));
        let value = value!({
            "12345678": 1, "list": [["x12345678x"], {"k": "tracked-text"}], "int": 12345678, "in": 9123456789i64,
            "float": 87654321.5, "same": [1, 2.5, null, "fine"]
        });
        let expected = value!({
            "[redacted]": 1, "list": [["x[redacted]x"], {"k": "[redacted]"}], "int": "[redacted]", "in": "9[redacted]9",
            "float": "[redacted].5", "same": [1, 2.5, null, "fine"]
        });
        assert_eq!(redactor.value(&value), expected);
    }

    #[test]
    fn results_are_searched_as_a_whole() {
        let error = ErrorValue::new("x.y", "it was 12345678!").with_details(value!({"body": "12345678"}));
        let redactor = Redactor::default();
        redactor.learn("12345678");
        let error = redactor.result(Err(error)).unwrap_err();
        assert_eq!((&*error.message, error.details), ("it was [redacted]!", value!({"body": "[redacted]"})));
        let mut completed = Completed::new(value!(["12345678"]));
        completed.state_updates.insert("a", "12345678");
        completed.context_updates.insert("12345678", 1);
        let Ok(EffectOutput::Complete(completed)) = redactor.result(Ok(EffectOutput::Complete(completed)))
        else {
            panic!()
        };
        assert!(!format!("{completed:?}").contains("12345678"));
    }

    #[test]
    fn lines_of_a_key_are_secrets_too() {
        let redactor = Redactor::default();
        redactor.learn("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nshort\n-----END KEY-----\n");
        assert_eq!(redactor.text("bad line MIIEvQIBADANBgkqhkiG9w0B"), "bad line [redacted]");
        assert_eq!(redactor.text("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
    }

    #[test]
    fn a_secret_in_the_name_of_a_host_is_found() {
        let redactor = Redactor::default();
        redactor.learn("Tenant-4711");
        assert_eq!(
            redactor.text("no connection to tenant-4711.example"),
            "no connection to [redacted].example"
        );
    }

    #[test]
    fn large_texts_take_no_long_time() {
        let redactor = Redactor::default();
        redactor.learn(&"a".repeat(60_000));
        let text = "a".repeat(59_999) + "b%41\\" + &"a".repeat(2_000_000);
        assert!(redactor.text(&text).contains(MARK));
    }
}
