//! Functions of JavaScript's own classes.

use super::{Js, Kind, Out, Shape, Translator, level};

impl Translator<'_> {
    pub(super) fn class_call(&mut self, class: &str, name: &str, args: &[Js]) -> Result<Out, String> {
        match (class, name, args) {
            ("Math", _, _) => self.math(name, args),
            ("JSON", "stringify", [value]) => Ok(self.value(value)?.pipe("json", Shape::Text)),
            ("JSON", "stringify", [value, replacer, indent]) if replacer.kind == Kind::Null => {
                let (value, indent) = (self.value(value)?, self.value(indent)?);
                Ok(value.pipe(format!("json({})", indent.text), Shape::Text))
            }
            ("JSON", "parse", [value]) => Ok(self.value(value)?.pipe("parse_json", Shape::Any)),
            ("Object", "keys" | "values", [value]) => Ok(self.value(value)?.pipe(name, Shape::List)),
            ("Object", "entries", [value]) => {
                Ok(self.value(value)?.pipe("entries | map(entry => [entry.key, entry.value])", Shape::List))
            }
            ("Object", "fromEntries", [value]) => {
                let pairs = "map(pair => {key: pair[0], value: pair[1]}) | from_entries";
                Ok(self.value(value)?.pipe(pairs, Shape::Map))
            }
            ("Object", "assign", [first, rest @ ..]) => {
                let mut all = self.value(first)?;
                for other in rest {
                    let other = self.value(other)?;
                    all = all.pipe(format!("merge({})", other.text), Shape::Map);
                }
                Ok(all)
            }
            ("Array", "isArray", [value]) => {
                let kind = self.value(value)?.pipe("type", Shape::Text);
                Ok(kind.compare("==", &Out::literal("list")))
            }
            ("Array", "from", [value]) => Ok(self.value(value)?.shaped(Shape::List)),
            ("Number", "isInteger", [value]) => {
                let kind = self.value(value)?.pipe("type", Shape::Text);
                Ok(kind.compare("==", &Out::literal("int")))
            }
            ("Number", "parseInt" | "parseFloat", [value]) => {
                let value = self.value(value)?;
                Ok(if name == "parseInt" {
                    value.pipe("to_float | to_int", Shape::Number)
                } else {
                    value.number()
                })
            }
            ("Date", "now", []) => Ok(self.milliseconds(&Out::atom("$now", Shape::Date(None)))),
            ("DateTime", _, _) => self.date_class(name, args),
            _ => Err(format!("`{class}.{name}()` is not translated")),
        }
    }

    fn math(&mut self, name: &str, args: &[Js]) -> Result<Out, String> {
        let values: Result<Vec<Out>, String> = args.iter().map(|arg| self.value(arg)).collect();
        let values = match (name, args) {
            ("max" | "min", [Js { kind: Kind::Spread(list), .. }]) => {
                return Ok(self.value(list)?.pipe(name, Shape::Number));
            }
            _ => values?,
        };
        match (name, &values[..]) {
            ("abs" | "ceil" | "floor" | "sqrt", [x]) => Ok(x.pipe(name, Shape::Number)),
            // Halves go up there, and away from zero here.
            ("round", [x]) => {
                let half = Out::atom("0.5", Shape::Number);
                Ok(x.binary("+", &half, level::ADD, Shape::Number).pipe("floor", Shape::Number))
            }
            ("trunc", [x]) => Ok(x.pipe("to_int", Shape::Number)),
            ("pow", [x, y]) => Ok(x.pipe(format!("power({})", y.text), Shape::Number)),
            ("max" | "min", [_, ..]) => {
                let texts: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
                Ok(Out::new(format!("[{}] | {name}", texts.join(", ")), level::PIPE, Shape::Number))
            }
            ("random", _) => {
                Err("random numbers have no counterpart: an execution can be repeated exactly".to_owned())
            }
            _ => Err(format!("`Math.{name}()` is not translated")),
        }
    }

    pub(super) fn made(&mut self, class: &Js, args: &[Js]) -> Result<Out, String> {
        match (&class.kind, args) {
            (Kind::Name(name), []) if name == "Date" => Ok(Out::atom("$now", Shape::Date(None))),
            (Kind::Name(name), [value]) if name == "Date" => {
                let value = self.value(value)?;
                Ok(match value.shape {
                    Shape::Date(_) => value.shaped(Shape::Date(None)),
                    Shape::Number => Out::new(
                        format!("{} / 1000 | in_timezone(\"UTC\")", value.at(level::MULTIPLY)),
                        level::PIPE,
                        Shape::Date(None),
                    ),
                    _ => value.pipe("parse_date", Shape::Date(None)),
                })
            }
            _ => Err("`new` is only translated for dates".to_owned()),
        }
    }
}
