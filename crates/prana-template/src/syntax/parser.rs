//! Expressions: precedence climbing over one token of lookahead.

use super::{
    MAX_NESTING, MAX_TREE, Parsed, RESERVED,
    ast::{Arg, BinaryOp, Expr, ExprKind, PathPart, PathPartKind, Place, UnaryOp, level},
    lexer::{Lexer, Token},
    limit_error, syntax_error, with_help,
};
use crate::{
    error::Span,
    names::{Names, PathItem},
    value::{Str, Value},
};

pub(super) struct Parser<'s> {
    pub lexer: Lexer<'s>,
    names: &'s dyn Names,
    pub token: Token,
    pub span: Span,
    /// Where the token before this one ended.
    end: usize,
    nesting: u32,
}

impl<'s> Parser<'s> {
    /// Begins at a byte of the source; call [`Parser::begin`] next. `nesting` counts the tags around.
    pub(super) fn new(source: &'s str, at: usize, names: &'s dyn Names, nesting: u32) -> Self {
        let lexer = Lexer { source, at, brackets: 0 };
        Parser { lexer, names, token: Token::End, span: Span::new(at, at), end: at, nesting }
    }

    /// Reads the first token.
    pub(super) fn begin(&mut self) -> Parsed<()> {
        self.advance()
    }

