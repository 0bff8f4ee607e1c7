//! The reference of the filters, made of the documentation in their tables.

use super::Builtin;

/// The reference of one filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterReference {
    /// Its name.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: Vec<&'static str>,
    /// `text`, `list`, `selection`, `map`, `number`, `conversion`, `time` or `encoding`.
    pub family: &'static str,
    /// How it is written: `truncate(n, suffix="...")`.
    pub usage: String,
    /// What it does.
    pub summary: String,
    /// Examples, all of which hold.
    pub examples: Vec<FilterExample>,
}

/// An expression and what it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterExample {
    /// A template.
    pub template: &'static str,
    /// Its value as JSON, or `error CODE`.
    pub result: &'static str,
}

impl FilterReference {
    pub(super) fn of(filter: &'static Builtin) -> Self {
        let signature = &filter.signature;
        let usage = if signature.shown.is_empty() {
            signature.name.clone()
        } else {
            format!("{}({})", signature.name, signature.shown)
        };
        let lines = || filter.docs.iter().map(|line| line.trim());
        FilterReference {
            name: &signature.name,
            aliases: signature.aliases.iter().map(String::as_str).collect(),
            family: filter.family,
            usage,
            summary: lines()
                .filter(|line| example(line).is_none())
                .collect::<Vec<_>>()
                .join(" ")
                .trim()
                .to_owned(),
            examples: lines().filter_map(example).collect(),
        }
    }
}

/// A line of the form "`{{ expression }}` -> `value`".
fn example(line: &'static str) -> Option<FilterExample> {
    let (template, result) = line.strip_prefix('`')?.strip_suffix('`')?.split_once("` -> `")?;
    Some(FilterExample { template, result })
}
