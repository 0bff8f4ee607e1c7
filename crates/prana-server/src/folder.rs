//! A directory of workflows: what is in its files is what is live.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use prana::core::document::{self, Workflow};
use prana::store::{NewVersion, Which};
use sha2::{Digest, Sha256};

use crate::live;
use crate::problem::Problem;
use crate::server::Shared;

/// How often the directory is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// A file may be this long, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Directories below it are followed this deep, and so many files are looked at.
const MAX_DEPTH: usize = 8;
const MAX_FILES: usize = 10_000;

/// The kind of the items that remember which workflows came from which file.
const KIND: &str = "folder";

/// When a file was changed, and how long it is.
type Stamp = (SystemTime, u64);

/// What is known of a file.
#[derive(Debug, Default, Clone)]
struct Seen {
    /// As it was when it was last read.
    stamp: Option<Stamp>,
    /// As it was in the last round: it is read when it stays the same for a round, so that half a file is not taken for a whole one.
    glimpse: Option<Stamp>,
    hash: [u8; 32],
    /// The workflows that it made live.
    ids: BTreeSet<String>,
}

/// A directory whose documents are live.
pub struct Folder {
    root: PathBuf,
    files: BTreeMap<PathBuf, Seen>,
}

impl Folder {
    /// A directory that is there.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(root: &Path) -> std::io::Result<Folder> {
        std::fs::read_dir(root)?;
        Ok(Folder { root: root.to_owned(), files: BTreeMap::new() })
    }

    /// Follows the directory until the server stops.
    pub async fn follow(mut self, shared: Shared) {
        if let Err(problem) = self.recall(&shared).await {
            tracing::error!(reason = problem.detail(), "what the directory held before can't be read");
        }
        let mut closing = shared.closing.subscribe();
        let mut is_first = true;
        loop {
            self.look(&shared, is_first).await;
            is_first = false;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = closing.wait_for(|closing| *closing) => return,
            }
        }
    }

    /// Which workflows came from here when the server ran before: those whose file is gone are to be taken out.
    async fn recall(&mut self, shared: &Shared) -> Result<(), Problem> {
        let mut after: Option<String> = None;
        loop {
            let items = shared.engine.catalog().items(KIND, after.as_deref(), 500).await?;
            let Some(last) = items.last() else { return Ok(()) };
            after = Some(last.key.clone());
            for item in items {
                let path = self.root.join(String::from_utf8_lossy(&item.bytes).into_owned());
                self.files.entry(path).or_default().ids.insert(item.key);
            }
        }
    }

    /// One round.
    async fn look(&mut self, shared: &Shared, is_first: bool) {
        let root = self.root.clone();
        let found = match tokio::task::spawn_blocking(move || files_below(&root)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                // A directory that can't be read is no reason to take everything out.
                tracing::error!(directory = %self.root.display(), %error, "the directory of workflows can't be read");
                return;
            }
            Err(_) => return,
        };
        for gone in self.files.keys().filter(|path| !found.contains_key(*path)).cloned().collect::<Vec<_>>() {
            self.file_is_gone(shared, &gone).await;
        }
        for (path, stamp) in found {
            let seen = self.files.entry(path.clone()).or_default();
            let is_settled = is_first || seen.glimpse == Some(stamp);
            seen.glimpse = Some(stamp);
            if is_settled && seen.stamp != Some(stamp) {
                self.file_changed(shared, &path, stamp).await;
            }
        }
    }

    async fn file_is_gone(&mut self, shared: &Shared, path: &Path) {
        let Some(seen) = self.files.remove(path) else { return };
        tracing::info!(file = %path.display(), "the file is gone; its workflows are not active any more");
        for id in seen.ids {
            self.take_out(shared, &id).await;
        }
    }

    async fn file_changed(&mut self, shared: &Shared, path: &Path, stamp: Stamp) {
        let owned = path.to_owned();
        let read = tokio::task::spawn_blocking(move || std::fs::read(owned)).await;
        let Ok(Ok(bytes)) = read else {
            tracing::error!(file = %path.display(), "the file can't be read");
            return;
        };
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        let Some(seen) = self.files.get_mut(path) else { return };
        let is_same = seen.stamp.is_some() && seen.hash == hash;
        (seen.stamp, seen.hash) = (Some(stamp), hash);
        if is_same {
            return;
        }
        match document::load(&path.display().to_string(), &bytes) {
            Ok(loaded) => {
                let workflows: Vec<Workflow> = loaded.into_iter().map(|one| one.workflow).collect();
                self.make_live(shared, path, workflows).await;
            }
            Err(findings) => {
                for finding in findings.iter().filter(|finding| finding.is_error()) {
                    tracing::error!(file = %path.display(), %finding, "the workflow is not taken; what was live stays");
                }
            }
        }
    }

    async fn make_live(&mut self, shared: &Shared, path: &Path, workflows: Vec<Workflow>) {
        let mut ids = BTreeSet::new();
        for workflow in &workflows {
            let id = &workflow.id;
            if let Some(other) = self.owner(id).filter(|other| *other != path) {
                tracing::error!(file = %path.display(), workflow = id, other = %other.display(), "another file has a workflow of this id");
                continue;
            }
            ids.insert(id.clone());
            match self.activate(shared, path, workflow).await {
                Ok(version) => tracing::info!(file = %path.display(), workflow = id, version, "it is active"),
                Err(problem) => {
                    tracing::error!(file = %path.display(), workflow = id, reason = problem.detail(), "it is not activated; what was live stays");
                }
            }
        }
        let before = self.files.get_mut(path).map(|seen| std::mem::replace(&mut seen.ids, ids.clone()));
        for gone in before.unwrap_or_default().difference(&ids) {
            self.take_out(shared, gone).await;
        }
    }

    fn owner(&self, id: &str) -> Option<&Path> {
        self.files.iter().find(|(_, seen)| seen.ids.contains(id)).map(|(path, _)| path.as_path())
    }

    /// Saves a workflow and makes it the one that new executions run, unless it is.
    async fn activate(&self, shared: &Shared, path: &Path, workflow: &Workflow) -> Result<u64, Problem> {
        let catalog = shared.engine.catalog();
        let bytes = document::to_value(workflow).to_json_string().into_bytes();
        let new =
            NewVersion { workflow_id: workflow.id.clone(), bytes, based_on: None, at: shared.clock.now() };
        let saved = catalog.save_workflow(new).await?;
        let place = path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned();
        catalog.put_item(KIND, &workflow.id, None, place.into_bytes()).await?;
        let active = catalog.workflow(&workflow.id, Which::Active).await?;
        if active.is_some_and(|active| active.version == saved.version) {
            return Ok(saved.version);
        }
        let stored = catalog.workflow(&workflow.id, Which::Version(saved.version)).await?;
        let stored = stored.ok_or_else(|| live::unknown(&workflow.id))?;
        live::activate(shared, &stored).await?;
        Ok(saved.version)
    }

    async fn take_out(&self, shared: &Shared, id: &str) {
        if let Err(problem) = live::deactivate(shared, id).await {
            tracing::warn!(workflow = id, reason = problem.detail(), "it can't be deactivated");
        }
        if let Err(error) = shared.engine.catalog().delete_item(KIND, id, None).await {
            tracing::warn!(workflow = id, %error, "it can't be forgotten");
        }
    }
}

/// Every document below a directory, with its stamp. Hidden files, and tests of workflows, are left out.
fn files_below(root: &Path) -> std::io::Result<BTreeMap<PathBuf, Stamp>> {
    let mut found = BTreeMap::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Ok(facts) = std::fs::metadata(&path) else { continue };
            if name.starts_with('.') {
                continue;
            }
            if facts.is_dir() && depth < MAX_DEPTH {
                open.push((path, depth + 1));
            } else if facts.is_file()
                && is_document(&name)
                && facts.len() <= MAX_FILE
                && found.len() < MAX_FILES
            {
                found.insert(path, (facts.modified()?, facts.len()));
            }
        }
    }
    Ok(found)
}

fn is_document(name: &str) -> bool {
    let is_test = [".test.yaml", ".test.yml", ".test.json"].iter().any(|end| name.ends_with(end));
    !is_test && [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::is_document;

    #[test]
    fn documents_are_told_from_other_files() {
        for (name, expect) in [
            ("a.yaml", true),
            ("a.yml", true),
            ("a.json", true),
            ("a.test.yaml", false),
            ("a.yaml~", false),
            ("a.yaml.swp", false),
            ("README.md", false),
        ] {
            assert_eq!(is_document(name), expect, "{name}");
        }
    }
}
