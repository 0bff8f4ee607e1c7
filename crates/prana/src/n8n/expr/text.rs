//! Parameters of n8n: plain, or expressions that begin with `=`.

use prana_template::{Map, Value};

use super::{Out, Shape, Translator, level, quoted};

/// Whether a parameter is an expression.
pub(in crate::n8n) fn is_expression(text: &str) -> bool {
    text.starts_with('=')
}

/// A piece of a text with expressions in it.
pub(in crate::n8n) enum Piece<'t> {
    Plain(&'t str),
    Expression(&'t str),
}

/// The pieces of a text; an expression that is not closed is text.
pub(in crate::n8n) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("{{") {
        let Some(length) = closing(&rest[begin + 2..]) else { break };
        pieces.extend((begin > 0).then(|| Piece::Plain(&rest[..begin])));
        pieces.push(Piece::Expression(&rest[begin + 2..begin + 2 + length]));
        rest = &rest[begin + 4 + length..];
    }
    pieces.extend((!rest.is_empty()).then_some(Piece::Plain(rest)));
    pieces
}

/// Where the `}}` is that closes an expression: not one in quotes.
fn closing(source: &str) -> Option<usize> {
    let mut quote: Option<u8> = None;
    let (mut escaped, mut open) = (false, 0_usize);
    let bytes = source.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            _ if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(mark), byte) if *byte == mark => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(*byte),
            (None, b'{') => open += 1,
            (None, b'}') if open == 0 && bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, b'}') => open = open.saturating_sub(1),
            (None, _) => {}
        }
    }
    source.find("}}")
}

/// Text that is no template, whatever is in it.
pub(in crate::n8n) fn plain(text: &str) -> String {
    match ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
        true => format!("{{{{ {} }}}}", quoted(text)),
        false => text.to_owned(),
    }
}

/// A value that is no template, and no directive, whatever is in it.
pub(in crate::n8n) fn literal(value: &Value) -> Value {
    match value {
        Value::Str(text) => plain(text).into(),
        Value::List(items) => items.iter().map(literal).collect(),
        Value::Map(map) if map.len() == 1 && map.keys().any(|key| key.starts_with('#')) => {
            format!("{{{{ {} | parse_json }}}}", quoted(&value.to_json_string())).into()
        }
        Value::Map(map) => map.iter().map(|(key, value)| (key.clone(), literal(value))).collect(),
        other => other.clone(),
    }
}

/// Translates whole parameters, and collects what is to be said about them.
pub(in crate::n8n) struct Texts<'n> {
    pub translator: Translator<'n>,
    /// What could not be translated: the expression, and why.
    pub refused: Vec<(String, String)>,
}

impl<'n> Texts<'n> {
    pub fn new(translator: Translator<'n>) -> Self {
        Texts { translator, refused: Vec::new() }
    }

    /// An expression; what can't be translated is one that fails when it is evaluated, with the reason.
    pub fn expression(&mut self, source: &str) -> Out {
        self.translator.translate(source).unwrap_or_else(|reason| self.failing(source, &reason))
    }

    /// An expression that fails when it is evaluated.
    pub fn failing(&mut self, source: &str, reason: &str) -> Out {
        let source: String = source.trim().chars().take(200).collect();
        let message = format!("not translated from n8n: {source} ({reason})");
        if self.refused.len() < 100 {
            self.refused.push((source, reason.to_owned()));
        }
        Out::new(format!("null | required({})", quoted(&message)), level::PIPE, Shape::Any)
    }

    /// A parameter as one expression: of a plain value its literal, of mixed text a sum.
    pub fn out(&mut self, value: &Value) -> Out {
        match value {
            Value::Str(text) if is_expression(text) => self.mixed_out(&text[1..]),
            Value::Str(text) => Out::literal(text),
            Value::Int(_) | Value::Float(_) => Out::atom(number_text(value), Shape::Number),
            Value::Bool(flag) => Out::atom(flag.to_string(), Shape::Bool),
            Value::Null => Out::atom("null", Shape::Any),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|item| self.out(item).text).collect();
                Out::atom(format!("[{}]", items.join(", ")), Shape::List)
            }
            Value::Map(map) => {
                let fields: Vec<String> = map
                    .iter()
                    .map(|(key, value)| format!("{}: {}", quoted(key), self.out(value).text))
                    .collect();
                Out::atom(format!("{{{}}}", fields.join(", ")), Shape::Map)
            }
        }
    }

    fn mixed_out(&mut self, text: &str) -> Out {
        let pieces = pieces(text);
        if let [Piece::Expression(source)] = &pieces[..] {
            return self.expression(source);
        }
        let mut all = Out::literal("");
        for (index, piece) in pieces.iter().enumerate() {
            let piece = match piece {
                Piece::Plain(text) => Out::literal(text),
                Piece::Expression(source) => self.expression(source),
            };
            all = if index == 0 && piece.shape == Shape::Text {
                piece
            } else {
                all.binary("+", &piece, level::ADD, Shape::Text)
            };
        }
        all.shaped(Shape::Text)
    }

    /// A parameter as a template: text with expressions stays readable, one expression alone keeps its type.
    pub fn template(&mut self, value: &Value) -> Value {
        match value {
            Value::Str(text) if is_expression(text) => self.template_text(&text[1..]).into(),
            Value::List(items) => items.iter().map(|item| self.template(item)).collect(),
            Value::Map(map) if map.keys().any(|key| key.starts_with('#')) => {
                self.out(value).template().into()
            }
            Value::Map(map) => {
                map.iter().map(|(key, value)| (key.clone(), self.template(value))).collect::<Map>().into()
            }
            other => literal(other),
        }
    }

    fn template_text(&mut self, text: &str) -> String {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Plain(text) => out.push_str(&plain(text)),
                Piece::Expression(source) => {
                    // `{` and `{{` would be read as `{{` and `{`.
                    if out.ends_with('{') {
                        out.pop();
                        out.push_str("{{ \"{\" }}");
                    }
                    out.push_str(&self.expression(source).template());
                }
            }
        }
        out
    }

    /// A parameter that is text here.
    pub fn text(&mut self, value: Option<&Value>, default: &str) -> Value {
        match value {
            None | Some(Value::Null) => default.into(),
            Some(value @ (Value::Str(_) | Value::List(_) | Value::Map(_))) => self.template(value),
            Some(other) => other.to_text().as_str().into(),
        }
    }
}

/// A number as it is written.
fn number_text(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => format!("{}", number as i64),
        _ => value.to_json_string(),
    }
}
