//! Messages to an SMTP server, or to one that misbehaves.

use std::sync::{Arc, Mutex};

use prana_actions::{ActionCall, AllowedHosts, CallSecrets, Outside, Permissions, Redactor, UsedSecret};
use prana_core::ErrorValue;
use prana_template::{Map, Value, value};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::{outside, run};

/// A running server. It says what its script says to each line, and remembers the lines.
struct Server {
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

type Script = dyn Fn(&str) -> String + Send + Sync;

/// What a good server says. In a message it says nothing.
fn polite(line: &str) -> String {
    match line.split([' ', ':']).next().unwrap_or_default() {
        "" => "220 mail.example ready\r\n",
        "EHLO" => "250-mail.example\r\n250-SIZE 5000\r\n250-AUTH LOGIN PLAIN\r\n250 8BITMIME\r\n",
        "AUTH" => "235 welcome\r\n",
        "DATA" => "354 go on\r\n",
        "." => "250 queued as 42\r\n",
        "QUIT" => "221 bye\r\n",
        _ => "250 ok\r\n",
    }
    .to_owned()
}

impl Server {
    async fn start(script: impl Fn(&str) -> String + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, script): (_, Arc<Script>) = (Arc::clone(&lines), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                tokio::spawn(async move { talk(stream, &seen, &*script).await });
            }
        });
        Server { port, lines }
    }

    /// A good server, but for what it says to lines that begin like this.
    async fn but(begin: &'static str, said: &'static str) -> Server {
        Server::start(move |line| {
            if !line.is_empty() && line.starts_with(begin) { said.to_owned() } else { polite(line) }
        })
        .await
    }

    fn call(&self, connection: &str, more: Value) -> ActionCall {
        let mut params = Map::new();
        params.insert("connection", connection.replace("PORT", &self.port.to_string()));
        params.insert("from", "ann@x.example");
        params.insert("to", "bo@y.example");
        params.insert("text", "Hi");
        params.extend(more.as_map().cloned().unwrap_or_default().into_entries());
        ActionCall::detached("email.send", Value::Map(params), outside())
    }

    async fn send(&self, more: Value) -> Result<Value, ErrorValue> {
        run(self.call("smtp://127.0.0.1:PORT?tls=none", more)).await
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no test panicked while it held this").clone()
    }
}

