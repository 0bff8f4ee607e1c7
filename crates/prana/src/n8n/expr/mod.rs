//! Expressions of n8n, which are JavaScript, as expressions of Prana.
//!
//! A hand-written translation of what people use. What it doesn't know it refuses, with the reason: it never guesses.

mod calls;
mod classes;
mod dates;
mod luxon;
mod methods;
mod out;
mod regexes;
mod roots;
mod sorting;
mod text;

use self::out::Special;
pub(super) use self::out::{Out, Shape, is_word, level, quoted};
pub(super) use self::regexes::translated as pattern;
pub(super) use self::text::{Piece, Texts, is_expression, literal, pieces, plain};
use super::js::{self, Entry, Js, Kind};

/// A translation is at most this long, in bytes.
const MAX_LENGTH: usize = 40_000;

/// What expressions can name: the other nodes, and the workflow.
pub(super) trait Names {
    /// An item of another node, as seen from the node that asks.
    fn item(&self, name: &str, which: Which) -> Result<Out, String>;
    /// All items of another node, as a list of their data.
    fn items(&self, name: &str) -> Result<Out, String>;
    /// A field of the context of a loop.
    fn context(&self, name: &str, field: &str) -> Result<Out, String>;
    /// The name of the only node before this one.
    fn previous(&self) -> Option<String>;
    /// The key of the only node that waits for an answer.
    fn waiting(&self) -> Option<String>;
    /// The time zone of the workflow, if it says one that is not UTC.
    fn zone(&self) -> Option<String>;
}

/// Which item of another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The one that belongs to the item at hand.
    Own,
    First,
    Last,
}

/// Translates the expressions of one node.
pub(super) struct Translator<'n> {
    names: &'n dyn Names,
    /// Whether the node goes over a list, and the item at hand is `$item`.
    over_items: bool,
    /// Parameters of functions: their name there, and what they are here.
    locals: Vec<(String, Out)>,
    /// What is different, for the report.
    pub notes: Vec<String>,
}

impl<'n> Translator<'n> {
    pub(super) fn new(names: &'n dyn Names, over_items: bool) -> Self {
        Translator { names, over_items, locals: Vec::new(), notes: Vec::new() }
    }

    /// A source without its `{{ }}`.
    pub(super) fn translate(&mut self, source: &str) -> Result<Out, String> {
        self.locals.clear();
        let out = self.value(&js::parse(source)?)?;
        Ok(out)
    }

