//! A text as it reads once its escapes are undone, with the place of each byte in the text itself.

/// So often are escapes within escapes undone.
const LEVELS: usize = 3;

/// A reading of a text.
#[derive(Clone)]
pub(super) struct View {
    pub bytes: Vec<u8>,
    /// Where each byte begins in the text, and at the end the text's length.
    starts: Vec<usize>,
}

/// How an escape is undone: from the bytes at some place, how many there are of the escape and what it stands for.
type Undo = fn(&[u8]) -> Option<(usize, Unescaped)>;

/// A character that was escaped: up to four bytes.
struct Unescaped {
    bytes: [u8; 4],
    length: usize,
}

impl View {
    /// The text as it is.
    fn plain(text: &str) -> View {
        View { bytes: text.as_bytes().to_vec(), starts: (0..=text.len()).collect() }
    }

    /// What a stretch of this reading is in the text itself.
    pub fn in_text(&self, from: usize, to: usize) -> (usize, usize) {
        (self.starts[from], self.starts[to])
    }

    fn undone(&self, undo: Undo) -> Option<View> {
        let (mut bytes, mut starts) =
            (Vec::with_capacity(self.bytes.len()), Vec::with_capacity(self.bytes.len()));
        let (mut at, mut changed) = (0, false);
        while at < self.bytes.len() {
            let (taken, made) = match undo(&self.bytes[at..]) {
                Some(undone) => undone,
                None => (1, Unescaped::byte(self.bytes[at])),
            };
            changed |= taken > 1 || made.bytes[0] != self.bytes[at];
            bytes.extend_from_slice(&made.bytes[..made.length]);
            starts.extend(std::iter::repeat_n(self.starts[at], made.length));
            at += taken;
        }
        starts.push(*self.starts.last()?);
        changed.then_some(View { bytes, starts })
    }
}

impl Unescaped {
    fn byte(byte: u8) -> Self {
        Unescaped { bytes: [byte, 0, 0, 0], length: 1 }
    }

    fn char(c: char) -> Self {
        let mut bytes = [0; 4];
        let length = c.encode_utf8(&mut bytes).len();
        Unescaped { bytes, length }
    }
}

/// All readings of a text that differ from the text itself, each handed on by itself: they may be large.
pub(super) fn each_reading(text: &str, see: &mut dyn FnMut(&View)) {
    let escaped = text.bytes().any(|byte| matches!(byte, b'%' | b'\\' | b'+'));
    if escaped {
        deeper(&View::plain(text), LEVELS, see);
    }
}

fn deeper(view: &View, levels: usize, see: &mut dyn FnMut(&View)) {
    if levels == 0 {
        return;
    }
    for undo in [percent as Undo, form, json] {
        if let Some(undone) = view.undone(undo) {
            see(&undone);
            deeper(&undone, levels - 1, see);
        }
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

/// `%2F`.
fn percent(bytes: &[u8]) -> Option<(usize, Unescaped)> {
    match bytes {
        [b'%', digits @ ..] => Some((3, Unescaped::byte(u8::try_from(hex(digits.get(..2)?)?).ok()?))),
        _ => None,
    }
}

/// As in a form, where `+` is a space. Not worth a reading of its own where there is no `+`.
fn form(bytes: &[u8]) -> Option<(usize, Unescaped)> {
    match bytes {
        [b'+', ..] => Some((1, Unescaped::byte(b' '))),
        _ => None,
    }
}

/// `\n`, `\u00e4`.
fn json(bytes: &[u8]) -> Option<(usize, Unescaped)> {
    let [b'\\', kind, rest @ ..] = bytes else { return None };
    let byte = match kind {
        b'"' | b'\\' | b'/' | b'\'' => *kind,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode(rest),
        _ => return None,
    };
    Some((2, Unescaped::byte(byte)))
}

fn unicode(digits: &[u8]) -> Option<(usize, Unescaped)> {
    let high = hex(digits.get(..4)?)?;
    if let Some(c) = char::from_u32(high) {
        return Some((6, Unescaped::char(c)));
    }
    let [b'\\', b'u', low @ ..] = digits.get(4..)? else { return None };
    let low = hex(low.get(..4)?)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    let high = high.checked_sub(0xd800).filter(|high| *high < 0x400)?;
    Some((12, Unescaped::char(char::from_u32(0x1_0000 + (high << 10) + low)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_places_are_kept() {
        let check = |text: &str, wanted: &str, place: &str| {
            let mut found = Vec::new();
            each_reading(text, &mut |view| {
                let at = view.bytes.windows(wanted.len()).position(|window| window == wanted.as_bytes());
                found.extend(at.map(|at| view.in_text(at, at + wanted.len())));
            });
            assert!(found.iter().any(|(from, to)| &text[*from..*to] == place), "{text}: {found:?}");
        };
        check("a=%61b%2fc&d", "ab/c", "%61b%2fc");
        check("q=a+b%20c;", "a b c", "a+b%20c");
        check(r#"{"k":"a\"b\\c\/d"}"#, r#"a"b\c/d"#, r#"a\"b\\c\/d"#);
        check(r"x\u00e4\ud83d\ude00y", "ä😀", r"\u00e4\ud83d\ude00");
        check(r#"\"a\\\"b\""#, r#"a"b"#, r#"a\\\"b"#);
        check("%2561%2562", "ab", "%2561%2562");
        check(r"%5Cn", "\n", "%5Cn");
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in ["%", "%2", "%zz", "%+1", r"\", r"\x", r"\u12", r"\ud83d", r"\ud83dx", "plain"] {
            each_reading(text, &mut |view| assert!(text.starts_with("%+"), "{text} {:?}", view.bytes));
        }
    }
}
