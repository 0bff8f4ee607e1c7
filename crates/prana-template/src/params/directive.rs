//! Map directives: one-key maps such as `#map: [list, template]`.

use super::{
    Params,
    compile::Compiler,
    render::{Failed, without_template as fault},
};
use crate::{
    eval::{Cx, Frame, same},
    filters::FilterError,
    names::Slot,
    value::{List, Map, Str, Value},
};

const NAMES: [&str; 9] =
    ["#map", "#flat_map", "#filter", "#merge", "#if", "#case", "#cond", "#pick", "#pipe"];

pub(super) fn is_directive(key: &str) -> bool {
    key.starts_with('#') && NAMES.contains(&key)
}

/// A directive. Inside `#pipe` its first operand is the result before it, and not there.
#[derive(Debug, Clone)]
pub(super) enum Directive {
    Each { kind: Each, list: Option<Params>, body: Params },
    Merge { first_is_piped: bool, maps: Vec<Params> },
    If { test: Option<Params>, then: Params, otherwise: Option<Params> },
    Case { subject: Option<Params>, cases: Vec<(Params, Params)>, otherwise: Option<Params> },
    Cond(Vec<(Params, Params)>),
    Pick { map: Option<Params>, keys: Params },
    Pipe { value: Option<Params>, stages: Vec<Directive> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    Map,
    FlatMap,
    Filter,
}

impl Compiler<'_> {
    /// Compiles a directive; the path ends with its name. `piped`: the first operand is the result of the one before.
    pub(super) fn directive(
        &mut self,
        name: &str,
        args: &Value,
        items: usize,
        piped: bool,
    ) -> Option<Directive> {
        let Value::List(args) = args else {
            self.error(
                "expression.invalid_directive",
                format!("`{name}` takes a list, not {}", args.type_name()),
            );
            return None;
        };
        let skipped = usize::from(piped);
        let (least, most) = match name {
            "#if" => (2, 3),
            "#case" => (2, 3),
            "#merge" | "#cond" => (0, usize::MAX),
            _ => (2, 2),
        };
        if args.len() + skipped < least || args.len() + skipped > most || piped && name == "#cond" {
            let usage = usage(name);
            self.error("expression.invalid_directive", format!("`{name}` is written `{usage}`"));
            return None;
        }
        let mut operands = Operands { args, next: 0, items, piped };
        Some(match name {
            "#map" => operands.each(self, Each::Map),
            "#flat_map" => operands.each(self, Each::FlatMap),
            "#filter" => operands.each(self, Each::Filter),
            "#merge" => Directive::Merge { first_is_piped: piped, maps: operands.rest(self) },
            "#if" => {
                let test = operands.first(self);
                Directive::If { test, then: operands.next_or_null(self), otherwise: operands.next(self) }
            }
            "#case" => {
                let subject = operands.first(self);
                let cases = operands.pairs(self, name)?;
                Directive::Case { subject, cases, otherwise: operands.next(self) }
            }
            "#cond" => Directive::Cond(self.conditions(args, items)?),
            "#pick" => {
                let map = operands.first(self);
                Directive::Pick { map, keys: operands.next_or_null(self) }
            }
            _ => {
                let value = operands.first(self);
                Directive::Pipe { value, stages: operands.stages(self)? }
            }
        })
    }

    /// `[[test, result]...]`; also inside one more list.
    fn conditions(&mut self, args: &List, items: usize) -> Option<Vec<(Params, Params)>> {
        let is_pairs = |list: &List| {
            !list.is_empty() && list.iter().all(|pair| pair.as_list().is_some_and(|p| p.len() == 2))
        };
        match args.first() {
            Some(Value::List(inner)) if args.len() == 1 && is_pairs(inner) => {
                self.at(0.into(), |c| c.pair_list(inner, "#cond", items))
            }
            _ => self.pair_list(args, "#cond", items),
        }
    }

    fn pair_list(&mut self, pairs: &List, name: &str, items: usize) -> Option<Vec<(Params, Params)>> {
        let mut compiled = Vec::new();
        for (i, pair) in pairs.iter().enumerate() {
            let Some([left, right]) = pair.as_list().map(|pair| &pair[..]) else {
                self.error("expression.invalid_directive", format!("`{name}` is written `{}`", usage(name)));
                return None;
            };
            compiled.push(self.at(i.into(), |c| {
                (c.at(0.into(), |c| c.params(left, items)), c.at(1.into(), |c| c.params(right, items)))
            }));
        }
        Some(compiled)
    }
}

