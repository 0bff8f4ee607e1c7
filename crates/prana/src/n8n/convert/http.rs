//! `HTTP Request`, all versions.

use prana_template::{Map, Value};

use super::json_text;
use super::{Converter, map, one_line};
use crate::elixir::Fate;
use crate::n8n::export::Source;
use crate::n8n::expr::Texts;
use crate::n8n::keys::Keys;
use crate::n8n::plan::splits_answers;

/// The limit of n8n for a request that says none, in milliseconds.
const TIMEOUT: i64 = 300_000;

impl Converter<'_, '_> {
    pub(super) fn http_request(&mut self) {
        if let Some(reason) = self.no_request() {
            return self.impossible(&reason);
        }
        let (view, many) = (self.view(), self.many());
        let mut texts = Self::texts(&view, many);
        let params = self.request_params(&mut texts);
        self.said(texts);
        let mut params = match params {
            Ok(params) => params,
            Err(reason) => return self.impossible(&reason),
        };
        self.auth(&mut params);
        if many {
            params.insert("batch", map([("items", "{{ $input }}".into())]));
        }
        let (key, call) = (self.key(), self.helper("call"));
        self.add(&call, "http.request", params);
        let output = self.unless_failed(&self.answers(), many || splits_answers(self.source));
        self.output(&key, output);
        self.link(&call, None, &key, None);
        self.enter(&call);
        self.leave(&key);
    }

    fn has_pages(&self) -> bool {
        let given = self.source.at(&["options", "pagination", "pagination"]);
        given.is_some()
            && self.source.text_at(&["options", "pagination", "pagination", "paginationMode"], "") != "off"
    }

    /// What is asked for that can't be had.
    fn no_request(&self) -> Option<String> {
        let source = self.source;
        let is_usual = !self.many() && splits_answers(source) && pages(source).is_some();
        if self.has_pages() && !is_usual {
            return Some(
                "its pagination has to be written by hand: see `pagination` of `http.request`".to_owned(),
            );
        }
        if source.text("contentType") == Some("binaryData") || source.flag(&["sendBinaryData"]) {
            return Some("binary data of items has no counterpart: write the body in base64".to_owned());
        }
        let is_file = source.text_at(&["options", "response", "response", "responseFormat"], "") == "file"
            || source.text("responseFormat") == Some("file");
        is_file.then(|| {
            "an answer that becomes a file has no counterpart; `response: binary` gives base64".to_owned()
        })
    }

    fn request_params(&mut self, texts: &mut Texts<'_>) -> Result<Map, String> {
        let source = self.source;
        let mut params = Map::new();
        let method = source.params.get("method").or_else(|| source.params.get("requestMethod"));
        params.insert("method", texts.text(method, "GET"));
        params.insert("url", texts.text(source.params.get("url"), ""));
        let newer = source.version >= 3.0;
        let (mut headers, query) = if newer {
            (
                self.newer_fields(texts, "Headers", "headerParameters")?,
                self.newer_fields(texts, "Query", "queryParameters")?,
            )
        } else {
            (self.older_map(texts, "header")?, self.older_map(texts, "query")?)
        };
        if newer {
            self.newer_body(texts, &mut params, &mut headers)?
        } else {
            self.older_body(texts, &mut params)?
        }
        for (name, fields) in [("headers", headers), ("query", query)] {
            if !fields.is_empty() {
                params.insert(name, fields);
            }
        }
        self.request_options(&mut params);
        Ok(params)
    }

    /// `sendHeaders`, `specifyHeaders`, `headerParameters`, `jsonHeaders`; and the same of the query.
    fn newer_fields(&self, texts: &mut Texts<'_>, what: &str, list: &str) -> Result<Map, String> {
        let source = self.source;
        if !source.flag(&[&format!("send{what}")]) {
            return Ok(Map::new());
        }
        if source.text(&format!("specify{what}")) == Some("json") {
            return json_map(texts, source.text(&format!("json{what}")));
        }
        Ok(fields(texts, source.list(&[list, "parameters"])))
    }

    fn older_map(&self, texts: &mut Texts<'_>, what: &str) -> Result<Map, String> {
        let source = self.source;
        if source.flag(&["jsonParameters"]) {
            return json_map(texts, source.text(&format!("{what}ParametersJson")));
        }
        Ok(fields(texts, source.list(&[&format!("{what}ParametersUi"), "parameter"])))
    }

