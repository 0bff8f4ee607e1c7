//! What is written to stdout and stderr, and with which colours.
//!
//! Writing can't fail the program: a reader that has seen enough (`| head`) closes the pipe, and that is its right.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use prana::Value;

pub const ERROR: &str = "1;31";
pub const WARNING: &str = "33";
pub const GOOD: &str = "32";
pub const NOTE: &str = "36";
pub const FAINT: &str = "2";
pub const BOLD: &str = "1";

/// A line on stdout.
pub fn print(line: &str) {
    // See above.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line on stderr.
pub fn say(line: &str) {
    // See above.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Text on stderr as it is, without an end of line.
pub fn say_raw(text: &str) {
    let mut stderr = std::io::stderr();
    // See above.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Whether colours are wanted on stdout.
pub fn colors_on_stdout() -> bool {
    std::io::stdout().is_terminal() && colors_allowed()
}

/// Whether colours are wanted on stderr.
pub fn colors_on_stderr() -> bool {
    std::io::stderr().is_terminal() && colors_allowed()
}

fn colors_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Text in a colour, if colours are wanted.
pub fn paint(colors: bool, color: &str, text: &str) -> String {
    if colors { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Text from outside, with what would command a terminal made harmless.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Indented JSON.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(&serde_json::Value::from(value)).unwrap_or_default()
}

/// A value for people: text as it is, anything else as indented JSON.
pub fn readable(value: &Value) -> String {
    match value {
        Value::Str(text) => harmless(text),
        other => pretty(other),
    }
}

/// A table without lines.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.iter().map(|title| title.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| harmless(cell)));
    }
    let lines = table.to_string();
    lines
        .lines()
        .map(str::trim_end)
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A path as an argument of a command that people can copy.
pub fn argument(path: &std::path::Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=\\~".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", harmless(&text).replace('\'', "'\\''")),
    }
}

/// How long something took, for people.
pub fn duration(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
        3_600_000..86_400_000 => format!("{} h {} min", millis / 3_600_000, millis % 3_600_000 / 60_000),
        _ => format!("{} d {} h", millis / 86_400_000, millis % 86_400_000 / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
            (604_800_000, "7 d 0 h"),
        ];
        for (millis, text) in cases {
            assert_eq!(super::duration(millis), text);
        }
    }

    #[test]
    fn arguments() {
        for (path, shown) in
            [("a/b-1.db", "a/b-1.db"), ("my file", "'my file'"), ("it's", "'it'\\''s'"), ("", "''")]
        {
            assert_eq!(super::argument(std::path::Path::new(path)), shown);
        }
    }

    #[test]
    fn control_characters_are_harmless() {
        assert_eq!(super::harmless("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\nc");
    }
}
