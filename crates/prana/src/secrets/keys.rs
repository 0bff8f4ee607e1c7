//! Master keys: what the keys of secrets are locked with.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::Generate;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::SecretError;
use crate::tokens::ResumeKey;

/// More than anybody needs; a file that is longer is no key file.
const MAX_BYTES: u64 = 64 << 10;

/// 32 bytes, wiped when dropped.
pub(super) type KeyBytes = Zeroizing<[u8; 32]>;

/// One master key, with the name that its bytes give it.
#[derive(Clone)]
pub(super) struct MasterKey {
    pub id: String,
    pub bytes: KeyBytes,
}

/// Master keys: the first locks, all of them unlock.
///
/// One key a line (or several, with spaces or commas between), 32 bytes in base64; what follows a `#` is a remark. A key's id is made of its bytes, so it can't be
/// mistaken for another's.
///
/// ```
/// use prana::MasterKeys;
/// let keys = MasterKeys::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
/// assert_eq!(keys.ids(), ["a0765a3d"]);
/// ```
#[derive(Clone)]
pub struct MasterKeys {
    keys: Vec<MasterKey>,
    file: Option<PathBuf>,
}

impl MasterKeys {
    /// Where the master keys of a database file are: beside it, so that a copy of the database doesn't take them along.
    pub fn path_for(database: &Path) -> PathBuf {
        let mut path = database.as_os_str().to_owned();
        path.push(".master-keys");
        PathBuf::from(path)
    }

    /// The keys in a file, which is made with one new key if it isn't there, readable by its owner alone.
    ///
    /// # Errors
    /// [`SecretError::Keys`]: a file that can't be made or read, that others may read, or that holds something else.
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        match make(path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(SecretError::Keys(format!(
                    "the master key file {path:?} can't be made: {error}"
                )));
            }
        }
        read(path)
    }

    /// As [`MasterKeys::open`], of a file that may not be there: then there are no keys.
    ///
    /// # Errors
    /// As [`MasterKeys::open`].
    pub fn open_existing(path: &Path) -> Result<Option<Self>, SecretError> {
        match path.try_exists() {
            Ok(false) => Ok(None),
            _ => read(path).map(Some),
        }
    }

    /// Keys in the form of a key file.
    ///
    /// # Errors
    /// [`SecretError::Keys`] for text that is something else.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        let written = |line: &'_ str| line.split('#').next().unwrap_or_default().to_owned();
        for (place, line) in text.lines().enumerate() {
            let line = Zeroizing::new(written(line));
            for word in line.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
                let key = MasterKey::parse(word).ok_or_else(|| {
                    SecretError::Keys(format!(
                        "line {} holds something else than 32 bytes in base64",
                        place + 1
                    ))
                })?;
                if keys.iter().all(|known| known.id != key.id) {
                    keys.push(key);
                }
            }
        }
        match keys.is_empty() {
            true => Err(SecretError::Keys("there is no key".to_owned())),
            false => Ok(MasterKeys { keys, file: None }),
        }
    }

    /// The ids of the keys; that of the one that locks comes first.
    pub fn ids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.id.as_str()).collect()
    }

    /// Keys of resume links, made of these: where a program has master keys from elsewhere and no files. Each is numbered by its master key's id.
    pub fn resume_keys(&self) -> Vec<ResumeKey> {
        let mut made: Vec<ResumeKey> = Vec::new();
        for key in &self.keys {
            let id = u8::from_str_radix(key.id.get(..2).unwrap_or_default(), 16).unwrap_or_default();
            let secret = key.derived(b"prana resume links");
            if made.iter().all(|known| known.id != id) {
                made.push(ResumeKey { id, secret });
            }
        }
        made
    }

    pub(super) fn first(&self) -> &MasterKey {
        &self.keys[0]
    }

    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The keys as they are in the file now; another process may have put one in.
    pub(super) fn reread(&self) -> Result<Option<Self>, SecretError> {
        self.file.as_deref().map(read).transpose()
    }

    /// The same keys with a new one before them, in the file too if they come from one. Keys from elsewhere are changed there, and stay.
    pub(super) fn with_new_first(&self) -> Result<Self, SecretError> {
        let Some(path) = &self.file else { return Ok(self.clone()) };
        let mut keys = read(path)?;
        keys.keys.insert(0, MasterKey::new()?);
        let replaced = replace(path, &keys);
        replaced.map_err(|error| {
            SecretError::Keys(format!("the master key file {path:?} can't be written: {error}"))
        })?;
        Ok(keys)
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for key in &self.keys {
            text.push_str(&Zeroizing::new(STANDARD.encode(*key.bytes)));
            text.push('\n');
        }
        text
    }
}

