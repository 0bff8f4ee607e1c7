//! Single changes by hand: for embedding without an executor, and for tests.

use prana_template::{Deferred, Value};

use super::{Activation, ExecutionGraph, Mismatch, TRIGGER};
use crate::action::InputPort;
use crate::error::ErrorValue;
use crate::record::{
    Change, Completed, Entry, ExecutionChange, ExecutionIndex, InputFrom, NodeChange, NodeOutcome, Started,
};
use crate::suspension::Suspension;
use crate::time::Timestamp;

impl ExecutionGraph {
    /// Begins: the trigger is activated.
    ///
    /// # Errors
    /// [`Mismatch`] if it has begun already.
    pub fn begin(&mut self, at: Timestamp) -> Result<Entry, Mismatch> {
        self.make(at, Change::Execution(ExecutionChange::Started))
    }

    /// Completes the next run of a node, with the port it leaves by; gives the entry that says so.
    ///
    /// # Errors
    /// [`Mismatch`] if nothing has come for the node.
    pub fn complete_node(
        &mut self,
        key: &str,
        output: Value,
        port: Option<&str>,
        at: Timestamp,
    ) -> Result<Entry, Mismatch> {
        let completed = Completed { port: port.map(Into::into), ..Completed::new(output) };
        self.finish(key, NodeOutcome::Completed(completed), at)
    }

    /// Suspends the next run of a node.
    ///
    /// # Errors
    /// [`Mismatch`] if nothing has come for the node.
    pub fn suspend(&mut self, key: &str, suspension: Suspension, at: Timestamp) -> Result<Entry, Mismatch> {
        self.finish(key, NodeOutcome::Suspended(suspension), at)
    }

    /// Fails the next run of a node.
    ///
    /// # Errors
    /// [`Mismatch`] if nothing has come for the node.
    pub fn fail(&mut self, key: &str, error: ErrorValue, at: Timestamp) -> Result<Entry, Mismatch> {
        self.finish(key, NodeOutcome::Failed(Box::new(error)), at)
    }

    fn finish(&mut self, key: &str, outcome: NodeOutcome, at: Timestamp) -> Result<Entry, Mismatch> {
        let (execution_index, started) = self.next_start(key)?;
        let change = NodeChange { execution_index, started: Some(started), outcome: Some(outcome) };
        self.make(at, Change::Node(Box::new(change)))
    }

    /// The beginning of the next run of a node: of the activation that selection would look at first.
    fn next_start(&self, key: &str) -> Result<(ExecutionIndex, Started), Mismatch> {
        let nothing = || Mismatch {
            sequence: self.state().sequence + 1,
            problem: format!("nothing has come for `{key}`"),
        };
        let node = self.compiled().node_id(key).ok_or_else(nothing)?;
        let position = self.state().ready.iter().rposition(|activation| activation.node == node);
        let started = self.started(position.ok_or_else(nothing)?, Value::Null, Vec::new(), false);
        Ok((self.state().next_index, started))
    }

    /// What the first record says of a run of the activation at this position of `ready`, with these parameters.
    #[inline]
    pub fn started(&self, position: usize, params: Value, deferred: Vec<Deferred>, parked: bool) -> Started {
        let activation = &self.state().ready[position];
        let node = self.node(activation.node);
        Started {
            node_key: node.key.clone(),
            run_index: self.state().nodes[activation.node.index()].runs,
            input_from: input_from(activation, &node.inputs),
            loop_path: activation.loop_path.clone(),
            params,
            deferred,
            parked,
        }
    }

    fn make(&mut self, at: Timestamp, change: Change) -> Result<Entry, Mismatch> {
        let entry = Entry { sequence: self.state().sequence + 1, at, change };
        self.apply(&entry)?;
        Ok(entry)
    }
}

/// Which runs feed an activation, per port.
pub(super) fn input_from(activation: &Activation, ports: &[InputPort]) -> InputFrom {
    let mut from = InputFrom::default();
    for token in activation.tokens.iter().filter(|token| token.source != TRIGGER) {
        from.push(&ports[usize::from(token.port)].name, token.source);
    }
    from
}
