//! `Respond to Webhook`: the answer, and then what came in goes on.

use prana_template::{Map, Value};

use super::Converter;
use super::json_text;
use crate::elixir::Fate;
use crate::n8n::expr::Texts;

impl Converter<'_, '_> {
    pub(super) fn respond(&mut self) {
        let (source, many) = (self.source, self.many());
        let view = self.view();
        // It answers once, with the first item.
        let mut texts = Self::texts(&view, many);
        let mut params = Map::new();
        let with = source.text("respondWith").unwrap_or("firstIncomingItem");
        match self.answer(&mut texts, with, &mut params) {
            Ok(()) => {}
            Err(reason) => {
                self.said(texts);
                return self.impossible(&reason);
            }
        }
        if let Some(code) = source.at(&["options", "responseCode"]) {
            let code = texts.template(&self.first(code));
            params.insert("status", code);
        }
        let headers: Map = source
            .list(&["options", "responseHeaders", "entries"])
            .iter()
            .filter_map(|entry| {
                Some((
                    entry.get("name")?.as_str()?.into(),
                    texts.text(Some(&self.first(entry.get("value")?)), ""),
                ))
            })
            .collect();
        if !headers.is_empty() {
            params.insert("headers", headers);
        }
        self.said(texts);
        let (key, answer) = (self.key(), self.helper("answer"));
        self.add(&answer, "webhook.respond", params);
        self.add(&key, "core.no_op", Map::new());
        self.enter_unless_empty(&answer);
        let mut entries = self.piece.entries.remove(0);
        entries.push((key.clone(), None));
        self.piece.entries = vec![entries];
        self.leave(&key);
    }

    /// A parameter that means the first item.
    fn first(&self, value: &Value) -> Value {
        match value.as_str() {
            Some(text) if self.many() => text.replace("$json", "$input.first().json").into(),
            _ => value.clone(),
        }
    }

    fn answer(&mut self, texts: &mut Texts<'_>, with: &str, params: &mut Map) -> Result<(), String> {
        let source = self.source;
        let kind = match with {
            "firstIncomingItem" => {
                params.insert("body", if self.many() { "{{ $input[0] }}" } else { "{{ $input }}" });
                "json"
            }
            "allIncomingItems" => {
                params.insert("body", if self.many() { "{{ $input }}" } else { "{{ [$input] }}" });
                "json"
            }
            "json" => {
                let text =
                    self.first(&source.params.get("responseBody").cloned().unwrap_or_else(|| "{}".into()));
                let text = text.as_str().unwrap_or("{}").to_owned();
                let body = json_text::template(texts, &text)
                    .map_err(|reason| format!("its JSON could not be read ({reason})"))?;
                params.insert("body", body);
                "json"
            }
            "text" => {
                let text = self.first(&source.params.get("responseBody").cloned().unwrap_or_default());
                params.insert("body", texts.text(Some(&text), ""));
                "text"
            }
            "redirect" => {
                let url = self.first(&source.params.get("redirectURL").cloned().unwrap_or_default());
                params.insert("location", texts.text(Some(&url), ""));
                "redirect"
            }
            "noData" => "no_content",
            "binary" | "jwt" => return Err(format!("an answer of the kind `{with}` has no counterpart")),
            other => return Err(format!("the kind of answer `{}` is not known", other.escape_debug())),
        };
        params.insert("respond_with", kind);
        if kind == "no_content" && source.at(&["options", "responseCode"]).is_none() {
            params.insert("status", 200);
        }
        if source.at(&["options", "responseKey"]).is_some() && kind == "json" {
            self.find(
                Fate::NotPossible,
                "\"put response in field\" is not carried over: put the body into a map by hand",
            );
        }
        Ok(())
    }
}
