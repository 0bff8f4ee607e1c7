//! Expressions.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{Cx, Fault, Frame, Turn, Values, ops, path};
use crate::{
    filters::{FilterError, Invocation},
    program::{ArgCode, Binary, Call, Callee, Code, Lambda, Local, LoopField},
    syntax::BinaryOp,
    value::{Map, Str, Value},
};

pub(crate) static NULL: Value = Value::Null;

/// The value of an expression: borrowed where it exists already.
pub(crate) fn eval<'e>(code: &'e Code, cx: &Cx<'e>) -> Result<Cow<'e, Value>, Fault> {
    match code {
        Code::Constant(value) => Ok(Cow::Borrowed(value)),
        Code::Slot(slot) => Ok(cx.scope.value(*slot)),
        Code::Walk(walk) => path::walk(walk, cx),
        Code::Binary(binary) => self::binary(binary, cx).map(Cow::Owned),
        Code::Local(local) => {
            if let Some(trace) = cx.work.trace {
                trace.local_was_read();
            }
            Ok(Cow::Borrowed(self::local(*local, cx)))
        }
        Code::Call(call) => self::traced(call, cx).map_err(|fault| FilterError::placed(fault, call.span)),
        Code::And(pair) => decide(pair, cx, |left| !left.is_truthy()),
        Code::Or(pair) => decide(pair, cx, Value::is_truthy),
        Code::Coalesce(pair) => decide(pair, cx, |left| !left.is_null()),
        Code::Conditional(parts) => {
            let test = eval(&parts[0], cx)?.is_truthy();
            eval(if test { &parts[1] } else { &parts[2] }, cx)
        }
        Code::Not(inner) => Ok(Cow::Owned(Value::Bool(!eval(inner, cx)?.is_truthy()))),
        Code::Negate(inner, span) => {
            let negated = ops::negate(&*eval(inner, cx)?);
            negated.map(Cow::Owned).map_err(|fault| FilterError::placed(fault, *span))
        }
        Code::List(items, span) => {
            let items = items.iter().map(|item| owned(item, cx)).collect::<Result<Vec<_>, _>>()?;
            cx.list(items).map(Cow::Owned).map_err(|fault| FilterError::placed(fault, *span))
        }
        Code::Map(entries, span) => {
            let entry = |(key, code): &'e (Str, Code)| Ok((key.clone(), owned(code, cx)?));
            let entries = entries.iter().map(entry).collect::<Result<Vec<_>, Fault>>()?;
            cx.map(entries).map(Cow::Owned).map_err(|fault| FilterError::placed(fault, *span))
        }
        Code::ForLoop { up, nest, field } => Ok(Cow::Owned(for_loop(*up, *nest, *field, cx))),
        Code::ItemLoop(frames) => Ok(Cow::Owned(item_loop(frames, cx))),
    }
}

fn owned<'e>(code: &'e Code, cx: &Cx<'e>) -> Result<Value, Fault> {
    eval(code, cx).map(Cow::into_owned)
}

/// The left operand if it decides, else the right one.
fn decide<'e>(
    pair: &'e [Code; 2],
    cx: &Cx<'e>,
    decides: fn(&Value) -> bool,
) -> Result<Cow<'e, Value>, Fault> {
    let left = eval(&pair[0], cx)?;
    if decides(&left) { Ok(left) } else { eval(&pair[1], cx) }
}

fn binary(binary: &Binary, cx: &Cx<'_>) -> Result<Value, Fault> {
    let left = eval(&binary.left, cx)?;
    let right = eval(&binary.right, cx)?;
    // The commonest case first: whole numbers.
    if let (Value::Int(a), Value::Int(b)) = (&*left, &*right)
        && let Some(value) = ops::ints(binary.op, *a, *b)
    {
        return Ok(value);
    }
    let result = match (binary.op, &binary.regex) {
        (BinaryOp::Matches, Some(regex)) => ops::matches_regex(&left, regex, cx),
        _ => ops::binary(binary.op, &left, &right, cx),
    };
    result.map_err(|fault| FilterError::placed(fault, binary.span))
}

