//! Operators.

use std::cmp::Ordering;

use super::{Cx, Fault};
use crate::{
    filters::{FilterError, regex_of},
    syntax::BinaryOp,
    value::{Str, Value, int_equals_float, write_value_within},
};

/// The result for two ints, where it is one without further ado.
#[inline]
pub(super) fn ints(op: BinaryOp, a: i64, b: i64) -> Option<Value> {
    Some(match op {
        BinaryOp::Add => Value::Int(a.checked_add(b)?),
        BinaryOp::Subtract => Value::Int(a.checked_sub(b)?),
        BinaryOp::Multiply => Value::Int(a.checked_mul(b)?),
        BinaryOp::Equal => Value::Bool(a == b),
        BinaryOp::NotEqual => Value::Bool(a != b),
        BinaryOp::Less => Value::Bool(a < b),
        BinaryOp::LessEqual => Value::Bool(a <= b),
        BinaryOp::Greater => Value::Bool(a > b),
        BinaryOp::GreaterEqual => Value::Bool(a >= b),
        _ => return None,
    })
}

/// Operators that always look at both sides.
pub(super) fn binary(op: BinaryOp, left: &Value, right: &Value, cx: &Cx<'_>) -> Result<Value, Fault> {
    use BinaryOp::*;
    match op {
        Add => add(left, right, cx),
        Subtract | Multiply | Divide | Remainder => arithmetic(op, left, right),
        Equal => same(left, right, cx).map(Value::Bool),
        NotEqual => same(left, right, cx).map(|same| Value::Bool(!same)),
        Less | LessEqual | Greater | GreaterEqual => ordered(op, left, right, cx),
        In => contains(right, left, op, cx).map(Value::Bool),
        NotIn => contains(right, left, op, cx).map(|inside| Value::Bool(!inside)),
        Contains => contains(left, right, op, cx).map(Value::Bool),
        Matches => matches(left, right, cx),
        // These decide in `expr`, which evaluates no more than it needs.
        And | Or | Coalesce => Ok(Value::Null),
    }
}

fn wrong_types(op: BinaryOp, needs: &str, left: &Value, right: &Value) -> Fault {
    let is_fine = |value: &Value| match op {
        BinaryOp::Add => matches!(value, Value::Int(_) | Value::Float(_) | Value::Str(_)),
        _ => matches!(value, Value::Int(_) | Value::Float(_)),
    };
    let culprit = if is_fine(left) { right } else { left };
    let message =
        format!("`{}` needs {needs}, got {} and {}", op.symbol(), left.type_name(), right.type_name());
    FilterError::type_error(message, culprit)
}

fn overflow(op: BinaryOp) -> Fault {
    FilterError::new(
        "expression.overflow",
        format!("the result of `{}` is too large for a number", op.symbol()),
    )
}

fn float(op: BinaryOp, x: f64) -> Result<Value, Fault> {
    if x.is_finite() { Ok(Value::Float(x)) } else { Err(overflow(op)) }
}

fn add(left: &Value, right: &Value, cx: &Cx<'_>) -> Result<Value, Fault> {
    let op = BinaryOp::Add;
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_add(*b).map(Value::Int).ok_or_else(|| overflow(op)),
        (Value::Str(_), _) | (_, Value::Str(_)) => join_text(left, right, cx),
        (Value::List(a), Value::List(b)) => {
            cx.work.spend((a.len() + b.len()) as u64 / 8)?;
            cx.list(a.iter().chain(b.iter()).cloned().collect())
        }
        _ => match (left.as_f64(), right.as_f64()) {
            (Some(a), Some(b)) => float(op, a + b),
            _ => Err(wrong_types(op, "numbers, text or two lists", left, right)),
        },
    }
}

fn join_text(left: &Value, right: &Value, cx: &Cx<'_>) -> Result<Value, Fault> {
    let limit = cx.work.output_bytes;
    let length = |side: &Value| side.as_str().map_or(0, str::len);
    cx.work.check_text(length(left).saturating_add(length(right)))?;
    let mut out = String::with_capacity(length(left) + length(right));
    for side in [left, right] {
        match side {
            Value::Null => {}
            Value::Str(text) => out.push_str(text),
            other if write_value_within(&mut out, other, limit) => {}
            _ => return Err(cx.work.too_large()),
        }
    }
    cx.work.check_text(out.len())?;
    Ok(Value::Str(Str::from(out)))
}

fn arithmetic(op: BinaryOp, left: &Value, right: &Value) -> Result<Value, Fault> {
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        return int_arithmetic(op, *a, *b);
    }
    let (Some(a), Some(b)) = (left.as_f64(), right.as_f64()) else {
        return Err(wrong_types(op, "numbers", left, right));
    };
    match op {
        BinaryOp::Subtract => float(op, a - b),
        BinaryOp::Multiply => float(op, a * b),
        _ if b == 0.0 => Err(division_by_zero()),
        BinaryOp::Divide => float(op, a / b),
        _ => float(op, a % b),
    }
}

