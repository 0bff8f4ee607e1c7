//! Keys for nodes that had names.

use std::collections::HashSet;

/// Keys are at most this long; names of helpers are put behind them.
const MAX_KEY: usize = 44;

/// Hands out keys that are all different.
#[derive(Debug, Default)]
pub(super) struct Keys {
    taken: HashSet<String>,
}

impl Keys {
    /// A key that looks like a name: `Fetch users!` is `fetch_users`.
    pub(super) fn of_name(&mut self, name: &str) -> String {
        let mut key = String::new();
        for c in name.chars() {
            match c.to_ascii_lowercase() {
                c if c.is_ascii_alphanumeric() => key.push(c),
                _ if key.is_empty() || key.ends_with('_') => {}
                _ => key.push('_'),
            }
            if key.len() >= MAX_KEY {
                break;
            }
        }
        let key = key.trim_end_matches('_');
        match key.chars().next() {
            None => self.free("node"),
            Some('0'..='9') => self.free(&format!("n{key}")),
            Some(_) => self.free(key),
        }
    }

    /// A key for a helper of a node.
    pub(super) fn beside(&mut self, key: &str, what: &str) -> String {
        self.free(&format!("{key}_{what}"))
    }

    fn free(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let key = std::iter::once(wanted.to_owned()).chain(numbered).find(|key| !self.taken.contains(key));
        let key = key.unwrap_or_default();
        self.taken.insert(key.clone());
        key
    }
}

/// An id for a workflow, made of what it is called there.
pub(super) fn workflow_id(text: &str) -> String {
    let mut id = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => id.push(c),
            '_' | '.' => id.push(c),
            _ if id.is_empty() || id.ends_with('-') => {}
            _ => id.push('-'),
        }
        if id.len() >= 100 {
            break;
        }
    }
    let id = id.trim_end_matches('-');
    if id.is_empty() { "imported".to_owned() } else { id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_keys() {
        let mut keys = Keys::default();
        for (name, expect) in [
            ("Fetch users!", "fetch_users"),
            ("fetch Users", "fetch_users_2"),
            ("Bestellung: prüfen", "bestellung_pr_fen"),
            ("2nd try", "n2nd_try"),
            ("取得", "node"),
            ("", "node_2"),
        ] {
            assert_eq!(keys.of_name(name), expect);
        }
        assert_eq!(keys.beside("fetch_users", "2"), "fetch_users_2_2");
        assert!(prana_core::document::is_key(&keys.of_name(&"long ".repeat(99))));
        assert_eq!(workflow_id("My flow (v2)"), "My-flow-v2");
    }
}