fn local<'e>(local: Local, cx: &Cx<'e>) -> &'e Value {
    let index = usize::from(local.index);
    match cx.frame_up(local.up).map(|frame| &frame.values) {
        Some(Values::Given(values)) => values.get(index).copied().unwrap_or(&NULL),
        Some(Values::Variables(values, _)) => values.get(index).unwrap_or(&NULL),
        None => &NULL,
    }
}

fn for_loop(up: u16, nest: u16, field: Option<LoopField>, cx: &Cx<'_>) -> Value {
    let Some(Frame { values: Values::Variables(_, turns), .. }) = cx.frame_up(up) else { return Value::Null };
    let nest = usize::from(nest);
    match (turns.get(nest), field) {
        (Some(turn), Some(field)) => turn.field(field),
        (Some(_), None) => turns[..=nest].iter().fold(Value::Null, |parent, turn| turn.as_map(parent)),
        (None, _) => Value::Null,
    }
}

impl Turn {
    fn field(self, field: LoopField) -> Value {
        match field {
            LoopField::Index => Value::from(self.index + 1),
            LoopField::Index0 => Value::from(self.index),
            LoopField::First => Value::Bool(self.index == 0),
            LoopField::Last => Value::Bool(self.index + 1 == self.length),
            LoopField::Length => Value::from(self.length),
        }
    }

    fn as_map(self, parent: Value) -> Value {
        crate::value!({
            "index": self.index + 1, "index0": self.index, "first": self.index == 0,
            "last": self.index + 1 == self.length, "length": self.length, "parentloop": parent,
        })
    }
}

/// `$loop` as a map, with the loops around it as `parentloop`.
fn item_loop(frames: &[u16], cx: &Cx<'_>) -> Value {
    frames.iter().rev().fold(Value::Null, |parent, &up| {
        let item = local(Local { up, index: 0 }, cx).clone();
        let index = local(Local { up, index: 1 }, cx).clone();
        let mut map = Map::new();
        map.insert("item", item);
        map.insert("index", index);
        map.insert("parentloop", parent);
        Value::Map(map)
    })
}

/// Calls a filter, and tells who wants to know.
fn traced<'e>(call: &'e Call, cx: &Cx<'e>) -> Result<Cow<'e, Value>, Fault> {
    let Some(trace) = cx.work.trace else { return self::call(call, cx) };
    let before = trace.reads();
    let made = self::call(call, cx)?;
    trace.made(&made, before);
    Ok(made)
}

fn call<'e>(call: &'e Call, cx: &Cx<'e>) -> Result<Cow<'e, Value>, Fault> {
    let mut values: SmallVec<[Option<Cow<'e, Value>>; 4]> = SmallVec::new();
    for arg in &call.args {
        let value = match arg {
            Some(ArgCode::Value(code)) => Some(eval(code, cx)?),
            _ => None,
        };
        let passes_null = values.is_empty() && value.as_ref().is_some_and(|v| v.is_null());
        if passes_null && matches!(call.callee, Callee::Builtin(builtin) if builtin.passes_null) {
            return Ok(Cow::Borrowed(&NULL));
        }
        values.push(value);
    }
    cx.work.spend(1)?;
    match &call.callee {
        Callee::Builtin(builtin) => (builtin.run)(&Invocation { call, values, cx }).map(Cow::Owned),
        Callee::App(filter) => {
            let args: SmallVec<[Value; 4]> =
                values.into_iter().map(|value| value.map_or(Value::Null, Cow::into_owned)).collect();
            let made = filter.run(&args).map_err(Box::new)?;
            cx.checked(made).map(Cow::Owned)
        }
    }
}

/// Calls a lambda; the values beyond its parameters are not given to it.
pub(crate) fn apply(lambda: &Lambda, values: &[&Value], cx: &Cx<'_>) -> Result<Value, Fault> {
    cx.work.spend(lambda.cost)?;
    let frame = Frame::given(cx.frame, &values[..lambda.params.min(values.len())]);
    eval(&lambda.body, &cx.inside(&frame)).map(Cow::into_owned)
}