async fn talk(stream: TcpStream, seen: &Mutex<Vec<String>>, script: &Script) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut in_message = false;
    loop {
        let said = if in_message && line != "." { String::new() } else { script(&line) };
        in_message = said.starts_with("354") || (in_message && line != ".");
        if said == "HANG UP" || stream.write_all(said.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
        match stream.read_line(&mut line).await {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        seen.lock().expect("no test panicked while it held this").push(line.clone());
    }
}

#[tokio::test]
async fn a_message() {
    let server = Server::start(polite).await;
    let more = value!({"subject": "Hello", "text": "Hi\n.\nBye", "cc": "Cy <cy@y.example>", "bcc": ["dee@y.example"]});
    let output = server.send(more).await.expect("it is taken");
    assert_eq!(
        output,
        value!({"message_id": "<test.0@x.example>", "accepted": ["bo@y.example", "cy@y.example", "dee@y.example"],
            "response": "250 queued as 42"})
    );
    let lines = server.lines();
    assert_eq!(lines[0], "EHLO [127.0.0.1]");
    assert!(lines[1].starts_with("MAIL FROM:<ann@x.example> SIZE="), "{lines:?}");
    assert_eq!(
        lines[2..6],
        ["RCPT TO:<bo@y.example>", "RCPT TO:<cy@y.example>", "RCPT TO:<dee@y.example>", "DATA"]
    );
    let end = lines.iter().position(|line| line == ".").expect("the end");
    for line in [
        "Message-ID: <test.0@x.example>",
        "Subject: Hello",
        "To: bo@y.example",
        "Cc: Cy <cy@y.example>",
        "..",
        "Bye",
    ] {
        assert!(lines[..end].iter().any(|found| found == line), "{line} in {lines:?}");
    }
    assert!(!lines[6..end].iter().any(|line| line.contains("dee@")), "{lines:?}");
}

#[tokio::test]
async fn logins() {
    let server = Server::start(polite).await;
    let with_login = "smtp://ann:pass%2Fword@127.0.0.1:PORT?tls=none";
    run(server.call(with_login, value!({}))).await.expect("it is taken");
    assert_eq!(server.lines()[1], "AUTH PLAIN AGFubgBwYXNzL3dvcmQ=");
    let older = Server::start(|line| match line {
        line if line.starts_with("EHLO") => "250-x\r\n250 AUTH=LOGIN\r\n".to_owned(),
        "AUTH LOGIN" => "334 VXNlcm5hbWU6\r\n".to_owned(),
        "YW5u" => "334 UGFzc3dvcmQ6\r\n".to_owned(),
        "cGFzcy93b3Jk" => "235 welcome\r\n".to_owned(),
        line => polite(line),
    })
    .await;
    run(older.call(with_login, value!({}))).await.expect("it is taken");
    let refusing = Server::but("AUTH", "535 5.7.8 wrong password\r\n").await;
    let error = run(refusing.call(with_login, value!({}))).await.expect_err("it is refused");
    assert_eq!((&*error.code, error.retryable), ("email.access_refused", false));
    assert!(error.message.ends_with("535 5.7.8 wrong password"), "{error}");
    let without = Server::but("EHLO", "250 x\r\n").await;
    let error = run(without.call(with_login, value!({}))).await.expect_err("it has no AUTH");
    assert_eq!((&*error.code, error.retryable), ("email.access_refused", false));
}

#[tokio::test]
async fn what_the_server_refuses() {
    for (begin, said, retryable) in [
        ("MAIL", "550 5.7.1 not you\r\n", false),
        ("MAIL", "451 4.3.0 later\r\n", true),
        ("RCPT", "550-5.1.1 no such\r\n550 5.1.1 user\r\n", false),
        ("RCPT", "450 4.2.1 greylisted\r\n", true),
        ("DATA", "554 no\r\n", false),
        (".", "552 too much\r\n", false),
        (".", "421 closing\r\n", true),
        ("EHLO", "502 what\r\n", false),
    ] {
        let server = Server::but(begin, said).await;
        let error = server.send(value!({})).await.expect_err(said);
        assert_eq!((&*error.code, error.retryable), ("email.refused", retryable), "{begin}: {error}");
        let first = &said[..3];
        assert!(error.message.contains(first), "{begin}: {error}");
        assert_eq!(
            error.details.get("status"),
            Some(&value!(first.parse::<i64>().expect("a status"))),
            "{begin}"
        );
    }
    let error = Server::start(|_| "554 go away\r\n".to_owned())
        .await
        .send(value!({}))
        .await
        .expect_err("no greeting");
    assert_eq!(error.code, *"email.refused");
}

#[tokio::test]
async fn one_refused_recipient_stops_all() {
    let server = Server::but("RCPT TO:<bo@", "550 no such user\r\n").await;
    let error = server
        .send(value!({"to": ["al@y.example", "bo@y.example", "cy@y.example"]}))
        .await
        .expect_err("bo is refused");
    assert!(error.message.contains("refuses bo@y.example: 550 no such user"), "{error}");
    assert_eq!(
        error.details.get("refused"),
        Some(&value!([{"address": "bo@y.example", "status": 550, "said": "550 no such user"}]))
    );
    assert!(!server.lines().iter().any(|line| line == "DATA"));
}

#[tokio::test]
async fn servers_that_misbehave() {
    for (begin, said, code) in [
        ("EHLO", "HANG UP", "email.connection"),
        ("EHLO", "what is this\r\n", "email.invalid_answer"),
        ("EHLO", "25", "email.timeout"),
        ("MAIL", "", "email.timeout"),
        (".", "HANG UP", "email.unconfirmed"),
    ] {
        let server = Server::but(begin, said).await;
        let error = server.send(value!({"timeout_ms": 300})).await.expect_err(said);
        assert_eq!((&*error.code, error.retryable), (code, true), "{begin} {said:?}: {error}");
    }
    let endless = Server::start(|_| "250-more\r\n".repeat(200)).await;
    assert_eq!(endless.send(value!({})).await.expect_err("no end").code, *"email.invalid_answer");
    let no_lines = Server::start(|_| "x".repeat(1 << 20)).await;
    assert_eq!(no_lines.send(value!({})).await.expect_err("no end").code, *"email.invalid_answer");
}

#[tokio::test]
async fn messages_that_are_too_large() {
    let server = Server::start(polite).await;
    let error = server.send(value!({"text": "x\n".repeat(5000)})).await.expect_err("SIZE 5000");
    assert_eq!((&*error.code, error.retryable), ("email.too_large", false));
    assert!(!server.lines().iter().any(|line| line.starts_with("MAIL")));
}

#[tokio::test]
async fn encryption_is_not_left_out() {
    let server = Server::start(polite).await;
    let error =
        run(server.call("smtp://ann:password@127.0.0.1:PORT", value!({}))).await.expect_err("no STARTTLS");
    assert_eq!((&*error.code, error.retryable), ("email.no_tls", false));
    assert_eq!(server.lines(), ["EHLO [127.0.0.1]"]);
    let plain =
        run(server.call("smtps://ann:password@127.0.0.1:PORT", value!({}))).await.expect_err("no TLS");
    assert_eq!(plain.code, *"email.tls", "{plain}");
    let lying = Server::start(|line| match line.split(' ').next() {
        Some("EHLO") => "250-x\r\n250 STARTTLS\r\n".to_owned(),
        Some("STARTTLS") => "220 go\r\n250 injected\r\n".to_owned(),
        _ => polite(line),
    })
    .await;
    let error = run(lying.call("smtp://ann:password@127.0.0.1:PORT", value!({}))).await.expect_err("no TLS");
    assert!(["email.invalid_answer", "email.tls"].contains(&error.code.as_str()), "{error}");
    assert!(!lying.lines().iter().any(|line| line.starts_with("AUTH")));
}

#[tokio::test]
async fn addresses_and_hosts_that_are_not_allowed() {
    let server = Server::start(polite).await;
    let public = Arc::new(Outside::new(Permissions::default()).expect("a way outside"));
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let connection = format!("smtp://{host}:PORT?tls=none");
        let call = ActionCall { outside: Arc::clone(&public), ..server.call(&connection, value!({})) };
        assert_eq!(run(call).await.expect_err("it is forbidden").code, *"email.forbidden_address", "{host}");
    }
    let secret = UsedSecret {
        name: "smtp".into(),
        allowed_hosts: AllowedHosts::try_from(["mail.example:587"]).expect("a host"),
    };
    let secrets = Arc::new(CallSecrets::new(vec![secret], Redactor::default()));
    let call = ActionCall { secrets, ..server.call("smtp://127.0.0.1:PORT?tls=none", value!({})) };
    assert_eq!(run(call).await.expect_err("another host").code, *"secret.host_not_allowed");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn parameters_that_make_no_sense() {
    let server = Server::start(polite).await;
    for more in [
        value!({"to": []}),
        value!({"from": "nobody"}),
        value!({"text": null}),
        value!({"subject": "a\nb"}),
        value!({"timeout_ms": 0}),
        value!({"importance": "high"}),
    ] {
        assert_eq!(server.send(more).await.expect_err("it is refused").code, *"workflow.invalid_params");
    }
    assert!(server.lines().is_empty());
}
