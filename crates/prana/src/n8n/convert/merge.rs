//! `Merge`: lists put together in one of its many ways.

use prana_template::{Map, Value};

use super::{Converter, End, map};
use crate::n8n::expr::{Out, Shape};

/// The most inputs of a merge.
const MAX_INPUTS: usize = 10;

impl Converter<'_, '_> {
    pub(super) fn merge(&mut self) {
        let source = self.source;
        let mode = source.text("mode").unwrap_or("append");
        let by = source.text("combineBy").or_else(|| source.text("combinationMode"));
        match (mode, by) {
            ("append", _) => self.append(),
            ("chooseBranch" | "passThrough" | "wait", _) => self.choose_branch(),
            ("mergeByIndex", _) | ("combine", Some("combineByPosition" | "mergeByPosition")) => {
                self.by_position()
            }
            ("multiplex", _) | ("combine", Some("combineAll" | "multiplex")) => self.all_pairs(),
            ("mergeByKey" | "keepKeyMatches" | "removeKeyMatches", _) => self.by_older_key(mode),
            ("combine", None | Some("combineByFields" | "mergeByFields")) => self.by_fields(),
            _ => {
                self.impossible("this way to merge has no counterpart");
                self.two_inputs();
            }
        }
    }

    fn inputs(&self) -> usize {
        let given = self
            .source
            .at(&["numberInputs"])
            .and_then(Value::as_i64)
            .and_then(|count| usize::try_from(count).ok());
        let connected = self.plan.into(self.index).map(|link| link.input + 1).max().unwrap_or(2);
        given.unwrap_or(2).max(connected).clamp(2, MAX_INPUTS)
    }

    /// Entries by input: ports of the node that joins.
    fn ports(&mut self, key: &str, count: usize) {
        let port = |input: usize| format!("input_{}", char::from(b'a' + input as u8));
        self.piece.entries =
            (0..count).map(|input| vec![(key.to_owned(), Some(port(input)))]).collect::<Vec<Vec<End>>>();
    }

    fn two_inputs(&mut self) {
        let entry = self.piece.entries.first().cloned().unwrap_or_default();
        self.piece.entries = vec![entry; 2];
    }

    fn append(&mut self) {
        let count = self.inputs();
        let mut params = map([("strategy", "concat".into())]);
        if count > 2 {
            params.insert("inputs", count as i64);
        }
        self.only("data.merge", params);
        let key = self.key();
        self.ports(&key, count);
    }

    /// `[left, right]`, whichever came, and then what is made of it.
    fn pair(&mut self, output: &str) {
        let (key, both) = (self.key(), self.helper("both"));
        let side = |port: &str| Value::from(format!("{{{{ $input.{port} ?? [] }}}}"));
        self.add(&both, "data.merge", map([("input_a", side("input_a")), ("input_b", side("input_b"))]));
        self.output(&key, output);
        self.link(&both, None, &key, None);
        self.ports(&both, 2);
        self.leave(&key);
    }

    fn choose_branch(&mut self) {
        let source = self.source;
        let (key, both) = (self.key(), self.helper("both"));
        let side = |port: &str| Value::from(format!("{{{{ [$input.{port}] }}}}"));
        let params =
            [("strategy", Value::from("concat")), ("input_a", side("input_a")), ("input_b", side("input_b"))];
        self.add(&both, "data.merge", map(params));
        let chosen = source.text("useDataOfInput").or_else(|| source.text("output")).unwrap_or("1");
        let output = match (source.text("chooseBranchMode"), chosen) {
            (Some("empty"), _) | (_, "empty") => Value::Map(Map::new()),
            (_, "2" | "input2") => "{{ $input[1] }}".into(),
            _ => "{{ $input[0] }}".into(),
        };
        self.output(&key, output);
        self.link(&both, None, &key, None);
        self.ports(&both, 2);
        self.leave(&key);
    }

    /// Which side wins where both have a field: the later one, unless it is said.
    fn prefers_first(&self) -> bool {
        let path = ["options", "clashHandling", "values", "resolveClash"];
        matches!(self.source.text_at(&path, "preferLast"), "preferInput1")
    }

    fn merged(&self, left: &str, right: &str) -> String {
        if self.prefers_first() {
            format!("{right} | merge({left})")
        } else {
            format!("{left} | merge({right})")
        }
    }

    fn clashes(&mut self) {
        let path = ["options", "clashHandling", "values", "resolveClash"];
        if self.source.text_at(&path, "") == "addSuffix" {
            self.changed("fields that both sides have get no suffix: the later side wins");
        }
        let deep = self.source.text_at(&["options", "clashHandling", "values", "mergeMode"], "deepMerge")
            == "deepMerge";
        if deep {
            self.changed("where both sides have an object in the same field, one replaces the other here; in n8n they are merged");
        }
    }

