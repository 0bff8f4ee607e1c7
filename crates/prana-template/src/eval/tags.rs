//! Text templates: pieces of text, outputs and tags.

use std::borrow::Cow;

use super::{Cx, Fault, Frame, Turn, Values, eval, same};
use crate::{
    error::Span,
    filters::FilterError,
    names::Scope,
    program::{Body, For, Op, Program},
    value::{Value, write_float, write_int, write_value_within},
};

/// The value of a whole template.
#[inline]
pub(crate) fn evaluate<'e>(program: &'e Program, cx: &Cx<'e>) -> Result<Cow<'e, Value>, Fault> {
    match program {
        Program::Constant(value) => Ok(Cow::Borrowed(value)),
        Program::Native(code) => eval(code, cx),
        Program::Text(body) => text(body, cx).map(|text| Cow::Owned(Value::from(text))),
    }
}

fn text(body: &Body, cx: &Cx<'_>) -> Result<String, Fault> {
    let variables = vec![Value::Null; body.variables];
    let mut writer = Writer {
        outer: cx,
        has_frame: body.has_frame,
        variables,
        turns: Vec::new(),
        out: String::new(),
        scope: cx.scope,
    };
    writer.ops(&body.ops)?;
    Ok(writer.out)
}

/// Whether to go on with the next piece.
enum Flow {
    On,
    Break,
    Continue,
}

struct Writer<'c, 'e> {
    outer: &'c Cx<'e>,
    has_frame: bool,
    variables: Vec<Value>,
    turns: Vec<Turn>,
    out: String,
    scope: &'e dyn Scope,
}

impl Writer<'_, '_> {
    /// Runs something that sees the variables as they are now.
    fn with<T>(&self, run: impl FnOnce(&Cx<'_>) -> T) -> T {
        if !self.has_frame {
            return run(self.outer);
        }
        let frame =
            Frame { parent: self.outer.frame, values: Values::Variables(&self.variables, &self.turns) };
        run(&Cx { scope: self.scope, frame: Some(&frame), work: self.outer.work })
    }

    fn ops(&mut self, ops: &[Op]) -> Result<Flow, Fault> {
        for op in ops {
            match self.op(op)? {
                Flow::On => {}
                jump => return Ok(jump),
            }
        }
        Ok(Flow::On)
    }

    fn op(&mut self, op: &Op) -> Result<Flow, Fault> {
        match op {
            Op::Text(text) => self.push(text)?,
            Op::Output(code, span) => self.output(code, *span)?,
            Op::Assign(place, code) => {
                let value = self.with(|cx| eval(code, cx).map(Cow::into_owned))?;
                self.variables[*place] = value;
            }
            Op::If { branches, otherwise } => {
                for (test, body) in branches {
                    if self.with(|cx| eval(test, cx).map(|value| value.is_truthy()))? {
                        return self.ops(body);
                    }
                }
                return self.ops(otherwise);
            }
            Op::Case { subject, branches, otherwise } => {
                let subject = self.with(|cx| eval(subject, cx).map(Cow::into_owned))?;
                for (patterns, body) in branches {
                    for pattern in patterns {
                        if self.with(|cx| same(&subject, &*eval(pattern, cx)?, cx))? {
                            return self.ops(body);
                        }
                    }
                }
                return self.ops(otherwise);
            }
            Op::For(each) => return self.for_each(each),
            Op::Break => return Ok(Flow::Break),
            Op::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn push(&mut self, text: &str) -> Result<(), Fault> {
        self.fits(self.out.len().saturating_add(text.len()))?;
        self.outer.work.spend_bytes(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    fn fits(&self, length: usize) -> Result<(), Fault> {
        if length > self.outer.work.output_bytes { Err(self.outer.work.too_large()) } else { Ok(()) }
    }

    fn output(&mut self, code: &crate::program::Code, span: Span) -> Result<(), Fault> {
        let mut out = std::mem::take(&mut self.out);
        let limit = self.outer.work.output_bytes;
        let written = self.with(|cx| {
            let value = eval(code, cx)?;
            write_text(&mut out, &value, limit, cx).map_err(|fault| FilterError::placed(fault, span))
        });
        self.out = out;
        written
    }

    fn for_each(&mut self, each: &For) -> Result<Flow, Fault> {
        let list = self.with(|cx| eval(&each.list, cx).map(Cow::into_owned))?;
        let length = match &list {
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            Value::Null => 0,
            other => {
                let message = format!("`for` goes over a list or a map, got {}", other.type_name());
                return Err(FilterError::placed(FilterError::type_error(message, other), each.span));
            }
        };
        if length == 0 {
            return self.ops(&each.otherwise);
        }
        self.turns.push(Turn { index: 0, length });
        for index in 0..length {
            self.outer.work.spend(each.cost).map_err(|fault| FilterError::placed(fault, each.span))?;
            self.begin_turn(each, &list, index);
            if let Flow::Break = self.ops(&each.body)? {
                break;
            }
        }
        self.turns.pop();
        Ok(Flow::On)
    }

    /// Sets the variables of a loop. Over a list the second one is the value, and the first its index.
    fn begin_turn(&mut self, each: &For, list: &Value, index: usize) {
        if let Some(turn) = self.turns.last_mut() {
            turn.index = index;
        }
        let (key, value) = match list {
            Value::Map(map) => {
                map.entry_at(index).map(|(k, v)| (Value::from(k), v.clone())).unwrap_or_default()
            }
            Value::List(list) => (Value::from(index), list[index].clone()),
            _ => Default::default(),
        };
        match (each.second, list) {
            (Some(second), _) => {
                self.variables[each.first] = key;
                self.variables[second] = value;
            }
            (None, Value::Map(_)) => self.variables[each.first] = entry(key, value),
            (None, _) => self.variables[each.first] = value,
        }
    }
}

/// An entry of a map as one value, as the filter `entries` gives it.
fn entry(key: Value, value: Value) -> Value {
    crate::value!({"key": key, "value": value})
}

/// Writes the text form of a value.
fn write_text(out: &mut String, value: &Value, limit: usize, cx: &Cx<'_>) -> Result<(), Fault> {
    let before = out.len();
    match value {
        Value::Null => return Ok(()),
        Value::Int(n) => write_int(out, *n),
        Value::Float(x) => write_float(out, *x),
        Value::Str(text) if before.saturating_add(text.len()) <= limit => out.push_str(text),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        other if write_value_within(out, other, limit) => {}
        _ => return Err(cx.work.too_large()),
    }
    if out.len() > limit {
        return Err(cx.work.too_large());
    }
    cx.work.spend_bytes(out.len() - before)
}
