//! The rows that need a database: SQLite in one file, `synchronous=FULL`, on the disk of the folder `dir` (the one for temporary files, if
//! not said).

mod compare;
mod database;
mod history;
mod raw;
mod restart;
mod resume;
mod steps;
mod timers;

use crate::arguments::Arguments;

/// Measures a row; false if there is none of that name.
pub fn measure(row: &str, arguments: &Arguments<'_>) -> bool {
    match row {
        "durable" => steps::measure(arguments),
        "resume" => resume::measure(arguments),
        "timers" => timers::measure(arguments),
        "startup" => restart::measure(arguments),
        "history" => history::measure(arguments),
        "compare" => compare::answer(arguments),
        _ => return false,
    }
    true
}

/// An execution of a durable row, a number of times, for profilers; false if there is none of that name.
pub fn once(row: &str, arguments: &Arguments<'_>) -> bool {
    let workflow = match row {
        "durable-one" => "one",
        "durable-effects" => "effects",
        "durable-pure" => "chain",
        _ => return false,
    };
    steps::once(workflow, arguments);
    true
}
