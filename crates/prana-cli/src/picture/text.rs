//! Lines of text: a tree in which every node stands once, and is pointed to everywhere else.

use super::Picture;
use crate::output::{BOLD, ERROR, FAINT, GOOD, NOTE, WARNING, harmless, paint};
use prana::core::execution::NodeStatus;

/// Draws it.
pub fn draw(picture: &Picture, colors: bool) -> String {
    let mut page = Page {
        picture,
        colors,
        lines: vec![paint(colors, BOLD, &harmless(&picture.title))],
        drawn: vec![false; picture.nodes.len()],
    };
    let mut targets = vec![false; picture.nodes.len()];
    picture.arrows.iter().filter(|arrow| arrow.from != arrow.to).for_each(|arrow| targets[arrow.to] = true);
    let starts = (0..picture.nodes.len()).filter(|node| !targets[*node]);
    for start in starts.chain(0..picture.nodes.len()) {
        if !page.drawn[start] {
            page.tree(start);
        }
    }
    page.lines.join("\n")
}

struct Page<'p> {
    picture: &'p Picture,
    colors: bool,
    lines: Vec<String>,
    drawn: Vec<bool>,
}

/// A node still to be drawn.
struct Next {
    node: usize,
    /// What stands before its line.
    lead: String,
    /// What stands before the lines below it.
    below: String,
}

impl Page<'_> {
    /// A node and what follows it. A way without branches goes straight down.
    fn tree(&mut self, start: usize) {
        let mut waiting = vec![Next { node: start, lead: String::new(), below: String::new() }];
        while let Some(Next { node, lead, below }) = waiting.pop() {
            let seen = std::mem::replace(&mut self.drawn[node], true);
            let text = if seen { self.again(node) } else { self.node(node) };
            self.lines.push(format!("{lead}{text}"));
            if seen {
                continue;
            }
            let arrows: Vec<_> = self.picture.leaving(node).collect();
            let count = arrows.len();
            let mut next: Vec<Next> = Vec::with_capacity(count);
            for (place, arrow) in arrows.into_iter().enumerate() {
                let label = self.label(&arrow.label, arrow.used);
                let (branch, deeper) = match (count, place + 1 == count) {
                    (1, _) => ("↓ ", ""),
                    (_, true) => ("└─ ", "   "),
                    (_, false) => ("├─ ", "│  "),
                };
                next.push(Next {
                    node: arrow.to,
                    lead: format!("{below}{branch}{label}"),
                    below: format!("{below}{deeper}"),
                });
            }
            waiting.extend(next.into_iter().rev());
        }
    }

    fn label(&self, label: &str, used: bool) -> String {
        let color = if used { GOOD } else { NOTE };
        let arrow = if used { "━▶ " } else { "→ " };
        match label {
            "" => String::new(),
            label => paint(self.colors, color, &format!("{label} {arrow}")),
        }
    }

    fn node(&self, node: usize) -> String {
        let node = &self.picture.nodes[node];
        let mut text = paint(self.colors, BOLD, &node.key);
        if let Some(name) = &node.name {
            text.push_str(&format!(" ({})", harmless(name)));
        }
        text.push_str("  ");
        text.push_str(&paint(self.colors, FAINT, &node.action));
        if node.disabled {
            text.push_str(&paint(self.colors, FAINT, "  disabled"));
        }
        if let Some((status, count)) = node.ran {
            let times = if count > 1 { format!(" {count}x") } else { String::new() };
            text.push_str("  ");
            text.push_str(&paint(self.colors, color(status), &format!("[{}{times}]", status.as_str())));
        }
        text
    }

    fn again(&self, node: usize) -> String {
        paint(self.colors, FAINT, &format!("{} (above)", self.picture.nodes[node].key))
    }
}

fn color(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Completed => GOOD,
        NodeStatus::Failed => ERROR,
        NodeStatus::Suspended => WARNING,
        NodeStatus::Running => NOTE,
        NodeStatus::Skipped => FAINT,
    }
}