    pub(super) fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|known| known == text) {
            self.notes.push(text.to_owned());
        }
    }

    /// The item at hand.
    pub(super) fn item(&self) -> Out {
        Out::atom(if self.over_items { "$item" } else { "$input" }, Shape::Any)
    }

    /// All items that came in.
    pub(super) fn all(&self) -> Out {
        Out::atom(if self.over_items { "$input" } else { "[$input]" }, Shape::Items)
    }

    /// An expression that has a value.
    fn value(&mut self, js: &Js) -> Result<Out, String> {
        let out = self.expr(js)?;
        match &out.shape {
            Shape::Special(special) => Err(format!("{} alone has no value here", special_name(special))),
            Shape::Item => Ok(Out::atom(format!("{{json: {}}}", out.text), Shape::Map)),
            Shape::Items => Ok(out.pipe("map(item => {json: item})", Shape::List)),
            Shape::Difference(_) => {
                Err("a duration is only translated with its unit, as in `.days`".to_owned())
            }
            _ => Ok(out),
        }
    }

    fn expr(&mut self, js: &Js) -> Result<Out, String> {
        let out = self.translated(js)?;
        // What is said twice here doubles with each level.
        if out.text.len() > MAX_LENGTH {
            return Err(format!("its translation is longer than {MAX_LENGTH} bytes"));
        }
        Ok(out)
    }

    fn translated(&mut self, js: &Js) -> Result<Out, String> {
        match &js.kind {
            Kind::Null => Ok(Out::atom("null", Shape::Any)),
            Kind::Bool(value) => Ok(Out::atom(value.to_string(), Shape::Bool)),
            Kind::Number(text) => number(text),
            Kind::Text(text) => Ok(Out::literal(text)),
            Kind::Template(texts, parts) => self.template(texts, parts),
            Kind::Regex(..) => {
                Err("a regular expression is only translated in `replace`, `match` and `test`".to_owned())
            }
            Kind::Name(name) => self.name(name),
            Kind::Member(base, name) => self.member(base, name),
            Kind::Index(base, index) => self.indexed(base, index),
            Kind::Call(callee, args) => self.call(callee, args),
            Kind::New(class, args) => self.made(class, args),
            Kind::Unary(mark, inner) => self.unary(mark, inner),
            Kind::Binary(mark, left, right) => self.binary(mark, left, right),
            Kind::Conditional(test, then, otherwise) => {
                let test = self.truth(test)?;
                let (then, otherwise) = (self.value(then)?, self.value(otherwise)?);
                let shape = if then.shape == otherwise.shape { then.shape.clone() } else { Shape::Any };
                Ok(test.choose(&then, &otherwise, shape))
            }
            Kind::List(items) => self.list(items),
            Kind::Object(entries) => self.object(entries),
            Kind::Spread(_) => Err("`...` is not translated there".to_owned()),
            Kind::Arrow(..) => Err("a function is not translated there".to_owned()),
        }
    }

    /// An expression whose truth counts.
    fn truth(&mut self, js: &Js) -> Result<Out, String> {
        let out = self.value(js)?;
        if !matches!(out.shape, Shape::Bool | Shape::Text | Shape::Number | Shape::Date(_)) {
            self.note(TRUTH);
        }
        Ok(out)
    }

    fn template(&mut self, texts: &[String], parts: &[Js]) -> Result<Out, String> {
        let mut pieces = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            if !text.is_empty() || index == 0 {
                pieces.push(Out::literal(text));
            }
            if let Some(part) = parts.get(index) {
                let part = self.value(part)?;
                pieces.push(if part.shape == Shape::List {
                    part.pipe("join(\",\")", Shape::Text)
                } else {
                    part
                });
            }
        }
        if pieces.len() > 2 && pieces[0].text == "\"\"" && pieces[1].shape == Shape::Text {
            pieces.remove(0);
        }
        let mut pieces = pieces.into_iter();
        let first = pieces.next().unwrap_or_else(|| Out::literal(""));
        Ok(pieces.fold(first, |all, piece| all.binary("+", &piece, level::ADD, Shape::Text)))
    }

    fn list(&mut self, items: &[Js]) -> Result<Out, String> {
        let (mut parts, mut plain): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for item in items {
            if let Kind::Spread(inner) = &item.kind {
                parts.extend(
                    (!plain.is_empty()).then(|| format!("[{}]", std::mem::take(&mut plain).join(", "))),
                );
                parts.push(self.value(inner)?.at(level::MULTIPLY));
            } else {
                plain.push(self.value(item)?.text);
            }
        }
        if !plain.is_empty() || parts.is_empty() {
            parts.push(format!("[{}]", plain.join(", ")));
        }
        let is_sum = parts.len() > 1;
        Ok(Out::new(parts.join(" + "), if is_sum { level::ADD } else { level::ATOM }, Shape::List))
    }

    fn object(&mut self, entries: &[Entry]) -> Result<Out, String> {
        let (mut parts, mut fields): (Vec<Out>, Vec<String>) = (Vec::new(), Vec::new());
        let map = |fields: &mut Vec<String>| {
            Out::atom(format!("{{{}}}", std::mem::take(fields).join(", ")), Shape::Map)
        };
        for entry in entries {
            match entry {
                Entry::Field(key, value) => {
                    let key = if is_word(key) { key.clone() } else { quoted(key) };
                    fields.push(format!("{key}: {}", self.value(value)?.text));
                }
                Entry::Spread(value) => {
                    parts.extend((!fields.is_empty()).then(|| map(&mut fields)));
                    parts.push(self.value(value)?);
                }
            }
        }
        if !fields.is_empty() || parts.is_empty() {
            parts.push(map(&mut fields));
        }
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_else(|| Out::atom("{}", Shape::Map));
        Ok(parts.fold(first, |all, part| all.pipe(format!("merge({})", part.text), Shape::Map)))
    }

    fn unary(&mut self, mark: &str, inner: &Js) -> Result<Out, String> {
        match mark {
            "!" => Ok(self.truth(inner)?.not()),
            "+" => Ok(self.value(inner)?.number()),
            "-" => {
                let inner = self.value(inner)?;
                Ok(Out::new(format!("-{}", inner.at(level::ATOM)), level::NEGATE, Shape::Number))
            }
            _ => Err(format!("`{mark}` is only translated in a comparison with the name of a type")),
        }
    }

    fn binary(&mut self, mark: &'static str, left: &Js, right: &Js) -> Result<Out, String> {
        match mark {
            "||" | "&&" | "??" => self.choice(mark, left, right),
            "===" | "!==" | "==" | "!=" => self.equality(mark, left, right),
            "<" | ">" | "<=" | ">=" => self.order(mark, left, right),
            "+" => self.sum(left, right),
            "-" => self.difference(left, right),
            "**" => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                Ok(left.pipe(format!("power({})", right.text), Shape::Number))
            }
            mark => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                Ok(left.binary(mark, &right, level::MULTIPLY, Shape::Number))
            }
        }
    }

    /// `a || b` and the like: what decides is the result. A setting that is not there may be on the left.
    fn choice(&mut self, mark: &str, left: &Js, right: &Js) -> Result<Out, String> {
        let left = match self.optional_setting(left) {
            Some(setting) => setting,
            None if mark == "??" => self.value(left)?,
            None => self.truth(left)?,
        };
        let right = self.value(right)?;
        let shape = if left.shape == right.shape { left.shape.clone() } else { Shape::Any };
        Ok(match mark {
            "||" => left.binary("or", &right, level::OR, shape),
            "&&" => left.binary("and", &right, level::AND, shape),
            _ => left.binary("??", &right, level::COALESCE, shape),
        })
    }

    fn sum(&mut self, left: &Js, right: &Js) -> Result<Out, String> {
        let (left, right) = (self.value(left)?, self.value(right)?);
        let is_text = [&left, &right].iter().any(|side| side.shape == Shape::Text);
        let is_number = [&left, &right].iter().all(|side| side.shape == Shape::Number);
        if [&left, &right].iter().any(|side| matches!(side.shape, Shape::List | Shape::Map)) {
            return Err("`+` of lists or objects is not translated".to_owned());
        }
        let shape = if is_text {
            Shape::Text
        } else if is_number {
            Shape::Number
        } else {
            Shape::Any
        };
        Ok(left.binary("+", &right, level::ADD, shape))
    }

    fn difference(&mut self, left: &Js, right: &Js) -> Result<Out, String> {
        let (left, right) = (self.value(left)?, self.value(right)?);
        if matches!(left.shape, Shape::Date(_)) && matches!(right.shape, Shape::Date(_)) {
            return Ok(left.pipe(format!("diff({}, \"milliseconds\")", right.text), Shape::Number));
        }
        Ok(left.binary("-", &right, level::ADD, Shape::Number))
    }

    fn order(&mut self, mark: &str, left: &Js, right: &Js) -> Result<Out, String> {
        if let Some(out) = self.position(mark, left, right)? {
            return Ok(out);
        }
        let (left, right) = (self.value(left)?, self.value(right)?);
        if matches!(left.shape, Shape::Date(_)) || matches!(right.shape, Shape::Date(_)) {
            let difference = left.pipe(format!("diff({})", right.text), Shape::Number);
            return Ok(difference.compare(mark, &Out::atom("0", Shape::Number)));
        }
        Ok(left.compare(mark, &right))
    }

    fn equality(&mut self, mark: &str, left: &Js, right: &Js) -> Result<Out, String> {
        if let Some(out) = self.type_test(mark, left, right)? {
            return Ok(out);
        }
        if let Some(out) = self.position(mark, left, right)? {
            return Ok(out);
        }
        let (a, b) = (self.value(left)?, self.value(right)?);
        let is_null = left.kind == Kind::Null || right.kind == Kind::Null;
        if mark.len() == 2 && !is_null && a.shape != b.shape {
            self.note("`==` compares without converting here: 1 and \"1\" are different");
        }
        Ok(a.compare(if mark.starts_with('!') { "!=" } else { "==" }, &b))
    }

    /// `typeof x === "string"` and the like.
    fn type_test(&mut self, mark: &str, left: &Js, right: &Js) -> Result<Option<Out>, String> {
        let (Kind::Unary("typeof", inner), Kind::Text(name)) = (&left.kind, &right.kind) else {
            return Ok(None);
        };
        let inner = self.value(inner)?;
        let types = match name.as_str() {
            "string" => "[\"string\"]",
            "number" => "[\"int\", \"float\"]",
            "boolean" => "[\"bool\"]",
            "undefined" => "[\"null\"]",
            "object" => "[\"map\", \"list\"]",
            other => return Err(format!("`typeof` of {} is not translated", quoted(other))),
        };
        let mark = if mark.starts_with('!') { "not in" } else { "in" };
        Ok(Some(inner.pipe("type", Shape::Text).compare(mark, &Out::atom(types, Shape::List))))
    }

    /// `x.indexOf(y) !== -1` and the like, which ask whether y is in x.
    fn position(&mut self, mark: &str, left: &Js, right: &Js) -> Result<Option<Out>, String> {
        let Kind::Call(callee, args) = &left.kind else { return Ok(None) };
        let (Kind::Member(base, method), [wanted]) = (&callee.kind, &args[..]) else { return Ok(None) };
        if method != "indexOf" {
            return Ok(None);
        }
        let limit = match &right.kind {
            Kind::Number(text) if text == "0" => 0,
            Kind::Unary("-", inner) if inner.kind == Kind::Number("1".to_owned()) => -1,
            _ => return Ok(None),
        };
        let is_inside = match (mark, limit) {
            (">" | "!==" | "!=", -1) | (">=", 0) => true,
            ("===" | "==" | "<=", -1) | ("<", 0) => false,
            _ => return Ok(None),
        };
        let (base, wanted) = (self.value(base)?, self.value(wanted)?);
        let inside = base.pipe(format!("contains({})", wanted.text), Shape::Bool);
        Ok(Some(if is_inside { inside } else { inside.not() }))
    }
}

/// Said once of a workflow.
pub(super) const TRUTH: &str =
    "an empty list and an empty map count as false here, and as true in n8n (`||`, `&&`, `!`, `? :`)";

fn special_name(special: &Special) -> &'static str {
    match special {
        Special::Input => "`$input`",
        Special::NodeTable => "`$node`",
        Special::Node(_) => "a node",
        Special::Context(_) => "the context of a node",
        Special::Env => "`$env`",
        Special::Vars => "`$vars`",
        Special::Workflow => "`$workflow`",
        Special::Execution => "`$execution`",
        Special::PrevNode => "`$prevNode`",
        Special::Class(_) => "a class",
    }
}

/// A number as JavaScript prints it: `2.0` is 2.
fn number(text: &str) -> Result<Out, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    let text = match number.fract() == 0.0 && number.abs() < 9e15 {
        true => format!("{}", number as i64),
        false => format!("{number:?}"),
    };
    Ok(Out::atom(text, Shape::Number))
}
