//! PostgreSQL: a connection for each statement, through the guard.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::try_join;
use prana_core::ErrorValue;
use prana_template::{Str, Value};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, NoTls, TlsConnect};
use tokio_postgres::{CancelToken, Client, Config, Statement};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::columns::{Raw, value};
use super::failures::postgres as failed;
use super::gather::{Gathered, too_large};
use super::params::{Mode, SqlQueryParams, invalid_connection};
use super::postgres_params::{Param, bound};
use super::sqlite::wrong_count;
use crate::action::ActionCall;
use crate::connect::{self, Limited};
use crate::outside::Outside;
use crate::tls;

/// A statement that nobody waits for any more is called off within this time, or left to its own limit.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn run(
    call: &ActionCall,
    config: Config,
    params: SqlQueryParams,
    limit: Duration,
) -> Result<Value, ErrorValue> {
    let (host, port) = address(&config)?;
    let written = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    call.secrets.check_host(&written, Some(port))?;
    if let Some(password) = config.get_password() {
        call.secrets.learn(&String::from_utf8_lossy(password));
    }
    let way = Way { outside: Arc::clone(&call.outside), host, port, config };
    let session = way.open().await?;
    let result = session.run(&params, limit, call.outside.max_response_bytes).await;
    session.finished(result)
}

/// The one host that the URL names.
fn address(config: &Config) -> Result<(String, u16), ErrorValue> {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match (config.get_hosts(), config.get_hostaddrs()) {
        ([Host::Tcp(host)], []) if config.get_ports().len() <= 1 => {
            Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
        }
        ([], _) => Err(invalid_connection("it names no host")),
        _ => Err(invalid_connection("name one host, and neither a socket nor hostaddr")),
    }
}

/// How to reach the server, also a second time.
#[derive(Clone)]
struct Way {
    outside: Arc<Outside>,
    host: String,
    port: u16,
    config: Config,
}

impl Way {
    async fn open(mut self) -> Result<Session, ErrorValue> {
        let stream = self.connect().await?;
        let exceeded = stream.exceeded();
        let encrypted = self.must_encrypt(&stream);
        self.config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        self.config.application_name("prana");
        let (client, driver) = match encrypted {
            true => drive(&self.config, stream, self.tls().await?).await?,
            false => drive(&self.config, stream, NoTls).await?,
        };
        let calling_off = CallOff { token: Some(client.cancel_token()), way: self, encrypted };
        Ok(Session { client, _driver: AbortOnDrop(driver), exceeded, calling_off })
    }

    async fn connect(&self) -> Result<Limited, ErrorValue> {
        let connected = connect::connect(&self.outside, &self.host, self.port).await;
        connected.map_err(|error| error.stored("sql", &self.host, self.port))
    }

    /// As `sslmode` says. If it doesn't say: whatever leaves the private networks is encrypted.
    fn must_encrypt(&self, stream: &Limited) -> bool {
        match self.config.get_ssl_mode() {
            SslMode::Disable => false,
            SslMode::Require => true,
            _ => stream
                .peer()
                .is_ok_and(|peer| crate::guard::Guard::new(false).check_address(peer.ip()).is_ok()),
        }
    }

    async fn tls(&self) -> Result<Encrypt, ErrorValue> {
        let made = async {
            Ok::<_, io::Error>(Encrypt(self.outside.tls.connector().await?, tls::name(&self.host)?))
        };
        made.await
            .map_err(|error| ErrorValue::new("sql.connection", format!("no TLS with {}: {error}", self.host)))
    }

    async fn call_off(self, token: CancelToken, encrypted: bool) -> Result<(), ErrorValue> {
        let stream = self.connect().await?;
        let sent = match encrypted {
            true => token.cancel_query_raw(stream, self.tls().await?).await,
            false => token.cancel_query_raw(stream, NoTls).await,
        };
        sent.map_err(|error| failed(&error))
    }
}

/// Logs in, and starts what carries messages back and forth.
async fn drive<T>(config: &Config, stream: Limited, tls: T) -> Result<(Client, AbortHandle), ErrorValue>
where
    T: TlsConnect<Limited>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, tls).await.map_err(|error| failed(&error))?;
    // What goes wrong there is told to the client too.
    let driver = tokio::spawn(async move { drop(connection.await) });
    Ok((client, driver.abort_handle()))
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Calls the statement off if it is dropped before it ended.
struct CallOff {
    token: Option<CancelToken>,
    way: Way,
    encrypted: bool,
}

