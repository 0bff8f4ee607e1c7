//! Nodes that change the list of items: `Sort`, `Limit`, `Aggregate`, `Split Out`, `Remove Duplicates`, and the older `Item Lists`.

use prana_template::{Map, Value};

use super::{Converter, map};
use crate::elixir::Fate;
use crate::n8n::expr::{Out, Shape, quoted};
use crate::n8n::plan::list_operation;

impl Converter<'_, '_> {
    pub(super) fn list_node(&mut self) {
        match (self.source.kind.as_str(), list_operation(self.source)) {
            ("sort", _) | ("itemLists", "sort") => self.sort(),
            ("limit", _) | ("itemLists", "limit") => self.limit(),
            ("aggregate", _) | ("itemLists", "concatenateItems" | "aggregateItems") => self.aggregate(),
            ("splitOut", _) | ("itemLists", "splitOutItems") => self.split_out(),
            ("removeDuplicates", _) | ("itemLists", "removeDuplicates") => self.remove_duplicates(),
            _ => self.impossible("this operation has no counterpart"),
        }
    }

    /// The names of fields in a text with commas, or in a list.
    fn names(&self, paths: &[&[&str]]) -> Vec<String> {
        let given = paths.iter().find_map(|path| self.source.at(path));
        let name = |text: &str| text.trim().trim_start_matches('=').to_owned();
        let names: Vec<String> = match given {
            Some(Value::Str(text)) => text.split(',').map(name).collect(),
            Some(Value::List(items)) => {
                let of = |item: &Value| item.as_str().or_else(|| item.get("fieldName")?.as_str()).map(name);
                items.iter().filter_map(of).collect()
            }
            _ => Vec::new(),
        };
        names.into_iter().filter(|name| !name.is_empty()).collect()
    }

    fn sort(&mut self) {
        if !self.many() {
            return self.no_op();
        }
        match self.source.text("type") {
            None | Some("simple") => {}
            Some("random") => {
                return self.impossible("chance has no counterpart: an execution can be repeated exactly");
            }
            Some(_) => {
                return self
                    .impossible("sorting by code has to be written by hand, with `sort_by` in a template");
            }
        }
        let keys = self.source.list(&["sortFieldsUi", "sortField"]);
        let key = |key: &Value| {
            let name = key.get("fieldName").and_then(Value::as_str).filter(|name| !name.is_empty())?;
            let field = path("item", name.trim_start_matches('='));
            let kind = field.pipe("type", Shape::Text).compare("==", &Out::literal("string"));
            // Upper and lower case are the same to n8n.
            let by = kind.choose(&field.pipe("lower", Shape::Text), &field, Shape::Any);
            let descends = key.get("order").and_then(Value::as_str) == Some("descending");
            Some(format!("sort_by(item => {}{})", by.text, if descends { ", desc=true" } else { "" }))
        };
        // Stable sorts, the most important last.
        let steps: Vec<String> = keys.iter().filter_map(key).rev().collect();
        if steps.is_empty() {
            return self.impossible("the fields to sort by are missing");
        }
        self.only(
            "data.set_data",
            map([("mapping_map", format!("{{{{ $input | {} }}}}", steps.join(" | ")).into())]),
        );
    }

    fn limit(&mut self) {
        if !self.many() {
            return self.no_op();
        }
        let (view, count) = (self.view(), self.source.at(&["maxItems"]).cloned().unwrap_or(Value::Int(1)));
        let mut texts = Self::texts(&view, true);
        let count = texts.template(&count);
        self.said(texts);
        let mut params = map([("count", count)]);
        if self.source.text("keep") == Some("lastItems") {
            params.insert("keep", "last");
        }
        self.only("data.limit", params);
    }

    fn remove_duplicates(&mut self) {
        let operation = self.source.text("operation").unwrap_or("removeDuplicateInputItems");
        if !matches!(operation, "removeDuplicateInputItems" | "removeDuplicates") {
            return self.impossible("what earlier executions had seen is not kept: store it, and ask there");
        }
        if !self.many() {
            return self.no_op();
        }
        let names = self.names(&[&["fieldsToCompare"], &["fieldsToCompare", "fields"]]);
        let excluded = self.names(&[&["fieldsToExclude"], &["fieldsToExclude", "fields"]]);
        match self.source.text("compare").unwrap_or("allFields") {
            "selectedFields" => self.only("data.unique", map([("by", names.into())])),
            "allFieldsExcept" => {
                let list = excluded.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
                let output = format!("{{{{ $input | uniq_by(item => item | omit([{list}])) }}}}");
                self.only("data.set_data", map([("mapping_map", output.into())]));
            }
            _ => self.only("data.unique", Map::new()),
        }
        if self.source.flag(&["options", "removeOtherFields"]) {
            self.find(
                Fate::NotPossible,
                "\"remove other fields\" is not carried over: pick the fields by hand",
            );
        }
    }

