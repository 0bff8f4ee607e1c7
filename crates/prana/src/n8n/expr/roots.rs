//! Names, and what is reached from them with dots and brackets.

use super::{Js, Kind, Out, Shape, Special, Translator, Which, level, quoted};

impl Translator<'_> {
    pub(super) fn name(&mut self, name: &str) -> Result<Out, String> {
        if let Some((_, out)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Ok(out.clone());
        }
        let special = match name {
            "$json" | "$data" => return Ok(self.item()),
            "$input" => Special::Input,
            "$node" => Special::NodeTable,
            "$env" => Special::Env,
            "$vars" => Special::Vars,
            "$workflow" => Special::Workflow,
            "$execution" => Special::Execution,
            "$prevNode" => Special::PrevNode,
            "$itemIndex" | "$position" => {
                return Ok(Out::atom(if self.over_items { "$index" } else { "0" }, Shape::Number));
            }
            "$runIndex" => return Ok(Out::atom("$execution.run_index", Shape::Number)),
            "$now" => return Ok(self.now()),
            "$today" => return Ok(self.today()),
            "Math" => Special::Class("Math"),
            "JSON" => Special::Class("JSON"),
            "Object" => Special::Class("Object"),
            "Array" => Special::Class("Array"),
            "Number" => Special::Class("Number"),
            "String" => Special::Class("String"),
            "Boolean" => Special::Class("Boolean"),
            "Date" => Special::Class("Date"),
            "DateTime" => Special::Class("DateTime"),
            "$binary" => return Err("binary data of items has no counterpart".to_owned()),
            "NaN" | "Infinity" => return Err(format!("`{name}` is no value here")),
            _ => return Err(format!("`{name}` is not translated")),
        };
        Ok(Out::special(special))
    }

    pub(super) fn member(&mut self, base: &Js, name: &str) -> Result<Out, String> {
        let base = self.expr(base)?;
        match base.shape.clone() {
            Shape::Special(special) => self.special_member(&special, name),
            Shape::Item => match name {
                "json" => Ok(base.shaped(Shape::Any)),
                "binary" => Err("binary data of items has no counterpart".to_owned()),
                other => Err(format!("`{other}` of an item is not translated")),
            },
            Shape::Items | Shape::List | Shape::Text if name == "length" => {
                Ok(base.pipe("length", Shape::Number))
            }
            Shape::Items => Err(format!("`{name}` of a list of items is not translated")),
            Shape::Date(zone) => self.date_member(&base, zone.as_deref(), name),
            Shape::Difference(unit) if unit == name => Ok(base.shaped(Shape::Number)),
            Shape::Difference(unit) => {
                Err(format!("a difference in {unit} is only translated with `.{unit}` behind it"))
            }
            _ if name == "length" => Ok(base.pipe("length", Shape::Number)),
            _ => Ok(base.field(name)),
        }
    }

    fn special_member(&mut self, special: &Special, name: &str) -> Result<Out, String> {
        match special {
            Special::Input => match name {
                "item" => Ok(self.item().shaped(Shape::Item)),
                other => Err(format!("`$input.{other}` is not translated")),
            },
            Special::NodeTable => Ok(Out::special(Special::Node(name.to_owned()))),
            Special::Node(node) => match name {
                "json" => self.names.item(node, Which::Own),
                "item" => Ok(self.names.item(node, Which::Own)?.shaped(Shape::Item)),
                "context" => Ok(Out::special(Special::Context(node.clone()))),
                other => Err(format!("`{other}` of another node is not translated")),
            },
            Special::Context(node) => self.names.context(node, name),
            Special::Env => Ok(required(Out::atom("$env", Shape::Any).field(name), "environment", name)),
            Special::Vars => Ok(required(Out::atom("$vars", Shape::Any).field(name), "variable", name)),
            Special::Workflow if matches!(name, "id" | "name") => {
                Ok(Out::atom(format!("$workflow.{name}"), Shape::Text))
            }
            Special::Execution => self.execution(name),
            Special::PrevNode if name == "name" => {
                let previous = self.names.previous();
                let previous =
                    previous.ok_or("`$prevNode` is not translated where several nodes lead here")?;
                Ok(Out::literal(&previous))
            }
            Special::Class("Math") => match name {
                "PI" => Ok(Out::atom("3.141592653589793", Shape::Number)),
                "E" => Ok(Out::atom("2.718281828459045", Shape::Number)),
                other => Err(format!("`Math.{other}` is not translated")),
            },
            other => Err(format!("`{name}` of {} is not translated", super::special_name(other))),
        }
    }

    fn execution(&mut self, name: &str) -> Result<Out, String> {
        match name {
            "id" => Ok(Out::atom("$execution.id", Shape::Text)),
            "resumeUrl" => {
                let waiting = self.names.waiting();
                let waiting = waiting
                    .ok_or("`$execution.resumeUrl` is translated where exactly one node waits for a call")?;
                Ok(Out::atom(format!("$execution.resume_urls.{waiting}"), Shape::Text))
            }
            other => Err(format!("`$execution.{other}` is not translated")),
        }
    }

    /// `$env.x` or `$vars.x` on the left of `||` or `??`: it may be missing.
    pub(super) fn optional_setting(&mut self, js: &Js) -> Option<Out> {
        let Kind::Member(base, name) = &js.kind else { return None };
        let table = match &base.kind {
            Kind::Name(table) if table == "$env" || table == "$vars" => table,
            _ => return None,
        };
        Some(Out::atom(table.as_str(), Shape::Any).field(name))
    }

    pub(super) fn indexed(&mut self, base: &Js, index: &Js) -> Result<Out, String> {
        let base = self.expr(base)?;
        if let Kind::Text(name) = &index.kind {
            return self.named_index(base, name);
        }
        if let Shape::Match(text, pattern) = &base.shape {
            let group = self.value(index)?.text;
            return Ok(Out::new(
                format!("{text} | regex_find({pattern}, group={group})"),
                level::PIPE,
                Shape::Text,
            ));
        }
        let is_negative = matches!(index.kind, Kind::Unary("-", _));
        let index = self.value(index)?;
        match base.shape {
            _ if is_negative => Err("an index below 0 is not translated".to_owned()),
            Shape::Special(_) => Err("an index that is computed is not translated there".to_owned()),
            Shape::Items => Ok(base.index(&index.text).shaped(Shape::Item)),
            Shape::Text => Err("a character of a text is only translated as `.charAt(n)`".to_owned()),
            _ => Ok(base.index(&index.text)),
        }
    }

    fn named_index(&mut self, base: Out, name: &str) -> Result<Out, String> {
        match &base.shape {
            Shape::Special(special) => self.special_member(&special.clone(), name),
            Shape::Item if name == "json" => Ok(base.shaped(Shape::Any)),
            Shape::Item | Shape::Items => Err(format!("{} of an item is not translated", quoted(name))),
            _ => Ok(base.field(name)),
        }
    }
}

/// A setting that must be there: missing ones fail, and are not taken for null.
fn required(setting: Out, what: &str, name: &str) -> Out {
    let message = quoted(&format!("the {what} {name} of n8n is not set here"));
    setting.pipe(format!("required({message})"), Shape::Any)
}
