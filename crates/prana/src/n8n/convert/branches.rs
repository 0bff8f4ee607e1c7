//! `If`, `Filter` and `Switch`: of one item the way it goes, of a list the part that goes each way.

use prana_template::{Map, Value};

use super::conditions::{Rules, condition, older_test};
use super::{Converter, End, map};
use crate::elixir::Fate;
use crate::n8n::export::Source;
use crate::n8n::expr::{Out, Shape, Texts};
use crate::n8n::keys::Keys;

/// How many outputs a `Switch` has.
pub(in crate::n8n) fn switch_outputs(source: &Source) -> usize {
    if source.text("mode") == Some("expression") {
        let count =
            source.at(&["numberOutputs"]).or_else(|| source.at(&["outputsAmount"])).and_then(Value::as_i64);
        return count.map_or(4, |count| count.clamp(1, 64) as usize);
    }
    let extra = usize::from(fallback(source) == Some(&Value::from("extra")));
    if source.version >= 3.0 {
        source.list(&["rules", "values"]).len() + extra
    } else if source.version >= 2.0 {
        source.list(&["rules", "rules"]).len() + extra
    } else {
        4
    }
}

fn fallback(source: &Source) -> Option<&Value> {
    source.at(&["options", "fallbackOutput"]).or_else(|| source.at(&["fallbackOutput"]))
}

/// A way that a switch goes.
struct Way {
    test: Out,
    output: usize,
}

impl Converter<'_, '_> {
    fn rules(&self) -> Rules {
        let source = self.source;
        Rules {
            ignore_case: source.at(&["options", "ignoreCase"]).and_then(Value::as_bool) == Some(true),
            loose: source.flag(&["looseTypeValidation"]) || source.flag(&["options", "looseTypeValidation"]),
        }
    }

    fn condition(&mut self) -> Out {
        let (view, many, rules) = (self.view(), self.many(), self.rules());
        let mut texts = Self::texts(&view, many);
        let all_of = self.source.text("combineOperation") != Some("any")
            && self.source.text("combineConditions") != Some("OR");
        let test = condition(&mut texts, self.source.at(&["conditions"]), all_of, rules);
        self.said(texts);
        test
    }

    pub(super) fn if_node(&mut self) {
        let test = self.condition();
        let key = self.key();
        if !self.many() {
            self.only("logic.if_condition", map([("condition", test.template().into())]));
            self.piece.exits =
                ["true", "false"].map(|port| vec![(key.clone(), Some(port.to_owned()))]).into();
            return;
        }
        self.parts(
            vec![Way { test: test.clone(), output: 0 }, Way { test: test.not(), output: 1 }],
            &["true".to_owned(), "false".to_owned()],
        );
    }

    pub(super) fn filter(&mut self) {
        let test = self.condition();
        if self.many() {
            return self.only("data.filter", map([("condition", test.template().into())]));
        }
        self.only("logic.if_condition", map([("condition", test.template().into())]));
        self.piece.exits = vec![vec![(self.key(), Some("true".to_owned()))]];
    }

    /// One filter for each way; those that lead nowhere are left out.
    fn parts(&mut self, ways: Vec<Way>, names: &[String]) {
        let mut entries: Vec<End> = Vec::new();
        let outputs = ways.iter().map(|way| way.output + 1).max().unwrap_or(1);
        let mut exits: Vec<Vec<End>> = vec![Vec::new(); outputs];
        for output in 0..outputs {
            let mut tests = ways.iter().filter(|way| way.output == output).map(|way| way.test.clone());
            let Some(first) = tests.next() else { continue };
            let is_used =
                self.plan.export.links.iter().any(|link| link.from == self.index && link.output == output);
            let is_needed = is_used || (entries.is_empty() && output + 1 == outputs);
            if !is_needed {
                continue;
            }
            let test = tests.fold(first, |all, test| all.or(&test));
            let key = if entries.is_empty() {
                self.key()
            } else {
                self.helper(&names[output.min(names.len() - 1)])
            };
            self.add(&key, "data.filter", map([("condition", test.template().into())]));
            entries.push((key.clone(), None));
            exits[output].push((key, None));
        }
        self.piece.entries = vec![entries];
        self.piece.exits = exits;
    }

