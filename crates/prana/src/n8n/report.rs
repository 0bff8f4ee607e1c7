//! What became of an n8n workflow, node by node.

use serde::Serialize;

use crate::elixir::{Fate, Finding};

/// What became of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// Its name there.
    pub name: String,
    /// Its type there.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The nodes that it is here, the one that bears its name first; none if it is none.
    pub keys: Vec<String>,
    /// The worst of its findings; carried over if there are none.
    pub fate: Fate,
    /// What is different, and what is to do by hand.
    pub findings: Vec<Finding>,
}

/// What became of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its id here.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is said of the workflow as a whole.
    pub findings: Vec<Finding>,
    /// In the order of the export.
    pub nodes: Vec<NodeReport>,
}

impl Report {
    /// How many nodes had this fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.nodes.iter().filter(|node| node.fate == fate).count()
    }

    /// For people: a line for the workflow, one for each node, and one for each finding.
    ///
    /// ```
    /// use prana::n8n::Report;
    ///
    /// let report = Report { id: "a".into(), name: "A".into(), findings: vec![], nodes: vec![] };
    /// assert_eq!(report.lines(), ["workflow a (A): 0 carried over, 0 changed, 0 not possible"]);
    /// ```
    pub fn lines(&self) -> Vec<String> {
        let [carried, changed, not_possible] =
            [Fate::Carried, Fate::Changed, Fate::NotPossible].map(|fate| self.count(fate));
        let mut lines = vec![format!(
            "workflow {} ({}): {carried} carried over, {changed} changed, {not_possible} not possible",
            self.id, self.name
        )];
        let line =
            |finding: &Finding| format!("{:<12}  {}: {}", finding.fate.as_str(), finding.about, finding.text);
        lines.extend(self.findings.iter().map(|finding| format!("  {}", line(finding))));
        for node in &self.nodes {
            let keys = if node.keys.is_empty() { "nothing".to_owned() } else { node.keys.join(", ") };
            lines.push(format!("  {:<12}  {} ({}) -> {keys}", node.fate.as_str(), node.name, node.type_name));
            lines.extend(node.findings.iter().map(|finding| format!("    {}", line(finding))));
        }
        lines
    }
}

/// The worst fate of some findings.
pub(super) fn worst(findings: &[Finding]) -> Fate {
    let rank = |fate: Fate| match fate {
        Fate::Carried => 0,
        Fate::Dropped | Fate::Changed => 1,
        Fate::NotPossible => 2,
    };
    let worst = findings.iter().map(|finding| finding.fate).max_by_key(|fate| rank(*fate));
    worst.map_or(Fate::Carried, |fate| if rank(fate) == 1 { Fate::Changed } else { fate })
}
