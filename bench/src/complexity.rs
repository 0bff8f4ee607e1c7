//! Cyclomatic complexity of functions in Rust source: one, and one more for each decision.
//!
//! Decisions are `if`, `while`, `for`, each arm of a `match` after the first, `&&`, `||`, `?` and the `else` of a `let`. What a closure decides
//! belongs to the function around it. Tests are left out.

/// A function and its number.
pub struct Counted {
    /// Its name.
    pub name: String,
    /// One, and one more for each decision.
    pub complexity: usize,
}

/// The numbers of these functions of a file, or of all of them if none is named.
pub fn of_file(path: &str, names: &[&str]) -> Vec<Counted> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| crate::fail(&format!("{path}: {error}")));
    let mut all = functions(&tokens(&text));
    all.retain(|found| names.is_empty() || names.contains(&found.name.as_str()));
    let missing = names.iter().find(|name| !all.iter().any(|found| found.name == **name));
    if let Some(missing) = missing {
        crate::fail(&format!("{path} has no function `{missing}`"));
    }
    all
}

/// Words and signs, without comments, text and tests.
fn tokens(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    let text: String = source.lines().map(|line| code(line) + "\n").collect();
    let (mut found, mut rest) = (Vec::new(), text.as_str());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => text_length(rest),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            _ if ["&&", "||", "=>"].iter().any(|sign| rest.starts_with(sign)) => 2,
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if !token.trim().is_empty() && first != '"' {
            found.push(token.to_owned());
        }
        rest = after;
    }
    found
}

/// The length of the text literal that this begins with.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (place, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    rest.len()
}

fn functions(tokens: &[String]) -> Vec<Counted> {
    let starts = tokens.iter().enumerate().filter(|(_, token)| *token == "fn");
    starts.filter_map(|(place, _)| function(&tokens[place + 1..])).collect()
}

/// The function whose name comes first; none if it has no body.
fn function(tokens: &[String]) -> Option<Counted> {
    let begin = tokens.iter().position(|token| token == "{" || token == ";")?;
    if tokens[begin] == ";" {
        return None;
    }
    let mut depth = 0;
    let closes = |token: &String| {
        depth += i32::from(token == "{") - i32::from(token == "}");
        depth == 0
    };
    let length = tokens[begin..].iter().position(closes)?;
    let body = &tokens[begin..begin + length];
    Some(Counted { name: tokens[0].clone(), complexity: 1 + decisions(body) })
}

fn decisions(body: &[String]) -> usize {
    let matches = body.iter().filter(|token| *token == "match").count();
    let decides = body.windows(2).filter(|pair| decides(&pair[0], &pair[1])).count();
    decides - matches
}

fn decides(before: &str, token: &str) -> bool {
    match token {
        "if" | "while" | "for" | "=>" | "&&" | "?" => true,
        // Two bars after these begin a closure without parameters.
        "||" => !matches!(before, "(" | "," | "=" | "move" | "{"),
        "else" => before != "}",
        _ => false,
    }
}

/// What the plan's metric compares: the executor of the seed documents, and the functions here that do the same and more.
const OURS: &[(&str, &[&str])] = &[
    (
        "crates/prana-core/src/executor/mod.rs",
        &[
            "next",
            "advance",
            "may_run",
            "stand_still",
            "is_out_of_time",
            "holds",
            "node_entry",
            "entry",
            "entry_at",
        ],
    ),
    (
        "crates/prana-core/src/executor/run_node.rs",
        &["run", "begin", "opening", "start", "passes_limit", "scope", "run_action", "complete_at_once"],
    ),
    (
        "crates/prana-core/src/executor/finish.rs",
        &["settle", "settle_outcome", "stop", "complete", "refuse_output"],
    ),
    (
        "crates/prana-core/src/graph/select.rs",
        &["select", "is_ready_beside", "iteration_is_over", "nothing_more_can_come"],
    ),
    (
        "crates/prana-core/src/graph/apply.rs",
        &[
            "apply",
            "apply_change",
            "apply_node",
            "apply_later",
            "start",
            "node_of",
            "position_of",
            "complete",
            "port_number",
            "remember",
        ],
    ),
    (
        "crates/prana-core/src/graph/deliver.rs",
        &["deliver", "draws_a_loop", "activate", "waiting_at", "join", "put_in_order", "put_before"],
    ),
];

/// Prints both, and how much less the second is.
pub fn compare() {
    let seed = of_file("bench/complexity/seed_executor.rs.txt", &[]);
    let ours: Vec<Counted> = OURS.iter().flat_map(|(path, names)| of_file(path, names)).collect();
    for (title, functions) in [("the seed's executor", &seed), ("here", &ours)] {
        println!("{title}");
        functions.iter().for_each(|function| println!("  {:<42} {:>3}", function.name, function.complexity));
        println!("  {:<42} {:>5.1} a function, {} at most", "", mean(functions), highest(functions));
    }
    let less = |ours: f64, seed: f64| 100.0 * (1.0 - ours / seed);
    println!(
        "here it is {:.0} % less a function, and {:.0} % less in the most complex one",
        less(mean(&ours), mean(&seed)),
        less(highest(&ours) as f64, highest(&seed) as f64)
    );
}

fn mean(functions: &[Counted]) -> f64 {
    functions.iter().map(|function| function.complexity).sum::<usize>() as f64 / functions.len() as f64
}

fn highest(functions: &[Counted]) -> usize {
    functions.iter().map(|function| function.complexity).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_counted() {
        let check = |body: &str, expected: usize| {
            let found = functions(&tokens(&format!("fn f(a: A) -> B {{ {body}\n}}")));
            assert_eq!(found.iter().map(|f| f.complexity).collect::<Vec<_>>(), [expected], "{body}");
        };
        check("", 1);
        check("if a && b { c } else { d }", 3);
        check("match a { A => 1, B => 2, _ if c => 3 }", 4);
        check("let Some(a) = b else { return }; for x in y { while z {} }", 4);
        check("let f = || a || b; g(|| c)?", 3);
        check("let text = \"if a && b { => }\"; // if", 1);
    }
}
