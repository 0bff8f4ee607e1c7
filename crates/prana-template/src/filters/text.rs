//! Text. Characters are grapheme clusters: what a reader sees as one.

use std::borrow::Cow;

use regex::Regex;
use unicode_segmentation::UnicodeSegmentation;

use super::{Invocation, Outcome, regex_of, table::filters};
use crate::{eval::Fault, value::Value};

filters! { TEXT:
    /// Text in capital letters; null gives "".
    /// `{{ "Crème" | upper }}` -> `"CRÈME"`
    /// `{{ null | upper_case }}` -> `""`
    "upper | upper_case ()" on null => upper;

    /// Text in small letters; null gives "".
    /// `{{ "ABC" | lower }}` -> `"abc"`
    "lower | lower_case ()" on null => lower;

    /// The first letter in capital, all others small; null gives "".
    /// `{{ "hELLO world" | capitalize }}` -> `"Hello world"`
    "capitalize ()" on null => capitalize;

    /// The first letter of each word in capital, all others small; null gives "".
    /// `{{ "the GREAT gatsby" | title }}` -> `"The Great Gatsby"`
    "title ()" on null => title;

    /// Text without white space at both ends; null gives "".
    /// `{{ "  a b " | trim }}` -> `"a b"`
    "trim | strip ()" on null => trim;

    /// At most n characters, the suffix included, which is put where something was cut off.
    /// `{{ "hello world" | truncate(8) }}` -> `"hello..."`
    /// `{{ "hello world" | truncate(6, suffix="~") }}` -> `"hello~"`
    /// `{{ "hello" | truncate(5) }}` -> `"hello"`
    /// `{{ "hello" | truncate(2) }}` -> `".."`
    "truncate (n, suffix=\"...\")" => truncate;

    /// Every occurrence of some text replaced by another text.
    /// `{{ "a-b-c" | replace("-", "+") }}` -> `"a+b+c"`
    "replace (old, new)" => replace;

    /// The parts of a text between separators. With an empty separator its characters; without one its words.
    /// `{{ "a,b,,c" | split(",") }}` -> `["a","b","","c"]`
    /// `{{ " to  be " | split }}` -> `["to","be"]`
    /// `{{ "abc" | split("") }}` -> `["a","b","c"]`
    "split (sep?)" => split;

    /// Whether a text begins with another.
    /// `{{ "INV-7" | starts_with("INV-") }}` -> `true`
    "starts_with (prefix)" => starts_with;

    /// Whether a text ends with another.
    /// `{{ "report.pdf" | ends_with(".pdf") }}` -> `true`
    "ends_with (suffix)" => ends_with;

    /// Filled up on the left to n characters. Numbers may be padded as well.
    /// `{{ 7 | pad_left(3, "0") }}` -> `"007"`
    /// `{{ "abcd" | pad_left(3) }}` -> `"abcd"`
    "pad_left (n, c=\" \")" => pad_left;

    /// Filled up on the right to n characters. Numbers may be padded as well.
    /// `{{ "ab" | pad_right(4, ".") }}` -> `"ab.."`
    "pad_right (n, c=\" \")" => pad_right;

    /// The text n times.
    /// `{{ "ab" | repeat(3) }}` -> `"ababab"`
    "repeat (n)" => repeat;

    /// Text for an address: small letters and digits, with hyphens between words; accents are taken off Latin letters.
    /// `{{ "Crème Brûlée, twice!" | slug }}` -> `"creme-brulee-twice"`
    "slug ()" => slug;

    /// Whether a regular expression matches anywhere in the text. It always takes linear time.
    /// `{{ "order 66" | regex_match("[0-9]+") }}` -> `true`
    /// `{{ "order" | regex_match("^[0-9]+$") }}` -> `false`
    "regex_match (pattern)" => regex_match;

    /// Every match of a regular expression replaced; `$1` or `${name}` stands for a group, `$$` for a dollar.
    /// `{{ "2024-05" | regex_replace("(\\d+)-(\\d+)", "$2/$1") }}` -> `"05/2024"`
    "regex_replace (pattern, new)" => regex_replace;

    /// The first match of a regular expression, or one of its groups; null without a match.
    /// `{{ "order 66, 67" | regex_find("\\d+") }}` -> `"66"`
    /// `{{ "a=1" | regex_find("(\\w)=(\\d)", group=2) }}` -> `"1"`
    /// `{{ "abc" | regex_find("\\d") }}` -> `null`
    "regex_find (pattern, group=0)" => regex_find;
}

