//! `prana validate`: everything that is wrong with workflow files, with the lines it is about.

use std::path::{Path, PathBuf};

use prana::core::Registry;
use prana::core::diagnostic::{Diagnostic, render};
use prana::core::document::{self, Source};
use serde_json::json;

use super::Format;
use crate::documents::{self, Checked};
use crate::exit::{Exit, Failure, Outcome};
use crate::{builtin, output};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Workflow files, or directories with *.yaml, *.yml and *.json files in them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How findings are printed.
    #[arg(long, value_enum, default_value = "table", env = "PRANA_FORMAT")]
    format: Format,
}

/// Validates. Warnings don't refuse a file.
pub fn run(args: &Args) -> Outcome {
    let registry = builtin::registry();
    let mut checked = Vec::new();
    for file in files(&args.paths, &is_document)? {
        checked.push(check(&file, &registry)?);
    }
    match args.format {
        Format::Json => print_json(&checked),
        Format::Table => print_text(&checked),
    }
    let refused = checked.iter().any(Checked::is_refused);
    Ok(if refused { Exit::Refused } else { Exit::Done })
}

/// A workflow file, or a test document by its name.
fn check(file: &str, registry: &Registry) -> Outcome<Checked> {
    if !is_test(Path::new(file)) {
        return documents::check(file, registry);
    }
    let bytes = documents::bytes(file)?;
    let findings = document::load_test(file, &bytes).err().unwrap_or_default();
    Ok(Checked { source: Source::new(file, &bytes).into(), workflows: Vec::new(), findings })
}

fn print_text(checked: &[Checked]) {
    let colors = output::colors_on_stdout();
    let mut all = Vec::new();
    for one in checked {
        if !one.findings.is_empty() {
            output::print(&render(&one.findings, &one.source, colors));
            all.extend(one.findings.iter().cloned());
        }
    }
    let files = format!("{} file{}", checked.len(), if checked.len() == 1 { "" } else { "s" });
    output::print(&format!("{files}: {}", documents::summary(&all)));
}

fn print_json(checked: &[Checked]) {
    let files: Vec<_> = checked
        .iter()
        .map(|one| {
            let ids: Vec<&str> = one.workflows.iter().map(|loaded| loaded.workflow.id.as_str()).collect();
            json!({
                "file": one.source.name(),
                "valid": !one.is_refused(),
                "workflows": ids,
                "diagnostics": one.findings.iter().map(finding_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    output::print(&serde_json::to_string_pretty(&json!({ "files": files })).unwrap_or_default());
}

fn finding_json(finding: &Diagnostic) -> serde_json::Value {
    let mut json = serde_json::to_value(finding).unwrap_or_default();
    json["path"] = finding.path.to_string().into();
    json
}

/// Whether a name is that of a test document.
pub fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".test.yaml", ".test.yml", ".test.json"].iter().any(|end| name.ends_with(end))
}

fn is_document(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml" | "json"))
}

/// The files that paths mean: themselves, or those that `wanted` takes in a directory, by name.
///
/// # Errors
/// A path that can't be read, or a directory without any.
pub fn files(paths: &[PathBuf], wanted: &dyn Fn(&Path) -> bool) -> Outcome<Vec<String>> {
    let mut files = Vec::new();
    for path in paths {
        let shown = path.to_string_lossy().into_owned();
        if !path.is_dir() {
            files.push(shown);
            continue;
        }
        let before = files.len();
        walk(path, wanted, &mut files)?;
        if files.len() == before {
            return Err(Failure::new(format!("nothing to read in {shown:?}"))
                .help("name files, or a directory that has some"));
        }
    }
    Ok(files)
}

/// Directories nest; links to directories are not followed, so this ends.
fn walk(directory: &Path, wanted: &dyn Fn(&Path) -> bool, files: &mut Vec<String>) -> Outcome<()> {
    let mut waiting = vec![directory.to_owned()];
    let mut found = Vec::new();
    while let Some(directory) = waiting.pop() {
        let unreadable = |error| crate::input::unreadable(&directory.to_string_lossy(), &error);
        for entry in std::fs::read_dir(&directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if kind.is_dir() && !hidden {
                waiting.push(entry.path());
            } else if !kind.is_dir() && wanted(&entry.path()) {
                found.push(entry.path().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    files.append(&mut found);
    Ok(())
}