    pub(super) fn switch(&mut self) {
        let (view, many) = (self.view(), self.many());
        let mut texts = Self::texts(&view, many);
        let ways = self.ways(&mut texts);
        self.said(texts);
        let outputs = switch_outputs(self.source);
        let rest = self.rest(ways.len());
        if ways.is_empty() {
            return self.impossible("it has no rules that could be read");
        }
        let all_matching = self.source.flag(&["options", "allMatchingOutputs"]);
        let names = self.port_names(outputs.max(rest.map_or(0, |rest| rest + 1)));
        if many {
            let ways = if all_matching { with_rest(ways, rest) } else { exclusive(ways, rest) };
            return self.parts(ways, &names);
        }
        if all_matching {
            return self.several_ways(with_rest(ways, rest), &names);
        }
        self.one_way(ways, rest, &names);
    }

    /// The first way whose test holds.
    fn one_way(&mut self, ways: Vec<Way>, rest: Option<usize>, names: &[String]) {
        let case =
            |test: String, port: &str| Value::from(map([("condition", test.into()), ("port", port.into())]));
        let mut cases: Vec<Value> = ways
            .iter()
            .map(|way| case(way.test.template(), &names[way.output.min(names.len() - 1)]))
            .collect();
        let port = rest.map_or("none", |rest| &names[rest.min(names.len() - 1)]);
        cases.push(case("{{ true }}".to_owned(), port));
        self.only("logic.switch", map([("cases", cases.into())]));
        let key = self.key();
        let known: Vec<bool> = (0..names.len())
            .map(|output| rest == Some(output) || ways.iter().any(|way| way.output == output))
            .collect();
        let exit = |(name, known): (&String, bool)| {
            if known { vec![(key.clone(), Some(name.clone()))] } else { Vec::new() }
        };
        self.piece.exits = names.iter().zip(known).map(exit).collect();
    }

    /// Every way whose test holds.
    fn several_ways(&mut self, ways: Vec<Way>, names: &[String]) {
        let mut entries: Vec<End> = Vec::new();
        let mut exits: Vec<Vec<End>> = vec![Vec::new(); names.len()];
        for way in ways {
            let output = way.output.min(names.len() - 1);
            let key = if entries.is_empty() { self.key() } else { self.helper(&names[output]) };
            self.add(&key, "logic.if_condition", map([("condition", way.test.template().into())]));
            entries.push((key.clone(), None));
            exits[output].push((key, Some("true".to_owned())));
        }
        self.piece.entries = vec![entries];
        self.piece.exits = exits;
    }

    /// Where items go that no rule holds for.
    fn rest(&mut self, rules: usize) -> Option<usize> {
        match fallback(self.source) {
            None => None,
            Some(Value::Str(word)) if *word == "extra" => Some(rules),
            Some(Value::Str(_)) => None,
            Some(number) => {
                number.as_i64().and_then(|number| usize::try_from(number).ok()).filter(|number| *number < 64)
            }
        }
    }

    /// Ports by the names of the outputs, where they have some.
    fn port_names(&self, count: usize) -> Vec<String> {
        let mut keys = Keys::default();
        for taken in ["default", "none", "error"] {
            keys.of_name(taken);
        }
        let rules = self.source.list(&[if self.source.version >= 3.0 { "rules" } else { "none" }, "values"]);
        let older = self.source.list(&["rules", "rules"]);
        let name = |output: usize| {
            let rule = rules.get(output).or_else(|| older.get(output).filter(|_| self.source.version >= 2.0));
            rule.and_then(|rule| rule.get("outputKey"))
                .and_then(Value::as_str)
                .filter(|name| !name.trim().is_empty())
        };
        let wanted = |output: usize| name(output).map_or_else(|| format!("out {output}"), str::to_owned);
        (0..count.max(1)).map(|output| keys.of_name(&wanted(output))).collect()
    }

