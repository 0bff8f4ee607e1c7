//! From a completion to the node's output.

use prana_core::ErrorValue;
use prana_core::nodes::validate::violations;
use prana_template::{Map, Value, value};

use super::gather::Completion;

/// `{message, tool_calls, finish_reason, usage, parsed?}`.
pub(super) fn output(schema: Option<&Value>, completion: Completion) -> Result<Value, ErrorValue> {
    let tool_calls = tool_calls(&completion.message)?;
    let parsed = match schema {
        Some(schema) if tool_calls.is_empty() => Some(parsed(schema, &completion)?),
        _ => None,
    };
    let mut output = Map::new();
    output.insert("message", completion.message);
    output.insert("tool_calls", tool_calls);
    output.insert("finish_reason", completion.finish_reason);
    output.insert("usage", completion.usage);
    parsed.map(|parsed| output.insert("parsed", parsed));
    Ok(Value::Map(output))
}

/// `{id, name, arguments}` of each call, the arguments as data.
fn tool_calls(message: &Map) -> Result<Vec<Value>, ErrorValue> {
    let Some(Value::List(calls)) = message.get("tool_calls") else { return Ok(Vec::new()) };
    calls.iter().enumerate().map(|(index, call)| tool_call(index, call)).collect()
}

fn tool_call(index: usize, call: &Value) -> Result<Value, ErrorValue> {
    let function = call.get("function").unwrap_or(&Value::Null);
    let arguments = match function.get("arguments") {
        Some(Value::Str(text)) if !text.trim().is_empty() => {
            Value::parse_json(text.as_str()).map_err(|error| {
                let place = format!("/tool_calls/{index}/function/arguments");
                invalid(
                    "the arguments of a tool are not JSON",
                    &[value!({"path": place, "message": error.to_string()})],
                )
            })?
        }
        Some(Value::Map(arguments)) => Value::Map(arguments.clone()),
        _ => Value::Map(Map::new()),
    };
    Ok(value!({
        "id": call.get("id").cloned().unwrap_or_default(),
        "name": function.get("name").cloned().unwrap_or_default(),
        "arguments": arguments
    }))
}

/// The content as data that fits the schema.
fn parsed(schema: &Value, completion: &Completion) -> Result<Value, ErrorValue> {
    if let Some(refusal) =
        completion.message.get("refusal").and_then(Value::as_str).filter(|text| !text.is_empty())
    {
        return Err(ErrorValue::new("llm.refused", format!("the model refused: {refusal}")).not_retryable());
    }
    let content = completion.message.get("content").and_then(Value::as_str).unwrap_or_default();
    let data = Value::parse_json(content).map_err(|error| {
        let cut = completion.finish_reason.as_str() == Some("length");
        let why = if cut { "it was cut off where the limit of tokens was reached" } else { "it is not JSON" };
        invalid(
            &format!("the answer can't be used: {why}"),
            &[value!({"path": "", "message": error.to_string()})],
        )
    })?;
    match violations(schema, &data)? {
        found if found.is_empty() => Ok(data),
        found => Err(invalid("the answer doesn't fit `response_schema`", &found)),
    }
}

/// Another try may well give another answer.
fn invalid(message: &str, violations: &[Value]) -> ErrorValue {
    let first = violations.first().and_then(|violation| violation.get("message")).map(Value::to_text);
    let message = format!("{message}: {}", first.unwrap_or_default());
    ErrorValue::new("llm.invalid_output", message).with_details(value!({"violations": violations.to_vec()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output_of(schema: Option<Value>, message: Value, finish_reason: &str) -> Result<Value, ErrorValue> {
        let message = message.as_map().unwrap().clone();
        output(
            schema.as_ref(),
            Completion { message, finish_reason: finish_reason.into(), usage: Value::Null },
        )
    }

    fn code(schema: Value, message: Value) -> String {
        output_of(Some(schema), message, "stop").unwrap_err().code.to_string()
    }

    #[test]
    fn outputs() {
        let message = value!({"role": "assistant", "content": "Hello"});
        assert_eq!(
            output_of(None, message.clone(), "stop"),
            Ok(value!({"message": message, "tool_calls": [], "finish_reason": "stop", "usage": null}))
        );
    }

    #[test]
    fn calls_of_tools() {
        let call = |arguments: Value| value!({"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": arguments}}]});
        for (arguments, expected) in [
            (value!("{\"a\":[1]}"), value!({"a": [1]})),
            (value!(""), value!({})),
            (value!(null), value!({})),
            (value!({"a": 1}), value!({"a": 1})),
        ] {
            let output = output_of(Some(value!({})), call(arguments), "tool_calls").unwrap();
            assert_eq!(
                output.get("tool_calls"),
                Some(&value!([{"id": "1", "name": "f", "arguments": expected}]))
            );
            assert_eq!(output.get("parsed"), None);
        }
        let error = output_of(None, call(value!("{oops")), "tool_calls").unwrap_err();
        assert_eq!((&*error.code, error.retryable), ("llm.invalid_output", true));
    }

    #[test]
    fn answers_that_must_fit_a_schema() {
        let schema = value!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
        let fits = output_of(Some(schema.clone()), value!({"content": "{\"n\": 1}"}), "stop").unwrap();
        assert_eq!(fits.get("parsed"), Some(&value!({"n": 1})));
        for content in [value!("{\"n\": \"1\"}"), value!("{}"), value!("text"), value!(null), value!("")] {
            assert_eq!(code(schema.clone(), value!({"content": content})), "llm.invalid_output");
        }
        assert_eq!(code(schema, value!({"content": null, "refusal": "No."})), "llm.refused");
        assert_eq!(code(value!({"type": 1}), value!({"content": "{}"})), "validate.invalid_schema");
    }

    #[test]
    fn a_cut_answer_is_told_apart() {
        let error = output_of(Some(value!({})), value!({"content": "{\"n\":"}), "length").unwrap_err();
        assert!(error.message.contains("cut off"), "{error}");
    }
}
