//! The output ports that code names.

use prana_core::action::{Descriptor, Ports};
use prana_template::Value;

/// Code may name this many ports.
const MAX_NAMED: usize = 100;

/// `main`, and each name that stands in a call of `port("name", ...)`. Where the name is anything else than a text in quotes, it may be any.
pub(super) fn ports(descriptor: &Descriptor, params: &Value) -> Ports {
    let mut ports = descriptor.ports.clone();
    let code = params.get("code").and_then(Value::as_str).unwrap_or_default();
    for rest in calls(code).take(MAX_NAMED) {
        match quoted(rest) {
            Some(name) if ports.outputs.iter().any(|known| **known == *name) => {}
            Some(name) => ports.outputs.push(name.into()),
            None => ports.any_output = true,
        }
    }
    ports
}

/// What follows each `port` that is a name of its own.
fn calls(code: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    code.match_indices("port").filter_map(move |(at, found)| {
        let (before, rest) = (code[..at].chars().next_back(), &code[at + found.len()..]);
        let stands_alone = !before.is_some_and(|c| is_part(c) || matches!(c, '.' | '#'));
        (stands_alone && !rest.starts_with(is_part)).then_some(rest)
    })
}

/// The text in quotes that is the first argument, if this is a call with one.
fn quoted(rest: &str) -> Option<&str> {
    let first = rest.trim_start().strip_prefix('(')?.trim_start();
    let quote = first.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, after) = first[1..].split_once(quote)?;
    let is_whole = after.trim_start().starts_with([',', ')']);
    (is_whole && !name.is_empty() && !name.contains(['\\', '\n'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use crate::Action;
    use crate::code_javascript::CodeJavascript;

    #[test]
    fn ports_are_found_in_the_code() {
        let descriptor = CodeJavascript::default().descriptor();
        let check = |code: &str, outputs: &[&str], any: bool| {
            let ports = descriptor.ports_for(&value!({"code": code}));
            let found: Vec<&str> = ports.outputs.iter().map(|port| &**port).collect();
            assert_eq!((found.as_slice(), ports.any_output), (outputs, any), "{code}");
        };
        check("return 1", &["main"], false);
        check("return port('big', 1)", &["main", "big"], false);
        check("x ? port( \"a\" , 1) : port('b'); port('a')", &["main", "a", "b"], false);
        check("return port('main', 1)", &["main"], false);
        check("return $input.port + report + ports + port2 + $port", &["main"], false);
        check("return port(name, 1)", &["main"], true);
        check("return port('a' + b, 1)", &["main"], true);
        check("return port(`a`)", &["main"], true);
        check("const p = port; return p('a')", &["main"], true);
        check("return port('a\\'b')", &["main"], true);
        check("return port('", &["main"], true);
    }
}
