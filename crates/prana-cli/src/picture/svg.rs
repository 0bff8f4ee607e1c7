//! A drawing in layers: each node below all that lead to it, ways back aside.

use std::fmt::Write;

use super::Picture;
use prana::core::execution::NodeStatus;

const WIDTH: usize = 190;
const HEIGHT: usize = 46;
const GAP_X: usize = 40;
const GAP_Y: usize = 54;
const MARGIN: usize = 24;

/// Draws it.
pub fn draw(picture: &Picture) -> String {
    let places = places(picture);
    let right = places.iter().map(|(x, _)| x + WIDTH).max().unwrap_or(WIDTH) + MARGIN;
    let bottom = places.iter().map(|(_, y)| y + HEIGHT).max().unwrap_or(HEIGHT) + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {right} {bottom}\" width=\"{right}\" height=\"{bottom}\" font-family=\"sans-serif\" font-size=\"13\">\n<title>{}</title>\n<defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0 0 10 5 0 10z\" fill=\"#495057\"/></marker></defs>\n",
        escaped(&picture.title)
    );
    for arrow in &picture.arrows {
        let (from, to) = (places[arrow.from], places[arrow.to]);
        let width = if arrow.used { 2.5 } else { 1.2 };
        let (path, label_x, label_y) = way(from, to);
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"#495057\" stroke-width=\"{width}\" marker-end=\"url(#tip)\"/>"
        );
        if !arrow.label.is_empty() {
            let _ = writeln!(
                out,
                "<text x=\"{label_x}\" y=\"{label_y}\" font-size=\"11\" fill=\"#1864ab\">{}</text>",
                escaped(&arrow.label)
            );
        }
    }
    for (node, (x, y)) in picture.nodes.iter().zip(&places) {
        let (fill, line) = colors(node.ran.map(|(status, _)| status));
        let dashes = if node.disabled { " stroke-dasharray=\"4 3\"" } else { "" };
        let times = node.ran.filter(|(_, count)| *count > 1).map(|(_, count)| format!(" ({count}x)"));
        let label = shortened(&format!("{}{}", node.label(), times.unwrap_or_default()));
        let middle = x + WIDTH / 2;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\" fill=\"{fill}\" stroke=\"{line}\"{dashes}/>\n<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-size=\"10\" fill=\"#868e96\">{}</text>",
            y + 20,
            escaped(&label),
            y + 36,
            escaped(&shortened(&node.action)),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// The upper left corner of each node.
fn places(picture: &Picture) -> Vec<(usize, usize)> {
    let layers = layers(picture);
    let mut used: Vec<usize> = vec![0; layers.iter().max().map_or(0, |last| last + 1)];
    layers
        .iter()
        .map(|layer| {
            let column = used[*layer];
            used[*layer] += 1;
            (MARGIN + column * (WIDTH + GAP_X), MARGIN + layer * (HEIGHT + GAP_Y))
        })
        .collect()
}

/// How far down each node is: one below the lowest that leads to it. Connections that lead back in the order of a
/// first walk don't count, so this ends.
fn layers(picture: &Picture) -> Vec<usize> {
    let order = order(picture);
    let mut position = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, node)| position[*node] = place);
    let mut layers = vec![0; order.len()];
    for node in order {
        for arrow in picture.leaving(node) {
            if position[arrow.to] > position[node] {
                layers[arrow.to] = layers[arrow.to].max(layers[node] + 1);
            }
        }
    }
    layers
}

/// The nodes in an order in which connections lead forward, but for those that close a loop.
fn order(picture: &Picture) -> Vec<usize> {
    let count = picture.nodes.len();
    let mut seen = vec![false; count];
    let mut finished = Vec::with_capacity(count);
    for start in 0..count {
        let mut stack = vec![(start, 0)];
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        while let Some((node, place)) = stack.pop() {
            match picture.leaving(node).nth(place) {
                Some(arrow) => {
                    stack.push((node, place + 1));
                    if !std::mem::replace(&mut seen[arrow.to], true) {
                        stack.push((arrow.to, 0));
                    }
                }
                None => finished.push(node),
            }
        }
    }
    finished.reverse();
    finished
}

/// The line from one box to another, and where its label stands.
fn way(from: (usize, usize), to: (usize, usize)) -> (String, usize, usize) {
    let (x1, x2) = (from.0 + WIDTH / 2, to.0 + WIDTH / 2);
    if to.1 > from.1 {
        let (y1, y2) = (from.1 + HEIGHT, to.1);
        let bend = (y2 - y1) / 2;
        return (
            format!("M{x1} {y1}C{x1} {} {x2} {} {x2} {y2}", y1 + bend, y2 - bend),
            (x1 + x2 * 2) / 3 + 4,
            y1 + (y2 - y1) * 2 / 3,
        );
    }
    // Back up, around the right side.
    let (y1, y2) = (from.1 + HEIGHT / 2, to.1 + HEIGHT / 2);
    let (r1, r2) = (from.0 + WIDTH, to.0 + WIDTH);
    let out = r1.max(r2) + GAP_X - 8;
    (format!("M{r1} {y1}C{out} {y1} {out} {y2} {r2} {y2}"), out.saturating_sub(30), (y1 + y2) / 2)
}

fn colors(status: Option<NodeStatus>) -> (&'static str, &'static str) {
    match status {
        None => ("#ffffff", "#495057"),
        Some(NodeStatus::Completed) => ("#d7f5dd", "#2b8a3e"),
        Some(NodeStatus::Failed) => ("#ffe3e3", "#c92a2a"),
        Some(NodeStatus::Suspended) => ("#fff3bf", "#e67700"),
        Some(NodeStatus::Running) => ("#d0ebff", "#1971c2"),
        Some(NodeStatus::Skipped) => ("#f1f3f5", "#868e96"),
    }
}

fn shortened(text: &str) -> String {
    match text.chars().nth(26) {
        None => text.to_owned(),
        Some(_) => text.chars().take(24).chain(['…']).collect(),
    }
}

fn escaped(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
