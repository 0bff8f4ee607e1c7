//! What starts executions.

use prana_template::{Map, Value};

use super::{Converter, map};
use crate::elixir::Fate;

impl Converter<'_, '_> {
    pub(super) fn manual_trigger(&mut self) {
        self.only("manual.trigger", Map::new());
    }

    pub(super) fn unknown_trigger(&mut self) {
        let text = "this trigger has no counterpart: here the execution is started by hand or over the API, with one item as its input";
        self.find(Fate::NotPossible, text);
        self.only("manual.trigger", Map::new());
    }

    pub(super) fn webhook(&mut self) {
        let source = self.source;
        let mut params = Map::new();
        let path =
            source.text("path").map(|path| path.trim_matches('/').to_owned()).filter(|path| !path.is_empty());
        params.insert("path", path.unwrap_or_else(|| self.key()));
        params.insert("methods", self.methods());
        let respond = match source.text("responseMode") {
            Some("lastNode") => "last_node",
            Some("responseNode") => "respond_node",
            _ => "immediately",
        };
        params.insert("respond", respond);
        let code = source
            .at(&["responseCode"])
            .or_else(|| source.at(&["options", "responseCode", "values", "responseCode"]));
        if let Some(code) = code.and_then(Value::as_i64).filter(|code| (200..600).contains(code)) {
            params.insert("response_status", code);
        }
        let origins = source.text_at(&["options", "allowedOrigins"], "");
        if !origins.is_empty() {
            params.insert(
                "allowed_origins",
                origins.split(',').map(|origin| Value::from(origin.trim())).collect::<Value>(),
            );
        }
        if source.flag(&["options", "rawBody"]) {
            params.insert("raw_body", true);
            self.changed("the raw body is in `raw`, as base64");
        }
        if let Some(auth) = self.webhook_auth() {
            params.insert("auth", auth);
        }
        self.changed(
            "its path begins with /webhook/ of this server; the test address is listened to from the editor",
        );
        if respond == "immediately" {
            self.changed("the caller gets the id of the execution at once, not the message of n8n");
        }
        self.only("webhook.trigger", params);
    }

    fn methods(&self) -> Value {
        let known =
            |method: &str| matches!(method, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS");
        let methods: Vec<Value> = match self.source.params.get("httpMethod") {
            Some(Value::Str(method)) => vec![method.as_str().into()],
            Some(Value::List(methods)) => methods.to_vec(),
            _ => vec!["GET".into()],
        };
        let methods: Vec<Value> =
            methods.into_iter().filter(|method| method.as_str().is_some_and(known)).collect();
        if methods.is_empty() { vec![Value::from("GET")].into() } else { methods.into() }
    }

    /// Credentials are not in an export, so secrets stand in their places: nobody gets in before they are set.
    fn webhook_auth(&mut self) -> Option<Value> {
        let kind = self.source.text("authentication").unwrap_or("none").to_owned();
        let secret = |name: &str| Value::from(format!("{{{{ $secrets.{name} }}}}"));
        let name = self.key();
        let (auth, names) = match kind.as_str() {
            "none" | "" => return None,
            "basicAuth" => {
                let (user, password) = (format!("{name}_user"), format!("{name}_password"));
                let auth = map([
                    ("type", "basic".into()),
                    ("username", secret(&user)),
                    ("password", secret(&password)),
                ]);
                (auth, vec![user, password])
            }
            "headerAuth" => {
                let value = format!("{name}_value");
                self.changed(
                    "the name of the header is in the credential there: put it into `auth.header_name`",
                );
                let auth = map([
                    ("type", "header".into()),
                    ("header_name", "Authorization".into()),
                    ("header_value", secret(&value)),
                ]);
                (auth, vec![value])
            }
            _ => {
                let key = format!("{name}_jwt_key");
                (map([("type", "jwt".into()), ("secret", secret(&key))]), vec![key])
            }
        };
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        self.find(
            Fate::NotPossible,
            format!(
                "credentials are not in an export: set the secrets {names}; until then nobody can call it"
            ),
        );
        Some(auth.into())
    }

    pub(super) fn error_trigger(&mut self) {
        let (key, start) = (self.key(), self.helper("start"));
        self.add(&start, "workflow.error_trigger", Map::new());
        let execution = map([
            ("id", "{{ $input.execution.id }}".into()),
            ("mode", "{{ $input.execution.trigger_type }}".into()),
            ("lastNodeExecuted", "{{ $input.error.node_key }}".into()),
            (
                "error",
                map([
                    ("message", "{{ $input.error.message }}".into()),
                    ("code", "{{ $input.error.code }}".into()),
                ])
                .into(),
            ),
        ]);
        let workflow = map([
            ("id", "{{ $input.execution.workflow_id }}".into()),
            ("name", "{{ $input.execution.workflow_id }}".into()),
        ]);
        self.output(&key, map([("execution", execution.into()), ("workflow", workflow.into())]));
        self.link(&start, None, &key, None);
        self.leave(&key);
        self.changed("`execution.url`, `execution.error.stack` and the name of the workflow (here its id) are not known");
    }

    pub(super) fn called(&mut self) {
        let (key, start) = (self.key(), self.helper("start"));
        self.add(&start, "manual.trigger", Map::new());
        self.output(&key, "{{ ($input | type) == \"list\" ? $input : [$input ?? {}] }}");
        self.link(&start, None, &key, None);
        self.leave(&key);
    }
}
