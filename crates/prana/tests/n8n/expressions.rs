//! Expressions: what they are here, and what they give.

use serde_json::{Value as Json, json};

use super::{chain, fails, gives, imported, set};

fn input() -> Json {
    json!({
        "name": "Ada Lovelace", "n": 7, "price": 2.5, "text": " a,b,c ", "on": true, "none": null, "list": [3, 1, 2], "main": "m",
        "people": [{"id": 2, "name": "Bo", "tags": ["x"]}, {"id": 1, "name": "Al", "tags": []}],
        "deep": {"a b": {"c": 1}}, "json": "{\"k\": [1]}", "when": "2026-02-03T04:05:06.789Z", "digits": "42"
    })
}

/// The expression, what it is here, and what it gives.
#[track_caller]
fn check(source: &str, expect: &str, gives_value: Json) {
    let export = chain(vec![set("Edit", &[("x", &format!("={{{{ {source} }}}}"))])]);
    let workflow = imported(&export).workflow;
    let field = workflow.node("edit").unwrap().params.get("fields").unwrap().get("x").unwrap().clone();
    assert_eq!(field.as_str().unwrap(), format!("{{{{ {expect} }}}}"), "{source}");
    gives(&export, input(), json!({"x": gives_value}));
}

#[test]
fn ways_to_fields() {
    check("$json.name", "$input.name", json!("Ada Lovelace"));
    check("$json['name']", "$input.name", json!("Ada Lovelace"));
    check("$json.deep['a b'].c", "$input.deep[\"a b\"].c", json!(1));
    check("$json?.nothing?.at.all", "$input.nothing.at.all", json!(null));
    check("$json.people[1].name", "$input.people[1].name", json!("Al"));
    check("$json.people[$json.n - 7].name", "$input.people[$input.n - 7].name", json!("Bo"));
    check("$json.main", "$input.main.main", json!("m"));
    check("$json.list.length", "$input.list | length", json!(3));
    check("$input.item.json.n", "$input.n", json!(7));
    check("$input.first().json.n", "$input.n", json!(7));
    check("$input.all().length", "[$input] | length", json!(1));
    check("$input.all()[0].json.n", "[$input][0].n", json!(7));
}

#[test]
fn operators() {
    check("1 + 2 * 3", "1 + 2 * 3", json!(7));
    check("(1 + 2) * 3", "(1 + 2) * 3", json!(9));
    check("$json.n % 2 === 1", "$input.n % 2 == 1", json!(true));
    check("$json.n > 5 && $json.on", "$input.n > 5 and $input.on", json!(true));
    check("$json.none || 'x'", "$input.none or \"x\"", json!("x"));
    check("$json.none ?? 'x'", "$input.none ?? \"x\"", json!("x"));
    check("!$json.on", "not $input.on", json!(false));
    check("!($json.n > 5)", "not $input.n > 5", json!(false));
    check(
        "$json.n !== 7 ? 'a' : $json.on ? 'b' : 'c'",
        "$input.n != 7 ? \"a\" : $input.on ? \"b\" : \"c\"",
        json!("b"),
    );
    check("$json.none == null", "$input.none == null", json!(true));
    check("$json.none === undefined", "$input.none == null", json!(true));
    check("-$json.n", "-$input.n", json!(-7));
    check("+$json.digits", "($input.digits | to_string | parse_json) + 0", json!(42));
    check("2 ** 3", "2 | power(3)", json!(8));
    check("7 / 2", "7 / 2", json!(3.5));
    check("2.0 + 1", "2 + 1", json!(3));
    check("typeof $json.n === 'number'", "$input.n | type in [\"int\", \"float\"]", json!(true));
}

#[test]
fn texts() {
    check("$json.name.toUpperCase()", "$input.name | upper", json!("ADA LOVELACE"));
    check("$json.text.trim().split(',')", "$input.text | trim | split(\",\")", json!(["a", "b", "c"]));
    check("$json.name + ' ' + $json.n", "$input.name + \" \" + $input.n", json!("Ada Lovelace 7"));
    check(
        "`${$json.name}: ${$json.n}!`",
        "\"\" + $input.name + \": \" + $input.n + \"!\"",
        json!("Ada Lovelace: 7!"),
    );
    check("$json.name.includes('Love')", "$input.name | contains(\"Love\")", json!(true));
    check("$json.name.indexOf('Love') !== -1", "$input.name | contains(\"Love\")", json!(true));
    check("$json.name.startsWith('Ada')", "$input.name | starts_with(\"Ada\")", json!(true));
    check(
        "$json.name.replace(/[aeiou]/gi, '-')",
        "$input.name | regex_replace(\"(?i)[aeiou]\", \"-\")",
        json!("-d- L-v-l-c-"),
    );
    check("$json.name.replaceAll('a', 'o')", "$input.name | replace(\"a\", \"o\")", json!("Ado Loveloce"));
    check(
        "$json.name.match(/(\\w+) (\\w+)/)[2]",
        "$input.name | regex_find(\"(\\\\w+) (\\\\w+)\", group=2)",
        json!("Lovelace"),
    );
    check("/^Ada/.test($json.name)", "$input.name | regex_match(\"^Ada\")", json!(true));
    check("$json.name.slice(0, 3)", "$input.name[0:3]", json!("Ada"));
    check("$json.name.substring(4)", "$input.name[4:]", json!("Lovelace"));
    check("$json.name.charAt(1)", "$input.name[1:1 + 1]", json!("d"));
    check("String($json.n).padStart(3, '0')", "$input.n | to_string | pad_left(3, \"0\")", json!("007"));
    check("$json.price.toFixed(2)", "$input.price | format_number(2, thousands=\"\")", json!("2.50"));
    check("'a\"b\\n'", "\"a\\\"b\\n\"", json!("a\"b\n"));
    check("$json.name.isEmpty()", "$input.name | length == 0", json!(false));
}