fn upper(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.subject_text()?;
    call.check_text(text.len())?;
    call.made_text(text.to_uppercase())
}

fn lower(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.subject_text()?;
    call.check_text(text.len())?;
    call.made_text(text.to_lowercase())
}

fn push_capitalized(out: &mut String, word: &str) {
    let mut chars = word.chars();
    if let Some(first) = chars.next() {
        out.extend(first.to_uppercase());
        out.push_str(&chars.as_str().to_lowercase());
    }
}

fn capitalize(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.subject_text()?;
    call.check_text(text.len())?;
    let mut out = String::with_capacity(text.len());
    push_capitalized(&mut out, text);
    call.made_text(out)
}

fn title(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.subject_text()?;
    call.check_text(text.len().saturating_mul(4))?;
    let mut out = String::with_capacity(text.len());
    text.split_word_bounds().for_each(|word| push_capitalized(&mut out, word));
    call.made_text(out)
}

fn trim(call: &Invocation<'_, '_>) -> Outcome {
    match call.subject() {
        Value::Str(text) if text.trim().len() == text.len() => Ok(Value::Str(text.clone())),
        _ => call.made_text(call.subject_text()?.trim()),
    }
}

/// A text in which every byte is a character.
fn is_simple(text: &str) -> bool {
    text.is_ascii() && !text.contains('\r')
}

/// Number of characters.
pub(super) fn length_of(text: &str) -> usize {
    if is_simple(text) { text.len() } else { text.graphemes(true).count() }
}

/// Byte where character n begins, or the end.
fn place_of(text: &str, n: usize) -> usize {
    if is_simple(text) {
        return n.min(text.len());
    }
    text.grapheme_indices(true).nth(n).map_or(text.len(), |(at, _)| at)
}

/// The characters from `from` up to, not including, `to`; negative ones count from the end.
pub(crate) fn text_slice(text: &str, from: i64, to: Option<i64>) -> &str {
    let length = if from < 0 || to.is_some_and(|to| to < 0) { length_of(text) } else { text.len() };
    let range = crate::eval::slice_range(from, to, length);
    let start = place_of(text, range.start);
    let rest = &text[start..];
    &rest[..place_of(rest, range.end - range.start)]
}

fn truncate(call: &Invocation<'_, '_>) -> Outcome {
    let (text, n, suffix) = (call.text(0)?, call.count(1)?, call.text_or(2, "...")?);
    call.check_text(text.len().min(call.cx.work.output_bytes))?;
    if place_of(text, n) == text.len() {
        return Ok(call.subject().clone());
    }
    let kept = n.saturating_sub(length_of(suffix));
    let head = &text[..place_of(text, kept)];
    call.made_text(format!("{head}{}", &suffix[..place_of(suffix, n - kept)]))
}

