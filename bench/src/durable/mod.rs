//! The rows that need a database: SQLite in one file, `synchronous=FULL`, on the disk of the folder `dir` (the one for temporary files, if
//! not said).

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
        _ => return false,
    }
    true
}
