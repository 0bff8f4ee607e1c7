//! `Loop Over Items`, also known as `Split In Batches`.

use prana_template::{Map, Value};

use super::{Converter, map};
use crate::elixir::Fate;
use crate::n8n::plan::{Card, batch_size, loop_output};

impl Converter<'_, '_> {
    pub(super) fn split_in_batches(&mut self) {
        let (source, key) = (self.source, self.key());
        let output = loop_output(source);
        let done = self.second();
        let mut params = map([("collection", "{{ $input }}".into())]);
        let returns = self.returning();
        if batch_size(source) != Some(1) {
            params.insert("mode", "batch");
            params.insert("batch_size", self.size());
        }
        params.insert("collect", "{{ $input }}");
        self.add(&key, "core.for_each", params);
        self.enter_unless_empty(&key);
        self.piece.back = Some((key.clone(), None));
        let results = match returns {
            Some(Card::Many) => "{{ $input.results | compact | flatten(1) }}",
            _ => "{{ $input.results | compact }}",
        };
        self.output(&done, results);
        self.link(&key, Some("done"), &done, None);
        self.piece.exits = vec![Vec::new(), Vec::new()];
        self.piece.exits[output] = vec![(key, Some("loop".to_owned()))];
        self.piece.exits[1 - output] = vec![(done, None)];
        if returns.is_none() {
            self.changed(
                "nothing leads back to it, so n8n stops after the first batch; here every item has its turn",
            );
        }
        if source.at(&["options", "reset"]).is_some_and(|reset| reset.as_bool() != Some(false)) {
            self.find(
                Fate::NotPossible,
                "\"reset\" has no counterpart: each time items come from outside the loop starts anew here",
            );
        }
    }

    /// How items come back into the loop, if they do.
    fn returning(&self) -> Option<Card> {
        let back = self.plan.into(self.index).filter(|link| self.plan.leads_back(link));
        back.map(|link| self.plan.output(link.from, link.output)).max()
    }

    fn size(&mut self) -> Value {
        if let Some(size) = batch_size(self.source) {
            return Value::Int(size as i64);
        }
        let view = self.view();
        let mut texts = Self::texts(&view, true);
        let size = texts.template(&self.source.params.get("batchSize").cloned().unwrap_or(Value::Int(1)));
        self.said(texts);
        size
    }

    pub(super) fn execute_workflow(&mut self) {
        let source = self.source;
        if matches!(source.text("source"), Some("localFile" | "parameter" | "url")) {
            return self.impossible("only workflows that are stored can be run: import it, and name its id");
        }
        let id = source.params.get("workflowId");
        let id = id.and_then(|id| {
            id.as_str().map(str::to_owned).or_else(|| Some(id.get("value")?.to_text().to_string()))
        });
        let Some(id) = id.filter(|id| !id.trim().is_empty() && !id.starts_with('=')) else {
            return self.impossible("the workflow that it runs is not named, or by an expression");
        };
        let (key, call) = (self.key(), self.helper("call"));
        let id = crate::n8n::keys::workflow_id(&id);
        let each = source.text("mode") == Some("each") && self.many();
        let mut params = map([("workflow_id", id.as_str().into())]);
        if each {
            params.insert("batch_mode", "single");
        }
        if let Some(inputs) = self.workflow_inputs() {
            params.insert("input_data", inputs);
        }
        self.changed(format!("it runs the workflow `{id}`, which must be imported too"));
        let waits = source.at(&["options", "waitForSubWorkflow"]).and_then(Value::as_bool) != Some(false);
        if !waits {
            params.insert("execution_mode", "fire_and_forget");
            self.add(&call, "workflow.execute_workflow", params);
            return self.beside_call(&key, &call);
        }
        self.add(&call, "workflow.execute_workflow", params);
        let list = |value: &str| format!("({value} | type) == \"list\" ? {value} : [{value} ?? {{}}]");
        let output = match each {
            true => format!("$input | map(one => {}) | flatten(1)", list("one")),
            false => list("$input"),
        };
        let output = self.unless_failed(&output, true);
        self.output(&key, output);
        self.link(&call, None, &key, None);
        self.enter_unless_empty(&call);
        self.leave(&key);
    }

    /// What comes in goes on, and is handed to the other workflow too.
    fn beside_call(&mut self, key: &str, call: &str) {
        self.add(key, "core.no_op", Map::new());
        self.enter_unless_empty(call);
        let mut entries = self.piece.entries.remove(0);
        entries.push((key.to_owned(), None));
        self.piece.entries = vec![entries];
        self.leave(key);
    }

    /// The fields that are handed over, where they are defined.
    fn workflow_inputs(&mut self) -> Option<Value> {
        let inputs = self.source.at(&["workflowInputs"])?;
        let fields =
            inputs.get("value").filter(|fields| fields.as_map().is_some_and(|fields| !fields.is_empty()))?;
        if inputs.get("mappingMode").and_then(Value::as_str) != Some("defineBelow") {
            return None;
        }
        let (view, many) = (self.view(), self.many());
        let mut texts = Self::texts(&view, many);
        let fields = texts.template(fields);
        self.said(texts);
        Some(if many { super::set::over_items(fields) } else { fields })
    }
}
