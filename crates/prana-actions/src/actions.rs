//! The table of actions.

use std::sync::Arc;

use indexmap::IndexMap;
use prana_core::action::Effect;
use prana_core::executor::EffectOutput;
use prana_core::{ErrorValue, Registry};
use prana_template::Str;

use crate::action::{Action, ActionCall};
use crate::code_javascript::CodeJavascript;
use crate::email_send::EmailSend;
use crate::file_read::FileRead;
use crate::file_write::FileWrite;
use crate::http_request::HttpRequest;
use crate::llm_chat::LlmChat;
use crate::shell_command::ShellCommand;
use crate::sql_query::SqlQuery;

/// The actions that an engine can run, by name. Built once, then shared.
#[derive(Clone, Default)]
pub struct Actions {
    table: IndexMap<Str, Arc<dyn Action>>,
}

impl Actions {
    /// No actions at all.
    pub fn empty() -> Self {
        Actions::default()
    }

    /// The built-in ones.
    pub fn standard() -> Self {
        let mut actions = Actions::empty();
        actions.add(HttpRequest);
        actions.add(CodeJavascript::default());
        actions.add(ShellCommand);
        actions.add(FileRead);
        actions.add(FileWrite);
        actions.add(LlmChat);
        actions.add(SqlQuery);
        actions.add(EmailSend);
        actions
    }

    /// Adds an action, or replaces the one of that name.
    pub fn add(&mut self, action: impl Action + 'static) {
        self.table.insert(action.descriptor().type_name, Arc::new(action));
    }

    /// Declares all of them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        for descriptor in self.table.values().map(|action| action.descriptor()) {
            match descriptor.effect {
                Effect::Pure => registry.computation(descriptor),
                Effect::Effect => registry.effect(descriptor),
            }
        }
    }

    /// The action of this name. Calls name actions by their full type names, never by an alias.
    pub fn action(&self, name: &str) -> Option<&Arc<dyn Action>> {
        self.table.get(name)
    }

    /// Runs one attempt. If the call is cancelled, the action is dropped where it stands.
    ///
    /// # Errors
    /// The action's; `action.not_found`; `action.cancelled`; `secret.host_not_allowed`.
    pub async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let Some(action) = self.action(&call.action) else {
            let message = format!("this engine has no action `{}`", call.action);
            return Err(ErrorValue::new("action.not_found", message).not_retryable());
        };
        if !action.checks_hosts() {
            call.secrets.check_anywhere(&call.action)?;
        }
        let cancelled = call.cancelled.clone();
        tokio::select! {
            biased;
            () = cancelled.cancelled() => Err(ErrorValue::new("action.cancelled", "the action was cancelled").not_retryable()),
            result = action.run(call) => result,
        }
    }
}

impl std::fmt::Debug for Actions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.table.keys()).finish()
    }
}
