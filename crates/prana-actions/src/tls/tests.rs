//! Mail servers and databases that are spoken to in secret.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use prana_core::ErrorValue;
use prana_core::executor::EffectOutput;
use prana_template::{Value, value};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::{ActionCall, Actions, Outside, Permissions};

const AUTHORITY: &str = include_str!("../../tests/tls/ca.pem");
const SERVER: (&str, &str) =
    (include_str!("../../tests/tls/server.pem"), include_str!("../../tests/tls/server.key"));

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_reader_iter(Cursor::new(pem)).map(Result::unwrap).collect()
}

/// One that believes the authority of these tests.
fn trusting() -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(AUTHORITY));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    Tls { connector: OnceCell::new_with(Some(TlsConnector::from(Arc::new(config)))) }
}

fn acceptor() -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::from_pem_slice(SERVER.1.as_bytes()).unwrap();
    let config = builder.unwrap().with_no_client_auth().with_single_cert(certificates(SERVER.0), key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

type Seen = Arc<Mutex<Vec<String>>>;

/// A server that does this with each connection. Its port.
async fn server<F: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream) -> F + Send + Sync + Clone + 'static,
) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serve = serve.clone();
            tokio::spawn(async move { serve(stream).await });
        }
    });
    port
}

async fn run(action: &str, params: Value, tls: Tls) -> Result<Value, ErrorValue> {
    let permissions = Permissions { private_network: true, ..Permissions::default() };
    let outside = Outside { tls, ..Outside::new(permissions).unwrap() };
    match Actions::standard().run(ActionCall::detached(action, params, Arc::new(outside))).await? {
        EffectOutput::Complete(completed) => Ok(completed.output),
        EffectOutput::Suspend(suspension) => panic!("it waits: {suspension:?}"),
    }
}

/// A conversation with a mail server, up to STARTTLS or to its end.
async fn mail<S: AsyncRead + AsyncWrite + Unpin>(stream: S, greeting: &str, seen: &Seen) -> S {
    let mut stream = BufReader::new(stream);
    stream.write_all(greeting.as_bytes()).await.unwrap();
    let (mut line, mut in_message) = (String::new(), false);
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let command = line.trim_end().to_owned();
        line.clear();
        seen.lock().unwrap().push(command.clone());
        in_message &= command != ".";
        let said = match command.split(' ').next() {
            _ if in_message => "",
            Some("EHLO") => "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
            Some("STARTTLS") => "220 go\r\n",
            Some("AUTH") => "235 welcome\r\n",
            Some("DATA") => "354 go on\r\n",
            _ => "250 ok\r\n",
        };
        in_message |= command == "DATA";
        let _ = stream.write_all(said.as_bytes()).await;
        let _ = stream.flush().await;
        if command == "STARTTLS" {
            break;
        }
    }
    stream.into_inner()
}

/// A mail server, encrypted from the first byte or after STARTTLS.
async fn mail_server(starts: bool, seen: &Seen) -> u16 {
    let (seen, acceptor) = (Arc::clone(seen), acceptor());
    server(move |mut stream| {
        let (seen, acceptor) = (Arc::clone(&seen), acceptor.clone());
        async move {
            if starts {
                stream = mail(stream, "220 x\r\n", &seen).await;
            }
            let Ok(encrypted) = acceptor.accept(stream).await else { return };
            mail(encrypted, if starts { "" } else { "220 x\r\n" }, &seen).await;
        }
    })
    .await
}

async fn send(port: u16, mode: &str, tls: Tls) -> Result<Value, ErrorValue> {
    let connection = format!("smtp://ann:password@127.0.0.1:{port}?tls={mode}");
    let params = value!({"connection": connection, "from": "a@x.example", "to": "b@x.example", "text": "Hi"});
    run("email.send", params, tls).await
}

#[tokio::test]
async fn mail_goes_through_encrypted_connections() {
    for (starts, mode, first) in [(false, "required", "AUTH"), (true, "starttls", "STARTTLS")] {
        let seen = Seen::default();
        let port = mail_server(starts, &seen).await;
        let output = send(port, mode, trusting()).await.unwrap();
        assert_eq!(output.get("response"), Some(&value!("250 ok")), "{mode}");
        let commands = seen.lock().unwrap().clone();
        assert!(commands[1].starts_with(first), "{mode}: {commands:?}");
        assert!(commands.iter().any(|command| command.starts_with("AUTH PLAIN ")), "{mode}: {commands:?}");
    }
}

#[tokio::test]
async fn a_server_that_nobody_knows_is_told_nothing() {
    for (starts, mode) in [(false, "required"), (true, "starttls")] {
        let seen = Seen::default();
        let port = mail_server(starts, &seen).await;
        let error = send(port, mode, Tls::default()).await.unwrap_err();
        assert_eq!(error.code, "email.tls", "{mode}: {error}");
        let commands = seen.lock().unwrap().clone();
        assert!(!commands.iter().any(|command| command.starts_with("AUTH")), "{mode}: {commands:?}");
    }
}

/// A database that encrypts if it is willing to, and then lets nobody in.
async fn database(willing: bool) -> u16 {
    let acceptor = acceptor();
    server(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47]);
            stream.write_all(if willing { b"S" } else { b"N" }).await.unwrap();
            let Ok(mut encrypted) = acceptor.accept(stream).await else { return };
            let _ = encrypted.read(&mut [0; 1024]).await;
            let said = b"SFATAL\0C28P01\0Mnot you\0\0";
            let message = [b"E", &(said.len() as u32 + 4).to_be_bytes()[..], said].concat();
            let _ = encrypted.write_all(&message).await;
            let _ = encrypted.shutdown().await;
        }
    })
    .await
}

async fn query(port: u16, tls: Tls) -> ErrorValue {
    let connection = format!("postgres://u:password@127.0.0.1:{port}/db?sslmode=require");
    run("sql.query", value!({"connection": connection, "query": "SELECT 1"}), tls).await.unwrap_err()
}

#[tokio::test]
async fn databases_are_asked_through_encrypted_connections() {
    let error = query(database(true).await, trusting()).await;
    assert_eq!((&*error.code, &*error.message), ("sql.access_refused", "PostgreSQL says: not you"));
    let error = query(database(true).await, Tls::default()).await;
    assert_eq!(error.code, "sql.connection", "{error}");
    let error = query(database(false).await, trusting()).await;
    assert_eq!(error.code, "sql.connection", "{error}");
}
