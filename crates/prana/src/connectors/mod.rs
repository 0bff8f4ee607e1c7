//! Connectors: those that are shipped, those of a directory, and those that are made of a description of an API.

mod openapi;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;
use prana_actions::Actions;
pub use prana_actions::{Connector, Credential, CredentialKind, Unreadable};
use prana_core::Registry;

pub use self::openapi::{Converted, Fate, OpenApiOptions, Operation, from_openapi};

macro_rules! shipped {
    ($($id:literal),* $(,)?) => {
        [$(($id, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../connectors/", $id, ".yaml")))),*]
    };
}

/// The documents of the connectors that are in the program.
const SHIPPED: [(&str, &str); 10] = shipped![
    "airtable",
    "discord",
    "github",
    "google_sheets",
    "jira",
    "notion",
    "s3",
    "slack",
    "stripe",
    "telegram",
];

/// A directory of connectors may hold so many.
const MAX_FILES: usize = 1_000;

/// The connectors that an application knows, by their ids.
///
/// ```
/// use prana::connectors::Connectors;
/// use prana::core::Registry;
///
/// let connectors = Connectors::shipped();
/// let mut registry = Registry::standard();
/// connectors.actions().register(&mut registry);
/// assert!(registry.action("github.create_issue").is_some());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Connectors {
    table: IndexMap<String, Known>,
}

/// A connector, and where it comes from.
#[derive(Debug, Clone)]
pub struct Known {
    /// The connector.
    pub connector: Arc<Connector>,
    /// Its file; none for one that is shipped.
    pub file: Option<PathBuf>,
}

/// Why connectors can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorsError {
    /// The directory or a file in it can't be read.
    #[error("{path} can't be read: {source}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A document is wrong.
    #[error("{0}")]
    Malformed(Box<Unreadable>),
    /// The directory holds too much.
    #[error("{path} holds more than {MAX_FILES} connectors", path = .0.display())]
    TooMany(PathBuf),
    /// Two files have the same id, or an id is taken by actions that are built in.
    #[error("{path}: the id `{id}` is taken by {by}; give it another", path = path.display())]
    Taken {
        /// The file.
        path: PathBuf,
        /// The id.
        id: String,
        /// By what.
        by: String,
    },
}

impl Connectors {
    /// Those that are shipped. They are read once in a process.
    pub fn shipped() -> Self {
        static READ: LazyLock<Connectors> = LazyLock::new(Connectors::read_shipped);
        READ.clone()
    }

    fn read_shipped() -> Self {
        let known = |(id, text): &(&str, &str)| {
            let read = Connector::read(&format!("{id}.yaml"), text.as_bytes());
            // A test reads each of them.
            let connector = Arc::new(read.unwrap_or_else(|unreadable| panic!("{unreadable}")));
            (connector.id.clone(), Known { connector, file: None })
        };
        Connectors { table: SHIPPED.iter().map(known).collect() }
    }

    /// These, and those of the `*.yaml`, `*.yml` and `*.json` files of a directory. One with the id of a shipped one takes its place.
    ///
    /// # Errors
    /// [`ConnectorsError`]: a directory or file that can't be read, a document that is wrong, an id that is taken.
    pub fn with_directory(mut self, directory: &Path) -> Result<Self, ConnectorsError> {
        for path in files(directory)? {
            let failed = |source| ConnectorsError::Read { path: path.clone(), source };
            let text = std::fs::read(&path).map_err(failed)?;
            let connector = Connector::read(&path.display().to_string(), &text);
            self.add(connector.map_err(ConnectorsError::Malformed)?, path)?;
        }
        Ok(self)
    }

    fn add(&mut self, connector: Connector, path: PathBuf) -> Result<(), ConnectorsError> {
        let id = connector.id.clone();
        let by = match self.table.get(&id).map(|known| known.file.as_ref()) {
            Some(Some(other)) => Some(other.display().to_string()),
            _ => built_in(&id).then(|| "actions that are built in".to_owned()),
        };
        if let Some(by) = by {
            return Err(ConnectorsError::Taken { path, id, by });
        }
        self.table.insert(id, Known { connector: Arc::new(connector), file: Some(path) });
        Ok(())
    }

    /// All of them, shipped ones first.
    pub fn all(&self) -> impl Iterator<Item = &Known> {
        self.table.values()
    }

    /// The standard actions, and those of these connectors.
    pub fn actions(&self) -> Actions {
        let mut actions = Actions::standard();
        self.table.values().for_each(|known| known.connector.add_to(&mut actions));
        actions
    }

    /// The pure actions of the core, and [`Connectors::actions`].
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::standard();
        self.actions().register(&mut registry);
        registry
    }
}