fn usage(name: &str) -> &'static str {
    match name {
        "#map" => "#map: [list, template]",
        "#flat_map" => "#flat_map: [list, template]",
        "#filter" => "#filter: [list, condition]",
        "#merge" => "#merge: [map, map...]",
        "#if" => "#if: [condition, then, else]",
        "#case" => "#case: [value, [[pattern, result]...], default]",
        "#cond" => "#cond: [[condition, result]...], and not inside #pipe",
        "#pick" => "#pick: [map, keys]",
        _ => "#pipe: [value, [directive...]]",
    }
}

/// The operands of a directive, taken one after the other.
struct Operands<'a> {
    args: &'a List,
    next: usize,
    items: usize,
    piped: bool,
}

impl Operands<'_> {
    fn next(&mut self, compiler: &mut Compiler<'_>) -> Option<Params> {
        self.next_inside(compiler, self.items)
    }

    fn next_inside(&mut self, compiler: &mut Compiler<'_>, items: usize) -> Option<Params> {
        let arg = self.args.get(self.next)?;
        let at = self.next;
        self.next += 1;
        Some(compiler.at(at.into(), |c| c.params(arg, items)))
    }

    fn next_or_null(&mut self, compiler: &mut Compiler<'_>) -> Params {
        self.next(compiler).unwrap_or_else(|| Params::scalar(Value::Null))
    }

    /// The first operand, unless it is the result of the directive before.
    fn first(&mut self, compiler: &mut Compiler<'_>) -> Option<Params> {
        if self.piped { None } else { self.next(compiler) }
    }

    fn rest(&mut self, compiler: &mut Compiler<'_>) -> Vec<Params> {
        std::iter::from_fn(|| self.next(compiler)).collect()
    }

    fn each(&mut self, compiler: &mut Compiler<'_>, kind: Each) -> Directive {
        let list = self.first(compiler);
        let body = self.next_inside(compiler, self.items + 1).unwrap_or_else(|| Params::scalar(Value::Null));
        Directive::Each { kind, list, body }
    }

    fn pairs(&mut self, compiler: &mut Compiler<'_>, name: &str) -> Option<Vec<(Params, Params)>> {
        let (at, items) = (self.next, self.items);
        self.next += 1;
        let Some(Value::List(pairs)) = self.args.get(at) else {
            compiler.error("expression.invalid_directive", format!("`{name}` is written `{}`", usage(name)));
            return None;
        };
        compiler.at(at.into(), |c| c.pair_list(pairs, name, items))
    }

    fn stages(&mut self, compiler: &mut Compiler<'_>) -> Option<Vec<Directive>> {
        let (at, items) = (self.next, self.items);
        let Some(Value::List(stages)) = self.args.get(at) else {
            compiler
                .error("expression.invalid_directive", format!("`#pipe` is written `{}`", usage("#pipe")));
            return None;
        };
        let mut compiled = Vec::new();
        for (i, stage) in stages.iter().enumerate() {
            let entry = stage.as_map().filter(|map| map.len() == 1).and_then(|map| map.entry_at(0));
            let stage = compiler.at(at.into(), |c| {
                c.at(i.into(), |c| match entry {
                    Some((name, args)) if is_directive(name) => {
                        c.at(name.as_str().into(), |c| c.directive(name, args, items, true))
                    }
                    _ => {
                        c.error(
                            "expression.invalid_directive",
                            "every stage of `#pipe` is a directive".to_owned(),
                        );
                        None
                    }
                })
            });
            compiled.push(stage?);
        }
        Some(compiled)
    }
}

fn needs(name: &str, needs: &str, given: &Value) -> Failed {
    fault(Box::new(FilterError::type_mismatch(&format!("`{name}` needs {needs}"), given)))
}

impl Directive {
    /// The value of the directive; `piped` is the result of the one before it in `#pipe`.
    pub(super) fn render(&self, piped: Option<Value>, cx: &Cx<'_>) -> Result<Value, Failed> {
        let first = |operand: &Option<Params>| match operand {
            Some(params) => params.render_at(0, cx),
            None => Ok(piped.clone().unwrap_or_default()),
        };
        match self {
            Directive::Each { kind, list, body } => each(*kind, first(list)?, body, cx),
            Directive::Merge { first_is_piped, maps } => merge(piped.filter(|_| *first_is_piped), maps, cx),
            Directive::If { test, then, otherwise } => {
                let chosen = if first(test)?.is_truthy() { Some(then) } else { otherwise.as_ref() };
                chosen.map_or(Ok(Value::Null), |params| params.render_in(cx))
            }
            Directive::Case { subject, cases, otherwise } => {
                let subject = first(subject)?;
                for (pattern, result) in cases {
                    if same(&subject, &pattern.render_in(cx)?, cx).map_err(fault)? {
                        return result.render_in(cx);
                    }
                }
                otherwise.as_ref().map_or(Ok(Value::Null), |params| params.render_in(cx))
            }
            Directive::Cond(cases) => {
                for (test, result) in cases {
                    if test.render_in(cx)?.is_truthy() {
                        return result.render_in(cx);
                    }
                }
                Ok(Value::Null)
            }
            Directive::Pick { map, keys } => pick(first(map)?, keys, cx),
            Directive::Pipe { value, stages } => {
                let mut result = first(value)?;
                for stage in stages {
                    result = stage.render(Some(result), cx)?;
                }
                Ok(result)
            }
        }
    }

