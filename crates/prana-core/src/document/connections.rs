//! Both forms of `connections`, into one flat list.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::fields::Reader;
use super::model::Connection;
use super::short_form::{self, End};
use super::tree::{Entry, Item, Span, Tree};

/// Where a connection is written: a value, and the bytes of it where the value is a chain of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectionPlace {
    pub span: Span,
    pub part: Option<Range<u32>>,
}

type Placed = (Connection, ConnectionPlace);

/// The port that connections use where they name none. A port of this name that is written out means the same.
const MAIN: &str = "main";

/// All connections, in the order in which the canonical form has them.
pub(crate) fn connections(reader: &mut Reader<'_>, tree: &Tree) -> Vec<Placed> {
    let mut found = Vec::new();
    match &tree.item {
        Item::Null => {}
        Item::Map(entries) => canonical(reader, entries, &mut found),
        Item::List(list) => {
            for (index, item) in list.iter().enumerate() {
                reader.within(index, |reader| chain(reader, item, &mut found));
            }
        }
        Item::Text(_) => reader.malformed(
            tree.span,
            "`connections` must be a list of chains or a map, not text",
            "put each chain into an entry of a list: `- a -> b`",
        ),
        _ => reader.mismatch(tree, "a list of chains such as `a -> b`, or a map"),
    }
    in_canonical_order(found)
}

/// Groups by node and port, each in the order of first mention: the canonical form groups so, and both forms are to
/// load to the same workflow.
fn in_canonical_order(found: Vec<Placed>) -> Vec<Placed> {
    let mut nodes: FxHashMap<String, usize> = FxHashMap::default();
    let mut ports: FxHashMap<(usize, Option<String>), usize> = FxHashMap::default();
    let mut ranked: Vec<((usize, usize), Placed)> = Vec::with_capacity(found.len());
    for placed in found {
        let next = nodes.len();
        let node = *nodes.entry(placed.0.from.clone()).or_insert(next);
        let next = ports.len();
        let port = *ports.entry((node, placed.0.from_port.clone())).or_insert(next);
        ranked.push(((node, port), placed));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, placed)| placed).collect()
}

fn port(name: Option<&str>) -> Option<String> {
    name.filter(|name| *name != MAIN).map(str::to_owned)
}

fn chain(reader: &mut Reader<'_>, tree: &Tree, found: &mut Vec<Placed>) {
    let Item::Text(text) = &tree.item else {
        reader.mismatch(tree, "a chain such as `a -> b`");
        return;
    };
    match short_form::ends(text) {
        Ok(ends) => found.extend(ends.windows(2).enumerate().map(|(arrow, pair)| link(tree, arrow, pair))),
        Err(error) => reader.malformed_part(tree, error.range, error.message, error.help),
    }
}

/// One arrow of a chain. Only the first name's port is an output port: after an arrow a port is an input port.
fn link(tree: &Tree, arrow: usize, pair: &[End<'_>]) -> Placed {
    let (from, to) = (&pair[0], &pair[1]);
    let connection = Connection {
        from: from.key.to_owned(),
        from_port: port(from.port.filter(|_| arrow == 0)),
        to: to.key.to_owned(),
        to_port: port(to.port),
    };
    let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    (connection, ConnectionPlace { span: tree.span, part: Some(narrow(from.start)..narrow(to.end)) })
}

fn canonical(reader: &mut Reader<'_>, nodes: &[Entry], found: &mut Vec<Placed>) {
    for from in nodes {
        reader.within(from.key.as_str(), |reader| {
            let Some(ports) = reader.open_fields(&from.value, "output port -> list of targets") else {
                return;
            };
            for from_port in ports.entries() {
                reader.within(from_port.key.as_str(), |reader| targets(reader, from, from_port, found));
            }
        });
    }
}

fn targets(reader: &mut Reader<'_>, from: &Entry, from_port: &Entry, found: &mut Vec<Placed>) {
    let read = reader.each(&from_port.value, "of targets such as {to: b}", |reader, tree| {
        let (to, to_port) = target(reader, tree, from, from_port)?;
        let from_port = port(Some(&from_port.key));
        let connection = Connection { from: from.key.to_string(), from_port, to, to_port };
        Some((connection, ConnectionPlace { span: tree.span, part: None }))
    });
    found.extend(read.into_iter().flatten());
}

const TARGET_FIELDS: &[&str] = &["to", "to_port", "from", "from_port"];

fn target(
    reader: &mut Reader<'_>,
    tree: &Tree,
    from: &Entry,
    from_port: &Entry,
) -> Option<(String, Option<String>)> {
    const WHAT: &str = "a connection";
    let fields = reader.fields(tree, WHAT, TARGET_FIELDS)?;
    let to = reader.required(&fields, WHAT, "to", Reader::name);
    let to_port = reader.optional(&fields, "to_port", Reader::name);
    reader.optional(&fields, "from", |reader, tree| agrees(reader, tree, &from.key));
    reader.optional(&fields, "from_port", |reader, tree| agrees(reader, tree, &from_port.key));
    Some((to?, port(to_port.as_deref())))
}

/// A connection may repeat where it comes from, as stored workflows of the Elixir engine do; it must not disagree.
fn agrees(reader: &mut Reader<'_>, tree: &Tree, outer: &str) -> Option<()> {
    let inner = reader.name(tree)?;
    if inner != outer {
        let message =
            format!("{} says `{inner}`, but this connection stands under `{outer}`", reader.label());
        reader.malformed(tree.span, message, "make the two agree, or leave the inner one out");
    }
    Some(())
}
