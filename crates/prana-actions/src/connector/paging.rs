//! From one page of an answer to the next.

use prana_core::ErrorValue;
use prana_core::action::evaluation_error;
use prana_template::{Budget, List, Map, Scope, Str, Template, Value};
use reqwest::Url;

use super::document::PageKind;

/// So many pages are asked for, and no more.
const MAX_PAGES: usize = 1_000;

/// How an action goes from page to page.
#[derive(Debug)]
pub(super) struct Turning {
    pub turn: Turn,
    /// The items of a page.
    pub items: Template,
    /// How many at most.
    pub limit: Option<Template>,
}

/// What leads to the next page.
#[derive(Debug)]
pub(super) enum Turn {
    Link,
    Url(Template),
    Cursor { next: Template, into: Place },
    Count { first: i64, by_items: bool, more: Option<Template>, into: Place },
}

/// A field of the query or of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    of: &'static str,
    name: Str,
}

impl Place {
    /// Reads `query.NAME` or `body.NAME`.
    pub fn parse(text: &str) -> Option<Place> {
        let (of, name) = text.split_once('.').filter(|(_, name)| !name.is_empty())?;
        let of = ["query", "body"].into_iter().find(|known| *known == of)?;
        Some(Place { of, name: name.into() })
    }

    fn put(&self, request: &mut Map, value: Value) {
        let mut fields = request.get(self.of).and_then(Value::as_map).cloned().unwrap_or_default();
        fields.insert(self.name.clone(), value);
        request.insert(self.of, fields);
    }
}

/// The pages so far.
#[derive(Debug, Default)]
pub(super) struct Pages {
    items: Vec<Value>,
    weight: usize,
    count: usize,
    /// What led to the newest page: a cursor, or an address.
    last: Option<Value>,
}

impl Pages {
    /// All items.
    pub fn into_items(self) -> Value {
        Value::List(List::from(self.items))
    }

    /// How many pages there were.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Turning {
    /// The request of the first page.
    pub fn first(&self, request: &mut Map) {
        if let Turn::Count { first, into, .. } = &self.turn {
            into.put(request, Value::Int(*first));
        }
    }

    /// Takes a page: true, and `request` is that of the next page, if there is more to ask for.
    ///
    /// # Errors
    /// Of a template; a page without a list; more than may be; a next page that leads in a circle, or to another host.
    pub fn turn(
        &self,
        pages: &mut Pages,
        request: &mut Map,
        scope: &dyn Scope,
        most_bytes: usize,
    ) -> Result<bool, ErrorValue> {
        let taken = self.take(pages, scope, most_bytes)?;
        let limit = self.limit(scope)?;
        if limit.is_some_and(|limit| pages.items.len() >= limit) {
            pages.items.truncate(limit.unwrap_or_default());
            return Ok(false);
        }
        let more = self.next(pages, taken, request, scope)?;
        if more && pages.count >= MAX_PAGES {
            return Err(too_much(format!("there are more than {MAX_PAGES} pages")));
        }
        Ok(more)
    }

    /// Takes the items of a page: how many there were.
    fn take(&self, pages: &mut Pages, scope: &dyn Scope, most_bytes: usize) -> Result<usize, ErrorValue> {
        pages.count += 1;
        let items = match evaluate(&self.items, scope)? {
            Value::List(items) => items,
            Value::Null => return Ok(0),
            other => {
                let message =
                    format!("`pagination.items` gave a {}, and it must give a list", other.type_name());
                return Err(ErrorValue::new("connector.no_items", message).not_retryable());
            }
        };
        pages.weight = pages.weight.saturating_add(items.weight());
        if pages.weight > most_bytes {
            return Err(too_much(format!("all pages together have more than {most_bytes} bytes")));
        }
        pages.items.extend(items.iter().cloned());
        Ok(items.len())
    }

    fn limit(&self, scope: &dyn Scope) -> Result<Option<usize>, ErrorValue> {
        let Some(limit) = &self.limit else { return Ok(None) };
        let limit = evaluate(limit, scope)?;
        Ok(limit.as_i64().map(|limit| usize::try_from(limit).unwrap_or(0)))
    }