    /// All slots, in any order.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::new();
        let mut add = |params: &Params| slots.extend_from_slice(params.slots());
        match self {
            Directive::Each { list, body, .. } => list.iter().chain([body]).for_each(add),
            Directive::Merge { maps, .. } => maps.iter().for_each(add),
            Directive::If { test, then, otherwise } => {
                test.iter().chain([then]).chain(otherwise).for_each(add)
            }
            Directive::Case { subject, cases, otherwise } => {
                subject.iter().chain(otherwise).chain(cases.iter().flat_map(|(a, b)| [a, b])).for_each(add);
            }
            Directive::Cond(cases) => cases.iter().flat_map(|(a, b)| [a, b]).for_each(add),
            Directive::Pick { map, keys } => map.iter().chain([keys]).for_each(add),
            Directive::Pipe { value, stages } => {
                value.iter().for_each(&mut add);
                slots.extend(stages.iter().flat_map(Directive::slots));
            }
        }
        slots
    }
}

/// `#map`, `#flat_map` (which joins the lists and leaves out what is none) and `#filter`.
fn each(kind: Each, list: Value, body: &Params, cx: &Cx<'_>) -> Result<Value, Failed> {
    let list = match list {
        Value::List(list) => list,
        Value::Null => List::new(),
        other => return Err(needs("#map", "a list", &other)),
    };
    let mut made = Vec::new();
    for (index, item) in list.iter().enumerate() {
        cx.work.spend(1).map_err(fault)?;
        let index = Value::from(index);
        let values = [item, &index];
        let frame = Frame::given(cx.frame, &values);
        let result = body.render_at(1, &cx.inside(&frame))?;
        match (kind, result) {
            (Each::Map, result) => made.push(result),
            (Each::Filter, test) if test.is_truthy() => made.push(item.clone()),
            (Each::FlatMap, Value::List(inner)) => {
                cx.work.spend(inner.len() as u64).map_err(fault)?;
                made.extend(inner.iter().cloned());
            }
            _ => {}
        }
    }
    cx.list(made).map_err(fault)
}

/// Maps in one; null is nothing, and a list of maps stands for its items.
fn merge(piped: Option<Value>, maps: &[Params], cx: &Cx<'_>) -> Result<Value, Failed> {
    let mut entries: Vec<(Str, Value)> = Vec::new();
    let mut add = |value: &Value| match value {
        Value::Map(map) => {
            cx.work.spend(map.len() as u64).map_err(fault)?;
            entries.extend(map.iter().map(|(key, value)| (key.clone(), value.clone())));
            Ok(())
        }
        Value::Null => Ok(()),
        other => Err(needs("#merge", "maps", other)),
    };
    let mut add_all = |value: Value| match value {
        Value::List(list) => list.iter().try_for_each(&mut add),
        other => add(&other),
    };
    piped.map_or(Ok(()), &mut add_all)?;
    for (i, params) in maps.iter().enumerate() {
        add_all(params.render_at(i, cx)?)?;
    }
    cx.map(entries).map_err(fault)
}

fn pick(map: Value, keys: &Params, cx: &Cx<'_>) -> Result<Value, Failed> {
    let map = match map {
        Value::Map(map) => map,
        Value::Null => Map::new(),
        other => return Err(needs("#pick", "a map", &other)),
    };
    let keys = keys.render_at(1, cx)?;
    let Value::List(keys) = &keys else { return Err(needs("#pick", "a list of keys", &keys)) };
    cx.work.spend((map.len() + keys.len()) as u64).map_err(fault)?;
    let mut wanted: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
    wanted.sort_unstable();
    let picked = map.iter().filter(|(key, _)| wanted.binary_search(&key.as_str()).is_ok());
    cx.map(picked.map(|(key, value)| (key.clone(), value.clone())).collect()).map_err(fault)
}
