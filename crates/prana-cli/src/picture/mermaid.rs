//! A Mermaid flowchart.

use std::fmt::Write;

use super::Picture;

/// Draws it.
pub fn draw(picture: &Picture) -> String {
    let mut out = String::from("flowchart TD\n");
    for (number, node) in picture.nodes.iter().enumerate() {
        let (open, close) = match node.action.split('.').next() {
            _ if node.action.ends_with(".trigger") || node.action.ends_with("_trigger") => ("([", "])"),
            Some("logic") => ("{{", "}}"),
            Some("core" | "prana_core") if node.action.ends_with("for_each") => ("[[", "]]"),
            Some("wait") => ("(", ")"),
            _ => ("[", "]"),
        };
        let times = match node.ran {
            Some((_, count)) if count > 1 => format!(" ({count}x)"),
            _ => String::new(),
        };
        let label = escaped(node.label());
        let action = escaped(&node.action);
        // Writing to a string can't fail.
        let _ = writeln!(out, "  n{number}{open}\"{label}{times}<br/><small>{action}</small>\"{close}");
    }
    for arrow in &picture.arrows {
        let line = if arrow.used { "==>" } else { "-->" };
        let label =
            if arrow.label.is_empty() { String::new() } else { format!("|\"{}\"|", escaped(&arrow.label)) };
        let _ = writeln!(out, "  n{} {line}{label} n{}", arrow.from, arrow.to);
    }
    if picture.marked {
        out.push_str(STYLES);
        for (number, node) in picture.nodes.iter().enumerate().filter(|(_, node)| node.ran.is_some()) {
            let _ = writeln!(out, "  class n{number} {}", node.fate());
        }
    }
    out
}

const STYLES: &str = "  classDef completed fill:#d7f5dd,stroke:#2b8a3e\n  classDef failed fill:#ffe3e3,stroke:#c92a2a\n  classDef suspended fill:#fff3bf,stroke:#e67700\n  classDef running fill:#d0ebff,stroke:#1971c2\n  classDef skipped fill:#f1f3f5,stroke:#868e96\n";

/// Text in Mermaid's quotes: what would end it or mean something is written as an entity.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '"' | '#' | '<' | '>' | '&' | ';' | '`' | '|' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        out
    })
}