/// Only the first is replaced, as in JavaScript.
#[test]
fn a_replacement_of_the_first_alone() {
    let export = chain(vec![set(
        "Edit",
        &[
            ("a", "={{ $json.text.trim().replace(',', ';') }}"),
            ("b", "={{ $json.name.replace('zz', 'y') }}"),
            ("c", "={{ $json.name.replace(/a/i, 'x') }}"),
        ],
    )]);
    gives(&export, input(), json!({"a": "a;b,c", "b": "Ada Lovelace", "c": "xda Lovelace"}));
}

#[test]
fn lists_and_maps() {
    check("$json.list.map(x => x * 2)", "$input.list | map(x => x * 2)", json!([6, 2, 4]));
    check("$json.list.map((x, i) => x + i)", "$input.list | map((x, i) => x + i)", json!([3, 2, 4]));
    check(
        "$json.people.map(p => p.name).join(', ')",
        "$input.people | map(p => p.name) | join(\", \")",
        json!("Bo, Al"),
    );
    check(
        "$json.people.find(p => p.id === 1).name",
        "($input.people | find(p => p.id == 1)).name",
        json!("Al"),
    );
    check(
        "$json.people.filter(item => item.tags.length)",
        "$input.people | filter(x1 => x1.tags | length)",
        json!([input()["people"][0]]),
    );
    check(
        "$json.list.reduce((sum, x) => sum + x, 0)",
        "$input.list | reduce(0, (sum, x) => sum + x)",
        json!(6),
    );
    check("$json.list.includes(2)", "$input.list | contains(2)", json!(true));
    check("$json.list.join()", "$input.list | join(\",\")", json!("3,1,2"));
    check("[...$json.list, 4]", "$input.list + [4]", json!([3, 1, 2, 4]));
    check("({...$json.deep, x: 1})", "$input.deep | merge({x: 1})", json!({"a b": {"c": 1}, "x": 1}));
    check("Object.keys($json.deep)", "$input.deep | keys", json!(["a b"]));
    check(
        "Object.entries($json.deep).length",
        "$input.deep | entries | map(entry => [entry.key, entry.value]) | length",
        json!(1),
    );
    check(
        "$json.people.sort((a, b) => a.id - b.id)[0].name",
        "($input.people | sort_by(x => x.id))[0].name",
        json!("Al"),
    );
    check(
        "$json.people.sort((a, b) => b.id - a.id)[0].name",
        "($input.people | sort_by(x => x.id, desc=true))[0].name",
        json!("Bo"),
    );
    check("$json.people.flatMap(p => p.tags)", "$input.people | map(p => p.tags) | flatten(1)", json!(["x"]));
    check("$json.people.pluck('name').last()", "$input.people | map(\"name\") | last", json!("Al"));
    check("JSON.stringify($json.list)", "$input.list | json", json!("[3,1,2]"));
    check("JSON.parse($json.json).k", "($input.json | parse_json).k", json!([1]));
    check("Array.isArray($json.list)", "$input.list | type == \"list\"", json!(true));
    check("Math.round($json.price)", "$input.price + 0.5 | floor", json!(3));
    check("Math.max(1, $json.n)", "[1, $input.n] | max", json!(7));
    check(
        "$json.people.map(p => p.tags.map(t => t + p.id))",
        "$input.people | map(p => p.tags | map(t => t + p.id))",
        json!([["x2"], []]),
    );
}

