//! Methods of texts, lists, maps and numbers: JavaScript's own, and those that n8n adds.

use super::{Js, Kind, Out, Shape, Translator, level, luxon, quoted};

impl Translator<'_> {
    pub(super) fn value_call(&mut self, base: &Out, name: &str, args: &[Js]) -> Result<Out, String> {
        if let Some(out) = self.over_list(base, name, args)? {
            return Ok(out);
        }
        if let Some(out) = self.pattern_call(base, name, args)? {
            return Ok(out);
        }
        if base.shape == Shape::Items {
            return Err(format!("`{name}()` of a list of items is not translated"));
        }
        let values: Result<Vec<Out>, String> = args.iter().map(|arg| self.value(arg)).collect();
        let values = values?;
        let found = match &values[..] {
            [] => plain(base, name),
            [arg] => with_one(base, name, arg, &args[0]),
            [first, second] => with_two(base, name, first, second, args),
            _ => None,
        };
        found.ok_or_else(|| format!("`{name}()` is not translated"))
    }

    /// Methods that take a function, or that know items.
    fn over_list(&mut self, base: &Out, name: &str, args: &[Js]) -> Result<Option<Out>, String> {
        let is_items = base.shape == Shape::Items;
        let inner = if is_items { Shape::Item } else { Shape::Any };
        let list = |kept: bool| if kept && is_items { Shape::Items } else { Shape::List };
        let filter = |name: &str, (head, body): (String, Out)| format!("{name}({head} => {})", body.text);
        Ok(Some(match (name, args) {
            ("map", [function]) => base.pipe(filter("map", self.lambda(function, &inner)?), Shape::List),
            ("flatMap", [function]) => {
                base.pipe(filter("map", self.lambda(function, &inner)?) + " | flatten(1)", Shape::List)
            }
            ("filter", [function]) => base.pipe(filter("filter", self.lambda(function, &inner)?), list(true)),
            ("find", [function]) => {
                let shape = if is_items { Shape::Item } else { Shape::Any };
                base.pipe(filter("find", self.lambda(function, &inner)?), shape)
            }
            ("some" | "every", [function]) => {
                base.pipe(filter(name, self.lambda(function, &inner)?), Shape::Bool)
            }
            ("reduce", [function, start]) => self.reduced(base, function, start, &inner)?,
            ("sort" | "toSorted", _) => self.sorted(base, args, &inner)?,
            ("first" | "last", []) if is_items => base.pipe(name, Shape::Item),
            ("at", [Js { kind: Kind::Number(index), .. }]) if is_items => {
                base.index(index).shaped(Shape::Item)
            }
            ("slice", [start]) if is_items => self.part(base, start, None)?.shaped(Shape::Items),
            ("slice", [start, end]) if is_items => self.part(base, start, Some(end))?.shaped(Shape::Items),
            ("slice", [start]) => self.part(base, start, None)?,
            ("slice", [start, end]) => self.part(base, start, Some(end))?,
            ("reverse" | "toReversed", []) => base.pipe("reverse", list(true)),
            _ => return Ok(None),
        }))
    }

    fn part(&mut self, base: &Out, start: &Js, end: Option<&Js>) -> Result<Out, String> {
        let start = self.value(start)?.text;
        let end = end.map(|end| self.value(end)).transpose()?.map_or_else(String::new, |end| end.text);
        let shape = if base.shape == Shape::Text { Shape::Text } else { Shape::Any };
        Ok(base.index(&format!("{start}:{end}")).shaped(shape))
    }

    fn reduced(&mut self, base: &Out, function: &Js, start: &Js, inner: &Shape) -> Result<Out, String> {
        let start = self.value(start)?;
        let Kind::Arrow(params, body) = &function.kind else {
            return Err("a function is expected in `reduce` that is written as `(sum, x) => ...`".to_owned());
        };
        let [all, item] = &params[..] else {
            return Err("a function of other than two parameters is not translated in `reduce`".to_owned());
        };
        let before = self.locals.len();
        let all_name = self.parameter(all);
        self.locals.push((all.clone(), Out::atom(all_name.clone(), start.shape.clone())));
        let item_name = self.parameter(item);
        self.locals.push((item.clone(), Out::atom(item_name.clone(), inner.clone())));
        let body = self.value(body);
        self.locals.truncate(before);
        Ok(base.pipe(
            format!("reduce({}, ({all_name}, {item_name}) => {})", start.text, body?.text),
            start.shape,
        ))
    }
}

