//! Pages: how the next one is asked for, when the last one came, and what all of them give together.

use prana_core::ErrorValue;
use prana_template::{Map, Value};
use reqwest::Url;
use schemars::JsonSchema;

use super::params::HttpRequestParams;
use crate::action::invalid_params;

/// No more pages are fetched by one node, whatever its parameters say.
const MAX_PAGES: u32 = 10_000;

/// A list that comes in pages.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    /// How the next page is asked for.
    #[serde(rename = "type")]
    pub page_type: PageType,
    /// Where in the body of a page its items stand, such as `data.items`; the body itself is the list, if absent.
    #[serde(default)]
    pub items: Option<String>,
    /// link: where in the body the address of the next page stands; it is taken from the `Link` header, if absent. cursor: where the cursor stands.
    #[serde(default)]
    pub next: Option<String>,
    /// cursor, page, offset: the name under which it is sent; `cursor`, `page`, `offset` if absent.
    #[serde(default)]
    pub param: Option<String>,
    /// cursor, page, offset: where it is sent.
    #[serde(default)]
    pub send_in: SendIn,
    /// page: the number of the first page, 1 if absent. offset: that of the first item, 0 if absent.
    #[serde(default)]
    pub start: Option<u64>,
    /// How many items a page has. A page with fewer is the last; an offset grows by it (by the items that came, if absent).
    #[serde(default)]
    pub size: Option<u64>,
    /// The name under which `size` is sent; it isn't sent, if absent.
    #[serde(default)]
    pub size_param: Option<String>,
    /// Where in the body stands whether there are more pages: none after one where it is false, null, 0, empty or missing.
    #[serde(default)]
    pub more: Option<String>,
    /// So many pages at most, 1 to 10,000. If there are more, the output says `complete: false`.
    #[serde(default = "hundred")]
    pub max_pages: u32,
    /// So many bytes at most in the bodies of all pages together; never more than the operator's limit for one body.
    #[serde(default)]
    pub max_bytes: Option<usize>,
    /// What the output's `body` is.
    #[serde(default)]
    pub output: PagesOutput,
}

fn hundred() -> u32 {
    100
}

/// How the next page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PageType {
    /// At the address that the page before gives, on the same host.
    Link,
    /// With a text that the page before gives.
    Cursor,
    /// With its number.
    Page,
    /// With the number of its first item.
    Offset,
}

/// Where something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SendIn {
    /// In the query.
    #[default]
    Query,
    /// In the body, which is a map.
    Body,
}

/// What all pages give together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PagesOutput {
    /// The list of all items.
    #[default]
    Items,
    /// The list of the pages' bodies.
    Pages,
}

/// The pages of one list: what to ask for next, and what came.
pub(super) struct Pages {
    how: Pagination,
    first: HttpRequestParams,
    limit: usize,
    next: Option<HttpRequestParams>,
    /// What the page that is asked for now was asked for with: the address, the cursor or the number.
    at: Value,
    bytes: usize,
    count: u32,
    gathered: Vec<Value>,
    last: Map,
}

impl Pages {
    /// Of the list that these parameters ask for; `limit` is the operator's, in bytes.
    ///
    /// # Errors
    /// `workflow.invalid_params`.
    pub fn new(how: Pagination, params: HttpRequestParams, limit: usize) -> Result<Self, ErrorValue> {
        let wrong = |what: &str| Err(invalid_params(format!("pagination.{what}")));
        if !(1..=MAX_PAGES).contains(&how.max_pages) {
            return wrong(&format!("max_pages: it must be from 1 to {MAX_PAGES}"));
        }
        if how.page_type == PageType::Cursor && how.next.is_none() {
            return wrong("next: it says where the cursor stands, such as `meta.next_cursor`");
        }
        if how.size == Some(0) {
            return wrong("size: it must be 1 at least");
        }
        let limit = how.max_bytes.unwrap_or(limit).min(limit);
        let at = match how.page_type {
            PageType::Link | PageType::Cursor => Value::Null,
            PageType::Page => number(how.start.unwrap_or(1)),
            PageType::Offset => number(how.start.unwrap_or(0)),
        };
        let mut pages = Pages {
            how,
            first: params,
            limit,
            next: None,
            at: at.clone(),
            bytes: 0,
            count: 0,
            gathered: Vec::new(),
            last: Map::new(),
        };
        pages.next = Some(pages.asking(at)?);
        Ok(pages)
    }

    /// The parameters of the page to fetch now, and its number from 0; none if there is no more to fetch.
    pub fn next(&mut self) -> Option<(HttpRequestParams, u32)> {
        self.next.take_if(|_| self.count < self.how.max_pages).map(|params| (params, self.count))
    }

