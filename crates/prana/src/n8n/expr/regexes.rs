//! Patterns: `replace`, `match`, `test`.

use super::{Js, Kind, Out, Shape, Translator, level, quoted};

impl Translator<'_> {
    /// `/pattern/.test(x)`
    pub(super) fn regex_test(
        &mut self,
        pattern: &str,
        flags: &str,
        name: &str,
        args: &[Js],
    ) -> Result<Out, String> {
        let [subject] = args else { return Err(format!("`{name}()` of a pattern is not translated")) };
        let (pattern, subject) = (translated(pattern, flags)?, self.value(subject)?);
        match name {
            "test" => Ok(subject.pipe(format!("regex_match({})", quoted(&pattern)), Shape::Bool)),
            "exec" => Ok(first_match(&subject, &pattern)),
            _ => Err(format!("`{name}()` of a pattern is not translated")),
        }
    }

    /// Methods of text that may take a pattern.
    pub(super) fn pattern_call(
        &mut self,
        base: &Out,
        name: &str,
        args: &[Js],
    ) -> Result<Option<Out>, String> {
        match (name, args) {
            ("replace" | "replaceAll", [Js { kind: Kind::Regex(pattern, flags), .. }, new]) => {
                self.replaced(base, pattern, flags, new).map(Some)
            }
            ("replaceAll", [old, new]) => {
                let (old, new) = (self.value(old)?, self.value(new)?);
                Ok(Some(base.pipe(format!("replace({}, {})", old.text, new.text), Shape::Text)))
            }
            ("replace", [old, new]) => {
                let (old, new) = (self.value(old)?, self.value(new)?);
                Ok(Some(first_replaced(base, &old, &new)))
            }
            ("match", [Js { kind: Kind::Regex(pattern, flags), .. }]) if !flags.contains('g') => {
                Ok(Some(first_match(base, &translated(pattern, flags)?)))
            }
            ("match" | "matchAll" | "search", _) => Err(format!("`{name}` of all matches is not translated")),
            ("split", [Js { kind: Kind::Regex(..), .. }]) => {
                Err("`split` by a pattern is not translated".to_owned())
            }
            _ => Ok(None),
        }
    }

    fn replaced(&mut self, base: &Out, pattern: &str, flags: &str, new: &Js) -> Result<Out, String> {
        let pattern = translated(pattern, flags)?;
        let Kind::Text(new) = &new.kind else {
            return Err("a replacement for a pattern is only translated where it is plain text".to_owned());
        };
        if !flags.contains('g') {
            // The first match alone: what is before it, and what is behind it.
            let pattern = format!("(?s)^(.*?)(?-s:{pattern})");
            if new.contains('$') || pattern.contains("(?m") {
                return Err(
                    "this replacement of the first match alone is not translated; is the flag `g` meant?"
                        .to_owned(),
                );
            }
            let new = format!("${{1}}{new}");
            return Ok(
                base.pipe(format!("regex_replace({}, {})", quoted(&pattern), quoted(&new)), Shape::Text)
            );
        }
        let new = replacement(new)?;
        Ok(base.pipe(format!("regex_replace({}, {})", quoted(&pattern), quoted(&new)), Shape::Text))
    }
}

fn first_match(subject: &Out, pattern: &str) -> Out {
    let (subject, pattern) = (subject.at(level::PIPE), quoted(pattern));
    Out::new(format!("{subject} | regex_find({pattern})"), level::PIPE, Shape::Match(subject, pattern))
}

/// A text replaced where it is found first, and nowhere else.
fn first_replaced(base: &Out, old: &Out, new: &Out) -> Out {
    let parts = format!("({} | split({}))", base.at(level::PIPE), old.text);
    let tail = format!("({parts}[1:] | join({}))", old.text);
    let text = format!(
        "({} | contains({})) ? {parts}[0] + {} + {tail} : {}",
        base.at(level::PIPE),
        old.text,
        new.at(level::MULTIPLY),
        base.text
    );
    Out::new(text, level::CONDITIONAL, Shape::Text)
}

/// A pattern of JavaScript, where it means the same here.
pub(in crate::n8n) fn translated(pattern: &str, flags: &str) -> Result<String, String> {
    for (mark, what) in [
        ("(?=", "looking ahead"),
        ("(?!", "looking ahead"),
        ("(?<=", "looking behind"),
        ("(?<!", "looking behind"),
        ("[^]", "`[^]`"),
    ] {
        if pattern.contains(mark) {
            return Err(format!("{what} in a pattern is not possible here"));
        }
    }
    let mut escaped = false;
    for c in pattern.chars() {
        if escaped && (c.is_ascii_digit() || matches!(c, 'k' | 'c')) {
            return Err(format!("`\\{c}` in a pattern is not possible here"));
        }
        escaped = c == '\\' && !escaped;
    }
    let mut inline = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 'm' | 's' => inline.push(flag),
            'g' | 'u' => {}
            other => return Err(format!("the flag `{other}` of a pattern is not possible here")),
        }
    }
    let pattern = pattern.replace("\\/", "/");
    Ok(if inline.is_empty() { pattern } else { format!("(?{inline}){pattern}") })
}

/// `$1` as `${1}`, so that what follows doesn't count.
fn replacement(new: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = new.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '$' {
            out.push(c);
            continue;
        }
        match chars.peek() {
            Some('&') => out.push_str("${0}"),
            Some('$') => out.push_str("$$"),
            Some(digit @ '1'..='9') => out.push_str(&format!("${{{digit}}}")),
            Some('<' | '`' | '\'') => return Err("this replacement is not translated".to_owned()),
            _ => {
                out.push_str("$$");
                continue;
            }
        }
        chars.next();
    }
    Ok(out)
}
