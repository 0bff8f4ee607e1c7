use proptest::prelude::*;

use super::{
    ast::{Literal, Place},
    *,
};
use crate::{
    Budget, Filters, FixedNames, Template,
    value::{Str, Value},
};

fn names() -> FixedNames {
    FixedNames::new(["$input", "$vars"])
}

fn parse(source: &str) -> Document {
    parse_document(source, &names()).unwrap_or_else(|errors| panic!("{source}: {errors:?}"))
}

#[test]
fn prints_as_written() {
    for source in [
        "{{ 1 + 2 * 3 }}",
        "{{ (1 + 2) * 3 }}",
        "{{ -(5) }}",
        "{{ --$input.a }}",
        "{{ (-5).a }}",
        "{{ a - (b - c) }}",
        "{{ not a == b and not (a or b) }}",
        "{{ a ? b : c ? d : e }}",
        "{{ (a ? b : c) ? d : e }}",
        "{{ $input.list | map(x => x.a + 1) | join(\", \") }}",
        "{{ (l | length) + 1 }}",
        "{{ l | length == 2 }}",
        "{{ reduce(l, 0, (acc, x) => acc + x) }}",
        "{{ f | truncate(3, suffix=\"\") }}",
        "{{ $input[\"odd key\"][0][-1][1:2][:][a:].*.b }}",
        "{{ {a: 1, \"b c\": [true, null, 1.0, \"\\\"\\n\"]} }}",
        "{{ a ?? b not in c }}",
        "{{ x }}{##}",
        " {{ x }}",
        "{% if a %}b{% elsif c %}d{% else %}e{% endif %}",
        "{% for k, v in m %}{{ k }}{% break %}{% else %}none{% endfor %}",
        "{% case x %}{% when 1, 2 %}a{% else %}b{% endcase %}",
        "{% assign a = 1 %}",
        "a{% raw %}{{% endraw %}{b} {% raw %}{{% endraw %}% x",
    ] {
        assert_eq!(parse(source).to_string(), source);
    }
}

fn span() -> Span {
    Span::default()
}

fn word() -> impl Strategy<Value = Str> {
    prop::sample::select(vec!["a", "b", "long_name", "é", "in2", "length"]).prop_map(Str::from)
}

fn leaf() -> impl Strategy<Value = ExprKind> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        ".{0,6}".prop_map(Value::from),
        Just(Value::Null),
    ]
    .prop_map(|value| ExprKind::Literal(Literal(value)))
    .boxed()
    .prop_union(word().prop_map(ExprKind::Name).boxed())
    .or(Just(ExprKind::Root("$input".into())).boxed())
}

fn made(kind: ExprKind) -> Expr {
    Expr::new(kind, span())
}

fn operator() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::*;
    prop::sample::select(vec![
        Coalesce,
        Or,
        And,
        Equal,
        NotEqual,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        In,
        NotIn,
        Contains,
        Matches,
        Add,
        Subtract,
        Multiply,
        Divide,
        Remainder,
    ])
}

fn part(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = PathPart> {
    prop_oneof![
        word().prop_map(PathPartKind::Field),
        Just(PathPartKind::Each),
        inner.clone().prop_map(PathPartKind::Index),
        (prop::option::of(inner.clone()), prop::option::of(inner))
            .prop_map(|(a, b)| PathPartKind::Slice(a, b)),
    ]
    .prop_map(|kind| PathPart { kind, span: span() })
}

fn call(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = ExprKind> {
    let lambda = (prop::collection::vec(word(), 1..3), inner.clone())
        .prop_map(|(params, body)| made(ExprKind::Lambda { params, body: Box::new(body) }));
    let arg = (prop::option::of(word()), prop_oneof![3 => inner.clone(), 1 => lambda])
        .prop_map(|(name, expr)| Arg { name, expr });
    (word(), inner, prop::collection::vec(arg, 0..3), any::<bool>()).prop_map(
        |(name, subject, rest, piped)| {
            let args = std::iter::once(Arg { name: None, expr: subject }).chain(rest).collect();
            ExprKind::Call { name, name_span: Place(span()), args, piped }
        },
    )
}

fn expr() -> BoxedStrategy<Expr> {
    let leaf = leaf().prop_map(made).boxed();
    leaf.prop_recursive(4, 40, 4, |inner| {
        let inner = inner.boxed();
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (operator(), pair.clone()).prop_map(|(op, pair)| ExprKind::Binary(op, Box::new(pair))),
            inner.clone().prop_map(|e| ExprKind::Unary(UnaryOp::Not, Box::new(e))),
            inner.clone().prop_map(|e| ExprKind::Unary(UnaryOp::Negate, Box::new(e))),
            (pair, inner.clone()).prop_map(|((a, b), c)| ExprKind::Conditional(Box::new([a, b, c]))),
            prop::collection::vec(inner.clone(), 0..4).prop_map(ExprKind::List),
            prop::collection::vec((prop_oneof![word(), ".{0,4}".prop_map(Str::from)], inner.clone()), 0..3)
                .prop_map(ExprKind::Map),
            (inner.clone(), prop::collection::vec(part(inner.clone()), 1..3))
                .prop_map(|(base, parts)| path(base, parts)),
            call(inner),
        ]
        .prop_map(made)
        .boxed()
    })
    .boxed()
}

/// A path whose base is a path is one longer path.
fn path(base: Expr, parts: Vec<PathPart>) -> ExprKind {
    match base.kind {
        ExprKind::Path(base, before) => ExprKind::Path(base, before.into_iter().chain(parts).collect()),
        _ => ExprKind::Path(Box::new(base), parts),
    }
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        "[a-z{}%# ]{1,6}".prop_map(Node::Text),
        expr().prop_map(Node::Output),
        (word(), expr()).prop_map(|(name, expr)| Node::Assign { name, expr }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let body = prop::collection::vec(inner, 0..3).prop_map(joined).boxed();
        let otherwise = prop::option::of(body.clone());
        let branch = (expr(), body.clone()).prop_map(|(test, body)| Branch { test, body });
        let patterns = (prop::collection::vec(expr(), 1..3), body.clone())
            .prop_map(|(test, body)| Branch { test, body });
        prop_oneof![
            (prop::collection::vec(branch, 1..3), otherwise.clone())
                .prop_map(|(branches, otherwise)| Node::If { branches, otherwise }),
            (expr(), prop::collection::vec(patterns, 0..3), otherwise.clone())
                .prop_map(|(subject, branches, otherwise)| Node::Case { subject, branches, otherwise }),
            (word(), prop::option::of(word()), expr(), body, otherwise).prop_map(
                |(name, second, list, body, otherwise)| Node::For { name, second, list, body, otherwise }
            ),
        ]
    })
}

