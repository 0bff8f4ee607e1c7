//! Connections: how many, how long their headers may be and take, and how they end.

mod open;
mod patient;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Request, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use self::open::{Connection, Held, Open};
use self::patient::Patient;
use crate::access::identify::Peer;

/// How many connections are open at the same time, if the system allows as many files.
const CONNECTIONS: usize = 16_384;

/// Files that are kept for the database and for what workflows call.
const OTHER_FILES: u64 = 512;

/// The headers of a request must have come after this time; a connection on which none comes is closed after it.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// The line and headers of a request may be this long, in bytes.
const HEADER_BYTES: usize = 32 << 10;

const HEADERS: usize = 100;

/// Whoever takes nothing of an answer for so long gets no more of it.
const STALL_TIME: Duration = Duration::from_secs(30);

/// How long a place for a new connection is waited for before an idle one is looked for again.
const PLACE_TIME: Duration = Duration::from_millis(100);

/// Answers connections until told to close; then requests that are under way may end, for as long as `grace`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut closing: watch::Receiver<bool>,
    grace: Duration,
    connections: Option<usize>,
) {
    let open = Arc::new(Open::new(connections.unwrap_or_else(|| CONNECTIONS.min(files_for_connections()))));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &open) => accepted,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        match accepted {
            Ok((stream, peer, connection)) => {
                tokio::spawn(answer(stream, peer, connection, router.clone(), graceful.watcher()));
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted now");
                tokio::time::sleep(PLACE_TIME).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

/// The next connection, once there is a place for it: those that are idle longest make room.
async fn accept(listener: &TcpListener, open: &Arc<Open>) -> std::io::Result<(TcpStream, Peer, Connection)> {
    let (stream, remote) = listener.accept().await?;
    let local: SocketAddr = stream.local_addr()?;
    tell_of_dead_peers(&stream);
    loop {
        if let Some(connection) = open.enter() {
            return Ok((stream, Peer { remote, local }, connection));
        }
        open.close_idle();
        // A place that is free rings; what did not become free is looked for again.
        let _ = tokio::time::timeout(PLACE_TIME, open.left()).await;
    }
}

async fn answer(stream: TcpStream, peer: Peer, connection: Connection, router: Router, watcher: Watcher) {
    let service = Asked { router: TowerToHyperService::new(router), peer, connection: connection.clone() };
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(Patient::new(stream, STALL_TIME)), service);
    tokio::select! {
        done = watcher.watch(http) => {
            if let Err(error) = done {
                tracing::debug!(%error, "a connection broke");
            }
        }
        () = connection.is_to_go() => {}
    }
}

/// The service of one connection.
struct Asked {
    router: TowerToHyperService<Router>,
    peer: Peer,
    connection: Connection,
}

impl Service<Request<Incoming>> for Asked {
    type Response = Response<Held>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let busy = self.connection.begin();
        request.extensions_mut().insert(self.peer);
        let answer = self.router.call(request);
        async move { answer.await.map(|response| response.map(|body| Held::new(body, busy))) }.boxed()
    }
}

/// A machine that is gone doesn't say so: the system asks whether it is there, and gives up what it doesn't take.
#[cfg(target_os = "linux")]
fn tell_of_dead_peers(stream: &TcpStream) {
    use rustix::net::sockopt;
    let set = || {
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, Duration::from_secs(30))?;
        sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10))?;
        sockopt::set_tcp_user_timeout(stream, 60_000)
    };
    if let Err(error) = set() {
        tracing::debug!(%error, "dead peers of a connection will be noticed late");
    }
    // What is small goes at once.
    let _ = stream.set_nodelay(true);
}

#[cfg(not(target_os = "linux"))]
fn tell_of_dead_peers(stream: &TcpStream) {
    // What is small goes at once.
    let _ = stream.set_nodelay(true);
}

/// How many files the process may have open for connections, after asking for as many as it may ask for.
#[cfg(unix)]
fn files_for_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let wanted = CONNECTIONS as u64 + OTHER_FILES;
    let most = before.maximum.unwrap_or(u64::MAX).min(wanted);
    if before.current.is_some_and(|current| current < most) {
        // What isn't granted isn't used.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: before.maximum });
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(usize::MAX).max(16)
}

#[cfg(not(unix))]
fn files_for_connections() -> usize {
    CONNECTIONS
}