#[test]
fn times() {
    check("$now.toISO()", "$now | date(\"%Y-%m-%dT%H:%M:%S%.3fZ\")", json!("2026-03-01T09:30:00.000Z"));
    check("$now.toFormat('yyyy-MM-dd')", "$now | date(\"%Y-%m-%d\")", json!("2026-03-01"));
    check(
        "$today.minus({days: 1}).toISODate()",
        "$now | start_of(\"day\") | add_duration(\"-1 day\") | date(\"%Y-%m-%d\")",
        json!("2026-02-28"),
    );
    check(
        "$now.plus({hours: 2, minutes: 5}).hour",
        "$now | add_duration(\"2 hours\") | add_duration(\"5 minutes\") | date(\"%-H\") | to_int",
        json!(11),
    );
    check(
        "$now.plus({days: $json.n}).day",
        "$now | add_duration(\"\" + $input.n + \" days\") | date(\"%-d\") | to_int",
        json!(8),
    );
    check(
        "new Date($json.when).toISOString()",
        "$input.when | parse_date | date(\"%Y-%m-%dT%H:%M:%S%.3fZ\")",
        json!("2026-02-03T04:05:06.789Z"),
    );
    check(
        "new Date($json.when).getTime()",
        "$input.when | parse_date | diff(\"1970-01-01T00:00:00Z\", \"milliseconds\") | floor",
        json!(1_770_091_506_789_i64),
    );
    check("DateTime.fromISO($json.when) < $now", "$input.when | parse_date | diff($now) < 0", json!(true));
    check(
        "$now.diff(DateTime.fromISO($json.when), 'days').days > 26",
        "$now | diff($input.when | parse_date, \"days\") > 26",
        json!(true),
    );
    check(
        "DateTime.fromFormat('03/02/2026', 'dd/MM/yyyy').toISODate()",
        "\"03/02/2026\" | parse_date(\"%d/%m/%Y\") | date(\"%Y-%m-%d\")",
        json!("2026-02-03"),
    );
}

#[test]
fn times_in_the_zone_of_the_workflow() {
    let mut export = chain(vec![set(
        "Edit",
        &[("a", "={{ $now.toISO() }}"), ("b", "={{ $today.toFormat('HH:mm ZZ') }}")],
    )]);
    export["settings"]["timezone"] = json!("Europe/Berlin");
    gives(&export, json!({}), json!({"a": "2026-03-01T10:30:00.000+01:00", "b": "00:00 +01:00"}));
}

#[test]
fn what_is_around() {
    check("$itemIndex", "0", json!(0));
    check("$runIndex", "$execution.run_index", json!(0));
    check("$workflow.name", "$workflow.name", json!("Test"));
    check("$prevNode.name", "\"Start\"", json!("Start"));
    check(
        "$env.REGION",
        "$env.REGION | required(\"the environment REGION of n8n is not set here\")",
        json!("eu"),
    );
    check("$vars.limit || 5", "$vars.limit or 5", json!(5));
    check("$('Start').item.json.n", "$nodes.start.output.n", json!(7));
    check("$('Start').first().json.n", "$nodes.start.output.n", json!(7));
    check("$node[\"Start\"].json[\"n\"]", "$nodes.start.output.n", json!(7));
    check("$('Start').all().map(i => i.json.n)", "[$nodes.start.output] | map(i => i.n)", json!([7]));
    check("$items('Start')[0].json.n", "[$nodes.start.output][0].n", json!(7));
    check(
        "$ifEmpty($json.none, 'x')",
        "$input.none in [null, \"\", [], {}] ? \"x\" : $input.none",
        json!("x"),
    );
    check("$if($json.on, 1, 2)", "$input.on ? 1 : 2", json!(1));
}

#[test]
fn text_with_expressions_in_it() {
    let export = chain(vec![set(
        "Edit",
        &[
            ("a", "=Hello {{ $json.name }}, {{ $json.none }}{{ $json.n }}"),
            ("b", "plain {{ not one }}"),
            ("c", "={{ $json.n }}{{ $json.n }}"),
            ("d", "={ {{ {a: 1}.a }} }"),
            ("f", "=no expression"),
            ("g", "={{ '}}' + $json.n }}"),
        ],
    )]);
    let expect = json!({
        "a": "Hello Ada Lovelace, 7", "b": "plain {{ not one }}", "c": "77", "d": "{ 1 }", "f": "no expression", "g": "}}7"
    });
    gives(&export, input(), expect);
}

/// What is not translated fails, and says why; it is never taken for something else.
#[test]
fn what_is_not_translated_fails() {
    for (source, says) in [
        ("Math.random()", "random numbers"),
        ("$jmespath($json, 'a')", "JMESPath"),
        ("$json.list.forEach(x => x)", "a function is not translated"),
        ("$json.x = 1", "`=`"),
        ("(() => { let x = 1; return x })()", "more than to return"),
        ("$('Nobody').item.json.x", "there is no node `Nobody`"),
        ("$binary.data", "binary data"),
        ("$json.name.replace(/(?=a)/g, '')", "looking ahead"),
        ("$now.toFormat('DDDD')", "`DDDD`"),
        ("someGlobal", "`someGlobal` is not translated"),
        ("$json.a +", "the end"),
        ("$vars.unset", "the variable unset of n8n is not set here"),
        ("process.env.HOME", "`process` is not translated"),
    ] {
        let export = chain(vec![set("Edit", &[("x", &format!("={{{{ {source} }}}}"))])]);
        fails(&export, input(), says);
    }
}

#[test]
fn long_chains_of_replacements_end() {
    let source = format!("={{{{ $json.text{} }}}}", ".replace('a', 'b')".repeat(25));
    let imported = imported(&chain(vec![set("Edit", &[("x", &source)])]));
    let text = format!("{:?}", imported.report.nodes[1].findings);
    assert!(text.contains("its translation is longer"), "{text}");
}
