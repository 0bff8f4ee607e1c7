//! The answer of a model: given at once, or put together from the pieces of a stream.

use std::collections::BTreeMap;

use prana_template::{Map, Value};

/// What the model answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Completion {
    pub message: Map,
    pub finish_reason: Value,
    pub usage: Value,
}

/// The completion in an answer that came at once, if it is one.
pub(super) fn whole(answer: &Value) -> Option<Completion> {
    let choice = first_choice(answer)?;
    Some(Completion {
        message: choice.get("message")?.as_map()?.clone(),
        finish_reason: choice.get("finish_reason").cloned().unwrap_or_default(),
        usage: answer.get("usage").cloned().unwrap_or_default(),
    })
}

fn first_choice(answer: &Value) -> Option<&Value> {
    answer.get("choices")?.as_list()?.iter().next()
}

/// A call of a tool, as far as it came.
#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// Puts a completion together.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Fields that are texts, in the order in which they began: content, refusal, what the model thought.
    texts: Vec<(String, String)>,
    calls: BTreeMap<i64, Call>,
    finish_reason: Value,
    usage: Value,
}

impl Gathered {
    /// Adds a piece.
    pub fn add(&mut self, chunk: &Value) {
        if let Some(usage) = chunk.get("usage").filter(|usage| !usage.is_null()) {
            self.usage = usage.clone();
        }
        let Some(choice) = first_choice(chunk) else { return };
        if let Some(reason) = choice.get("finish_reason").filter(|reason| !reason.is_null()) {
            self.finish_reason = reason.clone();
        }
        for (name, value) in choice.get("delta").and_then(Value::as_map).iter().flat_map(|delta| delta.iter())
        {
            match (name.as_str(), value) {
                ("role", _) => {}
                ("tool_calls", Value::List(calls)) => calls.iter().for_each(|call| self.add_call(call)),
                (name, Value::Str(text)) => self.add_text(name, text),
                _ => {}
            }
        }
    }

    fn add_text(&mut self, name: &str, more: &str) {
        match self.texts.iter_mut().find(|(known, _)| known == name) {
            Some((_, text)) => text.push_str(more),
            None => self.texts.push((name.to_owned(), more.to_owned())),
        }
    }

    fn add_call(&mut self, piece: &Value) {
        let index = piece.get("index").and_then(Value::as_i64).unwrap_or(0);
        let call = self.calls.entry(index).or_default();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        call.id.push_str(&text(piece.get("id")));
        let function = piece.get("function");
        call.name.push_str(&text(function.and_then(|function| function.get("name"))));
        call.arguments.push_str(&text(function.and_then(|function| function.get("arguments"))));
    }

    /// True if the model said that it is done.
    pub fn is_finished(&self) -> bool {
        !self.finish_reason.is_null()
    }

    /// The whole.
    pub fn completion(self) -> Completion {
        let mut message = Map::new();
        message.insert("role", "assistant");
        message.insert("content", Value::Null);
        for (name, text) in self.texts {
            message.insert(name, text);
        }
        if !self.calls.is_empty() {
            message.insert("tool_calls", self.calls.into_values().map(call_value).collect::<Vec<_>>());
        }
        Completion { message, finish_reason: self.finish_reason, usage: self.usage }
    }
}

fn call_value(call: Call) -> Value {
    prana_template::value!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    fn gathered(deltas: &[Value]) -> Value {
        let mut gathered = Gathered::default();
        deltas.iter().for_each(|delta| gathered.add(&value!({"choices": [{"delta": delta}]})));
        Value::Map(gathered.completion().message)
    }

    #[test]
    fn texts_grow() {
        let deltas = [
            value!({"role": "assistant", "content": ""}),
            value!({"content": "Hel"}),
            value!({"content": "lo", "reasoning": "r"}),
        ];
        assert_eq!(gathered(&deltas), value!({"role": "assistant", "content": "Hello", "reasoning": "r"}));
        assert_eq!(gathered(&[]), value!({"role": "assistant", "content": null}));
    }

    #[test]
    fn calls_of_tools_grow_side_by_side() {
        let deltas = [
            value!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}}]}),
            value!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\""}}]}),
            value!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}, {"index": 1, "function": {"arguments": "{}"}}]}),
        ];
        let call = |id: &str, name: &str, arguments: &str| value!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        assert_eq!(
            gathered(&deltas).get("tool_calls"),
            Some(&value!([call("a", "f", "{\"x\":1}"), call("b", "g", "{}")]))
        );
    }

    #[test]
    fn what_stands_beside_the_message() {
        let mut gathered = Gathered::default();
        gathered.add(&value!({"choices": [{"delta": {}, "finish_reason": null}], "usage": null}));
        assert!(!gathered.is_finished());
        gathered.add(&value!({"choices": [{"delta": {}, "finish_reason": "stop"}]}));
        gathered.add(&value!({"choices": [], "usage": {"total_tokens": 3}}));
        assert!(gathered.is_finished());
        let completion = gathered.completion();
        assert_eq!(
            (completion.finish_reason, completion.usage),
            (value!("stop"), value!({"total_tokens": 3}))
        );
    }

    #[test]
    fn nonsense_is_passed_over() {
        let mut gathered = Gathered::default();
        for chunk in [
            value!(1),
            value!([]),
            value!({"choices": 1}),
            value!({"choices": [1]}),
            value!({"choices": [{"delta": [1]}]}),
        ] {
            gathered.add(&chunk);
            assert_eq!(whole(&chunk), None);
        }
        assert_eq!(gathered.completion().message.len(), 2);
    }
}