    fn aggregate(&mut self) {
        let items = if self.many() { "$input" } else { "[$input]" };
        let fields = if self.source.text("aggregate") == Some("aggregateAllItemData") {
            self.all_data(items)
        } else {
            self.single_fields(items)
        };
        let Some(fields) = fields else { return self.impossible("the fields to aggregate are missing") };
        let key = self.key();
        self.output(&key, fields);
        self.enter_unless_empty(&key);
        self.leave(&key);
    }

    fn all_data(&mut self, items: &str) -> Option<Map> {
        let name = self
            .source
            .text("destinationFieldName")
            .filter(|name| !name.is_empty())
            .unwrap_or("data")
            .to_owned();
        let list = |names: Vec<String>| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let value = match self.source.text("include").unwrap_or("allFields") {
            "specifiedFields" => {
                format!("{items} | map(item => item | pick([{}]))", list(self.names(&[&["fieldsToInclude"]])))
            }
            "allFieldsExcept" => {
                format!("{items} | map(item => item | omit([{}]))", list(self.names(&[&["fieldsToExclude"]])))
            }
            _ => items.to_owned(),
        };
        Some(Map::from(vec![(name.as_str().into(), Value::from(format!("{{{{ {value} }}}}")))]))
    }

    fn single_fields(&mut self, items: &str) -> Option<Map> {
        let source = self.source;
        let keeps_missing = source.flag(&["options", "keepMissing"]);
        let merges = source.flag(&["options", "mergeLists"]);
        let mut fields = Map::new();
        for field in source.list(&["fieldsToAggregate", "fieldToAggregate"]) {
            let name =
                field.get("fieldToAggregate").and_then(Value::as_str).filter(|name| !name.is_empty())?;
            let renamed = field.get("renameField").and_then(Value::as_bool) == Some(true);
            let output = field
                .get("outputFieldName")
                .and_then(Value::as_str)
                .filter(|name| renamed && !name.is_empty());
            let output = output.unwrap_or_else(|| name.rsplit('.').next().unwrap_or(name));
            let compact = if keeps_missing { "" } else { " | compact" };
            let flat = if merges { " | flatten(1)" } else { "" };
            let value =
                format!("{{{{ {items} | map(item => {}){compact}{flat} }}}}", path("item", name).text);
            fields.insert(output, value);
        }
        (!fields.is_empty()).then_some(fields)
    }

    fn split_out(&mut self) {
        let names = self.names(&[&["fieldToSplitOut"]]);
        let [name] = &names[..] else {
            return self.impossible(
                "splitting several fields out at once has to be written by hand, with `zip` in a template",
            );
        };
        let destination = self.source.text_at(&["options", "destinationFieldName"], "");
        let include = self.source.text("include").unwrap_or("noOtherFields");
        let target =
            if destination.is_empty() { name.rsplit('.').next().unwrap_or(name) } else { destination };
        let target =
            if include == "noOtherFields" && destination.is_empty() { name.as_str() } else { target };
        let wrapped = format!("{{{}: part}}", quoted(target));
        let part = |item: &str| {
            let others = self
                .names(&[&["fieldsToInclude"]])
                .iter()
                .map(|name| quoted(name))
                .collect::<Vec<_>>()
                .join(", ");
            let each = match include {
                "allOtherFields" => format!("{item} | omit([{}]) | merge({wrapped})", quoted(name)),
                "selectedOtherFields" => format!("{item} | pick([{others}]) | merge({wrapped})"),
                _ if destination.is_empty() => format!("(part | type) == \"map\" ? part : {wrapped}"),
                _ => wrapped.clone(),
            };
            format!("({} ?? []) | map(part => {each})", path(item, name).text)
        };
        let output = match self.many() {
            true => format!("$input | map(item => {}) | flatten(1)", part("item")),
            false => part("$input"),
        };
        self.only("data.set_data", map([("mapping_map", format!("{{{{ {output} }}}}").into())]));
    }
}

/// A way with dots.
fn path(base: &str, name: &str) -> Out {
    name.split('.').fold(Out::atom(base, Shape::Any), |at, step| at.field(step))
}
