//! Server-sent events, taken apart as they come.

/// An event may be this long, in bytes.
const MAX_EVENT: usize = 1 << 20;

/// An event is longer than anybody could mean it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes bytes in pieces of any size, and gives the data of each event that is whole.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    after_return: bool,
}

impl Events {
    /// The data of the events that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut whole = Vec::new();
        for byte in bytes {
            let second_half = self.after_return && *byte == b'\n';
            self.after_return = *byte == b'\r';
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' => whole.extend(self.end_line()),
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, Vec::len) > MAX_EVENT {
                return Err(TooLong);
            }
        }
        Ok(whole)
    }

    /// The data of an event, if this was the empty line that ends one.
    fn end_line(&mut self) -> Option<Vec<u8>> {
        if self.line.is_empty() {
            return self.data.take();
        }
        let line = std::mem::take(&mut self.line);
        if let Some(value) = line.strip_prefix(b"data:") {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
        None
    }

    /// What came last without the empty line that should end it.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        let data = if self.line.is_empty() { None } else { self.end_line() };
        data.or_else(|| self.data.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &str, expected: &[&str]) {
        for size in [1, 2, 3, stream.len().max(1)] {
            let mut events = Events::default();
            let mut found = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                found.extend(events.push(piece).unwrap());
            }
            found.extend(events.rest());
            let found: Vec<_> = found.iter().map(|data| std::str::from_utf8(data).unwrap()).collect();
            assert_eq!(found, expected, "{stream:?} in pieces of {size}");
        }
    }

    #[test]
    fn streams() {
        check("", &[]);
        check("data: a\n\ndata: b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata:b\r\rdata: c\n\n", &["a", "b", "c"]);
        check(": a comment\n\nevent: x\nid: 1\ndata: ä\n\n\n\n", &["ä"]);
        check("data: two\ndata:  lines\n\n", &["two\n lines"]);
        check("data: without an end", &["without an end"]);
        check("data: almost\n", &["almost"]);
        check("data:\n\n", &[""]);
        check("nothing known\n\n", &[]);
    }

    #[test]
    fn events_without_end_are_too_long() {
        for line in ["x".repeat(1000), "data: y\n".repeat(100)] {
            let mut events = Events::default();
            assert!((0..10_000).any(|_| events.push(line.as_bytes()).is_err()), "{}", &line[..8]);
        }
    }
}
