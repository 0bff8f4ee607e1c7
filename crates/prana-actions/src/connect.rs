//! Guarded connections of protocols other than HTTP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use prana_core::ErrorValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::guard::{Forbidden, allowed};
use crate::outside::Outside;

/// A connection must be there after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The guard refuses it.
    Forbidden(Forbidden),
    /// It can't be made.
    Failed(io::Error),
}

impl ConnectError {
    /// The stored form, with codes that begin with this word.
    pub fn stored(self, prefix: &str, host: &str, port: u16) -> ErrorValue {
        match self {
            ConnectError::Forbidden(forbidden) => {
                ErrorValue::new(format!("{prefix}.forbidden_address"), forbidden.to_string()).not_retryable()
            }
            ConnectError::Failed(error) => ErrorValue::new(
                format!("{prefix}.connect"),
                format!("no connection to {host}:{port}: {error}"),
            ),
        }
    }
}

/// A connection to an address that the guard allows: of a name, the first address that answers.
pub(crate) async fn connect(outside: &Outside, host: &str, port: u16) -> Result<Limited, ConnectError> {
    let made = tokio::time::timeout(CONNECT_TIMEOUT, first_that_answers(outside, host, port)).await;
    made.unwrap_or_else(|_| {
        let what = format!("no answer within {} s", CONNECT_TIMEOUT.as_secs());
        Err(ConnectError::Failed(io::Error::new(io::ErrorKind::TimedOut, what)))
    })
}

async fn first_that_answers(outside: &Outside, host: &str, port: u16) -> Result<Limited, ConnectError> {
    let mut failure = io::Error::other("the name has no address");
    for address in addresses(outside, host, port).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(Limited::new(stream, outside.max_response_bytes)),
            Err(error) => failure = error,
        }
    }
    Err(ConnectError::Failed(failure))
}

/// The addresses of a host that may be connected to.
async fn addresses(outside: &Outside, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        outside.guard.check_address(address).map_err(ConnectError::Forbidden)?;
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = tokio::net::lookup_host((host, port)).await.map_err(ConnectError::Failed)?.collect();
    allowed(outside.guard, host, found).map_err(ConnectError::Forbidden)
}

/// A connection from which only so much can be read: neither a server that never stops nor one with too much to say fills the memory.
#[derive(Debug)]
pub(crate) struct Limited {
    stream: TcpStream,
    left: usize,
    exceeded: Arc<AtomicBool>,
}

impl Limited {
    /// Twice the limit of what is meant to be read, for what the protocol adds to it, and a little more for greetings.
    fn new(stream: TcpStream, limit: usize) -> Self {
        Limited { stream, left: limit.saturating_mul(2).saturating_add(1 << 16), exceeded: Arc::default() }
    }

    /// Becomes true when more came than may be read.
    pub fn exceeded(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.exceeded)
    }

    /// This side.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// The other side.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                polled
            }
            None => {
                self.exceeded.store(true, Ordering::Relaxed);
                Poll::Ready(Err(io::Error::other("more came than the operator's limit allows")))
            }
        }
    }
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