    /// Takes what a page gave: `{status, headers, body}`, and the bytes of its body.
    ///
    /// # Errors
    /// `http.pagination` for a page that can't be one of the list, `http.body_too_large`.
    pub fn take(&mut self, page: &Value, bytes: usize) -> Result<(), ErrorValue> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limit {
            let message = format!(
                "the pages are larger than {} bytes together, after {} of them",
                self.limit, self.count
            );
            return Err(ErrorValue::new("http.body_too_large", message).not_retryable());
        }
        let body = page.get("body").cloned().unwrap_or_default();
        let items = at_path(&body, self.how.items.as_deref()).as_list().cloned();
        let count = items.as_ref().map(|items| items.len() as u64);
        match (self.how.output, items) {
            (PagesOutput::Pages, _) => self.gathered.push(body.clone()),
            (PagesOutput::Items, Some(items)) => self.gathered.extend(items.iter().cloned()),
            (PagesOutput::Items, None) => return Err(self.no_items(&body)),
        }
        if let Value::Map(page) = page {
            self.last = page.clone();
        }
        self.next = match self.following(page, &body, count)? {
            Some(at) if at == self.at => {
                return Err(wrong(format!("page {} leads to itself again", self.count)));
            }
            Some(at) => {
                let params = self.asking(at.clone())?;
                self.at = at;
                Some(params)
            }
            None => None,
        };
        Ok(())
    }

    /// `{status, headers, body, pages, complete}`: status and headers are those of the last page.
    pub fn output(self) -> Value {
        let mut output = self.last;
        output.insert("body", Value::from(self.gathered));
        output.insert("pages", i64::from(self.count));
        output.insert("complete", self.next.is_none());
        Value::Map(output)
    }

    /// What the next page is asked for with; none after the last.
    fn following(&self, page: &Value, body: &Value, count: Option<u64>) -> Result<Option<Value>, ErrorValue> {
        let path = self.how.next.as_deref();
        if self.how.more.as_deref().is_some_and(|more| !at_path(body, Some(more)).is_truthy()) {
            return Ok(None);
        }
        let at = match self.how.page_type {
            PageType::Link if path.is_none() => {
                match page.get("headers").and_then(|headers| headers.get("link")) {
                    Some(link) => next_link(&link.to_text()).map_or(Value::Null, Value::from),
                    None => Value::Null,
                }
            }
            PageType::Link | PageType::Cursor => at_path(body, path),
            PageType::Page | PageType::Offset => return self.counted(body, count),
        };
        let is_over = at.is_null() || at == Value::Bool(false) || at.as_str() == Some("");
        Ok((!is_over).then_some(at))
    }

    fn counted(&self, body: &Value, count: Option<u64>) -> Result<Option<Value>, ErrorValue> {
        let count = count.ok_or_else(|| self.no_items(body))?;
        if count == 0 || self.how.size.is_some_and(|size| count < size) {
            return Ok(None);
        }
        let step = match self.how.page_type {
            PageType::Page => 1,
            _ => self.how.size.unwrap_or(count),
        };
        let now = self.at.as_i64().and_then(|now| u64::try_from(now).ok()).unwrap_or(0);
        Ok(Some(number(now.saturating_add(step))))
    }

    fn no_items(&self, body: &Value) -> ErrorValue {
        let place =
            self.how.items.as_deref().map_or_else(|| "its body".to_owned(), |path| format!("`{path}`"));
        let found = at_path(body, self.how.items.as_deref()).type_name();
        wrong(format!(
            "page {}: {place} is no list of items but {found}; `pagination.items` says where they stand",
            self.count
        ))
    }

    /// The parameters that ask for the page at this place.
    fn asking(&self, at: Value) -> Result<HttpRequestParams, ErrorValue> {
        let mut params = self.first.clone();
        if let (Some(name), Some(size)) = (&self.how.size_param, self.how.size) {
            self.put(&mut params, name, number(size))?;
        }
        match (self.how.page_type, at) {
            (_, Value::Null) => {}
            (PageType::Link, at) => {
                params.url = self.linked(&at)?;
                params.query = Map::new();
            }
            (page_type, at) => {
                let usual = match page_type {
                    PageType::Offset => "offset",
                    PageType::Page => "page",
                    _ => "cursor",
                };
                self.put(&mut params, self.how.param.as_deref().unwrap_or(usual), at)?;
            }
        }
        Ok(params)
    }

    fn put(&self, params: &mut HttpRequestParams, name: &str, value: Value) -> Result<(), ErrorValue> {
        if self.how.send_in == SendIn::Query {
            params.url = without(&params.url, name);
            params.query.insert(name, value);
            return Ok(());
        }
        let body = if params.json.is_some() { &mut params.json } else { &mut params.body };
        match body.get_or_insert_with(|| Value::Map(Map::new())) {
            Value::Map(map) => drop(map.insert(name, value)),
            other => {
                let message =
                    format!("pagination.send_in: the body must be a map, and it is {}", other.type_name());
                return Err(invalid_params(message));
            }
        }
        Ok(())
    }

    /// The address of the next page. It stays on the host: what says who asks goes with it.
    fn linked(&self, at: &Value) -> Result<String, ErrorValue> {
        let text = at
            .as_str()
            .ok_or_else(|| wrong(format!("the address of the next page is {}", at.type_name())))?;
        let first = Url::parse(self.first.url.trim()).map_err(|error| wrong(error.to_string()))?;
        let now = self.at.as_str().and_then(|now| first.join(now).ok()).unwrap_or_else(|| first.clone());
        let next = now.join(text).map_err(|error| wrong(format!("the address of the next page: {error}")))?;
        match next.origin() == first.origin() {
            true => Ok(next.into()),
            false => Err(wrong(format!(
                "the next page is at {}, and the list is at {}",
                next.origin().ascii_serialization(),
                first.origin().ascii_serialization()
            ))),
        }
    }
}

