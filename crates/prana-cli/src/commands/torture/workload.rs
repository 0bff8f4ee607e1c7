//! What is run: workflows, their inputs, and what each must have done in the end.

use prana::core::document::{self, Workflow};
use serde_json::{Value as Json, json};

use super::dice::Dice;
use crate::exit::{Failure, Outcome};

/// The longest chain.
const LONGEST: u64 = 8;

/// What is started next.
pub struct Job {
    /// The workflow.
    pub workflow: String,
    /// Its input.
    pub input: Json,
    /// Somebody answers the node `ask`, after about so many milliseconds.
    pub answer_after: Option<u64>,
    /// Somebody cancels it, after about so many milliseconds.
    pub cancel_after: Option<u64>,
}

/// All workflows.
pub fn workflows() -> Outcome<Vec<Workflow>> {
    let mut text = include_str!("workload.yaml").to_owned();
    (1..=LONGEST).for_each(|length| text.push_str(&chain(length)));
    let loaded = document::load("workload.yaml", text.as_bytes()).map_err(|findings| {
        Failure::new(findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    Ok(loaded.into_iter().map(|one| one.workflow).collect())
}

/// Effects with a pure node after each.
fn chain(length: u64) -> String {
    use std::fmt::Write;
    let mut nodes = "  - {key: start, type: manual.trigger}\n".to_owned();
    let mut way = "start".to_owned();
    for number in 1..=length {
        // Writing to a String can't fail.
        let _ = writeln!(nodes, "  - {{key: e{number}, type: torture.effect}}");
        let sum = "{{ $input.receipt + 1 }}";
        let _ = writeln!(
            nodes,
            "  - {{key: p{number}, type: data.set_data, params: {{fields: {{sum: \"{sum}\"}}}}}}"
        );
        let _ = write!(way, " -> e{number} -> p{number}");
    }
    format!("---\nid: torture-chain-{length}\nnodes:\n{nodes}connections: [{way}]\n")
}

/// What is run next.
pub fn job(dice: &mut Dice) -> Job {
    let kinds: &[&str] = &[
        "chain",
        "chain",
        "chain",
        "fork",
        "loop",
        "timers",
        "answer",
        "answer",
        "race",
        "race",
        "parallel",
        "parent-sync",
        "parent-async",
        "parent-forget",
        "retry",
        "retry-at-once",
        "once",
        "ask",
        "every-node",
        "cancel",
    ];
    let kind = kinds[dice.below(kinds.len() as u64) as usize];
    let workflow = match kind {
        "chain" => format!("torture-chain-{}", 1 + dice.below(LONGEST)),
        other => format!("torture-{other}"),
    };
    // Now and then a trail that is long enough for a snapshot.
    let items = if kind == "loop" && dice.one_in(8) { 90 } else { 1 + dice.below(5) };
    let token = format!("{:016x}", dice.roll());
    let items: Vec<Json> = (0..items).map(|item| json!({"token": token, "item": item})).collect();
    Job {
        workflow,
        input: json!({"token": token, "items": items, "fail": dice.below(4)}),
        answer_after: matches!(kind, "answer" | "race").then(|| dice.below(45)),
        cancel_after: (kind == "cancel").then(|| dice.below(60)),
    }
}

/// Groups of nodes, and how often those of a group must have completed together, in an execution that went its way.
pub fn expected(workflow: &str, input: &Json) -> Vec<(Vec<String>, usize)> {
    let once = |keys: &[&str]| keys.iter().map(|key| (vec![(*key).to_owned()], 1)).collect::<Vec<_>>();
    let either = |one: &str, other: &str| (vec![one.to_owned(), other.to_owned()], 1);
    let items = input.get("items").and_then(Json::as_array).map_or(0, Vec::len);
    let name = workflow.strip_prefix("torture-").unwrap_or(workflow);
    if let Some(length) = name.strip_prefix("chain-").and_then(|length| length.parse::<u64>().ok()) {
        let keys = (1..=length).flat_map(|number| [format!("e{number}"), format!("p{number}")]);
        return keys.map(|key| (vec![key], 1)).collect();
    }
    match name {
        "fork" => once(&["a1", "a2", "b1", "b2", "join", "last"]),
        "loop" => [once(&["after"]), vec![(vec!["each".to_owned()], items)]].concat(),
        "timers" => once(&["e1", "short", "e2", "longer", "e3"]),
        "answer" => once(&["e1", "ask", "used"]),
        "race" => [once(&["ask", "work1", "work2", "work3"]), vec![either("yes", "no")]].concat(),
        "parallel" => once(&["nap_a", "nap_b", "a", "b", "c", "join", "last"]),
        "child" => once(&["c1", "nap", "c2"]),
        "parent-sync" => once(&["before", "child", "after"]),
        "parent-async" => once(&["before", "children", "after"]),
        "parent-forget" => once(&["before", "send", "after"]),
        "retry" | "retry-at-once" => once(&["shaky", "after"]),
        "once" => [once(&["once"]), vec![either("fine", "noted")]].concat(),
        "ask" => once(&["once", "after"]),
        "every-node" => once(&["e1", "p1", "e2"]),
        _ => Vec::new(),
    }
}

/// How many executions report their end to one of this workflow.
pub fn children(workflow: &str, input: &Json) -> usize {
    match workflow {
        "torture-parent-sync" => 1,
        "torture-parent-async" => input.get("items").and_then(Json::as_array).map_or(0, Vec::len),
        _ => 0,
    }
}

/// Whether all of it stands still while something waits, so that one node after the other is in doubt.
pub fn holds(workflow: &str) -> bool {
    !matches!(workflow, "torture-race" | "torture-parallel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_has_its_workflow_and_expectation() {
        let known: Vec<String> =
            workflows().expect("they are fine").into_iter().map(|workflow| workflow.id).collect();
        let mut dice = Dice::new(1);
        for _ in 0..500 {
            let job = job(&mut dice);
            assert!(known.contains(&job.workflow), "{}", job.workflow);
            let nothing = expected(&job.workflow, &job.input).is_empty();
            assert_eq!(nothing, job.workflow == "torture-cancel", "{}", job.workflow);
        }
    }
}