/// Methods without arguments.
fn plain(base: &Out, name: &str) -> Option<Out> {
    let (filter, shape) = match name {
        "toLowerCase" | "toLocaleLowerCase" => ("lower", Shape::Text),
        "toUpperCase" | "toLocaleUpperCase" => ("upper", Shape::Text),
        "trim" => ("trim", Shape::Text),
        "trimStart" => ("regex_replace(\"^\\\\s+\", \"\")", Shape::Text),
        "trimEnd" => ("regex_replace(\"\\\\s+$\", \"\")", Shape::Text),
        "toString" => ("to_string", Shape::Text),
        "toTitleCase" => ("title", Shape::Text),
        "urlEncode" => ("url_encode", Shape::Text),
        "urlDecode" => ("url_decode", Shape::Text),
        "base64Encode" => ("base64", Shape::Text),
        "base64Decode" => ("base64_decode", Shape::Text),
        "removeTags" => ("strip_tags", Shape::Text),
        "toJsonString" => ("json", Shape::Text),
        "parseJson" => ("parse_json", Shape::Any),
        "toDateTime" | "toDate" => ("parse_date", Shape::Date(None)),
        "toInt" | "parseInt" => ("to_float | to_int", Shape::Number),
        "toBoolean" => ("to_bool", Shape::Bool),
        "first" | "last" => (name, Shape::Any),
        "unique" | "removeDuplicates" => ("uniq", Shape::List),
        "sum" | "min" | "max" => (name, Shape::Number),
        "average" => ("avg", Shape::Number),
        "compact" => ("filter(x => x)", Shape::List),
        "flat" => ("flatten(1)", Shape::List),
        "join" => ("join(\",\")", Shape::Text),
        "keys" | "values" => (name, Shape::List),
        "abs" | "ceil" | "floor" => (name, Shape::Number),
        "round" => return Some(half_up(base)),
        "toNumber" | "toFloat" => return Some(base.number()),
        "isEmpty" => {
            return Some(base.pipe("length", Shape::Number).compare("==", &Out::atom("0", Shape::Number)));
        }
        "isNotEmpty" => {
            return Some(base.pipe("length", Shape::Number).compare(">", &Out::atom("0", Shape::Number)));
        }
        "isEven" | "isOdd" => {
            let rest = base.binary("%", &Out::atom("2", Shape::Number), level::MULTIPLY, Shape::Number);
            return Some(
                rest.compare(if name == "isEven" { "==" } else { "!=" }, &Out::atom("0", Shape::Number)),
            );
        }
        _ => return None,
    };
    Some(base.pipe(filter, shape))
}

/// Halves go up there, and away from zero here.
fn half_up(base: &Out) -> Out {
    let half = Out::atom("0.5", Shape::Number);
    base.binary("+", &half, level::ADD, Shape::Number).pipe("floor", Shape::Number)
}

/// Methods with one argument.
fn with_one(base: &Out, name: &str, arg: &Out, js: &Js) -> Option<Out> {
    let literal = match &js.kind {
        Kind::Text(text) | Kind::Number(text) => Some(text.as_str()),
        _ => None,
    };
    let text = &arg.text;
    let (filter, shape) = match name {
        "includes" | "contains" => (format!("contains({text})"), Shape::Bool),
        "startsWith" => (format!("starts_with({text})"), Shape::Bool),
        "endsWith" => (format!("ends_with({text})"), Shape::Bool),
        "split" => (format!("split({text})"), Shape::List),
        "join" => (format!("join({text})"), Shape::Text),
        "repeat" => (format!("repeat({text})"), Shape::Text),
        "padStart" => (format!("pad_left({text})"), Shape::Text),
        "padEnd" => (format!("pad_right({text})"), Shape::Text),
        "flat" => (format!("flatten({text})"), Shape::List),
        "pluck" => (format!("map({text})"), Shape::List),
        "chunk" => (format!("chunk({text})"), Shape::List),
        "merge" => (format!("merge({text})"), Shape::Map),
        "hasField" | "hasOwnProperty" => (format!("has({text})"), Shape::Bool),
        "removeField" => (format!("omit([{text}])"), Shape::Map),
        "toFixed" => (format!("format_number({text}, thousands=\"\")"), Shape::Text),
        "toString" if literal == Some("10") => ("to_string".to_owned(), Shape::Text),
        "hash" if matches!(literal, Some("md5" | "sha256")) => (literal?.to_owned(), Shape::Text),
        "concat" if base.shape == Shape::Text || base.shape == Shape::List => {
            return Some(base.binary("+", arg, level::ADD, base.shape.clone()));
        }
        "substring" | "substr" if literal.is_some() => {
            return Some(base.index(&format!("{text}:")).shaped(Shape::Text));
        }
        "charAt" => {
            let index = Out::new(format!("{text}:{} + 1", arg.at(level::ADD)), level::ATOM, Shape::Any);
            return Some(base.index(&index.text).shaped(Shape::Text));
        }
        "at" => return Some(base.index(text)),
        "toDateTime" if matches!(literal, Some("s" | "ms")) => return None,
        "toFormat" | "format" => {
            let format = luxon::strftime(literal?).ok()?;
            (format!("date({})", quoted(&format)), Shape::Text)
        }
        _ => return None,
    };
    Some(base.pipe(filter, shape))
}

/// Methods with two arguments.
fn with_two(base: &Out, name: &str, first: &Out, second: &Out, js: &[Js]) -> Option<Out> {
    let (a, b) = (&first.text, &second.text);
    let is_plain = js.iter().all(|js| matches!(js.kind, Kind::Number(_)));
    match name {
        "padStart" => Some(base.pipe(format!("pad_left({a}, {b})"), Shape::Text)),
        "padEnd" => Some(base.pipe(format!("pad_right({a}, {b})"), Shape::Text)),
        "substring" if is_plain => Some(base.index(&format!("{a}:{b}")).shaped(Shape::Text)),
        "substr" if is_plain => Some(base.pipe(format!("slice({a}, {b})"), Shape::Text)),
        _ => None,
    }
}
