//! Prints a file of results for people.

/// Prints the table of a result file.
pub fn print(file: &str) {
    let text = std::fs::read(file).unwrap_or_else(|error| crate::fail(&format!("{file}: {error}")));
    let results: serde_json::Value =
        serde_json::from_slice(&text).unwrap_or_else(|error| crate::fail(&format!("{file}: {error}")));
    println!("{:<12} {:<62} {:>14} {:<14} {:<18} met", "row", "what", "measured", "unit", "target");
    for row in results["results"].as_array().into_iter().flatten() {
        let text = |name: &str| row[name].as_str().unwrap_or("").to_owned();
        println!(
            "{:<12} {:<62} {:>14} {:<14} {:<18} {}",
            text("row"),
            text("what"),
            row["measured"].to_string(),
            text("unit"),
            target(&row["target"]),
            row["met"].as_bool().map_or("", |met| if met { "yes" } else { "NO" }),
        );
    }
}

fn target(target: &serde_json::Value) -> String {
    let bound = |name: &str, words: &str| target[name].as_f64().map(|bound| format!("{words} {bound}"));
    bound("at_most", "at most").or_else(|| bound("at_least", "at least")).unwrap_or_default()
}
