//! Calls, and functions given to them.

use super::{Js, Kind, Out, Shape, Special, Translator, Which, is_word, level};

/// Words that can't be the name of a parameter.
const RESERVED: [&str; 16] = [
    "and", "or", "not", "in", "contains", "matches", "true", "false", "null", "if", "else", "for", "item",
    "index", "loop", "forloop",
];

impl Translator<'_> {
    pub(super) fn call(&mut self, callee: &Js, args: &[Js]) -> Result<Out, String> {
        match &callee.kind {
            Kind::Name(name) => self.function(name, args),
            Kind::Member(base, name) => self.method_call(base, name, args),
            _ => Err("this call is not translated".to_owned()),
        }
    }

    fn method_call(&mut self, base: &Js, name: &str, args: &[Js]) -> Result<Out, String> {
        if let Kind::Regex(pattern, flags) = &base.kind {
            return self.regex_test(pattern, flags, name, args);
        }
        let base = self.expr(base)?;
        match base.shape.clone() {
            Shape::Special(Special::Input) => self.input_call(name, args),
            Shape::Special(Special::Node(node)) => self.node_call(&node, name, args),
            Shape::Special(Special::Class(class)) => self.class_call(class, name, args),
            Shape::Special(_) | Shape::Item => Err(format!("`{name}()` is not translated there")),
            Shape::Date(zone) => self.date_call(&base, zone.as_deref(), name, args),
            Shape::Difference(_) => Err(format!("`{name}()` of a duration is not translated")),
            _ => self.value_call(&base, name, args),
        }
    }

    fn input_call(&mut self, name: &str, args: &[Js]) -> Result<Out, String> {
        none(name, args)?;
        match (name, self.over_items) {
            ("all", _) => Ok(self.all()),
            ("first" | "last", false) => Ok(self.item().shaped(Shape::Item)),
            ("first", true) => Ok(Out::atom("$input[0]", Shape::Item)),
            ("last", true) => Ok(Out::atom("$input[-1]", Shape::Item)),
            _ => Err(format!("`$input.{name}()` is not translated")),
        }
    }

    fn node_call(&mut self, node: &str, name: &str, args: &[Js]) -> Result<Out, String> {
        none(name, args)?;
        match name {
            "first" => Ok(self.names.item(node, Which::First)?.shaped(Shape::Item)),
            "last" => Ok(self.names.item(node, Which::Last)?.shaped(Shape::Item)),
            "all" => Ok(self.names.items(node)?.shaped(Shape::Items)),
            _ => Err(format!("`{name}()` of another node is not translated")),
        }
    }

    fn function(&mut self, name: &str, args: &[Js]) -> Result<Out, String> {
        match (name, args) {
            ("$", [Js { kind: Kind::Text(node), .. }]) => Ok(Out::special(Special::Node(node.clone()))),
            ("$items", []) => Ok(self.all()),
            ("$items", [Js { kind: Kind::Text(node), .. }]) => {
                Ok(self.names.items(node)?.shaped(Shape::Items))
            }
            ("$if", [test, then, otherwise]) => {
                let test = self.truth(test)?;
                let (then, otherwise) = (self.value(then)?, self.value(otherwise)?);
                Ok(test.choose(&then, &otherwise, Shape::Any))
            }
            ("$ifEmpty", [value, otherwise]) => {
                let (value, otherwise) = (self.value(value)?, self.value(otherwise)?);
                let empty = Out::atom("[null, \"\", [], {}]", Shape::List);
                Ok(value.compare("in", &empty).choose(&otherwise, &value, Shape::Any))
            }
            ("$max" | "$min", [_, ..]) => self.class_call("Math", &name[1..], args),
            ("String", [value]) => Ok(self.value(value)?.pipe("to_string", Shape::Text)),
            ("Number" | "parseFloat", [value]) => Ok(self.value(value)?.number()),
            ("parseInt", [value]) => Ok(self.value(value)?.pipe("to_float | to_int", Shape::Number)),
            ("parseInt", [value, Js { kind: Kind::Number(base), .. }]) if base == "10" => {
                Ok(self.value(value)?.pipe("to_float | to_int", Shape::Number))
            }
            ("Boolean", [value]) => Ok(self.truth(value)?.not().not()),
            ("encodeURIComponent", [value]) => {
                Ok(self.value(value)?.pipe("to_string | url_encode", Shape::Text))
            }
            ("decodeURIComponent", [value]) => Ok(self.value(value)?.pipe("url_decode", Shape::Text)),
            ("$jmespath" | "$jmesPath", _) => {
                Err("JMESPath has no counterpart; write it with `map` and `filter`".to_owned())
            }
            ("$fromAI", _) => Err("`$fromAI` has no counterpart".to_owned()),
            _ => Err(format!("`{name}()` is not translated")),
        }
    }

    /// A function of one item: `x => ...`. Items of n8n stay items inside it.
    pub(super) fn lambda(&mut self, function: &Js, shape: &Shape) -> Result<(String, Out), String> {
        match &function.kind {
            Kind::Arrow(params, body) if (1..=2).contains(&params.len()) => {
                let names: Vec<String> = params.iter().map(|param| self.parameter(param)).collect();
                let shapes = [shape.clone(), Shape::Number];
                let before = self.locals.len();
                for ((param, name), shape) in params.iter().zip(&names).zip(shapes) {
                    self.locals.push((param.clone(), Out::atom(name.clone(), shape)));
                }
                let body = self.value(body);
                self.locals.truncate(before);
                let head =
                    if names.len() == 1 { names[0].clone() } else { format!("({})", names.join(", ")) };
                Ok((head, body?))
            }
            Kind::Name(name) if name == "Boolean" => Ok(("x".to_owned(), Out::atom("x", Shape::Any))),
            Kind::Name(name) if name == "String" => {
                Ok(("x".to_owned(), Out::new("x | to_string", level::PIPE, Shape::Text)))
            }
            Kind::Name(name) if name == "Number" => Ok(("x".to_owned(), Out::atom("x", Shape::Any).number())),
            Kind::Arrow(..) => {
                Err("a function of more than two parameters is not translated there".to_owned())
            }
            _ => Err("a function is expected there that is written as `x => ...`".to_owned()),
        }
    }

    /// The name of a parameter here, which hides none of the parameters around it.
    pub(super) fn parameter(&self, name: &str) -> String {
        let is_taken = |name: &str| self.locals.iter().any(|(_, out)| out.text == name);
        if is_word(name) && !RESERVED.contains(&name) && !is_taken(name) {
            return name.to_owned();
        }
        let numbered = (1..).map(|number| format!("x{number}"));
        numbered.into_iter().find(|name| !is_taken(name)).unwrap_or_default()
    }
}

/// A method without arguments.
fn none(name: &str, args: &[Js]) -> Result<(), String> {
    if args.is_empty() { Ok(()) } else { Err(format!("`{name}` with arguments is not translated")) }
}
