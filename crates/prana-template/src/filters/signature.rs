//! What a filter is called and which arguments it takes, from one line of text.

/// Name, aliases and parameters of a filter. Read from `name | alias (param, optional?, other="default")`; a parameter that may
/// be a lambda says so after a colon: `key: field or x => value`.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub name: String,
    pub aliases: Vec<String>,
    /// The first is the value on the left.
    pub params: Vec<Param>,
    /// The arguments as people write them: `n, suffix="..."`.
    pub shown: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub name: String,
    pub required: bool,
    /// How many parameters a lambda for it needs; 0 when it takes none.
    pub lambda: usize,
}

impl Signature {
    /// Reads a signature; parameters that can't be read are left out, so nothing here can fail.
    pub(crate) fn parse(text: &str) -> Self {
        let (names, params) = text.split_once('(').unwrap_or((text, ""));
        let params = params.trim_end().strip_suffix(')').unwrap_or(params);
        let mut names = names.split('|').map(|name| name.trim().to_owned());
        let subject = Param { name: "value".into(), required: true, lambda: 0 };
        let parts = split_params(params);
        let shown = parts.iter().map(|part| show(part)).collect::<Vec<_>>().join(", ");
        let params = std::iter::once(subject).chain(parts.iter().map(|part| Param::parse(part))).collect();
        Signature { name: names.next().unwrap_or_default(), aliases: names.collect(), params, shown }
    }

    /// How to write a use of the filter.
    pub(crate) fn usage(&self, piped: bool) -> String {
        match (piped, self.shown.is_empty()) {
            (true, true) => format!("write `value | {}`", self.name),
            (true, false) => format!("write `value | {}({})`", self.name, self.shown),
            (false, true) => format!("write `{}(value)`", self.name),
            (false, false) => format!("write `{}(value, {})`", self.name, self.shown),
        }
    }
}

/// The parameters between commas; those inside parentheses don't count.
fn split_params(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// `key: field or x => value` is shown without its name.
fn show(part: &str) -> String {
    match part.split_once(": ") {
        Some((name, description)) if name.ends_with('?') => format!("{description}?"),
        Some((_, description)) => description.to_owned(),
        None => part.to_owned(),
    }
}

impl Param {
    fn parse(part: &str) -> Self {
        let (head, description) = part.split_once(": ").unwrap_or((part, ""));
        let name = head.split(['?', '=']).next().unwrap_or_default();
        let lambda = match description.contains("=>") {
            false => 0,
            true if description.contains("(acc, x)") => 2,
            true => 1,
        };
        Param { name: name.to_owned(), required: head == name, lambda }
    }
}
