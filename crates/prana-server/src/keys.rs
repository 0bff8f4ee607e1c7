//! The keys of resume links: a file beside the database that only its owner can read.
//!
//! One key a line, `NUMBER SECRET`, the secret 32 bytes in base64. The first signs; all are accepted. To change the key, put a new line with a new number on top
//! and start the server again; take the old line out when no link made with it is needed any more.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prana::{Clock, MasterKeys, ResumeKey, ResumeTokens};

use crate::server::Options;

/// What links are signed with, and what secrets are locked with.
pub struct Ring {
    /// The keys of links.
    pub links: ResumeTokens,
    /// False if nobody else has those keys: then links are not made.
    pub signs: bool,
    /// The keys of secrets; none where there are none.
    pub master: Option<MasterKeys>,
}

impl Ring {
    /// The keys that the options name: files, made if they aren't there; or, for a database on a server, master keys alone. Without these a
    /// command can still look in.
    ///
    /// # Errors
    /// Files that can't be used.
    pub fn open(options: &Options, clock: &dyn Clock) -> Result<Self, String> {
        let base = match &options.keys {
            None if prana::is_server(&options.database) => return Ring::without_files(options, clock),
            None => &options.database,
            Some(keys) => keys,
        };
        let links = open(&path_for(base), clock)?;
        let master = match &options.master_keys {
            Some(keys) => keys.clone(),
            None => MasterKeys::open(&MasterKeys::path_for(base)).map_err(|error| error.to_string())?,
        };
        Ok(Ring { links, signs: true, master: Some(master) })
    }

    fn without_files(options: &Options, clock: &dyn Clock) -> Result<Self, String> {
        let master = options.master_keys.clone();
        let links = master.as_ref().and_then(|keys| ResumeTokens::new(keys.resume_keys()));
        match links {
            Some(links) => Ok(Ring { links, signs: true, master }),
            None => {
                let key = ResumeKey { id: 0, secret: random(clock) };
                let links = ResumeTokens::new(vec![key]).ok_or("a ring needs a key")?;
                Ok(Ring { links, signs: false, master: None })
            }
        }
    }
}

/// Refuses to serve a shared database without keys that others have, too.
///
/// # Errors
/// What to do.
pub fn check_named(options: &Options) -> Result<(), String> {
    let has_keys = options.keys.is_some() || options.master_keys.is_some();
    let is_fine = has_keys || !prana::is_server(&options.database);
    is_fine.then_some(()).ok_or_else(|| NO_KEYS.to_owned())
}

/// What a server of a shared database is told.
const NO_KEYS: &str = "this database is shared, so its keys must be, too: say where all machines have the same ones. Either PRANA_MASTER_KEYS holds the \
     master keys (32 random bytes in base64: `openssl rand -base64 32`), or --keys NAME (PRANA_KEYS) names files: NAME.keys for resume links and \
     NAME.master-keys for secrets, made at the first start and copied to the other machines from there";

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
    file.write_all(format!("1 {}\n", STANDARD.encode(random(clock))).as_bytes())?;
    file.sync_all()
}

fn random(clock: &dyn Clock) -> [u8; 32] {
    let mut secret = [0; 32];
    secret.chunks_mut(8).for_each(|part| part.copy_from_slice(&clock.random().to_be_bytes()));
    secret
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
