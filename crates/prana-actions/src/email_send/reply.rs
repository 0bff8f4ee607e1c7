//! What an SMTP server says.

/// A line may be this long, in bytes.
const MAX_LINE: usize = 4096;

/// A reply may have so many lines.
const MAX_LINES: usize = 128;

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
}

impl Reply {
    /// True if it is a yes.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// True if it may be a yes later.
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// The code and all that is said, in one line.
    pub fn said(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" ")).trim_end().to_owned()
    }
}

/// What came can't be a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoReply;

/// Puts replies together from bytes.
#[derive(Debug, Default)]
pub(super) struct Replies {
    bytes: Vec<u8>,
    lines: Vec<String>,
}

impl Replies {
    /// Adds what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// True if nothing came that was not taken yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.lines.is_empty()
    }

    /// The next reply, if it is whole.
    pub fn take(&mut self) -> Result<Option<Reply>, NoReply> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let (code, is_last, text) = line_of(&line)?;
            self.lines.push(text);
            if is_last {
                return Ok(Some(Reply { code, lines: std::mem::take(&mut self.lines) }));
            }
            if self.lines.len() >= MAX_LINES {
                return Err(NoReply);
            }
        }
        if self.bytes.len() > MAX_LINE { Err(NoReply) } else { Ok(None) }
    }
}

/// `250-text` or `250 text`.
fn line_of(line: &[u8]) -> Result<(u16, bool, String), NoReply> {
    let line = line.trim_ascii_end();
    let (digits, rest) = line.split_at_checked(3).ok_or(NoReply)?;
    let code =
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok()).ok_or(NoReply)?;
    if line.len() > MAX_LINE || !(200..600).contains(&code) {
        return Err(NoReply);
    }
    match rest {
        [] => Ok((code, true, String::new())),
        [b' ', text @ ..] => Ok((code, true, told(text))),
        [b'-', text @ ..] => Ok((code, false, told(text))),
        _ => Err(NoReply),
    }
}

fn told(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().filter(|char| !char.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        let mut replies = Replies::default();
        assert_eq!(replies.take(), Ok(None));
        replies.push(b"220 hel");
        assert_eq!(replies.take(), Ok(None));
        replies.push(b"lo\r\n250-a\r\n250-b\r\n250 c\r\n");
        assert_eq!(replies.take().unwrap().unwrap().said(), "220 hello");
        assert_eq!(
            replies.take(),
            Ok(Some(Reply { code: 250, lines: vec!["a".into(), "b".into(), "c".into()] }))
        );
        assert!(replies.is_empty());
        replies.push(b"354\n");
        assert_eq!(replies.take().unwrap().unwrap().said(), "354");
    }

    #[test]
    fn what_is_none() {
        for bytes in ["hello\r\n", "\r\n", "25\r\n", "999 x\r\n", "100 x\r\n", "250x\r\n", "+50 x\r\n"] {
            let mut replies = Replies::default();
            replies.push(bytes.as_bytes());
            assert_eq!(replies.take(), Err(NoReply), "{bytes}");
        }
        for bytes in ["x".repeat(5000), "250-x\r\n".repeat(200), format!("250 {}\r\n", "x".repeat(5000))] {
            let mut replies = Replies::default();
            replies.push(bytes.as_bytes());
            assert_eq!(replies.take(), Err(NoReply));
        }
    }
}
