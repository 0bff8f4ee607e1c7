//! `HTTP Request`, `Respond to Webhook`.

use prana::elixir::Fate;
use serde_json::{Value as Json, json};

use super::{chain, executed, fails, gather, gives, imported, node, set, split, with};

fn request(version: f64, parameters: Json) -> Json {
    node("Ask", "httpRequest", version, parameters)
}

/// What is sent, as it comes back.
#[track_caller]
fn sent(version: f64, parameters: Json, expect: Json) {
    let export = chain(vec![request(version, parameters), set("Out", &[("r", "={{ $json }}")]), gather()]);
    let (_, execution) = executed(&export, json!({"n": 5}));
    assert!(execution.error().is_none(), "{:?}", execution.error());
    let output = Json::from(&execution.output());
    let request = &output["data"][0]["r"];
    for (key, value) in expect.as_object().unwrap() {
        assert_eq!(&request[key], value, "{key} of {request}");
    }
}

#[test]
fn requests() {
    let url = "http://x/#echo";
    sent(4.2, json!({"url": url}), json!({"method": "GET", "timeout_ms": 300_000}));
    let full = json!({
        "method": "POST", "url": "=http://x/{{ $json.n }}#echo", "sendQuery": true, "queryParameters": {"parameters": [{"name": "q", "value": "={{ $json.n }}"}]},
        "sendHeaders": true, "headerParameters": {"parameters": [{"name": "X-A", "value": "b"}]},
        "sendBody": true, "bodyParameters": {"parameters": [{"name": "k", "value": "={{ $json.n }}"}]},
        "options": {"timeout": 1000, "redirect": {"redirect": {"followRedirects": false}}, "response": {"response": {"neverError": true}}}
    });
    sent(
        4.2,
        full,
        json!({
            "method": "POST", "url": "http://x/5#echo", "query": {"q": 5}, "headers": {"X-A": "b"}, "body": {"k": 5}, "timeout_ms": 1000, "follow_redirects": false, "success": "any"
        }),
    );
    let by_json = json!({"method": "PUT", "url": url, "sendBody": true, "specifyBody": "json", "jsonBody": "={\"a\": {{ $json.n }}}"});
    sent(4.2, by_json, json!({"method": "PUT", "body": {"a": 5}}));
    let form = json!({"method": "POST", "url": url, "sendBody": true, "contentType": "form-urlencoded", "bodyParameters": {"parameters": [{"name": "a", "value": "1"}]}});
    sent(4.1, form, json!({"body_type": "form", "body": {"a": "1"}}));
    let raw = json!({"method": "POST", "url": url, "sendBody": true, "contentType": "raw", "rawContentType": "text/csv", "body": "=a,{{ $json.n }}"});
    sent(4.1, raw, json!({"body_type": "raw", "body": "a,5", "headers": {"Content-Type": "text/csv"}}));
    let first = json!({"requestMethod": "POST", "url": url, "bodyParametersUi": {"parameter": [{"name": "a", "value": "={{ $json.n }}"}]}, "headerParametersUi": {"parameter": [{"name": "h", "value": "v"}]}});
    sent(1.0, first, json!({"method": "POST", "body": {"a": 5}, "headers": {"h": "v"}}));
    let first = json!({"url": url, "jsonParameters": true, "queryParametersJson": "{\"a\": 1}"});
    sent(2.0, first, json!({"query": {"a": 1}}));
}

/// A list in an answer is several items; each item is asked for.
#[test]
fn answers() {
    let ask = |url: &str| request(4.2, json!({"url": url}));
    let all = |node: Json| chain(vec![node, gather()]);
    gives(&all(ask("http://x/#[{\"a\": 1}, {\"a\": 2}]")), json!({}), json!({"data": [{"a": 1}, {"a": 2}]}));
    gives(&all(ask("http://x/#{\"a\": 1}")), json!({}), json!({"data": [{"a": 1}]}));
    gives(&all(ask("http://x/#hello")), json!({}), json!({"data": [{"data": "hello"}]}));
    let each = chain(vec![split(), ask("=http://x/#[{{ $json.n }}, {\"k\": {{ $itemIndex }}}]"), gather()]);
    gives(&each, json!({"list": [{"n": 1}, {"n": 2}]}), json!({"data": [1, {"k": 0}, 2, {"k": 1}]}));
    let full = request(
        4.2,
        json!({"url": "http://x/#[1]", "options": {"response": {"response": {"fullResponse": true}}}}),
    );
    gives(
        &chain(vec![full]),
        json!({}),
        json!({"body": [1], "headers": {"x": "y"}, "statusCode": 200, "statusMessage": ""}),
    );
    let text = request(
        4.2,
        json!({"url": "http://x/#hello", "options": {"response": {"response": {"responseFormat": "text", "outputPropertyName": "html"}}}}),
    );
    gives(&chain(vec![text]), json!({}), json!({"html": "hello"}));
}