    fn next(
        &self,
        pages: &mut Pages,
        taken: usize,
        request: &mut Map,
        scope: &dyn Scope,
    ) -> Result<bool, ErrorValue> {
        let next = match &self.turn {
            Turn::Link => linked(scope.value(prana_template::Slot(1)).as_ref()),
            Turn::Url(next) | Turn::Cursor { next, .. } => evaluate(next, scope)?,
            Turn::Count { more: Some(more), .. } if !evaluate(more, scope)?.is_truthy() => return Ok(false),
            Turn::Count { first, by_items, .. } if taken > 0 => {
                let so_far = if *by_items { pages.items.len() } else { pages.count };
                Value::Int(first.saturating_add_unsigned(so_far as u64))
            }
            Turn::Count { .. } => return Ok(false),
        };
        if !next.is_truthy() {
            return Ok(false);
        }
        if pages.last.as_ref() == Some(&next) {
            let message = "the answer says that the next page is the same one again";
            return Err(ErrorValue::new("connector.page_loop", message).not_retryable());
        }
        match &self.turn {
            Turn::Link | Turn::Url(_) => follow(request, next.to_text().as_str())?,
            Turn::Cursor { into, .. } | Turn::Count { into, .. } => into.put(request, next.clone()),
        }
        pages.last = Some(next);
        Ok(true)
    }
}

fn evaluate(template: &Template, scope: &dyn Scope) -> Result<Value, ErrorValue> {
    template.evaluate(scope, &mut Budget::default()).map_err(|error| evaluation_error(&error))
}

fn too_much(message: String) -> ErrorValue {
    ErrorValue::new("connector.too_many_items", format!("{message}; ask for less, with a limit or a filter"))
        .not_retryable()
}

/// The request of another page of the same service. Its address holds the whole query.
fn follow(request: &mut Map, next: &str) -> Result<(), ErrorValue> {
    let url = |text: &str| Url::parse(text).ok();
    let here = request.get("url").and_then(Value::as_str).and_then(url);
    let there = here.as_ref().and_then(|here| here.join(next).ok());
    match (here, there) {
        (Some(here), Some(there)) if here.origin() == there.origin() => {
            request.insert("url", there.as_str());
            request.insert("query", Map::new());
            Ok(())
        }
        (_, there) => {
            let host = there.and_then(|there| there.host_str().map(str::to_owned)).unwrap_or_default();
            let message = format!("the next page is elsewhere ({host}), and who asks is not told to others");
            Err(ErrorValue::new("connector.foreign_page", message).not_retryable())
        }
    }
}

/// The address with `rel="next"` in the `Link` header of an answer.
fn linked(response: &Value) -> Value {
    let header = response.get("headers").and_then(|headers| headers.get("link"));
    let found = header.and_then(Value::as_str).and_then(next_link);
    found.map_or(Value::Null, Value::from)
}