/// Texts side by side are one text.
fn joined(nodes: Vec<Node>) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::new();
    for node in nodes {
        match (out.last_mut(), node) {
            (Some(Node::Text(before)), Node::Text(text)) => before.push_str(&text),
            (_, node) => out.push(node),
        }
    }
    out
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{", "}}", "{%", "%}", "{#", "#}", "-", " ", "if", "for", "in", "endfor", "endif", "else", "$input",
        ".a", "[", "]", "(", ")", "{", "}", "|", "map", "=>", "x", "+", "*", "/", "%", "1", "9", ".", "'",
        "\"", "\\", "??", "?", ":", "not", "and", "==", "é", "🇫🇷", "assign", "=", ",", "range", "repeat",
        "$item", "sort", "raw", "endraw", "case", "when", "\u{0}", "json", "length",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn survives(source: &str) {
    if let Ok(template) = Template::parse(source, &names(), Filters::standard()) {
        let scope = [crate::value!({"a": [1, "é🇫🇷", null, {"a": 2.5}]}), Value::Null];
        let mut budget = Budget { steps: 50_000, output_bytes: 100_000 };
        let _ = template.evaluate(&scope, &mut budget);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expressions_survive_printing(expr in expr()) {
        let source = format!("{{{{ {expr} }}}}");
        let parsed = parse_document(&source, &names()).map_err(|errors| TestCaseError::fail(format!("{source}: {errors:?}")))?;
        prop_assert_eq!(parsed.nodes, vec![Node::Output(expr)], "{}", source);
    }

    #[test]
    fn documents_survive_printing(nodes in prop::collection::vec(node(), 0..4)) {
        let document = Document { nodes: joined(nodes), native: false };
        let source = document.to_string();
        let parsed = parse_document(&source, &names()).map_err(|errors| TestCaseError::fail(format!("{source}: {errors:?}")))?;
        prop_assert_eq!(parsed.nodes, document.nodes, "{}", source);
    }

    #[test]
    fn any_text_is_survived(source in ".{0,60}") {
        survives(&source);
        survives(&format!("{{{{ {source} }}}}"));
        survives(&format!("{{{{ $input.a | {source} }}}}"));
    }

    #[test]
    fn any_pieces_are_survived(source in pieces()) {
        survives(&source);
        survives(&format!("{{{{ {source} }}}}"));
        survives(&format!("{{% for x in $input.a %}}{source}{{% endfor %}}"));
    }

    #[test]
    fn any_expression_is_evaluated(expr in expr()) {
        survives(&format!("{{% assign a = $input.a %}}{{% assign b = 1 %}}{{{{ {expr} }}}}"));
    }

    /// Every filter, with any arguments.
    #[test]
    fn any_arguments_are_survived(at in 0usize..110, args in prop::collection::vec(
        prop::sample::select(vec!["1", "-1", "0", "2.5", "1e300", "'é🇫🇷\\u0000'", "''", "null", "[3, 'a', null]", "{a: 1}", "true", "$input.a",
            "9223372036854775807", "-9223372036854775808", "'2024-05-01'", "'%Y'", "x => x", "'[a-'", "'1h'", "'Europe/Berlin'", "'month'"]), 1..4)) {
        let reference = Filters::reference();
        let name = reference[at % reference.len()].name;
        survives(&format!("{{{{ {name}({}) }}}}", args.join(", ")));
    }
}