impl Drop for CallOff {
    fn drop(&mut self) {
        if let (Some(token), Ok(runtime)) = (self.token.take(), tokio::runtime::Handle::try_current()) {
            let called = self.way.clone().call_off(token, self.encrypted);
            runtime.spawn(async move { drop(tokio::time::timeout(CANCEL_LIMIT, called).await) });
        }
    }
}

/// A connection that is logged in.
struct Session {
    client: Client,
    _driver: AbortOnDrop,
    exceeded: Arc<AtomicBool>,
    calling_off: CallOff,
}

impl Session {
    async fn run(
        &self,
        params: &SqlQueryParams,
        limit: Duration,
        max_bytes: usize,
    ) -> Result<Value, ErrorValue> {
        let set = format!("SET statement_timeout = {}", limit.as_millis());
        let prepared = try_join(self.client.batch_execute(&set), self.client.prepare(&params.query)).await;
        let ((), statement) = prepared.map_err(|error| self.failed(&error, max_bytes))?;
        let (wanted, given) = (statement.params().len(), params.params.len());
        if wanted != given {
            return Err(wrong_count(wanted, given));
        }
        let bound = bound(&params.params, statement.params())?;
        match params.mode {
            Mode::Exec => self.execute(&statement, bound, params, max_bytes).await,
            Mode::Rows | Mode::One => self.query(&statement, bound, params, max_bytes).await,
        }
    }

    async fn execute(
        &self,
        statement: &Statement,
        bound: Vec<Param>,
        params: &SqlQueryParams,
        max_bytes: usize,
    ) -> Result<Value, ErrorValue> {
        let done = self.client.execute_raw(statement, bound).await;
        let affected = done.map_err(|error| self.failed(&error, max_bytes))?;
        Ok(Gathered::new(params, max_bytes, Vec::new())?.output(affected))
    }

    async fn query(
        &self,
        statement: &Statement,
        bound: Vec<Param>,
        params: &SqlQueryParams,
        max_bytes: usize,
    ) -> Result<Value, ErrorValue> {
        let columns = statement.columns().iter().map(|column| Str::from(column.name())).collect();
        let mut gathered = Gathered::new(params, max_bytes, columns)?;
        let rows = self.client.query_raw(statement, bound).await;
        let mut rows = pin!(rows.map_err(|error| self.failed(&error, max_bytes))?);
        while let Some(row) = rows.try_next().await.map_err(|error| self.failed(&error, max_bytes))? {
            let mut values = Vec::with_capacity(row.len());
            for (index, column) in row.columns().iter().enumerate() {
                let Raw(raw) = row.try_get(index).map_err(|error| self.failed(&error, max_bytes))?;
                values.push(value(column.name(), column.type_(), raw)?);
            }
            gathered.add(values, row.raw_size_bytes())?;
        }
        Ok(gathered.output(0))
    }

    fn failed(&self, error: &tokio_postgres::Error, max_bytes: usize) -> ErrorValue {
        match self.exceeded.load(Ordering::Relaxed) {
            true => too_large(max_bytes),
            false => failed(error),
        }
    }

    /// Of a statement that ended, well or as the server says, nothing is left to call off.
    fn finished(mut self, result: Result<Value, ErrorValue>) -> Result<Value, ErrorValue> {
        let ended = result.as_ref().map_or_else(|error| error.details.get("sqlstate").is_some(), |_| true);
        if ended {
            self.calling_off.token = None;
        }
        result
    }
}

/// Encrypts a connection to the host of this name.
struct Encrypt(TlsConnector, ServerName<'static>);

impl TlsConnect<Limited> for Encrypt {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted>> + Send>>;

    fn connect(self, stream: Limited) -> Self::Future {
        Box::pin(async move { self.0.connect(self.1, stream).await.map(Encrypted) })
    }
}

struct Encrypted(TlsStream<Limited>);

impl tokio_postgres::tls::TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
