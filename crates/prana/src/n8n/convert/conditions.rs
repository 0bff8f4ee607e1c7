//! Conditions of `If`, `Filter` and `Switch`, old and new.

use prana_template::Value;

use crate::n8n::expr::{Out, Shape, Texts, is_expression, pattern};

/// How values are compared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// Values are converted to the type of the comparison.
    pub loose: bool,
}

/// The condition of a node: of either form.
pub(super) fn condition(texts: &mut Texts<'_>, given: Option<&Value>, all_of: bool, rules: Rules) -> Out {
    let Some(given) = given else { return always(true) };
    match given.get("conditions").and_then(Value::as_list) {
        Some(list) => newer(texts, given, list, rules),
        None => older(texts, given, all_of),
    }
}

/// `{options, conditions: [{leftValue, rightValue, operator}], combinator}`
fn newer(texts: &mut Texts<'_>, given: &Value, list: &[Value], rules: Rules) -> Out {
    let case = given.get("options").and_then(|options| options.get("caseSensitive")).and_then(Value::as_bool);
    let strictness =
        given.get("options").and_then(|options| options.get("typeValidation")).and_then(Value::as_str);
    let rules = Rules {
        ignore_case: rules.ignore_case || case == Some(false),
        loose: rules.loose || strictness == Some("loose"),
    };
    let tests = list.iter().map(|test| {
        let operator = test.get("operator");
        let word =
            |key: &str| operator.and_then(|operator| operator.get(key)).and_then(Value::as_str).unwrap_or("");
        let left = texts.out(test.get("leftValue").unwrap_or(&Value::Null));
        let is_unary =
            operator.and_then(|operator| operator.get("singleValue")).and_then(Value::as_bool) == Some(true);
        let right = if is_unary { Value::Null } else { test.get("rightValue").cloned().unwrap_or_default() };
        tested(texts, word("type"), word("operation"), left, &right, rules)
    });
    let tests: Vec<Out> = tests.collect();
    joined(tests, given.get("combinator").and_then(Value::as_str) != Some("or"))
}

/// `{string: [{value1, operation, value2}], number: [...], boolean: [...], dateTime: [...]}`
fn older(texts: &mut Texts<'_>, given: &Value, all_of: bool) -> Out {
    let mut tests = Vec::new();
    for kind in ["boolean", "number", "string", "dateTime"] {
        for test in given.get(kind).and_then(Value::as_list).iter().flat_map(|tests| tests.iter()) {
            let left = texts.out(test.get("value1").unwrap_or(&Value::Null));
            let right = test.get("value2").cloned().unwrap_or_default();
            let operation = test.get("operation").and_then(Value::as_str);
            tests.push(older_test(texts, kind, operation, left, &right));
        }
    }
    joined(tests, all_of)
}

/// A test as the older nodes name it.
pub(super) fn older_test(
    texts: &mut Texts<'_>,
    kind: &str,
    operation: Option<&str>,
    left: Out,
    right: &Value,
) -> Out {
    let default = match kind {
        "number" => "smaller",
        "dateTime" => "after",
        _ => "equal",
    };
    let (kind, operation) = match (kind, operation.unwrap_or(default)) {
        (kind, "equal") => (kind, "equals"),
        (kind, "notEqual") => (kind, "notEquals"),
        (kind, "larger") => (kind, "gt"),
        (kind, "largerEqual") => (kind, "gte"),
        (kind, "smaller") => (kind, "lt"),
        (kind, "smallerEqual") => (kind, "lte"),
        (kind, "isEmpty") => (kind, "empty"),
        (kind, "isNotEmpty") => (kind, "notEmpty"),
        (kind, "notRegex") => (kind, "notRegex"),
        (kind, other) => (kind, other),
    };
    let is_conversion = matches!(operation, "equals" | "notEquals");
    tested(texts, kind, operation, left, right, Rules { ignore_case: false, loose: !is_conversion })
}

fn always(value: bool) -> Out {
    Out::atom(value.to_string(), Shape::Bool)
}

fn joined(tests: Vec<Out>, all_of: bool) -> Out {
    let mut tests = tests.into_iter();
    let Some(first) = tests.next() else { return always(true) };
    tests.fold(first, |all, test| if all_of { all.and(&test) } else { all.or(&test) })
}

fn tested(texts: &mut Texts<'_>, kind: &str, operation: &str, left: Out, right: &Value, rules: Rules) -> Out {
    if let Some(test) = presence(kind, operation, &left) {
        return test;
    }
    let right_out = |texts: &mut Texts<'_>| texts.out(&right_value(kind, right));
    let test = match kind {
        "string" => string(texts, operation, &left, right, rules),
        "number" => {
            let (left, right) = (numeric(&left, rules), right_out(texts));
            number(operation, &left, &numeric(&right, rules))
        }
        "boolean" => {
            let left = if rules.loose && left.shape != Shape::Bool {
                left.pipe("to_bool(false)", Shape::Bool)
            } else {
                left
            };
            let right = right_out(texts);
            boolean(operation, &left, &right)
        }
        "dateTime" => {
            let right = right_out(texts);
            date(operation, &left, &right)
        }
        "array" => {
            let right = right_out(texts);
            list(operation, &left, &right)
        }
        "object" | "any" | "" => {
            let right = right_out(texts);
            plain(operation, &left, &right)
        }
        _ => None,
    };
    test.unwrap_or_else(|| {
        let what = format!("{kind} {operation}");
        texts.failing(&what, "this comparison has no counterpart")
    })
}

/// A constant as the type of the comparison.
fn right_value(kind: &str, right: &Value) -> Value {
    match (kind, right.as_str()) {
        ("number", Some(text)) if !is_expression(text) => Value::parse_json(text.trim())
            .ok()
            .filter(|number| number.as_f64().is_some())
            .unwrap_or_else(|| right.clone()),
        ("boolean", Some(text)) if !is_expression(text) => Value::from(text.trim() == "true"),
        _ => right.clone(),
    }
}

