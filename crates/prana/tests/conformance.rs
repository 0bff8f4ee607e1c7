//! Every behaviour file, on every store, with and without a restart before each node.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prana::testing::{Keep, MakeStore, TestOptions, TestStore, run_file};
use prana::{Actions, BuiltIn, Permissions, core::Registry};
use prana_store::postgres::testing::TestDatabase;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.to_string_lossy().ends_with(".test.yaml") {
            found.push(path);
        }
    }
}

fn check(restart_every_step: bool, keep: Keep) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    let filter = std::env::var("PRANA_TEST_FILTER").unwrap_or_default();
    let mut registry = Registry::standard();
    Actions::standard().register(&mut registry);
    let options = TestOptions {
        registry,
        effects: Arc::new(BuiltIn::new(Permissions::default()).unwrap()),
        restart_every_step,
        keep,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut failed = Vec::new();
    for path in paths.iter().filter(|path| path.to_string_lossy().contains(&filter)) {
        let text = std::fs::read(path).unwrap();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        match runtime.block_on(run_file(path, &text, &options)) {
            Ok(report) if report.passed() => {}
            Ok(report) => failed.push(format!("{name}: {}\n  {}", report.name, report.problems.join("\n  "))),
            Err(findings) => failed.push(format!("{name}: {findings:?}")),
        }
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), paths.len(), failed.join("\n"));
}

#[test]
fn in_memory() {
    check(false, Keep::Memory);
}

#[test]
fn in_memory_with_restarts() {
    check(true, Keep::Memory);
}

#[test]
fn in_sqlite() {
    check(false, Keep::Sqlite);
}

#[test]
fn in_sqlite_with_restarts() {
    check(true, Keep::Sqlite);
}

struct Postgres;

#[async_trait::async_trait]
impl MakeStore for Postgres {
    async fn make(&self) -> Arc<dyn TestStore> {
        Arc::new(TestDatabase::new().await.unwrap().clocked().await)
    }
}

/// Only where there is a server for tests: see `tests/postgres/with`.
fn check_in_postgres(restart_every_step: bool) {
    if std::env::var_os("PRANA_TEST_POSTGRES").is_some() {
        check(restart_every_step, Keep::In(Arc::new(Postgres)));
    }
}

#[test]
fn in_postgres() {
    check_in_postgres(false);
}

#[test]
fn in_postgres_with_restarts() {
    check_in_postgres(true);
}
