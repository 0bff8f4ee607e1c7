//! Tokens of expressions and tags.

use super::{Parsed, syntax_error, with_help};
use crate::{
    error::Span,
    value::{Str, number_length, unicode_escape},
};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Digits; up to 2^63, which is only right after a minus.
    Int(u64),
    Float(f64),
    Text(Str),
    Word(Str),
    /// `$input`, with its `$`.
    Root(Str),
    Punct(&'static str),
    /// `}}` or `%}`, with a trim marker or without.
    Close {
        mark: &'static str,
        trim: bool,
    },
    End,
}

impl Token {
    /// For error messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Int(n) => format!("`{n}`"),
            Token::Float(x) => format!("`{x:?}`"),
            Token::Text(_) => "text in quotes".into(),
            Token::Word(word) | Token::Root(word) => format!("`{word}`"),
            Token::Punct(mark) | Token::Close { mark, .. } => format!("`{mark}`"),
            Token::End => "the end of the template".into(),
        }
    }
}

/// Longest first.
const PUNCTUATION: [&str; 30] = [
    "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "=>", "+", "-", "*", "/", "%", "<", ">", "!", "?", ":",
    "|", ".", ",", "(", ")", "[", "]", "{", "}", "=", ";",
];

#[derive(Clone)]
pub(super) struct Lexer<'s> {
    pub source: &'s str,
    pub at: usize,
    /// Open brackets: inside them `}}` closes two of them and not the expression.
    pub brackets: u32,
}

impl<'s> Lexer<'s> {
    pub(super) fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.source.len() - self.rest().trim_start().len();
    }

    pub(super) fn next(&mut self) -> Parsed<(Token, Span)> {
        self.skip_space();
        let start = self.at;
        let token = self.token()?;
        Ok((token, Span::new(start, self.at)))
    }

    fn token(&mut self) -> Parsed<Token> {
        if let Some(close) = self.close() {
            return Ok(close);
        }
        let Some(first) = self.rest().chars().next() else { return Ok(Token::End) };
        match first {
            '0'..='9' => self.number(),
            '"' | '\'' => self.text(first),
            '$' => self.root(),
            c if c == '_' || c.is_alphabetic() => Ok(Token::Word(self.word().into())),
            _ => self.punctuation(first),
        }
    }

    fn close(&mut self) -> Option<Token> {
        if self.brackets > 0 {
            return None;
        }
        let rest = self.rest();
        let trim = rest.starts_with('-');
        let rest = if trim { &rest[1..] } else { rest };
        let mark = ["}}", "%}"].into_iter().find(|mark| rest.starts_with(mark))?;
        self.at += 2 + usize::from(trim);
        Some(Token::Close { mark, trim })
    }

    fn punctuation(&mut self, first: char) -> Parsed<Token> {
        let Some(mark) = PUNCTUATION.into_iter().find(|mark| self.rest().starts_with(mark)) else {
            let span = Span::new(self.at, self.at + first.len_utf8());
            return Err(syntax_error(span, format!("unexpected character `{first}`")));
        };
        self.at += mark.len();
        match mark {
            "(" | "[" | "{" => self.brackets += 1,
            ")" | "]" | "}" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        Ok(Token::Punct(mark))
    }

    fn word(&mut self) -> &'s str {
        let rest = self.rest();
        let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn root(&mut self) -> Parsed<Token> {
        let start = self.at;
        self.at += 1;
        if self.word().is_empty() {
            return Err(syntax_error(Span::new(start, start + 1), "expected a name after `$`"));
        }
        Ok(Token::Root(self.source[start..self.at].into()))
    }

    fn number(&mut self) -> Parsed<Token> {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let length = number_length(rest.as_bytes()).unwrap_or(digits);
        let (text, span) = (&rest[..length], Span::new(self.at, self.at + length));
        if rest[length..].starts_with(|c: char| c == '_' || c.is_alphanumeric())
            || digits > 1 && text.starts_with('0')
        {
            return Err(syntax_error(span, "a number must not begin with 0 or run into a word"));
        }
        self.at += length;
        if length > digits {
            let float: f64 = text.parse().unwrap_or(f64::INFINITY);
            return if float.is_finite() { Ok(Token::Float(float)) } else { Err(too_large(span)) };
        }
        text.parse().ok().filter(|n| *n <= 1 << 63).map(Token::Int).ok_or_else(|| too_large(span))
    }

    fn text(&mut self, quote: char) -> Parsed<Token> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(plain) = rest.find([quote, '\\']) else {
                let error = syntax_error(Span::new(start, start + 1), "the text is not closed");
                return Err(with_help(error, format!("add a `{quote}` where it ends")));
            };
            out.push_str(&rest[..plain]);
            self.at += plain + 1;
            if rest[plain..].starts_with(quote) {
                return Ok(Token::Text(out.into()));
            }
            out.push(self.escape()?);
        }
    }

    /// After the backslash.
    fn escape(&mut self) -> Parsed<char> {
        let rest = self.rest();
        let kind = rest.chars().next().unwrap_or(' ');
        let plain = match kind {
            '"' | '\'' | '\\' | '/' => kind,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let (c, length) =
                    unicode_escape(&self.source.as_bytes()[self.at - 1..]).ok_or_else(|| {
                        syntax_error(
                            Span::new(self.at - 1, self.at + 1),
                            "bad \\u escape: write \\u and 4 hex digits",
                        )
                    })?;
                self.at += length - 1;
                return Ok(c);
            }
            _ => {
                let error = syntax_error(Span::new(self.at - 1, self.at), "unknown escape in text");
                return Err(with_help(error, "for a backslash itself write `\\\\`"));
            }
        };
        self.at += 1;
        Ok(plain)
    }
}

fn too_large(span: Span) -> Box<crate::error::TemplateError> {
    syntax_error(span, "the number is too large")
}
