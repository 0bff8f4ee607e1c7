//! TLS for protocols other than HTTP, with the certificates that the system trusts.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls_platform_verifier::BuilderVerifierExt;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};

use crate::connect::Limited;

/// What connections are encrypted with, set up when the first one is.
#[derive(Default)]
pub(crate) struct Tls {
    connector: OnceCell<TlsConnector>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Encrypts a connection to the host of this name, once its certificate is found to be good.
    pub async fn encrypt(&self, host: &str, stream: Limited) -> io::Result<TlsStream<Limited>> {
        let name = name(host)?;
        self.connector().await?.connect(name, stream).await
    }

    /// What makes encrypted connections.
    pub async fn connector(&self) -> io::Result<TlsConnector> {
        let made = self.connector.get_or_try_init(|| async {
            // Reading the system's certificates takes its time.
            tokio::task::spawn_blocking(make).await.map_err(io::Error::other)?
        });
        made.await.cloned()
    }
}

/// The name that a certificate must have.
pub(crate) fn name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

fn make() -> io::Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(io::Error::other)?;
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

#[cfg(test)]
mod tests;