/// Tests of one value, whatever its type.
fn presence(kind: &str, operation: &str, left: &Out) -> Option<Out> {
    let null = Out::atom("null", Shape::Any);
    let length = || left.pipe("length", Shape::Number);
    let zero = Out::atom("0", Shape::Number);
    let nothing = Out::atom("[null, \"\"]", Shape::List);
    Some(match (operation, kind) {
        ("exists", _) => left.compare("!=", &null),
        ("notExists", _) => left.compare("==", &null),
        ("empty", "array" | "object") => length().compare("==", &zero),
        ("notEmpty", "array" | "object") => length().compare(">", &zero),
        ("empty", _) => left.compare("in", &nothing),
        ("notEmpty", _) => left.compare("not in", &nothing),
        _ => return None,
    })
}

fn string(texts: &mut Texts<'_>, operation: &str, left: &Out, right: &Value, rules: Rules) -> Option<Out> {
    let text = |out: &Out| {
        if rules.loose && out.shape != Shape::Text { out.pipe("to_string", Shape::Text) } else { out.clone() }
    };
    let left = text(left);
    if let Some(name) = operation.strip_suffix("egex") {
        let found = matching(texts, &left, right)?;
        return Some(if name == "notR" { found.not() } else { found });
    }
    let case = |out: Out| if rules.ignore_case { out.pipe("lower", Shape::Text) } else { out };
    let right = match right {
        Value::Str(plain) if rules.ignore_case && !is_expression(plain) => {
            Out::literal(&plain.to_lowercase())
        }
        right => case(text(&texts.out(right))),
    };
    let left = case(left);
    let filter = |name: &str| left.pipe(format!("{name}({})", right.text), Shape::Bool);
    Some(match operation {
        "equals" => left.compare("==", &right),
        "notEquals" => left.compare("!=", &right),
        "contains" => filter("contains"),
        "notContains" => filter("contains").not(),
        "startsWith" => filter("starts_with"),
        "notStartsWith" => filter("starts_with").not(),
        "endsWith" => filter("ends_with"),
        "notEndsWith" => filter("ends_with").not(),
        _ => return None,
    })
}

/// A pattern, plain or as `/pattern/flags`.
fn matching(texts: &mut Texts<'_>, left: &Out, right: &Value) -> Option<Out> {
    let right = match right.as_str() {
        Some(text) if !is_expression(text) => {
            let parts = text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
            let (source, flags) = parts.unwrap_or((text, ""));
            match pattern(source, flags) {
                Ok(pattern) => Out::literal(&pattern),
                Err(reason) => return Some(texts.failing(text, &reason)),
            }
        }
        _ => texts.out(right),
    };
    Some(left.pipe(format!("regex_match({})", right.text), Shape::Bool))
}

fn numeric(out: &Out, rules: Rules) -> Out {
    match out.shape {
        Shape::Number => out.clone(),
        _ if rules.loose && out.text != "null" => out.pipe("to_string | parse_json", Shape::Any),
        _ => out.clone(),
    }
}

fn number(operation: &str, left: &Out, right: &Out) -> Option<Out> {
    let mark = match operation {
        "equals" => return Some(left.compare("==", right)),
        "notEquals" => return Some(left.compare("!=", right)),
        "gt" => ">",
        "lt" => "<",
        "gte" => ">=",
        "lte" => "<=",
        _ => return None,
    };
    Some(unless_null(left, left.compare(mark, right)))
}

/// What is missing is neither larger nor smaller.
fn unless_null(left: &Out, test: Out) -> Out {
    if left.shape == Shape::Number {
        return test;
    }
    left.compare("!=", &Out::atom("null", Shape::Any)).and(&test)
}

fn boolean(operation: &str, left: &Out, right: &Out) -> Option<Out> {
    let truth = if left.shape == Shape::Bool { left.clone() } else { left.compare("==", &always(true)) };
    Some(match operation {
        "true" => truth,
        "false" => truth.not(),
        "equals" => left.compare("==", right),
        "notEquals" => left.compare("!=", right),
        _ => return None,
    })
}

fn date(operation: &str, left: &Out, right: &Out) -> Option<Out> {
    let mark = match operation {
        "equals" => "==",
        "notEquals" => "!=",
        "after" | "gt" => ">",
        "before" | "lt" => "<",
        "afterOrEquals" | "gte" => ">=",
        "beforeOrEquals" | "lte" => "<=",
        _ => return None,
    };
    let difference = left.pipe(format!("diff({})", right.text), Shape::Number);
    let test = difference.compare(mark, &Out::atom("0", Shape::Number));
    Some(if matches!(left.shape, Shape::Date(_)) { test } else { unless_null(left, test) })
}

fn list(operation: &str, left: &Out, right: &Out) -> Option<Out> {
    let inside = || left.pipe(format!("contains({})", right.text), Shape::Bool);
    let length = left.pipe("length", Shape::Number);
    Some(match operation {
        "contains" => inside(),
        "notContains" => inside().not(),
        "lengthEquals" => length.compare("==", right),
        "lengthNotEquals" => length.compare("!=", right),
        "lengthGt" => length.compare(">", right),
        "lengthLt" => length.compare("<", right),
        "lengthGte" => length.compare(">=", right),
        "lengthLte" => length.compare("<=", right),
        _ => return None,
    })
}

fn plain(operation: &str, left: &Out, right: &Out) -> Option<Out> {
    match operation {
        "equals" => Some(left.compare("==", right)),
        "notEquals" => Some(left.compare("!=", right)),
        _ => None,
    }
}
