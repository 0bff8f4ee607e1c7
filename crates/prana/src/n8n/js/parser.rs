//! From tokens to the tree.

use super::lexer::{Token, tokens};
use super::{Entry, Js, Kind, MAX_DEPTH, MAX_LENGTH};

/// Reads one expression.
///
/// # Errors
/// What about it is not read, for people.
pub(in crate::n8n) fn parse(source: &str) -> Result<Js, String> {
    parse_at(source, 0)
}

fn parse_at(source: &str, nesting: u16) -> Result<Js, String> {
    if source.len() > MAX_LENGTH {
        return Err(format!("it is longer than {MAX_LENGTH} bytes"));
    }
    let mut parser = Parser { tokens: tokens(source)?, at: 0, nesting };
    let mut js = parser.expression()?;
    if parser.take(";") && parser.peek() != &Token::End {
        return Err("it has several statements".to_owned());
    }
    match parser.peek() {
        Token::End => {
            js.depth = js.depth.max(1);
            Ok(js)
        }
        other => Err(format!("{} is not expected there", other.describe())),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: u16,
}

/// Operators of two sides, the loosest first.
const LEVELS: [&[&str]; 8] = [
    &["??"],
    &["||"],
    &["&&"],
    &["===", "!==", "==", "!="],
    &["<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "/", "%"],
    &["**"],
];

const UNARY: [&str; 3] = ["!", "-", "+"];

/// Words that begin what is no expression, or is none that is translated.
const REFUSED: [&str; 12] =
    ["function", "async", "await", "class", "let", "const", "var", "if", "for", "while", "throw", "delete"];

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.peek(), Token::Punct(found) if *found == mark)
    }

    fn take(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        if self.take(mark) {
            return Ok(());
        }
        Err(format!("`{mark}` is expected where {} is", self.peek().describe()))
    }

    fn expression(&mut self) -> Result<Js, String> {
        self.nesting += 1;
        if self.nesting > MAX_DEPTH {
            return Err("it is nested too deep".to_owned());
        }
        let js = if self.begins_arrow() { self.arrow() } else { self.conditional() };
        self.nesting -= 1;
        js
    }

    fn conditional(&mut self) -> Result<Js, String> {
        let test = self.binary(0)?;
        if !self.take("?") {
            return Ok(test);
        }
        let then = self.expression()?;
        self.expect(":")?;
        let otherwise = self.expression()?;
        let depth = test.depth.max(then.depth).max(otherwise.depth);
        node(Kind::Conditional(Box::new(test), Box::new(then), Box::new(otherwise)), depth)
    }

    fn binary(&mut self, level: usize) -> Result<Js, String> {
        let Some(marks) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        loop {
            let found = marks.iter().find(|mark| self.is(mark));
            let Some(mark) = found else { return Ok(left) };
            self.at += 1;
            let right = self.binary(level + 1)?;
            let depth = left.depth.max(right.depth);
            left = node(Kind::Binary(mark, Box::new(left), Box::new(right)), depth)?;
        }
    }

    fn unary(&mut self) -> Result<Js, String> {
        let mut marks = Vec::new();
        loop {
            if let Some(mark) = UNARY.iter().find(|mark| self.is(mark)) {
                marks.push(*mark);
            } else if matches!(self.peek(), Token::Name(name) if name == "typeof") {
                marks.push("typeof");
            } else {
                break;
            }
            self.at += 1;
        }
        let mut js = self.postfix()?;
        for mark in marks.into_iter().rev() {
            let depth = js.depth;
            js = node(Kind::Unary(mark, Box::new(js)), depth)?;
        }
        Ok(js)
    }

    fn postfix(&mut self) -> Result<Js, String> {
        let mut js = self.primary()?;
        loop {
            let depth = js.depth;
            if self.take("?.") {
                js = match self.peek() {
                    Token::Punct("[") | Token::Punct("(") => continue,
                    _ => node(Kind::Member(Box::new(js), self.member()?), depth)?,
                };
            } else if self.take(".") {
                js = node(Kind::Member(Box::new(js), self.member()?), depth)?;
            } else if self.take("[") {
                let index = self.expression()?;
                self.expect("]")?;
                let depth = depth.max(index.depth);
                js = node(Kind::Index(Box::new(js), Box::new(index)), depth)?;
            } else if self.is("(") {
                let args = self.arguments()?;
                let depth = args.iter().map(|arg| arg.depth).fold(depth, u16::max);
                js = node(Kind::Call(Box::new(js), args), depth)?;
            } else {
                return Ok(js);
            }
        }
    }

    fn member(&mut self) -> Result<String, String> {
        match self.next() {
            Token::Name(name) => Ok(name),
            other => Err(format!("a name is expected where {} is", other.describe())),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Js>, String> {
        self.expect("(")?;
        self.items(")")
    }

    /// Up to the mark that closes.
    fn items(&mut self, close: &str) -> Result<Vec<Js>, String> {
        let mut items = Vec::new();
        while !self.take(close) {
            let spread = self.take("...");
            let item = self.expression()?;
            let depth = item.depth;
            items.push(if spread { node(Kind::Spread(Box::new(item)), depth)? } else { item });
            if !self.take(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok(items)
    }

    fn primary(&mut self) -> Result<Js, String> {
        let kind = match self.next() {
            Token::Number(text) => Kind::Number(text),
            Token::Text(text) => Kind::Text(text),
            Token::Regex(pattern, flags) => Kind::Regex(pattern, flags),
            Token::Template(texts, sources) => return self.template(texts, &sources),
            Token::Punct("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Punct("[") => {
                let items = self.items("]")?;
                let depth = items.iter().map(|item| item.depth).fold(0, u16::max);
                return node(Kind::List(items), depth);
            }
            Token::Punct("{") => return self.object(),
            Token::Name(name) => return self.named(name),
            other => return Err(format!("{} is not expected there", other.describe())),
        };
        node(kind, 0)
    }

    fn named(&mut self, name: String) -> Result<Js, String> {
        let kind = match name.as_str() {
            "null" | "undefined" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "new" => return self.made(),
            word if REFUSED.contains(&word) => return Err(format!("`{word}` is not translated")),
            _ => Kind::Name(name),
        };
        node(kind, 0)
    }

    fn made(&mut self) -> Result<Js, String> {
        let mut class = node(Kind::Name(self.member()?), 0)?;
        while self.take(".") {
            let depth = class.depth;
            class = node(Kind::Member(Box::new(class), self.member()?), depth)?;
        }
        let args = if self.is("(") { self.arguments()? } else { Vec::new() };
        let depth = args.iter().map(|arg| arg.depth).fold(class.depth, u16::max);
        node(Kind::New(Box::new(class), args), depth)
    }

    fn template(&mut self, texts: Vec<String>, sources: &[String]) -> Result<Js, String> {
        let parts: Result<Vec<Js>, String> =
            sources.iter().map(|source| parse_at(source, self.nesting)).collect();
        let parts = parts?;
        let depth = parts.iter().map(|part| part.depth).fold(0, u16::max);
        node(Kind::Template(texts, parts), depth)
    }

    fn object(&mut self) -> Result<Js, String> {
        let (mut entries, mut depth) = (Vec::new(), 0);
        while !self.take("}") {
            let entry = self.entry()?;
            let (Entry::Field(_, value) | Entry::Spread(value)) = &entry;
            depth = depth.max(value.depth);
            entries.push(entry);
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        node(Kind::Object(entries), depth)
    }

    fn entry(&mut self) -> Result<Entry, String> {
        if self.take("...") {
            return Ok(Entry::Spread(self.expression()?));
        }
        let key = match self.next() {
            Token::Name(name) if self.is(",") || self.is("}") => {
                return Ok(Entry::Field(name.clone(), self.named(name)?));
            }
            Token::Name(key) | Token::Text(key) | Token::Number(key) => key,
            other => return Err(format!("a key is expected where {} is", other.describe())),
        };
        self.expect(":")?;
        Ok(Entry::Field(key, self.expression()?))
    }

    /// `x =>`, or `(...) =>`.
    fn begins_arrow(&self) -> bool {
        let at = |offset: usize| self.tokens.get(self.at + offset).unwrap_or(&Token::End);
        if matches!(at(0), Token::Name(_)) {
            return at(1) == &Token::Punct("=>");
        }
        if at(0) != &Token::Punct("(") {
            return false;
        }
        // Parameters are names alone.
        let mut offset = 1;
        while matches!(at(offset), Token::Name(_) | Token::Punct(",")) {
            offset += 1;
        }
        at(offset) == &Token::Punct(")") && at(offset + 1) == &Token::Punct("=>")
    }

    fn arrow(&mut self) -> Result<Js, String> {
        let mut params = Vec::new();
        loop {
            match self.next() {
                Token::Name(name) => params.push(name),
                Token::Punct("=>") => break,
                _ => {}
            }
        }
        let body = if self.take("{") { self.returned()? } else { self.expression()? };
        let depth = body.depth;
        node(Kind::Arrow(params, Box::new(body)), depth)
    }

    /// A body in braces: it may only return something.
    fn returned(&mut self) -> Result<Js, String> {
        if !matches!(self.next(), Token::Name(name) if name == "return") {
            return Err("a function that does more than to return something is not translated".to_owned());
        }
        let js = self.expression()?;
        self.take(";");
        self.expect("}")?;
        Ok(js)
    }
}

fn node(kind: Kind, below: u16) -> Result<Js, String> {
    match below >= MAX_DEPTH {
        true => Err("it is nested too deep".to_owned()),
        false => Ok(Js { kind, depth: below + 1 }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shown(js: &Js) -> String {
        let list = |items: &[Js]| items.iter().map(shown).collect::<Vec<_>>().join(" ");
        match &js.kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Number(text) | Kind::Name(text) => text.clone(),
            Kind::Text(text) => format!("{text:?}"),
            Kind::Template(texts, parts) => format!("(template {texts:?} {})", list(parts)),
            Kind::Regex(pattern, flags) => format!("/{pattern}/{flags}"),
            Kind::Member(base, name) => format!("(. {} {name})", shown(base)),
            Kind::Index(base, index) => format!("([] {} {})", shown(base), shown(index)),
            Kind::Call(callee, args) => format!("({} {})", shown(callee), list(args)),
            Kind::New(class, args) => format!("(new {} {})", shown(class), list(args)),
            Kind::Unary(mark, inner) => format!("({mark} {})", shown(inner)),
            Kind::Binary(mark, left, right) => format!("({mark} {} {})", shown(left), shown(right)),
            Kind::Conditional(a, b, c) => format!("(? {} {} {})", shown(a), shown(b), shown(c)),
            Kind::List(items) => format!("[{}]", list(items)),
            Kind::Object(entries) => format!("{{{}}}", entries.len()),
            Kind::Spread(inner) => format!("...{}", shown(inner)),
            Kind::Arrow(params, body) => format!("(=> {params:?} {})", shown(body)),
        }
    }

    #[test]
    fn expressions() {
        for (source, expect) in [
            ("1 + 2 * 3", "(+ 1 (* 2 3))"),
            ("a?.b?.[0] ?? 'x'", "(?? ([] (. a b) 0) \"x\")"),
            ("!a && b || c", "(|| (&& (! a) b) c)"),
            ("a ? b : c ? d : e", "(? a b (? c d e))"),
            ("$('My Node').item.json.id", "(. (. (. ($ \"My Node\") item) json) id)"),
            ("x.map((i, n) => i.a)", "((. x map) (=> [\"i\", \"n\"] (. i a)))"),
            ("x.map(i => { return i.a; })", "((. x map) (=> [\"i\"] (. i a)))"),
            ("`a${b.c}d`", "(template [\"a\", \"d\"] (. b c))"),
            ("`${ {a: '}'}.a }`", "(template [\"\", \"\"] (. {1} a))"),
            ("a.replace(/[/]x/gi, '')", "((. a replace) /[/]x/gi \"\")"),
            ("a / b / c", "(/ (/ a b) c)"),
            ("new Date().toISOString()", "((. (new Date ) toISOString) )"),
            ("[...a, 1]", "[...a 1]"),
            ("'\\u0041\\x42\\n'", "\"AB\\n\""),
        ] {
            assert_eq!(parse(source).map(|js| shown(&js)), Ok(expect.to_owned()), "{source}");
        }
    }

    #[test]
    fn what_is_not_read_is_said() {
        for (source, expect) in [
            ("", "the end"),
            ("a +", "the end"),
            ("let x = 1", "`let` is not translated"),
            ("x = 1", "`=`"),
            ("'a", "not closed"),
            ("`a${", "not closed"),
            ("0x10", "number"),
            ("a; b", "several statements"),
            ("x => { y(); return 1 }", "more than to return"),
        ] {
            let message = parse(source).unwrap_err();
            assert!(message.contains(expect), "{source}: {message}");
        }
    }

    #[test]
    fn nothing_is_too_deep() {
        for source in [
            "(".repeat(10_000),
            "a.".repeat(9_000) + "a",
            "!".repeat(9_000) + "a",
            "`${".repeat(5_000),
            "a+".repeat(9_000) + "a",
            "x=>".repeat(5_000) + "1",
            "[".repeat(10_000),
            "a?".repeat(5_000),
        ] {
            assert!(parse(&source).is_err(), "{}", &source[..10]);
        }
    }
}