    fn by_position(&mut self) {
        self.clashes();
        let keeps_rest =
            self.source.flag(&["options", "includeUnpaired"]) || self.source.text("join") == Some("outer");
        let merged = self.merged("left", "$input[1][index]");
        if keeps_rest {
            let merged = self.merged("($input[0][n] ?? {})", "($input[1][n] ?? {})");
            let count = "[$input[0] | length, $input[1] | length] | max";
            return self.pair(&format!("{{{{ range({count}) | map(n => {merged}) }}}}"));
        }
        let count = "([$input[0] | length, $input[1] | length] | min)";
        self.pair(&format!("{{{{ $input[0] | take({count}) | map((left, index) => {merged}) }}}}"));
    }

    fn all_pairs(&mut self) {
        self.clashes();
        let merged = self.merged("left", "right");
        self.pair(&format!(
            "{{{{ $input[0] | map(left => $input[1] | map(right => {merged})) | flatten(1) }}}}"
        ));
    }

    /// The fields by which items belong together, of the left side and the right.
    fn match_fields(&self) -> Vec<(String, String)> {
        let source = self.source;
        if let Some(names) = source.text("fieldsToMatchString").filter(|_| !source.flag(&["advanced"])) {
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            return names.map(|name| (name.to_owned(), name.to_owned())).collect();
        }
        let pairs = source.list(&["mergeByFields", "values"]).iter();
        let text =
            |pair: &Value, key: &str| pair.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        pairs.map(|pair| (text(pair, "field1"), text(pair, "field2"))).collect()
    }

    fn by_older_key(&mut self, mode: &str) {
        let name = |key: &str| self.source.text(key).unwrap_or_default().to_owned();
        let fields = vec![(name("propertyName1"), name("propertyName2"))];
        match mode {
            "mergeByKey" => self.joined("enrichInput1", "both", &fields),
            "keepKeyMatches" => self.joined("keepMatches", "input1", &fields),
            _ => self.joined("keepNonMatches", "input1", &fields),
        }
    }

    fn by_fields(&mut self) {
        let fields = self.match_fields();
        let join = self.source.text("joinMode").unwrap_or("keepMatches");
        let default = if join == "keepMatches" || join == "keepNonMatches" { "both" } else { "input1" };
        let from = self.source.text("outputDataFrom").unwrap_or(default).to_owned();
        self.joined(join, &from, &fields);
    }

    fn joined(&mut self, join: &str, from: &str, fields: &[(String, String)]) {
        let is_plain = |name: &str| !name.is_empty() && !name.starts_with('=');
        if fields.is_empty() || !fields.iter().all(|(left, right)| is_plain(left) && is_plain(right)) {
            self.impossible("the fields to match are missing, or are expressions");
            return self.two_inputs();
        }
        self.clashes();
        let first_only = self.source.text_at(&["options", "multipleMatches"], "all") == "first";
        let test = test(fields);
        let partners = |side: usize, of: &str| {
            let first = if first_only { " | take(1)" } else { "" };
            format!("$input[{side}] | filter({of} => {test}){first}")
        };
        let both = self.merged("left", "right");
        let matches =
            format!("$input[0] | map(left => {} | map(right => {both})) | flatten(1)", partners(1, "right"));
        let is_matched = |side: usize, of: &str| format!("$input[{side}] | some({of} => {test})");
        let left_with = format!("$input[0] | filter(left => {})", is_matched(1, "right"));
        let left_alone = format!("$input[0] | reject(left => {})", is_matched(1, "right"));
        let right_with = format!("$input[1] | filter(right => {})", is_matched(0, "left"));
        let right_alone = format!("$input[1] | reject(right => {})", is_matched(0, "left"));
        let enriched = |side: usize, own: &str, other: usize, of: &str| {
            let partners = partners(other, of);
            let merged = self.merged("left", "right");
            format!(
                "$input[{side}] | map({own} => ({partners} | length) > 0 ? ({partners} | map({of} => {merged})) : [{own}]) | flatten(1)"
            )
        };
        let output = match (join, from) {
            ("keepMatches", "input1") => left_with,
            ("keepMatches", "input2") => right_with,
            ("keepMatches", _) => matches,
            ("keepNonMatches", "input1") => left_alone,
            ("keepNonMatches", "input2") => right_alone,
            ("keepNonMatches", _) => format!("({left_alone}) + ({right_alone})"),
            ("keepEverything", _) => format!("({matches}) + ({left_alone}) + ({right_alone})"),
            ("enrichInput1", _) => enriched(0, "left", 1, "right"),
            ("enrichInput2", _) => enriched(1, "right", 0, "left"),
            _ => {
                self.impossible("this way to join has no counterpart");
                return self.two_inputs();
            }
        };
        self.changed("values are compared without converting, and every item with every other: lists of thousands take long");
        self.pair(&format!("{{{{ {output} }}}}"));
    }
}

/// Whether `left` and `right` belong together.
fn test(fields: &[(String, String)]) -> String {
    let side = |base: &str, name: &str| {
        let base = Out::atom(base, Shape::Any);
        name.split('.').fold(base, |at, step| at.field(step)).text
    };
    let tests = fields.iter().map(|(left, right)| {
        let (left, right) = (side("left", left), side("right", right));
        format!("{left} != null and {left} == {right}")
    });
    tests.collect::<Vec<_>>().join(" and ")
}