/// Documents of a directory, in the order of their names.
fn files(directory: &Path) -> Result<Vec<PathBuf>, ConnectorsError> {
    let failed = |source| ConnectorsError::Read { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let kind = path.extension().and_then(|extension| extension.to_str());
        if matches!(kind, Some("yaml" | "yml" | "json")) && path.is_file() {
            files.push(path);
        }
    }
    if files.len() > MAX_FILES {
        return Err(ConnectorsError::TooMany(directory.to_owned()));
    }
    files.sort_unstable();
    Ok(files)
}

/// Do names of built-in actions begin with this word?
fn built_in(word: &str) -> bool {
    let mut registry = Registry::standard();
    Actions::standard().register(&mut registry);
    let begins = |name: &str| name.split_once('.').is_some_and(|(first, _)| first == word);
    let mut all = registry.actions().map(|action| &action.descriptor);
    all.any(|one| begins(&one.type_name) || one.aliases.iter().any(|alias| begins(alias)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SMALL: &str =
        "id: ID\ntitle: A\nbase_url: https://a.example\nactions:\n  go: {title: Go, request: {path: /go}}\n";

    struct Directory(PathBuf);

    impl Directory {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let path = std::env::temp_dir().join(format!("prana-connectors-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            files.iter().for_each(|(name, text)| std::fs::write(path.join(name), text).unwrap());
            Directory(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn with(name: &str, files: &[(&str, &str)]) -> Result<Connectors, String> {
        let directory = Directory::with(name, files);
        Connectors::shipped().with_directory(&directory.0).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_shipped_is_there() {
        let shipped = Connectors::shipped();
        assert_eq!(shipped.all().count(), SHIPPED.len());
        for (known, (id, _)) in shipped.all().zip(SHIPPED) {
            assert_eq!(known.connector.id, id);
            assert!(!built_in(id), "{id}");
            assert!(known.connector.actions().count() >= 5, "{id}");
        }
    }

    #[test]
    fn a_directory_adds_and_takes_the_place_of_shipped_ones() {
        let files = [
            ("b.yaml", &*SMALL.replace("ID", "bakery")),
            ("slack.yml", &*SMALL.replace("ID", "slack")),
            ("notes.txt", "x"),
        ];
        let registry = with("adds", &files).unwrap().registry();
        assert!(registry.action("bakery.go").is_some() && registry.action("slack.go").is_some());
        assert!(registry.action("slack.post_message").is_none() && registry.action("http.request").is_some());
    }

    #[test]
    fn what_a_directory_may_not_hold() {
        for (name, files, expected) in [
            (
                "taken",
                vec![("a.yaml", SMALL.replace("ID", "http"))],
                "the id `http` is taken by actions that are built in",
            ),
            (
                "alias",
                vec![("a.yaml", SMALL.replace("ID", "prana_core"))],
                "the id `prana_core` is taken by actions that are built in",
            ),
            (
                "twice",
                vec![("a.yaml", SMALL.replace("ID", "x")), ("b.yaml", SMALL.replace("ID", "x"))],
                "the id `x` is taken by",
            ),
            ("wrong", vec![("a.yaml", SMALL.replace("ID", "X"))], "an id begins with a small letter"),
        ] {
            let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
            let error = with(name, &files).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(Connectors::shipped().with_directory(Path::new("/nowhere/at/all")).is_err());
    }
}