fn replace(call: &Invocation<'_, '_>) -> Outcome {
    let (text, old, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
    if old.is_empty() {
        return Err(call.invalid("the text to replace can't be empty"));
    }
    let growth = text.matches(old).count().saturating_mul(new.len().saturating_sub(old.len()));
    call.check_text(text.len().saturating_add(growth))?;
    call.made_text(text.replace(old, new))
}

fn split(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.text(0)?;
    call.spend(text.len() / 4)?;
    let parts = match call.value(1) {
        None => text.split_whitespace().map(Value::from).collect(),
        Some(_) => match call.text(1)? {
            "" => text.graphemes(true).map(Value::from).collect(),
            sep => text.split(sep).map(Value::from).collect(),
        },
    };
    call.made_list(parts)
}

fn starts_with(call: &Invocation<'_, '_>) -> Outcome {
    Ok(Value::Bool(call.text(0)?.starts_with(call.text(1)?)))
}

fn ends_with(call: &Invocation<'_, '_>) -> Outcome {
    Ok(Value::Bool(call.text(0)?.ends_with(call.text(1)?)))
}

/// The text to pad, and what to pad it with.
fn padding<'a>(call: &'a Invocation<'_, '_>) -> Result<(Cow<'a, str>, String), Fault> {
    let text: Cow<'_, str> = match call.subject() {
        Value::Int(_) | Value::Float(_) => Cow::Owned(call.subject().to_json_string()),
        _ => Cow::Borrowed(call.text(0)?),
    };
    let (n, c) = (call.count(1)?, call.text_or(2, " ")?);
    if length_of(c) != 1 {
        return Err(call.invalid("`c` must be one character"));
    }
    call.check_text(text.len())?;
    let missing = n.saturating_sub(length_of(&text));
    call.check_text(missing.saturating_mul(c.len()).saturating_add(text.len()))?;
    Ok((text, c.repeat(missing)))
}

fn pad_left(call: &Invocation<'_, '_>) -> Outcome {
    let (text, padding) = padding(call)?;
    call.made_text(padding + &text)
}

fn pad_right(call: &Invocation<'_, '_>) -> Outcome {
    let (text, padding) = padding(call)?;
    call.made_text(text.into_owned() + &padding)
}

fn repeat(call: &Invocation<'_, '_>) -> Outcome {
    let (text, n) = (call.text(0)?, call.count(1)?);
    call.check_text(text.len().saturating_mul(n))?;
    call.made_text(text.repeat(n))
}

fn slug(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.text(0)?;
    call.check_text(text.len())?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match plain_letters(c) {
            Some(letters) => out.push_str(letters),
            // A combining accent belongs to the letter before it.
            None if ('\u{300}'..='\u{36f}').contains(&c) || c == '\'' || c == '’' => {}
            None if c.is_alphanumeric() => out.push(c),
            None if out.is_empty() || out.ends_with('-') => {}
            None => out.push('-'),
        }
    }
    call.made_text(out.trim_end_matches('-'))
}

/// Small Latin letters with accents, without them.
fn plain_letters(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

/// The pattern of argument 1, compiled.
fn pattern(call: &Invocation<'_, '_>) -> Result<Regex, Fault> {
    match &call.call.regex {
        Some(regex) => Ok(regex.clone()),
        None => regex_of(call.text(1)?, call.cx),
    }
}

fn regex_match(call: &Invocation<'_, '_>) -> Outcome {
    let (regex, text) = (pattern(call)?, call.text(0)?);
    call.cx.work.spend_bytes(text.len())?;
    Ok(Value::Bool(regex.is_match(text)))
}

fn regex_find(call: &Invocation<'_, '_>) -> Outcome {
    let (regex, text) = (pattern(call)?, call.text(0)?);
    let group = usize::try_from(call.int_or(2, 0)?).unwrap_or(usize::MAX);
    if group >= regex.captures_len() {
        return Err(call.invalid(format_args!("the pattern has no group {group}")));
    }
    call.cx.work.spend_bytes(text.len())?;
    let found =
        if group == 0 { regex.find(text) } else { regex.captures(text).and_then(|groups| groups.get(group)) };
    Ok(found.map_or(Value::Null, |found| Value::from(found.as_str())))
}

/// One search may look at all that is left of the text, so each match costs by that.
const BYTES_PER_STEP: usize = 128;

fn regex_replace(call: &Invocation<'_, '_>) -> Outcome {
    let (regex, text, new) = (pattern(call)?, call.text(0)?, call.text(2)?);
    let mut out = String::new();
    let mut copied = 0;
    for groups in regex.captures_iter(text) {
        let Some(found) = groups.get(0) else { continue };
        call.spend((text.len() - found.start()) / BYTES_PER_STEP + 1)?;
        out.push_str(&text[copied..found.start()]);
        groups.expand(new, &mut out);
        copied = found.end();
        if out.len() > call.cx.work.output_bytes {
            return Err(call.cx.work.too_large());
        }
    }
    out.push_str(&text[copied..]);
    call.made_text(out)
}
