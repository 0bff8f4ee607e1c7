//! `email.send`: a message, by SMTP.

mod addresses;
mod message;
mod params;
mod reply;
mod server;
mod smtp;

use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, Effect};
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::{Value, value};

pub use self::addresses::Addresses;
use self::message::Letter;
pub use self::params::{Attachment, EmailSendParams, Encoding};
use self::server::Server;
use crate::action::{Action, ActionCall, invalid_params};

/// Sending may take this long, in milliseconds.
const MAX_TIMEOUT_MS: u64 = 3_600_000;

/// Sends messages.
pub struct EmailSend;

#[async_trait]
impl Action for EmailSend {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new::<EmailSendParams>(
            "email.send",
            "Send an e-mail",
            "Hands a message to an SMTP server and gives `{message_id, accepted, response}`. It is sent to all recipients or, if the server \
             refuses one, to none: the error `email.refused` says what the server said. Its Message-ID is the same in every attempt, so \
             that a mail system can tell a repetition.",
            Effect::Effect,
        )
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let params: EmailSendParams = call.params()?;
        if !(1..=MAX_TIMEOUT_MS).contains(&params.timeout_ms) {
            return Err(invalid_params(format!("timeout_ms: it must be from 1 to {MAX_TIMEOUT_MS}")));
        }
        let server = Server::parse(&params.connection)?;
        server.password().into_iter().for_each(|password| call.secrets.learn(password));
        call.secrets.check_host(&server.written_host(), Some(server.port))?;
        let letter = Letter::write(&params, &call.idempotency_key, call.outside.max_file_bytes)?;
        let limit = Duration::from_millis(params.timeout_ms);
        let sent = tokio::time::timeout(limit, smtp::send(&call, &server, &letter)).await;
        let response = sent.map_err(|_| timed_out(&server, limit))??;
        Ok(EffectOutput::Complete(Completed::new(output(&letter, &response))))
    }

    fn checks_hosts(&self) -> bool {
        true
    }
}

fn output(letter: &Letter, response: &str) -> Value {
    value!({
        "message_id": letter.message_id.as_str(),
        "accepted": letter.to.iter().map(|address| Value::from(address.as_str())).collect::<Vec<_>>(),
        "response": response
    })
}

fn timed_out(server: &Server, limit: Duration) -> ErrorValue {
    let message = format!("{}: the message was not taken within {} ms", server.place(), limit.as_millis());
    ErrorValue::new("email.timeout", message)
}
