//! Text and tags around the expressions.

use super::{
    MAX_NESTING, MAX_SOURCE, Parsed,
    ast::{Branch, Document, Expr, Node},
    lexer::Token,
    limit_error,
    parser::Parser,
    syntax_error, with_help,
};
use crate::{
    error::{Span, TemplateError},
    names::Names,
    nearest::nearest,
    value::{Str, Value},
};

/// Parses a whole template, finding as many errors as can be found.
pub(crate) fn parse_document(source: &str, names: &dyn Names) -> Result<Document, Vec<TemplateError>> {
    if source.len() > MAX_SOURCE {
        let message = format!("a template can't be longer than {MAX_SOURCE} bytes");
        return Err(vec![*limit_error(Span::new(0, source.len()), message)]);
    }
    let mut reader = Reader { source, names, at: 0, trim: false, nesting: 0, loops: 0, errors: Vec::new() };
    let nodes = reader.whole();
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    let native = matches!(nodes.as_slice(), [Node::Output(_)]) && is_alone(source);
    Ok(Document { nodes, native })
}

/// With a single output in the template: nothing but that output is there, not even a space or a comment.
fn is_alone(source: &str) -> bool {
    source.starts_with("{{") && source.ends_with("}}")
}

/// The words that end a block of each tag, and the tag's own end.
const IF: &[&str] = &["elsif", "else", "endif"];
const ELSE_OF_IF: &[&str] = &["endif"];
const FOR: &[&str] = &["else", "endfor"];
const ELSE_OF_FOR: &[&str] = &["endfor"];
const CASE: &[&str] = &["when", "else", "endcase"];
const ELSE_OF_CASE: &[&str] = &["endcase"];
const TAGS: [&str; 7] = ["if", "for", "assign", "case", "raw", "break", "continue"];

struct Reader<'s> {
    source: &'s str,
    names: &'s dyn Names,
    at: usize,
    /// The last tag ended with a trim marker.
    trim: bool,
    nesting: u32,
    loops: u32,
    errors: Vec<TemplateError>,
}

/// A tag that ends a block; the parser stands after its word.
struct Ending<'s> {
    word: Str,
    span: Span,
    parser: Parser<'s>,
}

enum Next {
    End,
    Output { start: usize },
    Tag { start: usize },
    Comment { start: usize },
}

impl<'s> Reader<'s> {
    fn whole(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        while let Some(ending) = self.block(&[], &mut nodes) {
            // Only when the block was closed by a tag that belongs to none.
            self.errors.push(*syntax_error(ending.span, format!("`{}` without its beginning", ending.word)));
            self.resume(ending.parser.span.start);
        }
        nodes
    }

