//! Reads answers of HTTP/1.1, as far as servers here send them.

use std::io::{Error, ErrorKind, Result};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A longer head or body than this is an error.
const LIMIT: usize = 16 << 20;

/// An answer.
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether the connection can be used again.
    pub stays_open: bool,
}

/// A connection, with what came and is not yet used.
pub struct Connection {
    /// The socket.
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// What the head of an answer says.
pub struct Head {
    /// The status.
    pub status: u16,
    length: Option<usize>,
    is_chunked: bool,
    closes: bool,
}

impl Connection {
    /// One that nothing came on yet.
    pub fn new(stream: TcpStream) -> Self {
        Connection { stream, read: Vec::with_capacity(4096) }
    }

    /// Waits for more. False at the end of the stream.
    async fn more(&mut self) -> Result<bool> {
        if self.read.len() > LIMIT {
            return Err(Error::new(ErrorKind::InvalidData, "too long"));
        }
        Ok(self.stream.read_buf(&mut self.read).await? > 0)
    }

    async fn need(&mut self) -> Result<()> {
        if self.more().await? { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Takes everything up to an end mark, which is dropped.
    pub async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>> {
        let mut from = 0;
        loop {
            let found = self.read[from..].windows(end.len()).position(|window| window == end);
            if let Some(place) = found.map(|place| place + from) {
                let rest = self.read.split_off(place + end.len());
                let mut taken = std::mem::replace(&mut self.read, rest);
                taken.truncate(place);
                return Ok(taken);
            }
            from = self.read.len().saturating_sub(end.len() - 1);
            self.need().await?;
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        if length > LIMIT {
            return Err(Error::new(ErrorKind::InvalidData, "too long"));
        }
        while self.read.len() < length {
            self.need().await?;
        }
        let rest = self.read.split_off(length);
        Ok(std::mem::replace(&mut self.read, rest))
    }

    /// Reads the head of an answer.
    pub async fn head(&mut self) -> Result<Head> {
        let bytes = self.until(b"\r\n\r\n").await?;
        head(&String::from_utf8_lossy(&bytes)).ok_or_else(|| Error::new(ErrorKind::InvalidData, "no HTTP"))
    }

    /// Reads one chunk of a chunked body; an empty one is the last.
    pub async fn chunk(&mut self) -> Result<Vec<u8>> {
        let line = self.until(b"\r\n").await?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length =
            usize::from_str_radix(digits, 16).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        let bytes = self.take(length).await?;
        self.take(2).await?;
        Ok(bytes)
    }

    /// Reads a whole answer.
    pub async fn response(&mut self) -> Result<Response> {
        let head = self.head().await?;
        let body = match head.length {
            _ if head.is_chunked => self.chunks().await?,
            Some(length) => self.take(length).await?,
            None => Vec::new(),
        };
        Ok(Response { status: head.status, body, stays_open: !head.closes })
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let chunk = self.chunk().await?;
            if chunk.is_empty() {
                return Ok(all);
            }
            all.extend(chunk);
        }
    }
}

fn head(text: &str) -> Option<Head> {
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut head = Head { status, length: None, is_chunked: false, closes: false };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.parse().ok(),
            "transfer-encoding" => head.is_chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => head.closes = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    Some(head)
}
