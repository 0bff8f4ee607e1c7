//! What is said of tests.

use std::fmt::Write;

/// How one test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the test shows.
    pub name: String,
    /// Its file.
    pub file: String,
    /// What was not as expected; empty if it passed.
    pub problems: Vec<String>,
}

impl Report {
    /// True if everything was as expected.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The reports as JUnit XML.
pub fn junit(reports: &[Report]) -> String {
    let failed = reports.iter().filter(|report| !report.passed()).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"prana\" tests=\"{}\" failures=\"{failed}\">\n",
        reports.len()
    );
    for report in reports {
        let (name, file) = (escaped(&report.name), escaped(&report.file));
        // Writing to a string can't fail.
        let _ = match report.passed() {
            true => writeln!(xml, "  <testcase name=\"{name}\" classname=\"{file}\"/>"),
            false => writeln!(
                xml,
                "  <testcase name=\"{name}\" classname=\"{file}\"><failure>{}</failure></testcase>",
                escaped(&report.problems.join("\n"))
            ),
        };
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// Text in XML; characters that XML 1.0 can't hold become U+FFFD.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
        out
    })
}
