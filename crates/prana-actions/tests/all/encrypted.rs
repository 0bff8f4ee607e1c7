//! TLS as parameters ask for it: authorities, client certificates, versions.

use std::io::Cursor;
use std::sync::Arc;

use prana_actions::{ActionCall, Outside, Permissions};
use prana_core::ErrorValue;
use prana_template::{Value, value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, crypto, version};

use crate::run;

const CA: &str = include_str!("../tls/ca.pem");
const SERVER: (&str, &str) = (include_str!("../tls/server.pem"), include_str!("../tls/server.key"));
const CLIENT: (&str, &str) = (include_str!("../tls/client.pem"), include_str!("../tls/client.key"));

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_reader_iter(Cursor::new(pem)).map(|one| one.expect("a certificate")).collect()
}

/// A server of these versions that answers "hello"; it may want to know who asks.
async fn server(versions: &[&'static SupportedProtocolVersion], asks_who: bool) -> String {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .expect("versions");
    let builder = if asks_who {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(CA));
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(SERVER.1.as_bytes()).expect("a key");
    let config = builder.with_single_cert(certificates(SERVER.0), key).expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut piece = [0; 4096];
                let _ = stream.read(&mut piece).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
                    .await;
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("https://127.0.0.1:{port}/")
}

async fn ask(url: &str, tls: Value, insecure_tls: bool) -> Result<Value, ErrorValue> {
    let permissions = Permissions { private_network: true, insecure_tls, ..Permissions::default() };
    let outside = Arc::new(Outside::new(permissions).expect("a way outside"));
    let output = run(ActionCall::detached("http.request", value!({"url": url, "tls": tls}), outside)).await?;
    Ok(output.get("body").cloned().unwrap_or_default())
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS12, &version::TLS13];

#[tokio::test]
async fn an_authority_is_believed_if_it_is_given() {
    let url = server(BOTH, false).await;
    let unknown = ask(&url, value!({}), false).await.expect_err("nobody knows this authority");
    assert_eq!(&*unknown.code, "http.connect", "{unknown}");
    assert_eq!(ask(&url, value!({"ca": CA}), false).await, Ok(value!("hello")));
    let refused = ask(&url, value!({"insecure": true}), false).await.expect_err("the operator says no");
    assert_eq!(&*refused.code, "http.insecure_not_allowed");
    assert_eq!(ask(&url, value!({"insecure": true}), true).await, Ok(value!("hello")));
    assert!(ask(&url, value!({}), true).await.is_err(), "what is allowed is not asked for");
}

#[tokio::test]
async fn versions_can_be_too_old() {
    let old = server(&[&version::TLS12], false).await;
    assert_eq!(ask(&old, value!({"ca": CA, "min_version": "1.2"}), false).await, Ok(value!("hello")));
    let error = ask(&old, value!({"ca": CA, "min_version": "1.3"}), false).await.expect_err("it is too old");
    assert_eq!(&*error.code, "http.connect", "{error}");
}

#[tokio::test]
async fn a_certificate_says_who_asks() {
    let url = server(BOTH, true).await;
    assert!(ask(&url, value!({"ca": CA}), false).await.is_err(), "it wants to know");
    let (cert, key) = CLIENT;
    let tls = value!({"ca": CA, "client_cert": cert, "client_key": key});
    assert_eq!(ask(&url, tls, false).await, Ok(value!("hello")));
    let one = format!("{cert}\n{key}");
    assert_eq!(ask(&url, value!({"ca": CA, "client_cert": one}), false).await, Ok(value!("hello")));
}
