//! `prana test`: test documents in virtual time.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use prana::core::diagnostic::{Diagnostic, render};
use prana::core::document::Source;
use prana::testing::{Report, TestOptions, junit, run_file};

use super::validate::{files, is_test};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, ERROR, FAINT, GOOD, harmless, paint};
use crate::{builtin, documents, session};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Test files, or directories with *.test.yaml files in them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Writes the results as JUnit XML to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Forgets everything before every node and rebuilds it from the store: each test must pass with it, too.
    #[arg(long)]
    restart_every_step: bool,
    /// Where executions are kept.
    #[arg(long, value_enum, default_value = "memory", env = "PRANA_TEST_STORE")]
    store: Store,
    /// Runs only tests whose file or name has this in it.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Store {
    Memory,
    Sqlite,
}

/// How the files went.
#[derive(Default)]
struct Results {
    reports: Vec<Report>,
    bad_files: usize,
}

/// Runs them.
pub fn run(args: Args) -> Outcome {
    let files = files(&args.paths, &is_test)?;
    let results = session::block_on(async { run_all(&files, &args).await })?;
    if let Some(path) = &args.junit {
        std::fs::write(path, junit(&results.reports))
            .map_err(|error| Failure::new(format!("{path:?} can't be written: {error}")))?;
    }
    let failed = results.reports.iter().filter(|report| !report.passed()).count();
    if results.reports.is_empty() && results.bad_files == 0 {
        return Err(Failure::new("no test fits").help("look at --filter"));
    }
    output::print(&format!("{} passed, {failed} failed", results.reports.len() - failed));
    Ok(match (results.bad_files, failed) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Failed,
        _ => Exit::Refused,
    })
}

async fn run_all(files: &[String], args: &Args) -> Outcome<Results> {
    let options = TestOptions {
        registry: builtin::registry(),
        effects: builtin::effects(false)?,
        restart_every_step: args.restart_every_step,
        keep: match args.store {
            Store::Memory => prana::testing::Keep::Memory,
            Store::Sqlite => prana::testing::Keep::Sqlite,
        },
    };
    let colors = output::colors_on_stdout();
    let mut results = Results::default();
    for file in files {
        match run_one(file, args, &options).await {
            Ok(None) => {}
            Ok(Some(report)) => {
                show(&report, colors);
                results.reports.push(report);
            }
            Err(failure) => {
                failure.show();
                results.bad_files += 1;
            }
        }
    }
    Ok(results)
}

async fn run_one(file: &str, args: &Args, options: &TestOptions) -> Outcome<Option<Report>> {
    let text = documents::bytes(file)?;
    if !fits(file, &text, args.filter.as_deref()) {
        return Ok(None);
    }
    let report = run_file(Path::new(file), &text, options).await;
    report.map(Some).map_err(|findings| bad_file(file, &text, &findings))
}

/// Whether a file or the name in it has the text in it.
fn fits(file: &str, text: &[u8], filter: Option<&str>) -> bool {
    let Some(filter) = filter else { return true };
    if file.contains(filter) {
        return true;
    }
    prana::core::document::load_test(file, text).is_ok_and(|test| test.name.contains(filter))
}

fn bad_file(file: &str, text: &[u8], findings: &[Diagnostic]) -> Failure {
    let source = Source::new(file, text);
    output::say(&render(findings, &source, output::colors_on_stderr()));
    Failure::already_shown()
}

fn show(report: &Report, colors: bool) {
    let (word, color) = if report.passed() { ("ok", GOOD) } else { ("FAILED", ERROR) };
    let file = paint(colors, FAINT, &harmless(&report.file));
    output::print(&format!("{} {} {file}", paint(colors, color, word), harmless(&report.name)));
    for problem in &report.problems {
        for line in problem.lines() {
            output::print(&format!("    {}", harmless(line)));
        }
    }
}