fn next_link(mut header: &str) -> Option<&str> {
    while let Some((_, rest)) = header.split_once('<') {
        let (url, rest) = rest.split_once('>')?;
        let end = rest.find('<').unwrap_or(rest.len());
        let is_next = rest[..end].split([';', ',']).any(|param| {
            let (name, value) = param.split_once('=').unwrap_or_default();
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && relations.any(|one| one.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(url);
        }
        header = &rest[end..];
    }
    None
}

impl PageKind {
    /// The fields of `pagination` that this kind has beside `items` and `limit`: needed ones, and others.
    pub(super) fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            PageKind::Link => (&[], &[]),
            PageKind::Url => (&["next"], &[]),
            PageKind::Cursor => (&["next", "into"], &[]),
            PageKind::Page | PageKind::Offset => (&["into"], &["first", "more"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Filters, FixedNames, value};

    use super::*;

    fn template(source: &str) -> Template {
        Template::parse(source, &FixedNames::new(["$params", "$response"]), Filters::standard()).unwrap()
    }

    /// The requests that follow a first one, as the answers say, and the items.
    fn turned(turn: Turn, answers: &[Value]) -> Result<(Vec<Value>, Value), ErrorValue> {
        let limit = Some(template("{{ $params.limit }}"));
        let turning = Turning { turn, items: template("{{ $response.body.items }}"), limit };
        let mut request = Map::from_iter([("url".into(), value!("https://a.example/p?x=1"))]);
        let (mut pages, mut asked) = (Pages::default(), Vec::new());
        turning.first(&mut request);
        for answer in answers {
            asked.push(Value::Map(request.clone()));
            let scope = [value!({"limit": 5}), answer.clone()];
            if !turning.turn(&mut pages, &mut request, &scope, 1000)? {
                break;
            }
        }
        let field = |one: &Value| one.get("query").cloned().or(one.get("url").cloned()).unwrap_or_default();
        Ok((asked.iter().map(field).collect(), pages.into_items()))
    }

    fn page(items: Value, more: Value) -> Value {
        value!({"headers": {"link": more.clone()}, "body": {"items": items, "next": more}})
    }

    #[test]
    fn cursors_go_on_until_there_is_none() {
        let cursor = || Turn::Cursor {
            next: template("{{ $response.body.next }}"),
            into: Place::parse("query.after").unwrap(),
        };
        let answers =
            [page(value!([1]), value!("a")), page(value!([2]), value!("")), page(value!([3]), value!("x"))];
        let (asked, items) = turned(cursor(), &answers).unwrap();
        assert_eq!((asked.len(), items), (2, value!([1, 2])));
        assert_eq!(asked[1], value!({"after": "a"}));
        let same = [page(value!([1]), value!("a")), page(value!([2]), value!("a"))];
        assert_eq!(turned(cursor(), &same).unwrap_err().code, "connector.page_loop");
        let many = [page(value!([1, 2, 3, 4, 5, 6]), value!("a"))];
        assert_eq!(turned(cursor(), &many).unwrap().1, value!([1, 2, 3, 4, 5]));
    }

    #[test]
    fn addresses_stay_on_the_host() {
        let url = || Turn::Url(template("{{ $response.body.next }}"));
        let answers = [page(value!([1]), value!("/q?y=2")), page(value!([2]), value!(null))];
        let (asked, items) = turned(url(), &answers).unwrap();
        assert_eq!((asked.len(), items), (2, value!([1, 2])));
        let foreign = [page(value!([1]), value!("https://b.example/q"))];
        assert_eq!(turned(url(), &foreign).unwrap_err().code, "connector.foreign_page");
        let text = [page(value!("no list"), value!(null))];
        assert_eq!(turned(url(), &text).unwrap_err().code, "connector.no_items");
        let large = [page(value!(["x".repeat(2000)]), value!(null))];
        assert_eq!(turned(url(), &large).unwrap_err().code, "connector.too_many_items");
    }

    #[test]
    fn counts_end_with_an_empty_page() {
        let count =
            |by_items| Turn::Count { first: 0, by_items, more: None, into: Place::parse("query.n").unwrap() };
        let answers = [
            page(value!([1, 2]), value!(null)),
            page(value!([3]), value!(null)),
            page(value!([]), value!(null)),
        ];
        let (asked, items) = turned(count(true), &answers).unwrap();
        assert_eq!((Value::from(asked), items), (value!([{"n": 0}, {"n": 2}, {"n": 3}]), value!([1, 2, 3])));
        assert_eq!(
            Value::from(turned(count(false), &answers).unwrap().0),
            value!([{"n": 0}, {"n": 1}, {"n": 2}])
        );
    }

    #[test]
    fn links() {
        for (header, expected) in [
            ("<https://a/?p=2>; rel=\"next\", <https://a/?p=9>; rel=\"last\"", Some("https://a/?p=2")),
            (
                "<https://a/?p=1,2>; rel=prev, <https://a/?p=3,4>; title=x; rel=\"first next\"",
                Some("https://a/?p=3,4"),
            ),
            ("<https://a/?p=9>; rel=\"last\"", None),
            ("<https://a", None),
            ("", None),
        ] {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }
}
