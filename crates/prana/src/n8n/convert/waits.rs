//! `Wait`: for a while, until a time, for a call.

use prana_template::{Map, Value};

use super::{Converter, map};
use crate::elixir::Fate;
use crate::n8n::expr::Names;

/// As good as for ever: 90 years.
const FOREVER_HOURS: i64 = 788_400;

impl Converter<'_, '_> {
    pub(super) fn wait(&mut self) {
        match self.source.text("resume") {
            Some("webhook") => self.wait_for_call(),
            Some("form") => {
                self.impossible("forms have no counterpart: wait for a call, with a page of your own")
            }
            Some("specificTime") => {
                let params = self.time_params();
                self.waiting(params);
            }
            _ => {
                let params = self.interval_params();
                self.waiting(params);
            }
        }
    }

    fn waiting(&mut self, params: Map) {
        let key = self.key();
        self.add(&key, "wait.wait", params);
        self.enter_unless_empty(&key);
        self.leave(&key);
    }

    /// A parameter for all items, made of the first one.
    fn of_first(&mut self, value: &Value) -> Value {
        let view = self.view();
        let over_items = self.many();
        let first = match (over_items, value.as_str()) {
            (true, Some(text)) if text.contains("$json") => {
                self.changed("it is made of the first item");
                Value::from(text.replace("$json", "$input.first().json"))
            }
            _ => value.clone(),
        };
        let mut texts = Self::texts(&view, over_items);
        let value = texts.template(&first);
        self.said(texts);
        value
    }

    fn interval_params(&mut self) -> Map {
        let older = self.source.version < 1.1;
        let amount =
            self.source.params.get("amount").cloned().unwrap_or(Value::Int(if older { 1 } else { 5 }));
        let unit = self.source.text("unit").unwrap_or(if older { "hours" } else { "seconds" });
        let unit = if matches!(unit, "seconds" | "minutes" | "hours" | "days") {
            unit.to_owned()
        } else {
            "seconds".to_owned()
        };
        let amount = self.of_first(&amount);
        let amount = match amount.as_str().and_then(|text| text.trim().parse::<f64>().ok()) {
            Some(number) => Value::from(number),
            None => amount,
        };
        map([("mode", "interval".into()), ("duration", amount), ("unit", unit.into())])
    }

    fn time_params(&mut self) -> Map {
        let time = self.source.params.get("dateTime").cloned().unwrap_or_default();
        let time = if time.is_null() { "=no time".into() } else { time };
        let time = self.of_first(&time);
        let mut params = map([("mode", "schedule".into()), ("schedule_at", time)]);
        match self.view().zone() {
            Some(zone) => drop(params.insert("timezone", zone)),
            None => self.changed("a time without an offset is UTC"),
        }
        params
    }

    fn wait_for_call(&mut self) {
        let (key, call) = (self.key(), self.second());
        let hours = self.limit_hours();
        self.add(&call, "wait.wait", map([("mode", "webhook".into()), ("timeout_hours", hours)]));
        self.output(
            &key,
            map([
                ("body", "{{ $input }}".into()),
                ("headers", Map::new().into()),
                ("params", Map::new().into()),
                ("query", Map::new().into()),
            ]),
        );
        self.link(&call, None, &key, None);
        self.enter_unless_empty(&call);
        self.leave(&key);
        self.changed("the caller's body is in `body`; headers and query of the call are not known, and its address is `$execution.resume_urls`");
    }

    fn limit_hours(&mut self) -> Value {
        if !self.source.flag(&["limitWaitTime"]) {
            return FOREVER_HOURS.into();
        }
        self.changed(
            "past the limit the node fails with `wait.timeout`; connect its port `timeout` to go on",
        );
        let amount = self.source.params.get("resumeAmount").and_then(Value::as_f64).unwrap_or(1.0);
        let hours = match self.source.text("resumeUnit").unwrap_or("hours") {
            "minutes" => amount / 60.0,
            "days" => amount * 24.0,
            _ => amount,
        };
        if self.source.text("limitType") == Some("atSpecifiedTime") {
            self.find(Fate::NotPossible, "a limit at a point in time: set `timeout_hours` by hand");
            return FOREVER_HOURS.into();
        }
        hours.clamp(0.001, FOREVER_HOURS as f64).into()
    }
}
