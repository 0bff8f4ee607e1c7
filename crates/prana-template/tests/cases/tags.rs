use super::check;

#[test]
fn conditions() {
    check(&[
        ("{% if $input.yes %}a{% endif %}", r#""a""#),
        ("{% if $input.no %}a{% else %}b{% endif %}", r#""b""#),
        ("{% if false %}a{% elsif 0 %}b{% elsif $input.n == 7 %}c{% else %}d{% endif %}", r#""c""#),
        ("{% if {} %}a{% else %}b{% endif %}", r#""b""#),
        ("{%- if true -%} a {%- endif -%} ", r#""a""#),
        ("x {% if true -%} a {% endif %}", r#""x a ""#),
        ("{% if true %}{% if false %}a{% else %}b{% endif %}{% endif %}", r#""b""#),
        ("{% if true %}{{ 1 }}{% endif %}", r#""1""#),
        ("{% if true %}", "refused expression.syntax"),
        ("{% endif %}", "refused expression.syntax"),
        ("{% if %}a{% endif %}", "refused expression.syntax"),
        ("{% if true %}{% else %}{% elsif true %}{% endif %}", "refused expression.syntax"),
        ("{% fi true %}", "refused expression.syntax"),
        ("{% if true %}{% endfor %}", "refused expression.syntax"),
        ("{% if a = 1 %}{% endif %}", "refused expression.syntax"),
    ]);
}

#[test]
fn loops() {
    check(&[
        ("{% for x in $input.list %}{{ x }},{% endfor %}", r#""1,2,3,""#),
        ("{% for x in [] %}a{% else %}none{% endfor %}", r#""none""#),
        ("{% for x in $input.none %}a{% else %}none{% endfor %}", r#""none""#),
        ("{% for x in 5 %}{% endfor %}", "error expression.type"),
        ("{% for k, v in $input.map %}{{ k }}={{ v }};{% endfor %}", r#""a=1;b={\"c\":[10,20]};""#),
        ("{% for e in {a: 1} %}{{ e.key }}{{ e.value }}{% endfor %}", r#""a1""#),
        ("{% for i, x in ['a', 'b'] %}{{ i }}{{ x }}{% endfor %}", r#""0a1b""#),
        (
            "{% for x in [5, 6] %}{{ forloop.index }}{{ forloop.index0 }}{{ forloop.first }}{{ forloop.last }}{{ forloop.length }} {% endfor %}",
            r#""10truefalse2 21falsetrue2 ""#,
        ),
        (
            "{% for x in [1, 2] %}{% for y in [1] %}{{ forloop.parentloop.index }}{{ forloop.index }} {% endfor %}{% endfor %}",
            r#""11 21 ""#,
        ),
        ("{% for x in [1] %}{% for y in [1] %}{% endfor %}{{ forloop.index }}{% endfor %}", r#""1""#),
        ("{% for x in [1] %}{{ forloop.parentloop }}.{% endfor %}", r#"".""#),
        (
            "{% for x in [1] %}{{ forloop }}{% endfor %}",
            r#""{\"index\":1,\"index0\":0,\"first\":true,\"last\":true,\"length\":1,\"parentloop\":null}""#,
        ),
        ("{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", r#""1""#),
        ("{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}", r#""13""#),
        ("{% for x in [1, 2] %}{% for y in [1, 2] %}{% break %}{% endfor %}{{ x }}{% endfor %}", r#""12""#),
        ("{% break %}", "refused expression.syntax"),
        ("{% for x in [1] %}{{ x }}{% endfor %}{{ x }}", "refused expression.unknown_name"),
        ("{% for x in [1] %}{{ [2] | map(y => x + y) }}{% endfor %}", r#""[3]""#),
        ("{% for x in [1] %}{% for x in [2] %}{{ x }}{% endfor %}{{ x }}{% endfor %}", r#""21""#),
        ("{{ forloop.index }}", "refused expression.unknown_name"),
        ("{% for x in [1] %}{{ forloop.rindex }}{% endfor %}", "refused expression.unknown_name"),
        ("{% for in [1] %}{% endfor %}", "refused expression.syntax"),
        ("{% for x of [1] %}{% endfor %}", "refused expression.syntax"),
        ("{% for x in [1] %}", "refused expression.syntax"),
        ("{% for x in [[1, 2], [3]] %}{% for y in x %}{{ y }}{% endfor %};{% endfor %}", r#""12;3;""#),
        ("{% for x in [1, 2] %}{{ [0] | map(y => forloop.index) }}{% endfor %}", r#""[1][2]""#),
    ]);
}

#[test]
fn variables() {
    check(&[
        ("{% assign a = 5 %}{{ a }}", r#""5""#),
        ("{% assign a = 1 %}{% assign a = a + 1 %}{{ a }}", r#""2""#),
        ("{{ a }}{% assign a = 1 %}", "refused expression.unknown_name"),
        ("{% assign s = 0 %}{% for x in [1, 2, 3] %}{% assign s = s + x %}{% endfor %}{{ s }}", r#""6""#),
        ("{% for x in [1] %}{% assign y = x %}{% endfor %}{{ y }}", r#""1""#),
        ("{% if false %}{% assign y = 1 %}{% endif %}[{{ y }}]", r#""[]""#),
        ("{% assign l = [1] %}{% assign l = l + [2] %}{{ l }}", r#""[1,2]""#),
        ("{% assign l = [[1]] %}{{ l[0][0] }}", r#""1""#),
        ("{% assign in = 1 %}", "refused expression.syntax"),
        ("{% assign a 1 %}", "refused expression.syntax"),
        ("{% assign f = 2 %}{{ [1, 2] | map(x => x * f) }}", r#""[2,4]""#),
    ]);
}

#[test]
fn cases_and_raw() {
    check(&[
        ("{% case $input.n %}{% when 1 %}a{% when 7 %}b{% else %}c{% endcase %}", r#""b""#),
        ("{% case 'x' %}{% when 'y', 'x' %}a{% endcase %}", r#""a""#),
        ("{% case 9 %}{% when 1 %}a{% else %}c{% endcase %}", r#""c""#),
        ("{% case 9 %}{% when 1 %}a{% endcase %}", r#""""#),
        ("{% case 1 %} {% when 1.0 %}a{% endcase %}", r#""a""#),
        ("{% case 1 %}text{% when 1 %}{% endcase %}", "refused expression.syntax"),
        ("{% case 1 %}{% when 1 %}", "refused expression.syntax"),
        ("{% raw %}{{ not }} {% a %}{% endraw %}", r#""{{ not }} {% a %}""#),
        ("{% raw -%} a {%- endraw -%} b", r#""ab""#),
        ("{% raw %}", "refused expression.syntax"),
        ("{% raw %}{{ 1 }}{% endraw %}{{ 1 }}", r#""{{ 1 }}1""#),
    ]);
}
