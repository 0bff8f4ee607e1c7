//! The architecture's rules, held by reading the manifests.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Which crates of the workspace a crate may name, from the outside in.
const MAY_USE: &[(&str, &[&str])] = &[
    ("prana-template", &[]),
    ("prana-core", &["prana-template"]),
    ("prana-store", &["prana-template", "prana-core"]),
    ("prana-actions", &["prana-template", "prana-core"]),
    ("prana", &["prana-template", "prana-core", "prana-store", "prana-actions"]),
    ("prana-server", &["prana-template", "prana-core", "prana-store", "prana-actions", "prana"]),
    ("prana-cli", &["prana-template", "prana-core", "prana-store", "prana-actions", "prana", "prana-server"]),
];

/// What would bring clocks, threads or the outside world into the pure crates.
const IMPURE: &[&str] = &["tokio", "reqwest", "rusqlite", "rand", "getrandom", "async-trait", "tracing"];

fn crates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names under `[dependencies]` (tests may use what they like).
fn dependencies(name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
    let section = text.split("\n[").find(|section| section.starts_with("dependencies]"));
    let lines = section.unwrap_or_default().lines().skip(1);
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn dependencies_point_one_way() {
    for (name, allowed) in MAY_USE {
        let own: Vec<String> =
            dependencies(name).into_iter().filter(|other| other.starts_with("prana")).collect();
        for other in own {
            assert!(allowed.contains(&other.as_str()), "{name} must not depend on {other}");
        }
    }
}

#[test]
fn every_crate_has_its_place() {
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    for entry in std::fs::read_dir(crates()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            known.contains(name.as_str()),
            "{name} is a new crate: it needs a decision record, and a line here"
        );
    }
}

#[test]
fn pure_crates_have_no_impure_dependencies() {
    for name in ["prana-template", "prana-core"] {
        let own = dependencies(name);
        for impure in IMPURE {
            assert!(!own.contains(*impure), "{name} must not depend on {impure}");
        }
    }
}
