//! Addresses with places for parameters: `/repos/{owner}/{repo}/issues`.

use prana_core::ErrorValue;
use prana_template::{Map, Value};

use crate::action::invalid_params;

/// The text of an address, with places. What comes into a place is escaped, so that no value can lead anywhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Route(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{name}`, or `{+name}`, in which slashes stay.
    Place {
        name: String,
        slashes: bool,
    },
}

impl Route {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Route, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, from_open) = rest.split_at(open);
            let inner = from_open.strip_prefix('{').ok_or("a `}` closes nothing")?;
            let (place, after) = inner.split_once('}').ok_or("a `{` is never closed")?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(place_of(place)?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['?', '#', ' ']))) {
            return Err("it has no `?`, `#` or blanks: what is asked for beside the path stands in `query`"
                .to_owned());
        }
        Ok(Route(parts))
    }

    /// The parameters that it has places for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Place { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The address with parameters in their places.
    ///
    /// # Errors
    /// `workflow.invalid_params`: a parameter that is missing, empty, no plain value, or a step upwards.
    pub fn fill(&self, params: &Map) -> Result<String, ErrorValue> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place { name, slashes } => push(&mut out, name, params.get(name), *slashes)?,
            }
        }
        Ok(out)
    }
}

fn place_of(place: &str) -> Result<Part, String> {
    let (name, slashes) = place.strip_prefix('+').map_or((place, false), |name| (name, true));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    match is_name {
        true => Ok(Part::Place { name: name.to_owned(), slashes }),
        false => {
            Err(format!("`{{{place}}}` names no parameter: write {{name}}, or {{+name}} to keep slashes"))
        }
    }
}

fn push(out: &mut String, name: &str, value: Option<&Value>, slashes: bool) -> Result<(), ErrorValue> {
    let text = match value {
        Some(Value::List(_) | Value::Map(_)) | None | Some(Value::Null) => None,
        Some(value) => Some(value.to_text()).filter(|text| !text.is_empty()),
    };
    let text =
        text.ok_or_else(|| invalid_params(format!("{name}: it must be text or a number, and not empty")))?;
    let upwards = |step: &str| matches!(step, "." | "..");
    if upwards(&text) || (slashes && text.split('/').any(upwards)) {
        return Err(invalid_params(format!("{name}: `.` and `..` are no names here")));
    }
    escape(out, &text, slashes);
    Ok(())
}

fn escape(out: &mut String, text: &str, slashes: bool) {
    use std::fmt::Write;
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (slashes && byte == b'/');
        // Writing to a string can't fail.
        let _ = match plain {
            true => write!(out, "{}", char::from(byte)),
            false => write!(out, "%{byte:02X}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    fn filled(route: &str, params: Value) -> Result<String, String> {
        let route = Route::parse(route)?;
        route.fill(params.as_map().unwrap()).map_err(|error| error.message.to_string())
    }

    #[test]
    fn values_come_into_their_places_escaped() {
        for (route, params, expected) in [
            ("/a", value!({}), "/a"),
            ("/r/{o}/{n}:x", value!({"o": "a b", "n": 7}), "/r/a%20b/7:x"),
            ("/r/{o}", value!({"o": "a/../b?x#y%2e"}), "/r/a%2F..%2Fb%3Fx%23y%252e"),
            ("/k/{+key}", value!({"key": "a/b c"}), "/k/a/b%20c"),
            ("https://{site}.x", value!({"site": "evil.example/"}), "https://evil.example%2F.x"),
            ("/bot{token}/send", value!({"token": "1:A"}), "/bot1%3AA/send"),
        ] {
            assert_eq!(filled(route, params).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn values_that_are_refused() {
        for value in [value!(""), value!(".."), value!("."), value!(null), value!([]), value!({})] {
            assert!(filled("/r/{o}", value!({"o": value.clone()})).is_err(), "{value:?}");
        }
        assert!(filled("/r/{+o}", value!({"o": "a/../b"})).is_err());
        assert!(filled("/r/{o}", value!({})).is_err());
    }

    #[test]
    fn addresses_that_are_none() {
        for route in ["/a{", "/a}", "/a{}", "/a{b c}", "/a?b=c", "/{{ $params.x }}", "/a#b"] {
            assert!(Route::parse(route).is_err(), "{route}");
        }
    }
}