impl std::fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKeys").field("ids", &self.ids()).field("file", &self.file).finish()
    }
}

impl MasterKey {
    /// Another key, for something else than locking: HMAC-SHA256 of what it is for.
    fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.bytes) else { return [0; 32] };
        mac.update(purpose);
        mac.finalize().into_bytes().into()
    }

    fn new() -> Result<Self, SecretError> {
        let bytes = <[u8; 32]>::try_generate()
            .map_err(|error| SecretError::Keys(format!("the system gives no random numbers: {error}")))?;
        Ok(MasterKey::of(Zeroizing::new(bytes)))
    }

    fn of(bytes: KeyBytes) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"prana master key id\0");
        hash.update(*bytes);
        let id = hash.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        MasterKey { id, bytes }
    }

    fn parse(word: &str) -> Option<Self> {
        let decoded = Zeroizing::new(STANDARD.decode(word).ok()?);
        let mut bytes: KeyBytes = Zeroizing::new([0; 32]);
        (decoded.len() == bytes.len()).then(|| bytes.copy_from_slice(&decoded))?;
        Some(MasterKey::of(bytes))
    }
}

fn read(path: &Path) -> Result<MasterKeys, SecretError> {
    let wrong = |why: String| SecretError::Keys(format!("the master key file {path:?} can't be used: {why}"));
    let facts = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !is_private(&facts) {
        return Err(wrong(
            "others may read it: `chmod 600` it, and change the key with `prana secrets rotate`".into(),
        ));
    }
    if facts.len() > MAX_BYTES {
        return Err(wrong("it is too long for a key file".into()));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?);
    match MasterKeys::parse(&text) {
        Ok(keys) => Ok(MasterKeys { file: Some(path.to_owned()), ..keys }),
        Err(SecretError::Keys(why)) => Err(wrong(why)),
        Err(error) => Err(error),
    }
}

/// A new file with one new key. It appears whole or not at all, so that two who start at the same time read the same.
fn make(path: &Path) -> std::io::Result<()> {
    if path.try_exists()? {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let key = MasterKey::new().map_err(std::io::Error::other)?;
    let keys = MasterKeys { keys: vec![key], file: None };
    let beside = write_beside(path, &keys)?;
    let linked = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside)?;
    linked?;
    sync_folder(path)
}

fn replace(path: &Path, keys: &MasterKeys) -> std::io::Result<()> {
    let beside = write_beside(path, keys)?;
    std::fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Writes the keys to a file of its own name beside the path.
fn write_beside(path: &Path, keys: &MasterKeys) -> std::io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let beside = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(keys.text().as_bytes())?;
    file.sync_all()?;
    Ok(beside)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

#[cfg(unix)]
fn is_private(facts: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    facts.mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn word(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    #[test]
    fn keys_are_read_in_order_and_nonsense_is_refused() {
        let text =
            format!("# made by hand\n{} # the newest\n\n{},{}\n{}", word(1), word(2), word(3), word(1));
        let keys = MasterKeys::parse(&text).unwrap();
        assert_eq!(keys.ids().len(), 3);
        assert_eq!(keys.first().id, MasterKey::of(Zeroizing::new([1; 32])).id);
        for text in ["", "# nothing", "AAAA", "1 x", &format!("{} y", word(1))] {
            assert!(MasterKeys::parse(text).is_err(), "{text:?}");
        }
        assert!(!format!("{keys:?}").contains(&word(1)));
    }
}
