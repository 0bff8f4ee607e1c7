//! Secrets of a command that runs workflows: from files and the environment, never from the command line, which others can read.

use std::path::Path;

use prana::{Builder, MasterKeys, SecretText};

use crate::exit::{Failure, Outcome};
use crate::input;

/// Variables of the environment that begin so are secrets: `PRANA_SECRET_token` is `$secrets.token`.
const PREFIX: &str = "PRANA_SECRET_";

/// The variable with master keys, where they are not in a file beside the database.
const MASTER_KEYS: &str = "PRANA_MASTER_KEYS";

/// No secret is longer.
const MAX_BYTES: u64 = 64 << 10;

/// `--secret NAME=@FILE`.
#[derive(Debug, Clone)]
pub struct SecretFile {
    name: String,
    path: String,
}

impl std::str::FromStr for SecretFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("=@") {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(SecretFile { name: name.to_owned(), path: path.to_owned() })
            }
            // Not repeated here: it may be a secret.
            _ => Err(format!(
                "write NAME=@FILE (@- for stdin), or put it into the environment as {PREFIX}NAME"
            )),
        }
    }
}

/// The secrets of one command, and what stored ones are locked with.
pub struct Given {
    secrets: Vec<(String, SecretText)>,
    keys: Option<MasterKeys>,
}

impl Given {
    /// Those of the environment, then those of files; and the keys beside a database.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn new(files: &[SecretFile], database: Option<&Path>) -> Outcome<Self> {
        let mut secrets = Vec::new();
        for (name, value) in std::env::vars_os() {
            let name = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).map(str::to_owned);
            if let (Some(name), Ok(value)) = (name, value.into_string()) {
                secrets.push((name, SecretText::from(value)));
            }
        }
        for SecretFile { name, path } in files {
            secrets.push((name.clone(), read(path)?));
        }
        let file = database.filter(|database| !prana::is_server(database)).map(MasterKeys::path_for);
        let keys = match (keys_of_environment()?, file) {
            (None, Some(file)) => MasterKeys::open_existing(&file).map_err(Failure::new)?,
            (keys, _) => keys,
        };
        Ok(Given { secrets, keys })
    }

    /// Gives them to an engine.
    ///
    /// # Errors
    /// A name or text that won't do.
    pub fn to(self, mut builder: Builder) -> Outcome<Builder> {
        for (name, text) in self.secrets {
            let refused = |error| Failure::new(format!("the secret `{name}`: {error}"));
            builder = builder.secret(&name, text).map_err(refused)?;
        }
        Ok(match self.keys {
            Some(keys) => builder.master_keys(keys),
            None => builder,
        })
    }
}

/// The master keys of the environment.
///
/// # Errors
/// A variable that holds something else.
pub fn keys_of_environment() -> Outcome<Option<MasterKeys>> {
    let Ok(text) = std::env::var(MASTER_KEYS) else { return Ok(None) };
    let text = SecretText::from(text);
    let keys = MasterKeys::parse(text.reveal());
    keys.map(Some).map_err(|error| Failure::new(format!("{MASTER_KEYS}: {error}")))
}

/// The text of a file, or of stdin for `-`, without the line end at its end.
///
/// # Errors
/// A file that can't be read, is too long, or is no text.
pub fn read(path: &str) -> Outcome<SecretText> {
    let bytes = input::read(path, MAX_BYTES)?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::new(format!("{path:?} is not text in UTF-8")))?;
    let text = SecretText::from(text);
    let line = text.reveal().strip_suffix('\n').unwrap_or(text.reveal());
    Ok(SecretText::from(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::SecretFile;

    #[test]
    fn values_are_not_taken_from_the_command_line() {
        assert!(
            "token=@file"
                .parse::<SecretFile>()
                .is_ok_and(|file| (&*file.name, &*file.path) == ("token", "file"))
        );
        for text in ["token", "token=swordfish", "=@file", "token=@"] {
            let refused = text.parse::<SecretFile>().unwrap_err();
            assert!(!refused.contains("swordfish"), "{refused}");
        }
    }
}
