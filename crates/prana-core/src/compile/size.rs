//! How much a compiled workflow may hold: what grows faster than the document is refused before it is made.
//!
//! A join keeps a row of bits, one for each node, and one more for each for_each it is inside of; a for_each keeps two.

use super::check::NodeAction;
use super::connect::Whole;
use super::{Report, node_path};
use crate::diagnostic::Diagnostic;
use crate::document::{Join, Node, Workflow};

/// The most for_each nodes inside of each other.
pub const MAX_NESTING: usize = 64;

/// The most bytes of rows of bits.
pub const MAX_ROW_BYTES: usize = 256 << 20;

/// The most input or output ports of a node.
pub const MAX_PORTS: usize = 1_024;

/// The bytes of so many rows over so many nodes.
fn row_bytes(rows: usize, nodes: usize) -> usize {
    rows.saturating_mul(nodes.div_ceil(usize::BITS as usize) * size_of::<usize>())
}

/// True if so many for_each nodes are too many for a workflow of so many nodes.
pub(super) fn too_many_loops(for_each: usize, nodes: usize) -> bool {
    row_bytes(for_each.saturating_mul(2), nodes) > MAX_ROW_BYTES
}

/// Tells of all that is too large.
pub(super) fn check(
    workflow: &Workflow,
    actions: &[Option<NodeAction>],
    whole: &Whole,
    report: &mut Report<'_>,
) {
    ports(workflow, actions, whole, report);
    nesting(workflow, whole, report);
    if rows(workflow, actions, whole) > MAX_ROW_BYTES {
        let megabytes = MAX_ROW_BYTES >> 20;
        let message = format!(
            "what joins and loops wait for takes more than {megabytes} MB: there are too many of them for so many nodes"
        );
        report.add(Diagnostic::error("workflow.too_many_joins", message).with_help(
            "move parts of it to workflows of their own, and call them with workflow.execute_workflow",
        ));
    }
}

/// The bytes of all rows.
fn rows(workflow: &Workflow, actions: &[Option<NodeAction>], whole: &Whole) -> usize {
    let pairs = || workflow.nodes.iter().zip(actions);
    let is_loop = |(node, action): &(&Node, &Option<NodeAction>)| {
        action.as_ref().is_some_and(|action| action.is_for_each(node))
    };
    let is_join = |(node, action): &(&Node, &Option<NodeAction>)| {
        action.as_ref().is_some_and(|action| action.join(node) == Join::All)
    };
    let loops = pairs().filter(is_loop).count();
    let around = |index: usize| whole.scopes.iter().filter(|scope| scope.inside.contains(index)).count();
    let joins = pairs().enumerate().filter(|(_, pair)| is_join(pair));
    let rows: usize = joins.map(|(index, _)| 1 + around(index)).sum();
    row_bytes(rows.saturating_add(loops.saturating_mul(2)), workflow.nodes.len())
}

fn nesting(workflow: &Workflow, whole: &Whole, report: &mut Report<'_>) {
    let Some(deepest) = whole.scopes.iter().find(|scope| scope.enclosing.len() >= MAX_NESTING) else {
        return;
    };
    let index = deepest.node.index();
    report.add(
        Diagnostic::error(
            "loop.nested_too_deep",
            format!("more than {MAX_NESTING} for_each nodes are inside of each other"),
        )
        .with_help(
            "move the inner ones to a workflow of their own, and call it with workflow.execute_workflow",
        )
        .with_node(&workflow.nodes[index].key)
        .with_path(node_path(index)),
    );
}

fn ports(workflow: &Workflow, actions: &[Option<NodeAction>], whole: &Whole, report: &mut Report<'_>) {
    for (index, node) in workflow.nodes.iter().enumerate() {
        let inputs = actions[index].as_ref().map_or(0, |action| action.ports.inputs.len());
        if inputs.max(whole.outputs[index].len()) <= MAX_PORTS {
            continue;
        }
        report.add(
            Diagnostic::error(
                "workflow.too_many_ports",
                format!("`{}` has more than {MAX_PORTS} ports on one side", node.key),
            )
            .with_help("let one port carry what tells the cases apart, and decide further on")
            .with_node(&node.key)
            .with_path(node_path(index)),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::{MAX_NESTING, MAX_PORTS, MAX_ROW_BYTES, row_bytes, too_many_loops};
    use crate::compile::{Options, compile};
    use crate::document;
    use crate::registry::Registry;

    /// The codes of the errors in a workflow of these nodes behind a trigger `start`, and these connections.
    fn errors(nodes: &str, connections: &str) -> Vec<String> {
        let text = format!(
            "id: w\nnodes:\n  - {{key: start, type: manual.trigger}}\n{nodes}connections:\n{connections}"
        );
        let loaded =
            document::load("w.yaml", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let compiled = compile(&loaded[0].workflow, &Registry::standard(), Options::default());
        compiled
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .map(|found| found.code.to_string())
            .collect()
    }

    fn nested(depth: usize) -> Vec<String> {
        let (mut nodes, mut connections) = (String::new(), "  - start -> e0\n".to_owned());
        for level in 0..depth {
            let _ =
                writeln!(nodes, "  - {{key: e{level}, type: core.for_each, params: {{collection: [1]}}}}");
            let next = if level + 1 == depth { "leaf".to_owned() } else { format!("e{}", level + 1) };
            let _ = writeln!(connections, "  - e{level}.loop -> {next}");
        }
        nodes.push_str("  - {key: leaf, type: core.no_op}\n");
        errors(&nodes, &connections)
    }

    #[test]
    fn loops_are_nested_so_deep_and_no_deeper() {
        assert_eq!(nested(MAX_NESTING), Vec::<&str>::new());
        assert_eq!(nested(MAX_NESTING + 1), ["loop.nested_too_deep"]);
    }

    /// A switch whose ports only its connections name.
    fn with_ports(ports: usize) -> Vec<String> {
        let nodes = "  - {key: s, type: logic.switch, params: {cases: [{condition: true, port: '{{ $input }}'}]}}\n  \
                     - {key: leaf, type: core.no_op}\n";
        let mut connections = "  - start -> s\n".to_owned();
        for port in 0..ports {
            let _ = writeln!(connections, "  - s.p{port} -> leaf");
        }
        errors(nodes, &connections)
    }

    #[test]
    fn a_node_has_so_many_ports_and_no_more() {
        assert_eq!(with_ports(MAX_PORTS - 10), Vec::<&str>::new());
        assert!(with_ports(MAX_PORTS + 10).contains(&"workflow.too_many_ports".to_owned()));
    }

    #[test]
    fn rows_are_counted_in_whole_words() {
        assert_eq!((row_bytes(1, 1), row_bytes(3, 64), row_bytes(3, 65)), (8, 24, 48));
        assert_eq!(row_bytes(usize::MAX, 65), usize::MAX);
        assert!(!too_many_loops(10_000, 10_000) && too_many_loops(100_000, 100_000));
        assert!(row_bytes(40_000, 40_000) < MAX_ROW_BYTES && row_bytes(50_000, 50_000) > MAX_ROW_BYTES);
    }

    #[test]
    fn more_joins_than_rows_are_kept_for_are_refused() {
        let (mut nodes, mut connections) = (String::new(), String::new());
        let joins = 48_000;
        for join in 0..joins {
            let _ = writeln!(nodes, "  - {{key: j{join}, type: core.no_op, settings: {{join: all}}}}");
            let _ = writeln!(connections, "  - start -> j{join}");
        }
        assert_eq!(errors(&nodes, &connections), ["workflow.too_many_joins"]);
    }
}