fn wrong(message: impl std::fmt::Display) -> ErrorValue {
    ErrorValue::new("http.pagination", format!("pagination: {message}")).not_retryable()
}

fn number(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What stands at `a.b.0.c`; null if nothing does.
fn at_path(value: &Value, path: Option<&str>) -> Value {
    let step = |value: &Value, name: &str| match value {
        Value::List(items) => items.get(name.parse::<usize>().ok()?).cloned(),
        other => other.get(name).cloned(),
    };
    let mut names = path.unwrap_or_default().split('.').filter(|name| !name.is_empty());
    names.try_fold(value.clone(), |value, name| step(&value, name)).unwrap_or_default()
}

/// The URL without this part of its query, which is going to be given anew.
fn without(url: &str, name: &str) -> String {
    let Ok(mut parsed) = Url::parse(url.trim()) else { return url.to_owned() };
    if !parsed.query_pairs().any(|(known, _)| known == name) {
        return url.to_owned();
    }
    let kept: Vec<(String, String)> = parsed
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(known, value)| (known.into(), value.into()))
        .collect();
    parsed.set_query(None);
    if !kept.is_empty() {
        parsed.query_pairs_mut().extend_pairs(kept);
    }
    parsed.into()
}

/// The address with `rel="next"` in a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (address, after) = after.split_once('>')?;
        let end = end_of_link(after);
        let mut names = after[..end].split(';').filter_map(|part| part.split_once('='));
        let is_next = names.any(|(name, value)| {
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value.split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(address.trim().to_owned());
        }
        rest = &after[end..];
    }
    None
}

