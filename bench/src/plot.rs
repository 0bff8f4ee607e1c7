//! A picture of a file of results: each number beside its target.

use std::fmt::Write;

const ROW: usize = 22;
const LABELS: f64 = 520.0;
const WIDTH: f64 = 900.0;
/// Powers of ten of the target that the picture reaches from, and to.
const FROM: f64 = -3.0;
const TO: f64 = 1.0;

struct Bar {
    label: String,
    /// The number as a share of its target: below one is better.
    share: f64,
    number: String,
}

/// Prints the picture as SVG. A bar that ends left of the line has met its target.
pub fn print(file: &str) {
    let text = std::fs::read(file).unwrap_or_else(|error| crate::fail(&format!("{file}: {error}")));
    let results: serde_json::Value =
        serde_json::from_slice(&text).unwrap_or_else(|error| crate::fail(&format!("{file}: {error}")));
    let bars: Vec<Bar> = results["results"].as_array().into_iter().flatten().filter_map(bar).collect();
    let title = format!(
        "{}, {}",
        results["date"].as_str().unwrap_or(""),
        results["machine"]["cpu"].as_str().unwrap_or("")
    );
    print!("{}", picture(&title, &bars));
}

fn bar(result: &serde_json::Value) -> Option<Bar> {
    let measured = result["measured"].as_f64()?;
    let (share, sign, target) =
        match (result["target"]["at_most"].as_f64(), result["target"]["at_least"].as_f64()) {
            (Some(bound), _) => (measured / bound, "≤", bound),
            (None, Some(bound)) => (bound / measured, "≥", bound),
            (None, None) => return None,
        };
    let label = format!("{}: {}", result["row"].as_str()?, result["what"].as_str()?);
    let number = format!("{measured} {} ({sign} {target})", result["unit"].as_str()?);
    Some(Bar { label, share, number })
}

/// The place of a share on the axis.
fn place(share: f64) -> f64 {
    let power = share.max(1e-9).log10().clamp(FROM, TO);
    LABELS + (power - FROM) / (TO - FROM) * (WIDTH - LABELS - 20.0)
}

fn picture(title: &str, bars: &[Bar]) -> String {
    let height = (bars.len() + 3) * ROW;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"16\" font-size=\"13\">Measured, as a share of the target: {}</text>\n",
        escaped(title)
    );
    for (share, label) in
        [(0.001, "1/1000"), (0.01, "1/100"), (0.1, "1/10"), (1.0, "target"), (10.0, "10 times")]
    {
        let (x, bottom) = (place(share), height - ROW);
        let color = if share == 1.0 { "#333333" } else { "#dddddd" };
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{ROW}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{color}\"/>"
        );
        let _ =
            writeln!(out, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", height - 6);
    }
    for (row, bar) in bars.iter().enumerate() {
        push_bar(&mut out, bar, (row + 1) * ROW + 8);
    }
    out + "</svg>\n"
}

fn push_bar(out: &mut String, bar: &Bar, y: usize) {
    let (from, to) = (place(0.0), place(bar.share));
    let color = if bar.share <= 1.0 { "#2e7d32" } else { "#c62828" };
    let width = (to - from).max(2.0);
    // Writing to a string can't fail.
    let _ = writeln!(out, "<text x=\"10\" y=\"{}\">{}</text>", y + 9, escaped(&bar.label));
    let _ = writeln!(
        out,
        "<rect x=\"{from:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"12\" fill=\"{color}\"/>"
    );
    let anchor =
        if to > WIDTH - 200.0 { ("end", to - 4.0, "#ffffff") } else { ("start", to + 4.0, "#333333") };
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{}\" fill=\"{}\">{}</text>",
        anchor.1,
        y + 9,
        anchor.0,
        anchor.2,
        escaped(&bar.number)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_target_becomes_a_bar() {
        let result = |target: serde_json::Value| serde_json::json!({"row": "chain", "what": "a < b", "measured": 50.0, "unit": "us", "target": target});
        assert!(bar(&result(serde_json::Value::Null)).is_none());
        let met = bar(&result(serde_json::json!({"at_most": 100.0}))).unwrap();
        let missed = bar(&result(serde_json::json!({"at_least": 100.0}))).unwrap();
        assert_eq!((met.share, missed.share), (0.5, 2.0));
        let picture = picture("today", &[met, missed]);
        assert!(picture.contains("chain: a &lt; b") && picture.contains("50 us (≥ 100)"));
        assert!(picture.contains("#2e7d32") && picture.contains("#c62828"));
    }
}
