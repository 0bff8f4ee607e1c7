//! Tokens of JavaScript.

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(String),
    Text(String),
    /// `` `...` ``: the texts, and the sources of what is between them.
    Template(Vec<String>, Vec<String>),
    Regex(String, String),
    Name(String),
    Punct(&'static str),
    End,
}

impl Token {
    /// For people.
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Number(text) | Token::Name(text) => format!("`{text}`"),
            Token::Text(_) | Token::Template(..) => "a text".to_owned(),
            Token::Regex(..) => "a regular expression".to_owned(),
            Token::Punct(mark) => format!("`{mark}`"),
            Token::End => "the end".to_owned(),
        }
    }
}

/// Longest first.
const MARKS: [&str; 52] = [
    ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=", "<=",
    ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "**", "<<",
    ">>", "+", "-", "*", "/", "%", "<", ">", "!", "=", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}",
];

/// Marks of a statement, or of bits: read, so that the message can name them.
const OTHERS: [&str; 5] = [";", "&", "|", "^", "~"];

/// All tokens of a source.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut lexer = Lexer { rest: source, nesting: 0 };
    let mut tokens: Vec<Token> = Vec::new();
    loop {
        lexer.skip_blank()?;
        if lexer.rest.is_empty() {
            return Ok(tokens);
        }
        let token = lexer.token(ends_a_value(tokens.last()))?;
        tokens.push(token);
    }
}

/// Whether a `/` after this divides.
fn ends_a_value(token: Option<&Token>) -> bool {
    match token {
        Some(Token::Name(name)) => !matches!(name.as_str(), "return" | "typeof" | "in" | "new"),
        Some(Token::Punct(mark)) => matches!(*mark, ")" | "]" | "}"),
        Some(_) => true,
        None => false,
    }
}

struct Lexer<'s> {
    rest: &'s str,
    /// Texts in backticks within each other.
    nesting: u16,
}

const MAX_NESTING: u16 = 16;

impl<'s> Lexer<'s> {
    fn skip_blank(&mut self) -> Result<(), String> {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.find('\n').map_or("", |end| &comment[end..]);
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or("a comment is not closed")?;
                self.rest = &comment[end + 2..];
            } else {
                return Ok(());
            }
        }
    }

    fn take(&mut self, length: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn token(&mut self, after_value: bool) -> Result<Token, String> {
        let first = self.rest.chars().next().unwrap_or(' ');
        match first {
            '0'..='9' => self.number(),
            '"' | '\'' => {
                self.take(1);
                self.text(first).map(Token::Text)
            }
            '`' => self.template(),
            '/' if !after_value => self.regex(),
            c if c.is_alphabetic() || c == '_' || c == '$' => Ok(Token::Name(self.name().to_owned())),
            _ => self.mark(first),
        }
    }

    fn name(&mut self) -> &'s str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
        self.take(end.unwrap_or(self.rest.len()))
    }

    fn mark(&mut self, first: char) -> Result<Token, String> {
        let known = MARKS.iter().chain(&OTHERS).find(|mark| self.rest.starts_with(**mark));
        let mark = known.ok_or_else(|| format!("the character `{}` has no meaning", first.escape_debug()))?;
        self.take(mark.len());
        Ok(Token::Punct(mark))
    }

    fn number(&mut self) -> Result<Token, String> {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut length = digits(0);
        if bytes.get(length) == Some(&b'.') && bytes.get(length + 1).is_some_and(u8::is_ascii_digit) {
            length += 1 + digits(length + 1);
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            length += 1 + sign + digits(length + 1 + sign);
        }
        let text = self.take(length);
        let runs_on = self.rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let is_octal = text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && !runs_on && !is_octal => Ok(Token::Number(text.to_owned())),
            _ => Err(format!("the number `{text}` is written in a way that is not translated")),
        }
    }

    /// After the quote.
    fn text(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            let stop = self.rest.find([quote, '\\']).ok_or("a text is not closed")?;
            text.push_str(self.take(stop));
            if self.take(1) != "\\" {
                return Ok(text);
            }
            self.escape(&mut text)?;
        }
    }

    /// After the backslash.
    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        let kind = self.rest.chars().next().ok_or("a text is not closed")?;
        self.take(kind.len_utf8());
        let plain = match kind {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '\n' => return Ok(()),
            'u' | 'x' => self.code_point(kind)?,
            '0'..='9' => return Err("an escape of digits in a text is not translated".to_owned()),
            other => other,
        };
        text.push(plain);
        Ok(())
    }

    fn code_point(&mut self, kind: char) -> Result<char, String> {
        let bad = || format!("a `\\{kind}` escape in a text is not translated");
        let (skip, length) = match (kind, self.rest.strip_prefix('{')) {
            ('u', Some(inner)) => (1, inner.find('}').ok_or_else(bad)?),
            ('u', None) => (0, 4),
            _ => (0, 2),
        };
        let digits = self.rest.get(skip..skip + length).ok_or_else(bad)?;
        let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or_else(bad)?;
        self.take(length + 2 * skip);
        Ok(code)
    }

    fn template(&mut self) -> Result<Token, String> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err("it is nested too deep".to_owned());
        }
        let token = self.template_parts();
        self.nesting -= 1;
        token
    }

    fn template_parts(&mut self) -> Result<Token, String> {
        self.take(1);
        let (mut texts, mut sources) = (vec![String::new()], Vec::new());
        loop {
            let stop = self.rest.find(['`', '\\', '$']).ok_or("a text in backticks is not closed")?;
            let plain = self.take(stop);
            let text = texts.last_mut().ok_or("a text is not closed")?;
            text.push_str(plain);
            match self.take(1) {
                "`" => return Ok(Token::Template(texts, sources)),
                "\\" => self.escape(text)?,
                _ if self.rest.starts_with('{') => {
                    self.take(1);
                    sources.push(self.inside_braces()?.to_owned());
                    texts.push(String::new());
                }
                _ => text.push('$'),
            }
        }
    }

    /// Up to the brace that closes, which is taken too.
    fn inside_braces(&mut self) -> Result<&'s str, String> {
        let begin = self.rest;
        let (mut open, mut tokens) = (1, 0_usize);
        let mut last = None;
        loop {
            self.skip_blank()?;
            let length = begin.len() - self.rest.len();
            let token =
                if self.rest.is_empty() { Token::End } else { self.token(ends_a_value(last.as_ref()))? };
            tokens += 1;
            match &token {
                Token::End => return Err("a text in backticks is not closed".to_owned()),
                _ if tokens > 1_000 => return Err("it is too long".to_owned()),
                Token::Punct("{") => open += 1,
                Token::Punct("}") => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Ok(&begin[..length]);
            }
            last = Some(token);
        }
    }

    fn regex(&mut self) -> Result<Token, String> {
        let (mut in_class, mut escaped) = (false, false);
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => {
                    let pattern = self.take(at)[1..].to_owned();
                    self.take(1);
                    return Ok(Token::Regex(pattern, self.name().to_owned()));
                }
                _ => {}
            }
        }
        Err("a regular expression is not closed".to_owned())
    }
}
