//! What Prana costs. `bench/run` runs everything and keeps the results; each row can be had alone:
//!
//! `prana-bench ROW [KEY=VALUE...]` prints one line of JSON for each thing that was measured;
//! `prana-bench once ROW KEY=VALUE... times=N` does the work of a row N times and prints nothing, for profilers;
//! `prana-bench compare db=DATABASE` runs durable steps as it is told on its input, beside other engines that are told the same;
//! `prana-bench table FILE` prints what a result file says;
//! `prana-bench instructions FILE` turns lines `ROW COUNT` into lines of results;
//! `prana-bench plot FILE` prints a picture of a result file;
//! `prana-bench complexity` counts what functions of the core decide, beside the executor of the seed documents.
#![allow(clippy::unwrap_used, reason = "a measurement that goes wrong is to stop with the reason")]

mod arguments;
mod chain;
mod compile;
mod complexity;
#[cfg(feature = "durable")]
mod durable;
mod foreach;
mod instructions;
#[cfg_attr(not(feature = "durable"), allow(dead_code, reason = "what only durable rows need"))]
mod measure;
mod micro;
mod plot;
mod table;
mod workflows;

use arguments::Arguments;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let all: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["once", row, rest @ ..] => once(row, &Arguments::new(rest)),
        ["table", file] => table::print(file),
        ["instructions", file] => instructions::tell_all(file),
        ["plot", file] => plot::print(file),
        ["complexity"] => complexity::compare(),
        [row, rest @ ..] => measure(row, &Arguments::new(rest)),
        [] => fail("name a row: chain, foreach, compile, micro, durable, resume, timers, startup, history"),
    }
}

fn measure(row: &str, arguments: &Arguments) {
    match row {
        "chain" => chain::measure(),
        "foreach" => foreach::measure(arguments),
        "compile" => compile::measure(arguments),
        "micro" => micro::measure(),
        #[cfg(feature = "durable")]
        row if durable::measure(row, arguments) => {}
        other => fail(&format!("there is no row `{other}`")),
    }
}

/// The work of a row, a number of times.
fn once(row: &str, arguments: &Arguments) {
    let times = arguments.number("times", 1);
    match row {
        "chain" => chain::once(arguments.number("nodes", 100), times),
        "branches" => chain::once_wide(arguments.number("branches", 10), times),
        "foreach" => foreach::once(arguments.number("items", 1_000), times),
        "compile" => compile::once(arguments.number("nodes", 1_000), times),
        #[cfg(feature = "durable")]
        row if durable::once(row, arguments) => {}
        other => fail(&format!("`{other}` can't be run once")),
    }
}

fn fail(problem: &str) -> ! {
    eprintln!("{problem}");
    std::process::exit(2)
}
