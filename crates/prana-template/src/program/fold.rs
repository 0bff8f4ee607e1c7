//! Computes at once what is constant. What fails is left for evaluation, where it may never be reached.

use super::{ArgCode, Call, Callee, Code, Walk};
use crate::{Budget, eval, value::Value};

/// Constant folding may neither take long nor make anything large.
const STEPS: u64 = 2_000;
const BYTES: usize = 16 * 1024;

fn is_constant(code: &Code) -> bool {
    code.constant().is_some()
}

/// The code, or its value when all that it is made of is constant.
pub(super) fn constant(code: Code) -> Code {
    let all_constant = match &code {
        Code::Not(inner) | Code::Negate(inner, _) => is_constant(inner),
        Code::Binary(binary) => is_constant(&binary.left) && is_constant(&binary.right),
        Code::List(items, _) => items.iter().all(is_constant),
        Code::Map(entries, _) => entries.iter().all(|(_, value)| is_constant(value)),
        Code::Call(call) => is_constant_call(call),
        _ => false,
    };
    if all_constant { evaluated(code) } else { code }
}

/// A call of a built-in filter with constants only. Lambdas are left alone: they may see what is around.
fn is_constant_call(call: &Call) -> bool {
    let constant = |arg: &ArgCode| matches!(arg, ArgCode::Value(code) if is_constant(code));
    matches!(call.callee, Callee::Builtin(_)) && call.args.iter().flatten().all(constant)
}

fn evaluated(code: Code) -> Code {
    let mut budget = Budget { steps: STEPS, output_bytes: BYTES };
    let scope: [Value; 0] = [];
    match eval::constant(&code, &scope, &mut budget) {
        Ok(value) => Code::Constant(value),
        Err(_) => code,
    }
}

/// `and`, `or`, `??` whose left side is constant.
pub(super) fn decided(code: Code) -> Code {
    let keeps_left = match &code {
        Code::And(pair) => pair[0].constant().map(|left| !left.is_truthy()),
        Code::Or(pair) => pair[0].constant().map(Value::is_truthy),
        Code::Coalesce(pair) => pair[0].constant().map(|left| !left.is_null()),
        _ => None,
    };
    match (keeps_left, code) {
        (Some(keeps_left), Code::And(pair) | Code::Or(pair) | Code::Coalesce(pair)) => {
            let [left, right] = *pair;
            if keeps_left { left } else { right }
        }
        (_, code) => code,
    }
}

/// `? :` with a constant test.
pub(super) fn conditional(parts: Box<[Code; 3]>) -> Code {
    let Some(test) = parts[0].constant().map(Value::is_truthy) else { return Code::Conditional(parts) };
    let [_, then, otherwise] = *parts;
    if test { then } else { otherwise }
}

/// A path from a constant.
pub(super) fn walk(walk: Walk) -> Code {
    let literal = |step: &super::Step| matches!(step, super::Step::Key(_) | super::Step::Index(_));
    let all_constant = is_constant(&walk.base) && walk.steps.iter().all(literal);
    let code = Code::Walk(Box::new(walk));
    if all_constant { evaluated(code) } else { code }
}