/// Where a link ends: at the first comma that isn't within quotes.
fn end_of_link(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use prana_template::{from_value, value};

    use super::*;

    fn pages(pagination: Value, more: Value) -> Result<Pages, ErrorValue> {
        let mut params = value!({"url": "https://x.example/list?page=9&a=1"}).as_map().cloned().unwrap();
        more.as_map()
            .unwrap()
            .iter()
            .for_each(|(name, value)| drop(params.insert(name.clone(), value.clone())));
        let params: HttpRequestParams = from_value(&Value::Map(params)).unwrap();
        Pages::new(from_value(&pagination).unwrap(), params, 1000)
    }

    /// What is asked for, page by page: the URL, the query and the body.
    fn asked(
        pagination: Value,
        more: Value,
        bodies: &[Value],
        headers: Value,
    ) -> Result<(Vec<String>, Value), ErrorValue> {
        let mut pages = pages(pagination, more)?;
        let mut asked = Vec::new();
        while let Some((params, number)) = pages.next() {
            let body =
                params.body.as_ref().map_or_else(String::new, |body| format!(" {}", body.to_json_string()));
            asked.push(format!("{} {}{body}", params.url, Value::Map(params.query).to_json_string()));
            let answer = bodies.get(number as usize).cloned().unwrap_or_default();
            pages.take(&value!({"status": 200, "headers": headers.clone(), "body": answer}), 10)?;
        }
        Ok((asked, pages.output()))
    }

    #[test]
    fn numbers_and_offsets_go_on_until_a_page_is_not_full() {
        let bodies = [value!([1, 2]), value!([3, 4]), value!([5])];
        let how = value!({"type": "page", "size": 2, "size_param": "per_page"});
        let (got, output) = asked(how, value!({"query": {"b": 2}}), &bodies, value!({})).unwrap();
        let url = "https://x.example/list?a=1";
        assert_eq!(got[0], format!("{url} {{\"b\":2,\"per_page\":2,\"page\":1}}"));
        assert_eq!((got.len(), got[2].contains("\"page\":3")), (3, true));
        assert_eq!(
            output,
            value!({"status": 200, "headers": {}, "body": [1, 2, 3, 4, 5], "pages": 3, "complete": true})
        );
        let (got, _) =
            asked(value!({"type": "offset"}), value!({}), &[value!([1, 2]), value!([])], value!({})).unwrap();
        assert_eq!((got.len(), got[1].contains("{\"offset\":2}")), (2, true), "{got:?}");
    }

    #[test]
    fn cursors_are_sent_where_they_belong() {
        let bodies =
            [value!({"d": {"l": [1]}, "m": {"c": "x"}}), value!({"d": {"l": [2]}, "m": {"c": null}})];
        let how =
            value!({"type": "cursor", "items": "d.l", "next": "m.c", "param": "after", "send_in": "body"});
        let (got, output) =
            asked(how, value!({"method": "POST", "body": {"q": 1}}), &bodies, value!({})).unwrap();
        assert!(got[0].ends_with(" {\"q\":1}") && got[1].ends_with(" {\"q\":1,\"after\":\"x\"}"), "{got:?}");
        assert_eq!(output.get("body"), Some(&value!([1, 2])));
    }

    #[test]
    fn links_are_followed_on_the_same_host_alone() {
        let link =
            r#"<https://x.example/list?page=2>; rel="next", <https://x.example/list?page=9>; rel="last""#;
        let how = value!({"type": "link", "max_pages": 2});
        let more = asked(how.clone(), value!({}), &[value!([1]), value!([2])], value!({"link": link}));
        assert!(more.unwrap_err().message.contains("page 2 leads to itself again"));
        let bodies = [
            value!({"r": [1], "n": "?page=2"}),
            value!({"r": [2], "n": "/list?page=3"}),
            value!({"r": [3], "n": ""}),
        ];
        let how = value!({"type": "link", "items": "r", "next": "n", "max_pages": 2});
        let (got, output) = asked(how, value!({"query": {"b": 2}}), &bodies, value!({})).unwrap();
        assert_eq!(got[1], "https://x.example/list?page=2 {}");
        assert_eq!(
            (output.get("complete"), output.get("body")),
            (Some(&value!(false)), Some(&value!([1, 2])))
        );
        for elsewhere in
            ["https://evil.example/", "http://x.example/", "https://x.example:8443/", "//evil.example"]
        {
            let how = value!({"type": "link", "next": "n", "output": "pages"});
            let error = asked(how, value!({}), &[value!({"n": elsewhere})], value!({})).unwrap_err();
            assert_eq!(&*error.code, "http.pagination", "{elsewhere}");
        }
    }

    #[test]
    fn what_stops_and_what_can_not_go_on() {
        let check = |how: Value, body: Value, part: &str| {
            let error = asked(how, value!({}), &[body], value!({})).unwrap_err();
            assert!(error.message.contains(part), "{error}");
        };
        check(value!({"type": "page"}), value!({"a": 1}), "its body is no list of items but map");
        check(
            value!({"type": "page", "items": "a.b"}),
            value!({"a": 1}),
            "`a.b` is no list of items but null",
        );
        check(value!({"type": "cursor"}), value!([]), "pagination.next");
        check(value!({"type": "page", "max_pages": 0}), value!([]), "pagination.max_pages");
        check(value!({"type": "page", "max_bytes": 5}), value!([1]), "larger than 5 bytes together");
        let how = value!({"type": "page", "items": "l", "more": "has_more", "output": "pages"});
        let (got, output) =
            asked(how, value!({}), &[value!({"l": [1], "has_more": false})], value!({})).unwrap();
        assert_eq!((got.len(), output.get("complete")), (1, Some(&value!(true))));
    }

    #[test]
    fn link_headers_as_services_write_them() {
        for (header, expected) in [
            ("<a>; rel=next", Some("a")),
            (r#"<a>; rel="prev", <b?x=1,2>; title="a, b; rel=next"; rel="next last""#, Some("b?x=1,2")),
            (r#"<a>; REL="Next""#, Some("a")),
            (r#"<a>; rel="last""#, None),
            ("<a", None),
            ("", None),
        ] {
            assert_eq!(next_link(header).as_deref(), expected, "{header}");
        }
    }
}
