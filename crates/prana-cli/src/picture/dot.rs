//! Graphviz.

use std::fmt::Write;

use super::Picture;
use prana::core::execution::NodeStatus;

/// Draws it.
pub fn draw(picture: &Picture) -> String {
    let mut out = format!(
        "digraph {} {{\n  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
        quoted(&picture.title)
    );
    for (number, node) in picture.nodes.iter().enumerate() {
        let times = node.ran.filter(|(_, count)| *count > 1).map(|(_, count)| format!(" ({count}x)"));
        let label = format!("{}{}\n{}", node.label(), times.unwrap_or_default(), node.action);
        let color = node.ran.map(|(status, _)| format!(", fillcolor={}", color(status)));
        // Writing to a string can't fail.
        let _ = writeln!(out, "  n{number} [label={}{}];", quoted(&label), color.unwrap_or_default());
    }
    for arrow in &picture.arrows {
        let mut attributes = Vec::new();
        if !arrow.label.is_empty() {
            attributes.push(format!("label={}", quoted(&arrow.label)));
        }
        if arrow.used {
            attributes.push("penwidth=2.5".to_owned());
        }
        let attributes =
            if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let _ = writeln!(out, "  n{} -> n{}{attributes};", arrow.from, arrow.to);
    }
    out.push_str("}\n");
    out
}

fn color(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Completed => "\"#d7f5dd\"",
        NodeStatus::Failed => "\"#ffe3e3\"",
        NodeStatus::Suspended => "\"#fff3bf\"",
        NodeStatus::Running => "\"#d0ebff\"",
        NodeStatus::Skipped => "\"#f1f3f5\"",
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{}\"", escaped.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>())
}