    /// Reads up to one of the ending words, or to the end of the template.
    fn block(&mut self, endings: &[&str], nodes: &mut Vec<Node>) -> Option<Ending<'s>> {
        loop {
            let next = self.text(nodes);
            match next {
                Next::End => return None,
                Next::Comment { start } => self.comment(start),
                Next::Output { start } => self.output(start, nodes),
                Next::Tag { start } => {
                    if let Some(ending) = self.tag(start, endings, nodes) {
                        return Some(ending);
                    }
                }
            }
        }
    }

    /// Reads text up to the next opening mark.
    fn text(&mut self, nodes: &mut Vec<Node>) -> Next {
        let rest = &self.source[self.at..];
        let opening =
            rest.as_bytes().windows(2).position(|w| w[0] == b'{' && matches!(w[1], b'{' | b'%' | b'#'));
        let mut text = &rest[..opening.unwrap_or(rest.len())];
        if std::mem::take(&mut self.trim) {
            text = text.trim_start();
        }
        let Some(opening) = opening else {
            push_text(nodes, text);
            self.at = self.source.len();
            return Next::End;
        };
        let start = self.at + opening;
        let after = &rest[opening + 2..];
        let is_output = rest.as_bytes()[opening + 1] == b'{';
        // In `{{-5}}` the minus belongs to the number.
        let trims = after.starts_with('-') && (!is_output || after[1..].starts_with(char::is_whitespace));
        push_text(nodes, if trims { text.trim_end() } else { text });
        self.at = start + 2 + usize::from(trims);
        match rest.as_bytes()[opening + 1] {
            b'{' => Next::Output { start },
            b'%' => Next::Tag { start },
            _ => Next::Comment { start },
        }
    }

    fn comment(&mut self, start: usize) {
        match self.source[self.at..].find("#}") {
            Some(length) => {
                self.trim = self.source[self.at..self.at + length].ends_with('-');
                self.at += length + 2;
            }
            None => {
                let error = syntax_error(Span::new(start, start + 2), "the comment is not closed");
                self.errors.push(*with_help(
                    error,
                    "add `#}` where it ends; for the text `{#` itself use `{% raw %}`",
                ));
                self.at = self.source.len();
            }
        }
    }

    fn output(&mut self, start: usize, nodes: &mut Vec<Node>) {
        let mut parser = self.parser();
        let read = parser.begin().and_then(|()| {
            if let Token::Close { .. } = parser.token {
                return Err(syntax_error(
                    Span::new(start, parser.span.end),
                    "there is no expression in `{{ }}`",
                ));
            }
            parser.expression()
        });
        if let Some(expr) = self.close(read, parser, "}}", start) {
            nodes.push(Node::Output(expr));
        }
    }

    fn parser(&self) -> Parser<'s> {
        Parser::new(self.source, self.at, self.names, self.nesting)
    }

    /// After what is inside a mark: goes behind the closing mark, past an error when there is one.
    fn close<T>(&mut self, read: Parsed<T>, parser: Parser<'s>, mark: &str, start: usize) -> Option<T> {
        let error = match (read, &parser.token) {
            (Ok(value), Token::Close { mark: found, trim }) if *found == mark => {
                self.trim = *trim;
                self.at = parser.span.end;
                return Some(value);
            }
            (Err(error), _) => error,
            (Ok(_), Token::End) => {
                let open = if mark == "}}" { "{{" } else { "{%" };
                syntax_error(Span::new(start, start + 2), format!("`{open}` is not closed"))
            }
            (Ok(_), Token::Punct("=")) => {
                with_help(parser.expected(&format!("`{mark}`")), "to compare, write `==`")
            }
            (Ok(_), _) => parser.expected(&format!("an operator or `{mark}`")),
        };
        self.errors.push(*error);
        self.resume(parser.span.start);
        None
    }

    /// After an error: goes on behind the next closing mark.
    fn resume(&mut self, from: usize) {
        let from = from.max(self.at).min(self.source.len());
        let rest = self.source.get(from..).unwrap_or_default();
        let next = ["}}", "%}"].iter().filter_map(|mark| rest.find(mark)).min();
        self.at = next.map_or(self.source.len(), |at| from + at + 2);
    }

    /// A tag; those that end a block are handed back.
    fn tag(&mut self, start: usize, endings: &[&str], nodes: &mut Vec<Node>) -> Option<Ending<'s>> {
        let mut parser = self.parser();
        let word = match parser.begin().and_then(|()| tag_word(&mut parser)) {
            Ok(word) => word,
            Err(error) => {
                self.errors.push(*error);
                self.resume(parser.span.start);
                return None;
            }
        };
        let span = Span::new(start, parser.span.end);
        if endings.contains(&word.as_str()) {
            return Some(Ending { word, span, parser });
        }
        if self.nesting >= MAX_NESTING {
            self.errors.push(*limit_error(span, format!("tags are nested deeper than {MAX_NESTING} levels")));
            self.at = self.source.len();
            return None;
        }
        self.nesting += 1;
        match word.as_str() {
            "if" => self.if_tag(parser, start, nodes),
            "for" => self.for_tag(parser, start, nodes),
            "case" => self.case_tag(parser, start, nodes),
            "assign" => self.assign_tag(parser, start, nodes),
            "raw" => self.raw_tag(parser, start, nodes),
            "break" | "continue" => self.jump_tag(&word, parser, start, nodes),
            _ => self.unknown_tag(&word, parser, endings),
        }
        self.nesting -= 1;
        None
    }

    fn unknown_tag(&mut self, word: &str, parser: Parser<'s>, endings: &[&str]) {
        let closing = ["elsif", "else", "endif", "endfor", "when", "endcase", "endraw"];
        let message = if closing.contains(&word) {
            match endings.last() {
                Some(end) => format!("`{word}` here: expected `{end}` first"),
                None => format!("`{word}` without its beginning"),
            }
        } else {
            format!("unknown tag `{word}`")
        };
        let mut error = syntax_error(parser.span_of_word(), message);
        error.help = nearest(word, TAGS)
            .filter(|_| !closing.contains(&word))
            .map(|tag| format!("did you mean `{tag}`?"));
        self.errors.push(*error);
        self.resume(parser.span.start);
    }

    /// Reads an expression and the end of the tag.
    fn test(&mut self, mut parser: Parser<'s>, start: usize) -> Expr {
        let read = parser.expression();
        self.close(read, parser, "%}", start).unwrap_or_else(|| Expr::literal(Value::Null, Span::default()))
    }

    /// Nothing more in the tag.
    fn bare(&mut self, parser: Parser<'s>, start: usize) {
        self.close(Ok(()), parser, "%}", start);
    }

    fn unclosed(&mut self, start: usize, tag: &str) {
        let error = syntax_error(Span::new(start, start + 2), format!("`{{% {tag} %}}` is not closed"));
        self.errors.push(*with_help(error, format!("add `{{% end{tag} %}}`")));
    }

    /// The block after an `else`, up to the end of the tag.
    fn else_block(&mut self, ending: Ending<'s>, last: &[&str], tag: (&str, usize)) -> Vec<Node> {
        self.bare(ending.parser, ending.span.start);
        let mut body = Vec::new();
        match self.block(last, &mut body) {
            Some(end) => self.bare(end.parser, end.span.start),
            None => self.unclosed(tag.1, tag.0),
        }
        body
    }

    fn if_tag(&mut self, parser: Parser<'s>, start: usize, nodes: &mut Vec<Node>) {
        let mut branches = Vec::new();
        let mut otherwise = None;
        let mut test = self.test(parser, start);
        loop {
            let mut body = Vec::new();
            let ending = self.block(IF, &mut body);
            branches.push(Branch { test, body });
            match ending {
                None => break self.unclosed(start, "if"),
                Some(end) if end.word == "elsif" => test = self.test(end.parser, end.span.start),
                Some(end) if end.word == "else" => {
                    otherwise = Some(self.else_block(end, ELSE_OF_IF, ("if", start)));
                    break;
                }
                Some(end) => break self.bare(end.parser, end.span.start),
            }
        }
        nodes.push(Node::If { branches, otherwise });
    }

    fn for_tag(&mut self, mut parser: Parser<'s>, start: usize, nodes: &mut Vec<Node>) {
        let read = for_head(&mut parser);
        let head = self.close(read, parser, "%}", start);
        let mut body = Vec::new();
        self.loops += 1;
        let ending = self.block(FOR, &mut body);
        self.loops -= 1;
        let otherwise = match ending {
            None => {
                self.unclosed(start, "for");
                None
            }
            Some(end) if end.word == "else" => Some(self.else_block(end, ELSE_OF_FOR, ("for", start))),
            Some(end) => {
                self.bare(end.parser, end.span.start);
                None
            }
        };
        if let Some((name, second, list)) = head {
            nodes.push(Node::For { name, second, list, body, otherwise });
        }
    }

    fn case_tag(&mut self, parser: Parser<'s>, start: usize, nodes: &mut Vec<Node>) {
        let subject = self.test(parser, start);
        let mut before = Vec::new();
        let mut ending = self.block(CASE, &mut before);
        if before.iter().any(|node| !matches!(node, Node::Text(text) if text.trim().is_empty())) {
            self.errors.push(*syntax_error(
                Span::new(start, start + 2),
                "there is something between `case` and its first `when`",
            ));
        }
        let (mut branches, mut otherwise) = (Vec::new(), None);
        loop {
            match ending {
                None => break self.unclosed(start, "case"),
                Some(end) if end.word == "when" => {
                    let test = self.patterns(end.parser, end.span.start);
                    let mut body = Vec::new();
                    ending = self.block(CASE, &mut body);
                    branches.push(Branch { test, body });
                }
                Some(end) if end.word == "else" => {
                    otherwise = Some(self.else_block(end, ELSE_OF_CASE, ("case", start)));
                    break;
                }
                Some(end) => break self.bare(end.parser, end.span.start),
            }
        }
        nodes.push(Node::Case { subject, branches, otherwise });
    }

    fn patterns(&mut self, mut parser: Parser<'s>, start: usize) -> Vec<Expr> {
        let mut patterns = Vec::new();
        let read = loop {
            match parser.expression() {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => break Err(error),
            }
            match parser.take_punct(",") {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.close(read, parser, "%}", start);
        patterns
    }

    fn assign_tag(&mut self, mut parser: Parser<'s>, start: usize, nodes: &mut Vec<Node>) {
        let read = (|| {
            let name = parser.name("the name of a variable")?;
            parser.expect_punct("=")?;
            Ok((name, parser.expression()?))
        })();
        if let Some((name, expr)) = self.close(read, parser, "%}", start) {
            nodes.push(Node::Assign { name, expr });
        }
    }

    fn jump_tag(&mut self, word: &str, parser: Parser<'s>, start: usize, nodes: &mut Vec<Node>) {
        if self.loops == 0 {
            let span = Span::new(start, parser.span.end);
            self.errors.push(*syntax_error(span, format!("`{word}` outside of a `for`")));
        }
        self.bare(parser, start);
        nodes.push(if word == "break" { Node::Break } else { Node::Continue });
    }

    /// Everything up to `{% endraw %}` is text.
    fn raw_tag(&mut self, parser: Parser<'s>, start: usize, nodes: &mut Vec<Node>) {
        self.bare(parser, start);
        let trim_start = std::mem::take(&mut self.trim);
        let Some(end) = find_endraw(&self.source[self.at..]) else {
            self.unclosed(start, "raw");
            self.at = self.source.len();
            return;
        };
        let mut text = &self.source[self.at..self.at + end.start];
        if trim_start {
            text = text.trim_start();
        }
        push_text(nodes, if end.trims_before { text.trim_end() } else { text });
        self.at += end.end;
        self.trim = end.trims_after;
    }
}

/// The word after `{%`.
fn tag_word(parser: &mut Parser<'_>) -> Parsed<Str> {
    let Token::Word(word) = parser.token.clone() else {
        return Err(parser.expected("the name of a tag, such as `if`"));
    };
    // `raw` is followed by anything at all: the next token is read by `bare`, the closing mark.
    parser.advance()?;
    Ok(word)
}

/// `x in list` or `k, v in map`, after `for`.
fn for_head(parser: &mut Parser<'_>) -> Parsed<(Str, Option<Str>, Expr)> {
    let name = parser.name("the name of a variable")?;
    let second = if parser.take_punct(",")? { Some(parser.name("the name of a variable")?) } else { None };
    if !parser.at_word("in") {
        return Err(with_help(
            parser.expected("`in`"),
            "write `{% for x in list %}` or `{% for key, value in map %}`",
        ));
    }
    parser.advance()?;
    Ok((name, second, parser.expression()?))
}

struct EndRaw {
    start: usize,
    end: usize,
    trims_before: bool,
    trims_after: bool,
}

fn find_endraw(text: &str) -> Option<EndRaw> {
    let mut from = 0;
    while let Some(found) = text[from..].find("{%") {
        let start = from + found;
        let inside = &text[start + 2..];
        let trims_before = inside.starts_with('-');
        let word = inside.trim_start_matches('-').trim_start();
        if let Some(rest) = word.strip_prefix("endraw") {
            let rest = rest.trim_start();
            let trims_after = rest.starts_with('-');
            if let Some(after) = rest.trim_start_matches('-').strip_prefix("%}") {
                return Some(EndRaw { start, end: text.len() - after.len(), trims_before, trims_after });
            }
        }
        from = start + 2;
    }
    None
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if text.is_empty() {
        return;
    }
    match nodes.last_mut() {
        Some(Node::Text(before)) => before.push_str(text),
        _ => nodes.push(Node::Text(text.into())),
    }
}