#[test]
fn failures() {
    let ask = |settings: Json| with(request(4.2, json!({"url": "http://x/#fail"})), settings);
    fails(&chain(vec![ask(json!({}))]), json!({}), "it failed");
    gives(
        &chain(vec![ask(json!({"onError": "continueRegularOutput"})), gather()]),
        json!({}),
        json!({"data": [{"error": "it failed"}]}),
    );
    let mut export = chain(vec![ask(json!({"onError": "continueErrorOutput"}))]);
    export["nodes"].as_array_mut().unwrap().push(set("Bad", &[("r", "={{ $json.error }}")]));
    export["connections"]["Ask"] = json!({"main": [[], [{"node": "Bad", "type": "main", "index": 0}]]});
    gives(&export, json!({}), json!({"r": "it failed"}));
    let again =
        imported(&chain(vec![ask(json!({"retryOnFail": true, "maxTries": 4, "waitBetweenTries": 250}))]))
            .workflow;
    let settings = &again.node("ask_call").unwrap().settings;
    assert_eq!((settings.retry_on_failed, settings.max_retries, settings.retry_delay_ms), (true, 3, 250));
}

#[test]
fn credentials_are_named() {
    let ask = with(
        request(
            4.2,
            json!({"url": "http://x", "authentication": "genericCredentialType", "genericAuthType": "httpBasicAuth"}),
        ),
        json!({"credentials": {"httpBasicAuth": {"id": "1", "name": "My shop"}}}),
    );
    let imported = imported(&chain(vec![ask]));
    let auth = imported.workflow.node("ask_call").unwrap().params.get("auth").unwrap().to_json_string();
    assert_eq!(auth, r#"{"credential":"my_shop"}"#);
    assert_eq!(imported.report.nodes[1].fate, Fate::NotPossible);
    let text = &imported.report.nodes[1].findings[0].text;
    assert!(text.contains("prana credentials add my_shop --host HOST`, of the type basic"), "{text}");
}

#[test]
fn pages() {
    let ask = |pagination: Json, url: &str| {
        request(4.2, json!({"url": url, "options": {"pagination": {"pagination": pagination}}}))
    };
    let next = json!({"paginationMode": "responseContainsNextURL", "nextURL": "={{ $response.body.paging.next }}", "limitPagesFetched": true, "maxRequests": 5});
    let export = chain(vec![ask(next, "http://x/#[[{\"a\": 1}, {\"a\": 2}], {\"a\": 3}]"), gather()]);
    let params = imported(&export).workflow.node("ask_call").unwrap().params.clone();
    let expect = json!({"type": "link", "next": "paging.next", "output": "pages", "max_pages": 5});
    assert_eq!(Json::from(params.get("pagination").unwrap()), expect);
    gives(&export, json!({}), json!({"data": [{"a": 1}, {"a": 2}, {"a": 3}]}));
    let by_page = json!({"parameters": {"parameters": [{"name": "p", "value": "={{ $pageCount + 1 }}"}]}});
    let params =
        imported(&chain(vec![ask(by_page, "http://x")])).workflow.node("ask_call").unwrap().params.clone();
    let expect = json!({"type": "page", "param": "p", "start": 1, "output": "pages"});
    assert_eq!(Json::from(params.get("pagination").unwrap()), expect);
}

#[test]
fn what_requests_can_not_do_fails() {
    let pages = json!({"url": "http://x", "options": {"pagination": {"pagination": {"paginationMode": "responseContainsNextURL"}}}});
    fails(&chain(vec![request(4.2, pages)]), json!({}), "pagination");
    fails(
        &chain(vec![request(4.2, json!({"url": "http://x", "sendBody": true, "contentType": "binaryData"}))]),
        json!({}),
        "binary data",
    );
}

/// The answer, as the server sends it.
#[track_caller]
fn answered(parameters: Json, expect: Json) {
    let export = chain(vec![
        node("Answer", "respondToWebhook", 1.1, parameters),
        set("After", &[("n", "={{ $json.n }}")]),
    ]);
    let (_, execution) = executed(&export, json!({"n": 5}));
    assert!(execution.error().is_none(), "{:?}", execution.error());
    let answer = execution.node_executions.iter().find(|run| &*run.node_key == "answer_answer").unwrap();
    assert_eq!(Json::from(&answer.output), expect);
    assert_eq!(Json::from(&execution.output()), json!({"n": 5}));
}

#[test]
fn answers_to_webhooks() {
    let answer = |with: &str, status: u16, body: Json| json!({"respond_with": with, "status": status, "headers": {}, "body": body});
    answered(json!({}), answer("json", 200, json!({"n": 5})));
    answered(json!({"respondWith": "allIncomingItems"}), answer("json", 200, json!([{"n": 5}])));
    answered(
        json!({"respondWith": "json", "responseBody": "={\"got\": {{ $json.n }}}", "options": {"responseCode": 201}}),
        answer("json", 201, json!({"got": 5})),
    );
    answered(
        json!({"respondWith": "text", "responseBody": "=n: {{ $json.n }}"}),
        answer("text", 200, json!("n: 5")),
    );
    let headers = json!({"respondWith": "text", "responseBody": "x", "options": {"responseHeaders": {"entries": [{"name": "X-A", "value": "={{ $json.n }}"}]}}});
    answered(headers, json!({"respond_with": "text", "status": 200, "headers": {"x-a": "5"}, "body": "x"}));
    let redirect = json!({"respondWith": "redirect", "redirectURL": "=https://x.example/{{ $json.n }}"});
    answered(
        redirect,
        json!({"respond_with": "redirect", "status": 302, "headers": {}, "location": "https://x.example/5"}),
    );
    answered(
        json!({"respondWith": "noData"}),
        json!({"respond_with": "no_content", "status": 200, "headers": {}}),
    );
}
