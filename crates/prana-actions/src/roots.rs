//! The directories in which files may be read and written.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use prana_core::ErrorValue;

use crate::outside::OutsideError;

/// Directories, with everything below them. No link leads out of them.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    roots: Vec<PathBuf>,
}

/// A place for a file: a directory that is inside, and a name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub directory: PathBuf,
    pub name: OsString,
}

impl Place {
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }
}

impl Roots {
    /// These directories. Relative paths start at the first.
    ///
    /// # Errors
    /// A root that isn't a directory, or can't be reached.
    pub fn new(roots: &[PathBuf]) -> Result<Self, OutsideError> {
        let real = |path: &PathBuf| {
            let failed = |source| OutsideError::Root { path: path.clone(), source };
            let real = path.canonicalize().map_err(failed)?;
            match real.is_dir() {
                true => Ok(real),
                false => Err(failed(io::Error::from(io::ErrorKind::NotADirectory))),
            }
        };
        Ok(Roots { roots: roots.iter().map(real).collect::<Result<_, _>>()? })
    }

    /// The real path of something that is there.
    pub(crate) fn existing(&self, path: &str) -> Result<PathBuf, ErrorValue> {
        let real = self.joined(path)?.canonicalize().map_err(|error| failed(path, &error))?;
        self.inside(path, real)
    }

    /// The place of a file that may be there or not; its directory must be.
    pub(crate) fn place(&self, path: &str) -> Result<Place, ErrorValue> {
        let joined = self.joined(path)?;
        let (Some(directory), Some(name)) = (joined.parent(), joined.file_name()) else {
            return Err(not_allowed(path, "it names no file"));
        };
        let directory = directory.canonicalize().map_err(|error| failed(path, &error))?;
        Ok(Place { directory: self.inside(path, directory)?, name: name.to_owned() })
    }

    fn joined(&self, path: &str) -> Result<PathBuf, ErrorValue> {
        let Some(first) = self.roots.first() else {
            return Err(not_allowed(path, "no directory is open to workflows; the operator names those"));
        };
        match path.is_empty() || path.contains('\0') || path.ends_with('/') {
            true => Err(not_allowed(path, "it names no file")),
            false => Ok(first.join(Path::new(path))),
        }
    }

    fn inside(&self, path: &str, real: PathBuf) -> Result<PathBuf, ErrorValue> {
        match self.roots.iter().any(|root| real.starts_with(root)) {
            true => Ok(real),
            false => Err(not_allowed(path, "it is outside of the directories that the operator opened")),
        }
    }
}

fn not_allowed(path: &str, why: &str) -> ErrorValue {
    ErrorValue::new("file.not_allowed", format!("`{path}` can't be used: {why}")).not_retryable()
}

/// The stored form of a failure of the file system.
pub(crate) fn failed(path: &str, error: &io::Error) -> ErrorValue {
    let (code, hint) = match error.kind() {
        io::ErrorKind::NotFound => ("file.not_found", "there is no such file or directory"),
        io::ErrorKind::AlreadyExists => ("file.exists", "it is there already; `mode: overwrite` replaces it"),
        io::ErrorKind::PermissionDenied => ("file.permission_denied", "the system refuses access"),
        io::ErrorKind::NotADirectory => ("file.not_found", "a part of the path is no directory"),
        io::ErrorKind::StorageFull => ("file.no_space", "the disk is full"),
        _ => return ErrorValue::new("file.failed", format!("`{path}`: {error}")),
    };
    let error = ErrorValue::new(code, format!("`{path}`: {hint}"));
    if code == "file.no_space" { error } else { error.not_retryable() }
}
