//! Diagnostics as text for people: what, where, the line itself with the place underlined, and what to do.

use std::fmt::Write as _;

use super::{Diagnostic, Location, Severity};
use crate::document::Source;

/// Columns of a source line that are shown; longer lines are cut around the place.
const SHOWN: usize = 100;
/// Columns kept before the place in a line that is cut.
const BEFORE: usize = 30;

/// Shows diagnostics with the lines that they are about.
///
/// `color` adds terminal colours. Control characters of the document are made harmless.
///
/// ```
/// use prana_core::diagnostic::render;
/// use prana_core::document::{self, Source};
///
/// let text = b"id: a b\n";
/// let findings = document::load("w.yaml", text).unwrap_err();
/// let shown = render(&findings, &Source::new("w.yaml", text), false);
/// assert!(shown.contains("w.yaml:1:5"));
/// assert!(shown.contains("^^^"));
/// ```
pub fn render(diagnostics: &[Diagnostic], source: &Source, color: bool) -> String {
    let mut out = String::new();
    for (place, diagnostic) in diagnostics.iter().enumerate() {
        if place > 0 {
            out.push('\n');
        }
        Page { out: &mut out, source, color }.one(diagnostic);
    }
    out
}

struct Page<'a> {
    out: &'a mut String,
    source: &'a Source,
    color: bool,
}

const BOLD: &str = "1";
const BLUE: &str = "34";

fn severity_color(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
        Severity::Hint => "1;36",
    }
}

impl Page<'_> {
    fn one(&mut self, diagnostic: &Diagnostic) {
        let color = severity_color(diagnostic.severity);
        let head = format!("{}[{}]", diagnostic.severity, diagnostic.code);
        self.paint(color, &head);
        self.out.push_str(": ");
        self.paint(BOLD, &harmless(&diagnostic.message));
        self.out.push('\n');
        match diagnostic.location {
            Some(place) => self.excerpt(place, color),
            None => self.without_place(diagnostic),
        }
        if let Some(help) = &diagnostic.help {
            let digits = diagnostic.location.map_or(1, |place| place.line.to_string().len());
            self.paint(BLUE, &format!("{} = ", " ".repeat(digits)));
            let _ = writeln!(self.out, "help: {}", harmless(help));
        }
    }

    fn without_place(&mut self, diagnostic: &Diagnostic) {
        self.paint(BLUE, " --> ");
        let _ = write!(self.out, "{}", harmless(self.source.name()));
        if !diagnostic.path.items().is_empty() {
            let _ = write!(self.out, " at {}", harmless(&diagnostic.path.to_string()));
        }
        self.out.push('\n');
    }

    fn excerpt(&mut self, place: Location, color: &str) {
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        self.paint(BLUE, &format!("{margin}--> "));
        let _ = writeln!(self.out, "{}:{}:{}", harmless(self.source.name()), place.line, place.column);
        let Some(line) = self.source.line(place.line) else { return };
        let cut = Cut::new(self.source, line, place);
        self.paint(BLUE, &format!("{margin} |"));
        self.out.push('\n');
        self.paint(BLUE, &format!("{number} | "));
        let _ = writeln!(self.out, "{}", cut.text);
        self.paint(BLUE, &format!("{margin} | "));
        self.out.push_str(&" ".repeat(cut.before));
        self.paint(color, &"^".repeat(cut.marked));
        self.out.push('\n');
    }

    fn paint(&mut self, color: &str, text: &str) {
        if self.color {
            let _ = write!(self.out, "\u{1b}[{color}m{text}\u{1b}[0m");
        } else {
            self.out.push_str(text);
        }
    }
}

/// The part of a line that is shown, and which columns of it are underlined.
struct Cut {
    text: String,
    before: usize,
    marked: usize,
}

impl Cut {
    fn new(source: &Source, line: &str, place: Location) -> Self {
        let column = place.column as usize - 1;
        let line_end = source.line_start(place.line) + line.len();
        let covered = source.text().get(place.start..place.end.min(line_end)).unwrap_or("");
        let skipped = if line.chars().nth(SHOWN).is_some() { column.saturating_sub(BEFORE) } else { 0 };
        let mut text = String::from(if skipped > 0 { "..." } else { "" });
        let before = text.len() + column - skipped;
        text.extend(line.chars().skip(skipped).take(SHOWN).map(shown));
        if line.chars().nth(skipped + SHOWN).is_some() {
            text.push_str("...");
        }
        let marked = covered.trim_end().chars().take(SHOWN - BEFORE).count().max(1);
        Cut { text, before, marked }
    }
}

/// A character that takes one column and commands no terminal.
fn shown(char: char) -> char {
    match char {
        '\t' => ' ',
        char if char.is_control() => '\u{fffd}',
        char => char,
    }
}

fn harmless(text: &str) -> String {
    text.chars().map(shown).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::diagnostic::Diagnostic;
    use crate::document::Source;

    fn check(text: &str, bytes: std::ops::Range<usize>, expect: &str) {
        let source = Source::new("f.yaml", text.as_bytes());
        let location = Some(source.location(bytes));
        let finding = Diagnostic::error("a.b", "no").with_help("do").with_location(location);
        assert_eq!(super::render(&[finding], &source, false), expect);
    }

    #[test]
    fn excerpts() {
        check(
            "one\ntwo three\n",
            8..13,
            "error[a.b]: no\n --> f.yaml:2:5\n  |\n2 | two three\n  |     ^^^^^\n  = help: do\n",
        );
        check("öl\tx", 4..5, "error[a.b]: no\n --> f.yaml:1:4\n  |\n1 | öl x\n  |    ^\n  = help: do\n");
        check("ab\ncd", 0..5, "error[a.b]: no\n --> f.yaml:1:1\n  |\n1 | ab\n  | ^^\n  = help: do\n");
        check("ab", 2..2, "error[a.b]: no\n --> f.yaml:1:3\n  |\n1 | ab\n  |   ^\n  = help: do\n");
        check("", 0..0, "error[a.b]: no\n --> f.yaml:1:1\n  |\n1 | \n  | ^\n  = help: do\n");
        check(
            "\u{1b}[2J",
            0..1,
            "error[a.b]: no\n --> f.yaml:1:1\n  |\n1 | \u{fffd}[2J\n  | ^\n  = help: do\n",
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}HERE{}", "x".repeat(10_000), "y".repeat(10_000));
        let source = Source::new("f.yaml", text.as_bytes());
        let finding = Diagnostic::error("a.b", "no").with_location(Some(source.location(10_000..10_004)));
        let shown = super::render(&[finding], &source, false);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1], " --> f.yaml:1:10001");
        let (line, marks) = (lines[3], lines[4]);
        assert!(line.len() < 130, "{line}");
        let column = marks.find('^').unwrap();
        assert_eq!(&line[column..column + 4], "HERE");
        assert!(marks.ends_with("^^^^"));
    }

    #[test]
    fn without_a_place_the_path_is_told() {
        let source = Source::new("f.yaml", b"");
        let finding =
            Diagnostic::warning("a.b", "no").with_path(crate::diagnostic::DocPath::root().join("id"));
        assert_eq!(super::render(&[finding], &source, false), "warning[a.b]: no\n --> f.yaml at id\n");
    }

    #[test]
    fn colors_are_asked_for() {
        let source = Source::new("f.yaml", b"");
        assert!(
            super::render(&[Diagnostic::hint("a.b", "no")], &source, true).contains("\u{1b}[1;36mhint[a.b]")
        );
    }
}
