//! `Code`, and its forerunners `Function` and `Function Item`.

use prana_template::Value;

use super::{Converter, map};
use crate::elixir::Fate;
use crate::n8n::expr::Names;

/// What code may say that is not here, and what is to be said about it.
const MISSING: [(&str, &str); 12] = [
    ("require(", "`require` has no counterpart"),
    ("import(", "`import` has no counterpart"),
    ("fetch(", "code sends no requests here: put an `http.request` before it"),
    ("helpers.", "`this.helpers` has no counterpart: put an `http.request` before it"),
    ("$getWorkflowStaticData", "static data has no counterpart"),
    ("getWorkflowStaticData", "static data has no counterpart"),
    ("$binary", "binary data of items has no counterpart"),
    (".binary", "binary data of items has no counterpart"),
    ("DateTime", "Luxon is not there"),
    ("$now", "`$now` and `$today` are not there: pass the time on with the items"),
    ("$today", "`$now` and `$today` are not there: pass the time on with the items"),
    ("$jmespath", "JMESPath is not there"),
];

/// What is different each time that code runs.
const CHANGING: [&str; 4] = ["new Date()", "Date.now", "Math.random", "crypto."];

impl Converter<'_, '_> {
    pub(super) fn code(&mut self) {
        let source = self.source;
        let language = source.text("language").unwrap_or("javaScript");
        let code = source.text("jsCode").or_else(|| source.text("functionCode")).map(str::to_owned);
        let Some(code) = code.filter(|_| language == "javaScript") else {
            return self.impossible("Python code has to be written anew, in JavaScript or as templates");
        };
        if self.registry.action("code.javascript").is_none() {
            return self.impossible("this build has no `code.javascript`: write it as templates");
        }
        for (mark, text) in MISSING {
            if code.contains(mark) {
                self.find(Fate::NotPossible, format!("{text}; the node fails where it says `{mark}`"));
            }
        }
        if let Some(mark) = CHANGING.iter().find(|mark| code.contains(**mark)) {
            self.changed(format!(
                "`{mark}`: code has no clock and no chance here; pass such values in with the items"
            ));
        }
        let each = source.text("mode") == Some("runOnceForEachItem") || source.kind == "functionItem";
        let whole = if each { self.for_each_item(&code) } else { self.for_all_items(&code) };
        let params = map([("code", whole.into()), ("timeout_ms", 10_000.into())]);
        let list = self.many() || !each;
        if source.on_error == crate::n8n::export::OnError::Continue {
            let (key, call) = (self.key(), self.helper("code"));
            self.add(&call, "code.javascript", params);
            let output = self.unless_failed("$input", list);
            self.output(&key, output);
            self.link(&call, None, &key, None);
            self.enter_unless_empty(&call);
            return self.leave(&key);
        }
        let key = self.key();
        self.add(&key, "code.javascript", params);
        self.enter_unless_empty(&key);
        self.leave(&key);
    }

    /// The items of other nodes that the code names.
    fn tables(&mut self, code: &str) -> String {
        if !["$(", "$node", "$items("].iter().any(|mark| code.contains(mark)) {
            return String::new();
        }
        let view = self.view();
        let mut entries = Vec::new();
        let mut refused = Vec::new();
        for node in &self.plan.export.nodes {
            let quoted =
                ['"', '\'', '`'].iter().any(|quote| code.contains(&format!("{quote}{}{quote}", node.name)));
            let name = Value::from(node.name.as_str()).to_json_string();
            match view.items(&node.name) {
                _ if !quoted && !code.contains(&format!("$node.{}", node.name)) => {}
                Ok(items) => entries.push(format!("{name}: {}", items.text)),
                Err(reason) => refused.push(reason),
            }
        }
        refused.into_iter().for_each(|reason| self.find(Fate::NotPossible, reason));
        format!(
            " const $tables = {{{}}}; const $items = (name) => {{ if (!(name in $tables)) throw new Error(`the items of ${{name}} are not here`); \
             return $tables[name].map((json) => ({{ json }})); }}; const $ = (name) => {{ const all = $items(name); return {{ all: () => all, first: () => all[0], \
             last: () => all[all.length - 1], get item() {{ if (all.length !== 1) throw new Error(`${{name}} has several items: say first() or all()`); return all[0]; }} }}; }}; \
             const $node = new Proxy({{}}, {{ get: (_, name) => ({{ get json() {{ return $(name).item.json; }} }}) }});",
            entries.join(", ")
        )
    }

    /// What stands before the code: on its first line, so that lines keep their numbers but for one.
    fn for_all_items(&mut self, code: &str) -> String {
        let tables = self.tables(code);
        format!(
            "const $list = (Array.isArray($input) ? $input : [$input]).map((json) => ({{ json: json ?? {{}} }})); {BARE}{tables} \
             return (($all) => (Array.isArray($all) ? $all : $all == null ? [] : [$all]).map($bare))(await (async ($input, items, $json) => (async () => {{\n\
             {code}\n}})())({{ all: () => $list, first: () => $list[0], last: () => $list[$list.length - 1] }}, $list, $list[0]?.json));"
        )
    }

    fn for_each_item(&mut self, code: &str) -> String {
        let tables = self.tables(code);
        let item = if self.source.kind == "functionItem" { "$one.json" } else { "$one" };
        let result = if self.many() { "$all" } else { "$all[0]" };
        format!(
            "const $list = (Array.isArray($input) ? $input : [$input]).map((json) => ({{ json: json ?? {{}} }})); {BARE}{tables} \
             const $run = async ($input, item, $json, $itemIndex) => (async () => {{\n{code}\n}})(); const $all = []; \
             for (const [$at, $one] of $list.entries()) $all.push($bare(await $run({{ item: $one, all: () => $list, first: () => $list[0], last: () => $list[$list.length - 1] }}, {item}, $one.json, $at))); \
             return {result};"
        )
    }
}

/// The data of an item, whether it is wrapped or not.
const BARE: &str =
    "const $bare = (one) => (one !== null && typeof one === \"object\" && \"json\" in one ? one.json : one);";