    fn ways(&mut self, texts: &mut Texts<'_>) -> Vec<Way> {
        let source = self.source;
        if source.text("mode") == Some("expression") {
            let given = source.at(&["output"]).cloned().unwrap_or(Value::Int(0));
            let value = texts.out(&given);
            let test = |output: usize| value.compare("==", &Out::atom(output.to_string(), Shape::Number));
            return (0..switch_outputs(source)).map(|output| Way { test: test(output), output }).collect();
        }
        let rules = self.rules();
        let newer = source.list(&["rules", "values"]).iter().take(64).enumerate();
        let mut ways: Vec<Way> = newer
            .map(|(output, rule)| Way { test: condition(texts, rule.get("conditions"), true, rules), output })
            .collect();
        let kind = source.text("dataType").unwrap_or("number");
        for (index, rule) in
            source.list(&["rules", "rules"]).iter().take(64).enumerate().filter(|_| source.version < 3.0)
        {
            let left = texts.out(source.at(&["value1"]).unwrap_or(&Value::Null));
            let right = rule.get("value2").cloned().unwrap_or_default();
            let operation = rule.get("operation").and_then(Value::as_str);
            let given =
                rule.get("output").and_then(Value::as_i64).and_then(|output| usize::try_from(output).ok());
            let output = if source.version >= 2.0 { index } else { given.unwrap_or(0).min(3) };
            ways.push(Way { test: older_test(texts, kind, operation, left, &right), output });
        }
        ways
    }

    pub(super) fn no_op(&mut self) {
        self.only("core.no_op", Map::new());
    }

    pub(super) fn stop_and_error(&mut self) {
        let (view, many) = (self.view(), self.many());
        let mut texts = Self::texts(&view, false);
        let source = self.source;
        let is_object = source.text("errorType") == Some("errorObject");
        let given = if is_object { source.at(&["errorObject"]) } else { source.at(&["errorMessage"]) };
        let message = if many && given.and_then(Value::as_str).is_some_and(|text| text.contains("$json")) {
            self.find(Fate::Changed, "its message is made of the first item");
            let first =
                given.and_then(Value::as_str).unwrap_or_default().replace("$json", "$input.first().json");
            let mut over = Self::texts(&view, true);
            let message = over.text(Some(&first.into()), "");
            self.said(over);
            message
        } else {
            texts.text(given, "the workflow stopped itself")
        };
        self.said(texts);
        let key = self.key();
        self.add(
            &key,
            "core.stop",
            map([("status", "failed".into()), ("code", "n8n.stop_and_error".into()), ("message", message)]),
        );
        self.enter_unless_empty(&key);
        self.piece.exits = vec![Vec::new()];
    }
}

/// Each way only for what the ways before it are not for.
fn exclusive(ways: Vec<Way>, rest: Option<usize>) -> Vec<Way> {
    let mut before: Option<Out> = None;
    let mut all = Vec::new();
    for way in ways {
        let test = match &before {
            Some(before) => before.not().and(&way.test),
            None => way.test.clone(),
        };
        before = Some(match before {
            Some(before) => before.or(&way.test),
            None => way.test,
        });
        all.push(Way { test, output: way.output });
    }
    if let (Some(before), Some(output)) = (before, rest) {
        all.push(Way { test: before.not(), output });
    }
    all
}

/// Every way, and one for what none is for.
fn with_rest(ways: Vec<Way>, rest: Option<usize>) -> Vec<Way> {
    let any = ways.iter().map(|way| way.test.clone()).reduce(|all, test| all.or(&test));
    let rest = any.zip(rest).map(|(any, output)| Way { test: any.not(), output });
    ways.into_iter().chain(rest).collect()
}
