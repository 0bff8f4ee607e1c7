//! Counts of instructions, as `bench/count` took them, as lines of results.

use crate::measure::{Target, tell};

/// Reads lines `ROW COUNT`.
pub fn tell_all(file: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| crate::fail(&format!("{file}: {error}")));
    let count = |line: &str| {
        let (row, count) = line.split_once(' ')?;
        Some((row.to_owned(), count.trim().parse::<f64>().ok()?))
    };
    let counts: Vec<(String, f64)> = text.lines().filter_map(count).collect();
    for (row, count) in &counts {
        let (what, target) = match row.as_str() {
            "chain_10" => ("instructions per node, 10 nodes", Target::None),
            "chain_100" => ("instructions per node, 100 nodes", Target::AtMost(1_500.0)),
            "chain_10000" => ("instructions per node, 10,000 nodes", Target::None),
            "branches" => ("instructions per node, ten branches of ten", Target::None),
            "foreach" => ("instructions per item", Target::None),
            "compile" => ("instructions per node", Target::None),
            other => (other, Target::None),
        };
        tell(row.split('_').next().unwrap_or(row), what, *count, "instructions", target);
    }
    let of = |name: &str| counts.iter().find(|(row, _)| row == name).map(|(_, count)| *count);
    if let (Some(few), Some(many)) = (of("chain_100"), of("chain_10000")) {
        tell("chain", "instructions per node, 10,000 nodes to 100", many / few, "times", Target::AtMost(1.2));
    }
}