fn division_by_zero() -> Fault {
    FilterError::new("expression.division_by_zero", "division by zero".to_owned())
}

fn int_arithmetic(op: BinaryOp, a: i64, b: i64) -> Result<Value, Fault> {
    let result = match op {
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        _ if b == 0 => return Err(division_by_zero()),
        BinaryOp::Remainder => Some(a.wrapping_rem(b)),
        _ if a.wrapping_rem(b) == 0 => a.checked_div(b),
        _ => return float(op, a as f64 / b as f64),
    };
    result.map(Value::Int).ok_or_else(|| overflow(op))
}

pub(super) fn negate(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Int(n) => n.checked_neg().map(Value::Int).ok_or_else(|| overflow(BinaryOp::Subtract)),
        Value::Float(x) => Ok(Value::Float(-x)),
        other => {
            Err(FilterError::type_error(format!("`-` needs a number, got {}", other.type_name()), other))
        }
    }
}

/// Steps that comparing two values may cost.
pub(crate) fn same_cost(left: &Value, right: &Value) -> u64 {
    left.weight().min(right.weight()) as u64 / 32
}

/// `==`, paid for by size.
pub(crate) fn same(left: &Value, right: &Value, cx: &Cx<'_>) -> Result<bool, Fault> {
    cx.work.spend(same_cost(left, right))?;
    Ok(left == right)
}

/// Compares numbers exactly, without rounding ints.
pub(crate) fn compare_numbers(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => Some(compare_int_float(*a, *b)),
        (Value::Float(a), Value::Int(b)) => Some(compare_int_float(*b, *a).reverse()),
        _ => None,
    }
}

fn compare_int_float(int: i64, float: f64) -> Ordering {
    if int_equals_float(int, float) {
        return Ordering::Equal;
    }
    if float >= 9_223_372_036_854_775_808.0 {
        return Ordering::Less;
    }
    if float < -9_223_372_036_854_775_808.0 {
        return Ordering::Greater;
    }
    match int.cmp(&(float.trunc() as i64)) {
        Ordering::Equal if float.fract() > 0.0 => Ordering::Less,
        Ordering::Equal => Ordering::Greater,
        other => other,
    }
}

fn ordered(op: BinaryOp, left: &Value, right: &Value, cx: &Cx<'_>) -> Result<Value, Fault> {
    let order = match (left, right) {
        (Value::Str(a), Value::Str(b)) => {
            cx.work.spend(same_cost(left, right))?;
            a.cmp(b)
        }
        _ => compare_numbers(left, right)
            .ok_or_else(|| wrong_types(op, "two numbers or two texts", left, right))?,
    };
    Ok(Value::Bool(match op {
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        _ => order.is_ge(),
    }))
}

fn contains(whole: &Value, part: &Value, op: BinaryOp, cx: &Cx<'_>) -> Result<bool, Fault> {
    if whole.is_null() {
        return Ok(false);
    }
    match holds(whole, part, cx)? {
        Some(found) => Ok(found),
        None => {
            let (whole, part) = (whole.type_name(), part.type_name());
            let message = format!(
                "`{}` looks for a value in a list, text in text or a key in a map, got {part} in {whole}",
                op.symbol()
            );
            Err(FilterError::new("expression.type", message))
        }
    }
}

/// Whether a list has an item, a text a text, a map a key; `None` for other types.
pub(crate) fn holds(whole: &Value, part: &Value, cx: &Cx<'_>) -> Result<Option<bool>, Fault> {
    cx.work.spend(whole.weight() as u64 / 256)?;
    Ok(match (whole, part) {
        (Value::List(list), part) => {
            cx.work.spend((list.len() as u64 / 8).saturating_add(same_cost(whole, part)))?;
            Some(list.contains(part))
        }
        (Value::Str(text), Value::Str(part)) => Some(text.contains(part.as_str())),
        (Value::Map(map), Value::Str(key)) => Some(map.contains_key(key)),
        _ => None,
    })
}

fn matches(left: &Value, right: &Value, cx: &Cx<'_>) -> Result<Value, Fault> {
    match right {
        Value::Str(pattern) => {
            let regex = regex_of(pattern, cx)?;
            matches_regex(left, &regex, cx)
        }
        other => {
            let message = format!("`matches` needs a regular expression as text, got {}", other.type_name());
            Err(FilterError::type_error(message, other))
        }
    }
}

pub(super) fn matches_regex(left: &Value, regex: &regex::Regex, cx: &Cx<'_>) -> Result<Value, Fault> {
    match left {
        Value::Null => Ok(Value::Bool(false)),
        Value::Str(text) => {
            cx.work.spend_bytes(text.len())?;
            Ok(Value::Bool(regex.is_match(text)))
        }
        other => {
            Err(FilterError::type_error(format!("`matches` needs text, got {}", other.type_name()), other))
        }
    }
}
