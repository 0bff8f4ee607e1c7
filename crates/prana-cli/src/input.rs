//! What people hand in on the command line: JSON, files, pairs of name and value.

use std::io::Read;
use std::path::Path;

use prana::Value;
use prana::template::Map;

use crate::exit::{Failure, Outcome};

/// The largest input that is read, in bytes.
const MAX_INPUT: u64 = 256 << 20;

/// The bytes of a file, or of stdin for `-`; no more than `limit` and one.
pub fn read(path: &str, limit: u64) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let outcome = match path {
        "-" => std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes),
        path => std::fs::File::open(path)
            .and_then(|file| refuse_directory(path, file))
            .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)),
    };
    outcome.map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn refuse_directory(path: &str, file: std::fs::File) -> std::io::Result<std::fs::File> {
    if Path::new(path).is_dir() { Err(std::io::ErrorKind::IsADirectory.into()) } else { Ok(file) }
}

/// Why a file can't be read, and what to do.
pub fn unreadable(path: &str, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let shown = format!("{path:?}");
    match error.kind() {
        ErrorKind::NotFound => Failure::new(format!("there is no file {shown}"))
            .help("check the name; paths are relative to the current directory"),
        ErrorKind::IsADirectory => {
            Failure::new(format!("{shown} is a directory, not a file")).help("name one file in it")
        }
        ErrorKind::PermissionDenied => {
            Failure::new(format!("{shown} may not be read")).help("give yourself the right to read it")
        }
        _ => Failure::new(format!("{shown} can't be read: {error}")),
    }
}

/// `--input` and `--data`: JSON, `@FILE`, or `-` for stdin.
pub fn json_argument(option: &str, argument: &str) -> Outcome<Value> {
    let (from, bytes) = match argument.strip_prefix('@') {
        Some(path) => (format!("{path:?}"), read(path, MAX_INPUT)?),
        None if argument == "-" => ("stdin".to_owned(), read("-", MAX_INPUT)?),
        None => (option.to_owned(), argument.as_bytes().to_vec()),
    };
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Failure::new(format!("{from} has more than 256 MiB")).help("hand in less"));
    }
    Value::parse_json(&bytes).map_err(|error| {
        Failure::new(format!("{from} is not JSON: {error}")).help(format!(
            "{option} takes JSON such as '{{\"total\": 250}}' (text in double quotes), @FILE with JSON in it, or - for stdin"
        ))
    })
}

/// A pair `name=value` of `--var` and `--env`. The value is JSON if it reads as JSON, else text.
#[derive(Debug, Clone)]
pub struct Pair {
    name: String,
    value: Value,
}

impl std::str::FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Pair {
                name: name.to_owned(),
                value: Value::parse_json(value).unwrap_or_else(|_| Value::from(value)),
            }),
            _ => Err("write NAME=VALUE, such as limit=10".to_owned()),
        }
    }
}

/// The pairs as a map; of a repeated name the last one counts.
pub fn map(pairs: &[Pair]) -> Map {
    let mut map = Map::new();
    for pair in pairs {
        map.insert(pair.name.as_str(), pair.value.clone());
    }
    map
}

#[cfg(test)]
mod tests {
    use prana::Value;

    use super::Pair;

    #[test]
    fn pairs() {
        let value = |text: &str| text.parse::<Pair>().map(|pair| pair.value);
        assert_eq!(value("a=5"), Ok(Value::Int(5)));
        assert_eq!(value("a=5 eggs"), Ok(Value::from("5 eggs")));
        assert_eq!(value("a=b=c"), Ok(Value::from("b=c")));
        assert_eq!(value("a="), Ok(Value::from("")));
        assert!(value("a").is_err());
        assert!(value("=a").is_err());
    }

    #[test]
    fn json_arguments() {
        let read = |text: &str| super::json_argument("--input", text);
        assert!(read("{\"a\": [1]}").is_ok_and(|value| value.to_json_string() == "{\"a\":[1]}"));
        for bad in ["", "{", "hello", "1e400", "@/nowhere/at/all", "@.", "\"\u{7}\""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