    pub(super) fn advance(&mut self) -> Parsed<()> {
        self.end = self.span.end;
        let start = self.lexer.at;
        match self.lexer.next() {
            Ok((token, span)) => (self.token, self.span) = (token, span),
            Err(error) => {
                self.span = Span::new(start, self.lexer.at);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn at_punct(&self, mark: &str) -> bool {
        matches!(&self.token, Token::Punct(p) if *p == mark)
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(w) if w.as_str() == word)
    }

    pub(super) fn take_punct(&mut self, mark: &str) -> Parsed<bool> {
        let there = self.at_punct(mark);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    pub(super) fn expect_punct(&mut self, mark: &str) -> Parsed<()> {
        if self.take_punct(mark)? { Ok(()) } else { Err(self.expected(&format!("`{mark}`"))) }
    }

    pub(super) fn expected(&self, what: &str) -> Box<crate::error::TemplateError> {
        syntax_error(self.span, format!("expected {what}, found {}", self.token.describe()))
    }

    /// A word that can name a variable.
    pub(super) fn name(&mut self, what: &str) -> Parsed<Str> {
        match &self.token {
            Token::Word(word) if !RESERVED.contains(&word.as_str()) => {
                let name = word.clone();
                self.advance()?;
                Ok(name)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// The token before the current one, for errors about a word just read.
    pub(super) fn span_of_word(&self) -> Span {
        let before = &self.lexer.source[..self.end];
        let start = before.trim_end_matches(|c: char| c == '_' || c.is_alphanumeric()).len();
        Span::new(start, self.end)
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.end.max(start))
    }

    fn made(&self, kind: ExprKind, start: usize) -> Parsed<Expr> {
        let expr = Expr::new(kind, self.span_from(start));
        if expr.depth > MAX_TREE {
            return Err(limit_error(
                expr.span,
                format!("an expression can't have more than {MAX_TREE} operations in a row"),
            ));
        }
        Ok(expr)
    }

    /// Runs a parser one level of nesting deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            return Err(limit_error(self.span, format!("nested deeper than {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let result = parse(self);
        self.nesting -= 1;
        result
    }

    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(|p| p.conditional())
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let start = self.span.start;
        let test = self.binary(level::COALESCE)?;
        if !self.take_punct("?")? {
            return Ok(test);
        }
        let then = self.expression()?;
        self.expect_punct(":")?;
        let otherwise = self.expression()?;
        self.made(ExprKind::Conditional(Box::new([test, then, otherwise])), start)
    }

    /// Operators that bind at least as tightly as `min`.
    fn binary(&mut self, min: u8) -> Parsed<Expr> {
        let start = self.span.start;
        let mut left = self.operand(min)?;
        let mut piped = false;
        loop {
            if self.at_punct("|") && min <= level::PIPE {
                left = self.pipe(left, start)?;
                piped = true;
                continue;
            }
            if piped {
                self.nothing_tight_after_pipe(start)?;
            }
            let Some(op) = self.operator().filter(|op| op.level() >= min) else { return Ok(left) };
            self.advance()?;
            if op == BinaryOp::NotIn {
                self.advance()?;
            }
            let right = self.binary(op.level() + 1)?;
            left = self.made(ExprKind::Binary(op, Box::new((left, right))), start)?;
        }
    }

    fn operator(&self) -> Option<BinaryOp> {
        use BinaryOp::*;
        Some(match &self.token {
            Token::Punct(mark) => match *mark {
                "??" => Coalesce,
                "||" => Or,
                "&&" => And,
                "==" => Equal,
                "!=" => NotEqual,
                "<" => Less,
                "<=" => LessEqual,
                ">" => Greater,
                ">=" => GreaterEqual,
                "+" => Add,
                "-" => Subtract,
                "*" => Multiply,
                "/" => Divide,
                "%" => Remainder,
                _ => return None,
            },
            Token::Word(word) => match word.as_str() {
                "or" => Or,
                "and" => And,
                "in" => In,
                "contains" => Contains,
                "matches" => Matches,
                "not" if self.word_follows("in") => NotIn,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn word_follows(&self, word: &str) -> bool {
        let mut ahead = self.lexer.clone();
        matches!(ahead.next(), Ok((Token::Word(next), _)) if next == word)
    }

    fn nothing_tight_after_pipe(&self, start: usize) -> Parsed<()> {
        let tight = self.operator().is_some_and(|op| op.level() > level::PIPE);
        if !tight && !self.at_punct(".") && !self.at_punct("[") {
            return Ok(());
        }
        let found = self.token.describe();
        let piped = &self.lexer.source[start..self.end.max(start)];
        let error = syntax_error(self.span, format!("{found} can't follow a filter: a pipe binds looser"));
        let gap = if tight { " " } else { "" };
        let shown = if piped.len() <= 60 { piped } else { "... | filter" };
        Err(with_help(error, format!("write `({shown}){gap}{}`", found.trim_matches('`'))))
    }

    fn operand(&mut self, min: u8) -> Parsed<Expr> {
        let start = self.span.start;
        let negation = self.at_punct("!") || self.at_word("not");
        if negation {
            if min > level::NOT {
                let error = syntax_error(
                    self.span,
                    format!("{} binds looser than what is before it", self.token.describe()),
                );
                return Err(with_help(error, "put it in parentheses: `(not x)`"));
            }
            self.advance()?;
            let inner = self.nested(|p| p.binary(level::NOT))?;
            return self.made(ExprKind::Unary(UnaryOp::Not, Box::new(inner)), start);
        }
        if self.at_punct("-") {
            return self.negative();
        }
        let primary = self.primary()?;
        self.path(primary)
    }

    fn negative(&mut self) -> Parsed<Expr> {
        let start = self.span.start;
        self.advance()?;
        let number = match self.token {
            Token::Int(n) => Some(Value::Int(0i64.wrapping_sub_unsigned(n))),
            Token::Float(x) => Some(Value::Float(-x)),
            _ => None,
        };
        if let Some(number) = number {
            self.advance()?;
            let literal = Expr::literal(number, self.span_from(start));
            return self.path(literal);
        }
        let inner = self.nested(|p| p.operand(level::NEGATE))?;
        self.made(ExprKind::Unary(UnaryOp::Negate, Box::new(inner)), start)
    }

    fn pipe(&mut self, subject: Expr, start: usize) -> Parsed<Expr> {
        self.advance()?;
        let name_span = self.span;
        let Token::Word(name) = self.token.clone() else {
            return Err(self.expected("the name of a filter after `|`"));
        };
        self.advance()?;
        let mut args = vec![Arg { name: None, expr: subject }];
        if self.at_punct("(") {
            self.arguments(&mut args)?;
        }
        self.made(ExprKind::Call { name, name_span: Place(name_span), args, piped: true }, start)
    }

    /// From the `(` to after the `)`.
    fn arguments(&mut self, args: &mut Vec<Arg>) -> Parsed<()> {
        self.advance()?;
        while !self.at_punct(")") {
            let argument = self.nested(|p| p.argument())?;
            args.push(argument);
            if !self.take_punct(",")? {
                break;
            }
        }
        self.expect_punct(")")
    }

    fn argument(&mut self) -> Parsed<Arg> {
        let is_word = matches!(self.token, Token::Word(_));
        if is_word && self.assignment_follows() {
            let name = self.name("the name of an argument")?;
            self.expect_punct("=")?;
            return Ok(Arg { name: Some(name), expr: self.argument_value()? });
        }
        Ok(Arg { name: None, expr: self.argument_value()? })
    }

    fn assignment_follows(&self) -> bool {
        let rest = self.lexer.rest().trim_start();
        rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>")
    }

    fn argument_value(&mut self) -> Parsed<Expr> {
        let start = self.span.start;
        let params = match &self.token {
            Token::Word(_) if self.lexer.rest().trim_start().starts_with("=>") => {
                vec![self.name("the parameter of a lambda")?]
            }
            Token::Punct("(") if self.lambda_follows() => self.lambda_params()?,
            _ => return self.expression(),
        };
        self.expect_punct("=>")?;
        let body = Box::new(self.expression()?);
        self.made(ExprKind::Lambda { params, body }, start)
    }

    /// After a `(`: whether `a, b) =>` comes.
    fn lambda_follows(&self) -> bool {
        let mut ahead = self.lexer.clone();
        loop {
            match ahead.next() {
                Ok((Token::Word(_) | Token::Punct(","), _)) => {}
                Ok((Token::Punct(")"), _)) => return matches!(ahead.next(), Ok((Token::Punct("=>"), _))),
                _ => return false,
            }
        }
    }

    fn lambda_params(&mut self) -> Parsed<Vec<Str>> {
        self.advance()?;
        let mut params = Vec::new();
        while !self.at_punct(")") {
            params.push(self.name("the parameter of a lambda")?);
            if !self.take_punct(",")? {
                break;
            }
        }
        self.expect_punct(")")?;
        Ok(params)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let span = self.span;
        let expr = match &self.token {
            Token::Int(n) => match i64::try_from(*n) {
                Ok(n) => Expr::literal(n, span),
                Err(_) => return Err(syntax_error(span, "the number is too large")),
            },
            Token::Float(x) => Expr::literal(*x, span),
            Token::Text(text) => Expr::literal(text.clone(), span),
            Token::Root(name) => Expr::new(ExprKind::Root(name.clone()), span),
            Token::Word(_) => return self.word(),
            Token::Punct("(") => return self.parenthesised(),
            Token::Punct("[") => return self.list(),
            Token::Punct("{") => return self.map(),
            Token::Punct("=") => return Err(with_help(self.expected("a value"), "to compare, write `==`")),
            _ => return Err(self.expected("a value")),
        };
        self.advance()?;
        Ok(expr)
    }

    fn word(&mut self) -> Parsed<Expr> {
        let span = self.span;
        let Token::Word(word) = self.token.clone() else { return Err(self.expected("a value")) };
        let is_call = self.lexer.rest().trim_start().starts_with('(');
        let kind = match word.as_str() {
            "true" => ExprKind::Literal(super::ast::Literal(Value::Bool(true))),
            "false" => ExprKind::Literal(super::ast::Literal(Value::Bool(false))),
            "null" | "nil" => ExprKind::Literal(super::ast::Literal(Value::Null)),
            "and" | "or" | "in" => return Err(self.expected("a value")),
            "contains" | "matches" if !is_call => return Err(self.expected("a value")),
            _ if is_call => return self.call(word),
            _ => ExprKind::Name(word),
        };
        self.advance()?;
        Ok(Expr::new(kind, span))
    }

    fn call(&mut self, name: Str) -> Parsed<Expr> {
        let name_span = self.span;
        self.advance()?;
        let mut args = Vec::new();
        self.arguments(&mut args)?;
        self.made(ExprKind::Call { name, name_span: Place(name_span), args, piped: false }, name_span.start)
    }

    fn parenthesised(&mut self) -> Parsed<Expr> {
        self.advance()?;
        let inner = self.expression()?;
        self.expect_punct(")")?;
        Ok(inner)
    }

    fn list(&mut self) -> Parsed<Expr> {
        let start = self.span.start;
        self.advance()?;
        let mut items = Vec::new();
        while !self.at_punct("]") {
            items.push(self.expression()?);
            if !self.take_punct(",")? {
                break;
            }
        }
        self.expect_punct("]")?;
        self.made(ExprKind::List(items), start)
    }

    fn map(&mut self) -> Parsed<Expr> {
        let start = self.span.start;
        self.advance()?;
        let mut entries: Vec<(Str, Expr)> = Vec::new();
        while !self.at_punct("}") {
            let (Token::Word(key) | Token::Text(key)) = self.token.clone() else {
                return Err(self.expected("a key: a word, or text in quotes"));
            };
            self.advance()?;
            self.expect_punct(":")?;
            entries.push((key, self.expression()?));
            if !self.take_punct(",")? {
                break;
            }
        }
        self.expect_punct("}")?;
        self.made(ExprKind::Map(entries), start)
    }

    fn path(&mut self, base: Expr) -> Parsed<Expr> {
        let start = base.span.start;
        let root = match &base.kind {
            ExprKind::Root(name) => Some(name.clone()),
            _ => None,
        };
        let mut parts = Vec::new();
        // The path so far, while it begins with a root and is literal.
        let mut literal: Option<Vec<PathItem>> = root.as_ref().map(|_| Vec::new());
        while let Some(part) = self.path_part(root.as_deref().zip(literal.as_deref()))? {
            literal = literal.take().zip(part.literal()).map(|(mut items, item)| {
                items.push(item);
                items
            });
            parts.push(part);
        }
        if parts.is_empty() { Ok(base) } else { self.made(ExprKind::Path(Box::new(base), parts), start) }
    }

    fn path_part(&mut self, before: Option<(&str, &[PathItem])>) -> Parsed<Option<PathPart>> {
        let start = self.span.start;
        let kind = match &self.token {
            Token::Punct("." | "?.") => {
                if let Some(key) = self.special_key(before)? {
                    return Ok(Some(PathPart {
                        kind: PathPartKind::Field(key),
                        span: self.span_from(start),
                    }));
                }
                let optional = self.at_punct("?.");
                self.advance()?;
                match &self.token {
                    Token::Punct("[") if optional => self.index()?,
                    _ => self.field()?,
                }
            }
            Token::Punct("[") => self.index()?,
            _ => return Ok(None),
        };
        Ok(Some(PathPart { kind, span: self.span_from(start) }))
    }

    fn field(&mut self) -> Parsed<PathPartKind> {
        let kind = match &self.token {
            Token::Word(name) => PathPartKind::Field(name.clone()),
            Token::Punct("*") => PathPartKind::Each,
            _ => {
                let error = self.expected("a field name after `.`");
                return Err(with_help(error, "a key that is no plain word is written `[\"any key\"]`"));
            }
        };
        self.advance()?;
        Ok(kind)
    }

    /// A key with a syntax of its own, as the names allow after some roots. The current token is the dot.
    fn special_key(&mut self, before: Option<(&str, &[PathItem])>) -> Parsed<Option<Str>> {
        let Some((root, path)) = before else { return Ok(None) };
        let rest = self.lexer.rest();
        let Some(length) = self.names.key_len(root, path, rest).filter(|&n| n > 0) else { return Ok(None) };
        let Some(key) = rest.get(..length) else { return Ok(None) };
        self.span.end += length;
        self.lexer.at += length;
        self.advance()?;
        Ok(Some(key.into()))
    }

    fn index(&mut self) -> Parsed<PathPartKind> {
        self.advance()?;
        let from = if self.at_punct(":") { None } else { Some(self.expression()?) };
        let kind = if self.take_punct(":")? {
            let to = if self.at_punct("]") { None } else { Some(self.expression()?) };
            PathPartKind::Slice(from, to)
        } else {
            from.map(PathPartKind::Index).ok_or_else(|| self.expected("an index"))?
        };
        self.expect_punct("]")?;
        Ok(kind)
    }
}

impl PathPart {
    /// The part as a literal key or index.
    pub(crate) fn literal(&self) -> Option<PathItem> {
        match &self.kind {
            PathPartKind::Field(name) => Some(PathItem::Key(name.clone())),
            PathPartKind::Index(Expr { kind: ExprKind::Literal(literal), .. }) => match &literal.0 {
                Value::Str(key) => Some(PathItem::Key(key.clone())),
                Value::Int(index) => Some(PathItem::Index(*index)),
                _ => None,
            },
            _ => None,
        }
    }
}