    fn newer_body(
        &mut self,
        texts: &mut Texts<'_>,
        params: &mut Map,
        headers: &mut Map,
    ) -> Result<(), String> {
        let source = self.source;
        if !source.flag(&["sendBody"]) {
            return Ok(());
        }
        let kind = source.text("contentType").unwrap_or("json");
        let list = source.list(&["bodyParameters", "parameters"]);
        if list
            .iter()
            .any(|field| field.get("parameterType").and_then(Value::as_str) == Some("formBinaryData"))
        {
            return Err(
                "a file in a form has no counterpart: write it as {filename, content, encoding: base64}"
                    .to_owned(),
            );
        }
        match (kind, source.text("specifyBody").unwrap_or("keypair")) {
            ("json", "json") => {
                let text = source.text("jsonBody").unwrap_or("{}");
                let body = json_text::template(texts, text)
                    .map_err(|reason| format!("its JSON body could not be read ({reason})"))?;
                params.insert("body", body);
            }
            ("json", _) => drop(params.insert("body", fields(texts, list))),
            ("form-urlencoded", "string") => {
                raw(texts, params, headers, source.params.get("body"), "application/x-www-form-urlencoded");
            }
            ("form-urlencoded", _) => {
                params.insert("body_type", "form");
                params.insert("body", fields(texts, list));
            }
            ("multipart-form-data", _) => {
                params.insert("body_type", "multipart");
                params.insert("body", fields(texts, list));
            }
            ("raw", _) => {
                let kind =
                    source.text("rawContentType").filter(|kind| !kind.is_empty()).unwrap_or("text/plain");
                raw(texts, params, headers, source.params.get("body"), kind);
            }
            (other, _) => {
                return Err(format!("a body of the type `{}` has no counterpart", other.escape_debug()));
            }
        }
        Ok(())
    }

    fn older_body(&mut self, texts: &mut Texts<'_>, params: &mut Map) -> Result<(), String> {
        let body = self.older_map(texts, "body")?;
        if body.is_empty() {
            return Ok(());
        }
        match self.source.text_at(&["options", "bodyContentType"], "json") {
            "json" => {}
            "form-urlencoded" => drop(params.insert("body_type", "form")),
            "multipart-form-data" => drop(params.insert("body_type", "multipart")),
            other => return Err(format!("a body of the type `{}` has no counterpart", other.escape_debug())),
        }
        params.insert("body", body);
        Ok(())
    }

    fn request_options(&mut self, params: &mut Map) {
        let source = self.source;
        let timeout = source.at(&["options", "timeout"]).and_then(Value::as_i64).unwrap_or(TIMEOUT);
        params.insert("timeout_ms", timeout.clamp(1, 3_600_000));
        if let Some(pages) = pages(source).filter(|_| self.has_pages()) {
            params.insert("pagination", pages);
        }
        let response = ["options", "response", "response"];
        let never_fails = source.flag(&[response[0], response[1], response[2], "neverError"])
            || source.flag(&["options", "ignoreResponseCode"]);
        if never_fails {
            params.insert("success", "any");
        }
        let format = source.text_at(&[response[0], response[1], response[2], "responseFormat"], "autodetect");
        match source.text("responseFormat").filter(|_| source.version < 3.0).unwrap_or(format) {
            "text" | "string" => drop(params.insert("response", "text")),
            "json" => drop(params.insert("response", "json")),
            _ => {}
        }
        let redirects =
            source.at(&["options", "redirect", "redirect", "followRedirects"]).and_then(Value::as_bool);
        if redirects == Some(false)
            || source.at(&["options", "followRedirect"]).and_then(Value::as_bool) == Some(false)
        {
            params.insert("follow_redirects", false);
        }
        for (path, what) in [
            (&["options", "allowUnauthorizedCerts"][..], "certificates are always checked"),
            (&["options", "proxy"][..], "its proxy is not carried over"),
            (
                &["options", "batching"][..],
                "batches with pauses are not carried over: 10 requests run at a time",
            ),
            (
                &["options", "queryParameterArrays"][..],
                "a list in the query gives the same name several times",
            ),
        ] {
            if source.at(path).is_some_and(|option| {
                !matches!(option, Value::Bool(false)) && option.to_text().as_str() != ""
            }) {
                self.changed(what);
            }
        }
    }

    /// The values of credentials are not in an export: a credential of the same name is meant.
    fn auth(&mut self, params: &mut Map) {
        let source = self.source;
        let kind = match source.text("authentication").unwrap_or("none") {
            "none" | "" => return,
            "genericCredentialType" => source.text("genericAuthType").unwrap_or(""),
            "predefinedCredentialType" => source.text("nodeCredentialType").unwrap_or(""),
            older => older,
        };
        let named = source.credentials.iter().find(|(of, _)| of == kind).or(source.credentials.first());
        let name = named.map_or_else(|| source.name.clone(), |(_, name)| name.clone());
        let name = Keys::default().of_name(&name);
        params.insert("auth", map([("credential", name.as_str().into())]));
        let here = match kind {
            "httpBasicAuth" | "basicAuth" => "basic",
            "httpHeaderAuth" | "headerAuth" => "header",
            "httpBearerAuth" => "bearer",
            "httpQueryAuth" | "queryAuth" => "query",
            "oAuth2Api" | "oAuth2" => "oauth2_client_credentials or oauth2_authorization_code",
            _ => "that the service wants",
        };
        self.find(
            Fate::NotPossible,
            format!(
                "credentials are not in an export: add `{name}` (`{}` there) with `prana credentials add {name} --host HOST`, of the type {here}",
                one_line(kind)
            ),
        );
    }

