//! The keys of resume links: a file beside the database that only its owner can read.
//!
//! One key a line, `NUMBER SECRET`, the secret 32 bytes in base64. The first signs; all are accepted. To change the key, put a new line with a new number on top
//! and start the server again; take the old line out when no link made with it is needed any more.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prana::{Clock, ResumeKey, ResumeTokens};

/// More than anybody needs; a file that is longer is no key file.
const MAX_BYTES: u64 = 64 << 10;

/// Where the keys of a database are.
pub fn path_for(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".keys");
    PathBuf::from(path)
}

/// The keys in a file, which is made with one new key if it isn't there.
///
/// # Errors
/// A file that can't be made or read, that others may read, or that holds something else: why, and what to do.
pub fn open(path: &Path, clock: &dyn Clock) -> Result<ResumeTokens, String> {
    match make(path, clock) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(format!("the key file {path:?} can't be made: {error}")),
    }
    let unreadable = |error: std::io::Error| format!("the key file {path:?} can't be read: {error}");
    let facts = std::fs::metadata(path).map_err(unreadable)?;
    check_private(path, &facts)?;
    if facts.len() > MAX_BYTES {
        return Err(format!("{path:?} is too long for a key file"));
    }
    parse(&std::fs::read_to_string(path).map_err(unreadable)?)
        .map_err(|problem| format!("the key file {path:?} can't be used: {problem}"))
}

fn make(path: &Path, clock: &dyn Clock) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut secret = Vec::with_capacity(32);
    (0..4).for_each(|_| secret.extend_from_slice(&clock.random().to_be_bytes()));
    file.write_all(format!("1 {}\n", STANDARD.encode(secret)).as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn check_private(path: &Path, facts: &std::fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    match facts.mode() & 0o077 {
        0 => Ok(()),
        _ => Err(format!("others may read the key file {path:?}: `chmod 600` it, and change the key")),
    }
}

#[cfg(not(unix))]
fn check_private(_: &Path, _: &std::fs::Metadata) -> Result<(), String> {
    Ok(())
}

fn parse(text: &str) -> Result<ResumeTokens, String> {
    let mut keys: Vec<ResumeKey> = Vec::new();
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = || format!("line {} is not a number from 0 to 255 and 32 bytes in base64", place + 1);
        let (id, secret) = line.trim().split_once(' ').ok_or_else(wrong)?;
        let id: u8 = id.parse().map_err(|_| wrong())?;
        let secret = STANDARD.decode(secret.trim()).map_err(|_| wrong())?;
        let secret: [u8; 32] = secret.try_into().map_err(|_| wrong())?;
        if keys.iter().any(|key| key.id == id) {
            return Err(format!("two keys have the number {id}"));
        }
        keys.push(ResumeKey { id, secret });
    }
    ResumeTokens::new(keys).ok_or_else(|| "it has no key; remove it, and a new one is made".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_order_and_nonsense_is_refused() {
        let line = |id: u32| format!("{id} {}\n", STANDARD.encode([7; 32]));
        assert!(parse(&format!("{}\n{}", line(2), line(1))).is_ok());
        for text in ["", "\n", "1", "1 short", "x AAAA", &line(256), &format!("{0}{0}", line(1))] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
