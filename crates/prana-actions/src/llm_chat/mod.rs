//! `llm.chat`: a turn of a conversation with a language model, at any endpoint that speaks OpenAI's protocol.

mod answer;
mod events;
mod gather;
mod params;
mod read;

use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, Effect};
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::Value;

pub use self::params::LlmChatParams;
use crate::action::{Action, ActionCall, invalid_params};
use crate::http_request::prepare::Prepared;
use crate::http_request::send;

/// An answer may take this long, in milliseconds.
const MAX_TIMEOUT_MS: u64 = 3_600_000;

/// Asks language models.
pub struct LlmChat;

#[async_trait]
impl Action for LlmChat {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new::<LlmChatParams>(
            "llm.chat",
            "Chat with a language model",
            "Sends `messages` to `{base_url}/chat/completions`, OpenAI's protocol, and gives \
             `{message, tool_calls, finish_reason, usage, parsed?}`. `message` can be put behind the messages of the next turn as it is; \
             `tool_calls` are `{id, name, arguments}`. With `response_schema` the answer must be JSON that fits: `parsed` holds it, and \
             one that doesn't fit is the error `llm.invalid_output`, with its violations.",
            Effect::Effect,
        )
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let params: LlmChatParams = call.params()?;
        if !(1..=MAX_TIMEOUT_MS).contains(&params.timeout_ms) {
            return Err(invalid_params(format!("timeout_ms: it must be from 1 to {MAX_TIMEOUT_MS}")));
        }
        let request = params.request(&call.idempotency_key)?;
        request.credentials().for_each(|credential| call.secrets.learn(credential));
        let limit = Duration::from_millis(params.timeout_ms);
        let asked = tokio::time::timeout(limit, ask(&call, &params, &request)).await;
        let output = asked.map_err(|_| send::timed_out(&request, limit, "no whole answer"))??;
        Ok(EffectOutput::Complete(Completed::new(output)))
    }

    fn checks_hosts(&self) -> bool {
        true
    }
}

/// One request, and its whole answer. Redirects are not followed: the API key is meant for this host alone.
async fn ask(call: &ActionCall, params: &LlmChatParams, request: &Prepared) -> Result<Value, ErrorValue> {
    call.secrets.check_url(&request.url)?;
    let response = send::one_hop(&call.outside, request).await?;
    let mut reader = read::Reader::new(&call.outside, &call.secrets, request, response);
    let completion = reader.completion().await?;
    answer::output(params.response_schema.as_ref(), completion)
}