    /// What answers become.
    fn answers(&self) -> String {
        let source = self.source;
        let newer = source.version >= 3.0;
        let full = source.flag(&["options", "response", "response", "fullResponse"])
            || (!newer && source.flag(&["options", "fullResponse"]));
        let name = source.text_at(&["options", "response", "response", "outputPropertyName"], "");
        let name = if name.is_empty() {
            source.text("dataPropertyName").filter(|_| !newer).unwrap_or("data")
        } else {
            name
        };
        let name = crate::n8n::expr::quoted(name);
        let of = |answer: &str| {
            if full {
                return format!(
                    "{{body: {answer}.body, headers: {answer}.headers, statusCode: {answer}.status, statusMessage: \"\"}}"
                );
            }
            let item =
                format!("({answer}.body | type) == \"map\" ? {answer}.body : {{{name}: {answer}.body}}");
            match splits_answers(source) {
                true => format!("({answer}.body | type) == \"list\" ? {answer}.body : [{item}]"),
                false => item,
            }
        };
        match (self.many(), splits_answers(source)) {
            (false, true) if self.has_pages() => {
                format!("$input.body | map(page => {}) | flatten(1)", of("{body: page}"))
            }
            (false, _) => of("$input"),
            (true, true) => format!("$input | map(answer => {}) | flatten(1)", of("answer")),
            (true, false) => format!("$input | map(answer => {})", of("answer")),
        }
    }
}

/// The pages of an answer, where it is said in a usual way how to ask for the next one.
fn pages(source: &Source) -> Option<Map> {
    let given = source.at(&["options", "pagination", "pagination"])?;
    let text = |key: &str| given.get(key).and_then(Value::as_str);
    let mut pages = match text("paginationMode").unwrap_or("updateAParameterInEachRequest") {
        "responseContainsNextURL" => {
            let next = expression(text("nextURL")?)?.strip_prefix("$response.body.")?;
            let is_path = next.split('.').all(crate::n8n::expr::is_word);
            is_path.then(|| map([("type", "link".into()), ("next", next.into())]))?
        }
        "updateAParameterInEachRequest"
            if matches!(text("paginationCompleteWhen"), None | Some("responseIsEmpty")) =>
        {
            let list = given.get("parameters")?.get("parameters")?.as_list()?;
            let [parameter] = &list[..] else { return None };
            let of = |key: &str| parameter.get(key).and_then(Value::as_str);
            let value = expression(of("value")?)?.strip_prefix("$pageCount")?.trim();
            let start =
                if value.is_empty() { 0 } else { value.strip_prefix('+')?.trim().parse::<i64>().ok()? };
            let is_query = matches!(of("type"), None | Some("qs"));
            is_query.then(|| {
                map([
                    ("type", "page".into()),
                    ("param", of("name").unwrap_or("page").into()),
                    ("start", start.into()),
                ])
            })?
        }
        _ => return None,
    };
    pages.insert("output", "pages");
    let limit = given.get("maxRequests").and_then(Value::as_i64).filter(|limit| *limit > 0);
    if let Some(limit) =
        limit.filter(|_| given.get("limitPagesFetched").and_then(Value::as_bool) == Some(true))
    {
        pages.insert("max_pages", limit);
    }
    Some(pages)
}

/// What stands in `={{ }}`.
fn expression(text: &str) -> Option<&str> {
    Some(text.strip_prefix('=')?.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim())
}

/// `[{name, value}]`; a name that comes several times has a list.
fn fields(texts: &mut Texts<'_>, list: &[Value]) -> Map {
    let mut map = Map::new();
    for field in list {
        let Some(name) = field.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
            continue;
        };
        let value = texts.template(field.get("value").unwrap_or(&Value::Null));
        let value = match map.get(name) {
            None => value,
            Some(Value::List(earlier)) => earlier.iter().cloned().chain([value]).collect(),
            Some(earlier) => vec![earlier.clone(), value].into(),
        };
        map.insert(name.trim_start_matches('='), value);
    }
    map
}

fn json_map(texts: &mut Texts<'_>, text: Option<&str>) -> Result<Map, String> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(Map::new()) };
    match json_text::template(texts, text) {
        Ok(Value::Map(map)) => Ok(map),
        Ok(_) => Err("its JSON parameters are one expression: write them one by one".to_owned()),
        Err(reason) => Err(format!("its JSON parameters could not be read ({reason})")),
    }
}

fn raw(texts: &mut Texts<'_>, params: &mut Map, headers: &mut Map, body: Option<&Value>, kind: &str) {
    params.insert("body_type", "raw");
    params.insert("body", texts.text(body, ""));
    if !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
        headers.insert("Content-Type", kind);
    }
}
