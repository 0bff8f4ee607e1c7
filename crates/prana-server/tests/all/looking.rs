//! Looking at executions and workflows: parts of data, searches, differences, numbers, expressions.

use serde_json::{Value, json};

use crate::kit::{Kit, asks, doubles, fails};

/// Puts out what it was given, and a long list.
fn large() -> Value {
    json!({
        "id": "large",
        "name": "A large one",
        "description": "Makes a list",
        "nodes": [
            {"key": "start", "type": "manual.trigger"},
            {"key": "list", "type": "data.set_data", "params": {"fields": {"items": "{{ range(0, 1000) }}", "text": "{{ 'x' | repeat(5000) }}"}}},
            {"key": "end", "type": "data.set_data", "params": {"fields": {"n": "{{ $input.items | length }}"}}},
        ],
        "connections": ["start -> list -> end"],
    })
}

#[tokio::test]
async fn data_comes_in_parts() {
    let kit = Kit::new().await;
    kit.active(large()).await;
    let id = kit.run("large", json!({"who": {"name": "ann"}})).await.is(200).id();
    let path = format!("/api/v1/executions/{id}/node_executions/1/data");
    let whole = kit.get(&format!("{path}?of=output")).await.is(200).body;
    assert_eq!((&whole["kind"], &whole["count"], &whole["next"]), (&json!("map"), &json!(2), &json!(null)));
    let items = &whole["entries"][0];
    assert_eq!(
        (&items["key"], &items["kind"], &items["count"]),
        (&json!("items"), &json!("list"), &json!(1000))
    );
    assert!(items.get("value").is_none() && items["bytes"].as_u64() > Some(1_000));
    let page = kit.get(&format!("{path}?of=output&path=/items&offset=900&limit=60")).await.is(200).body;
    assert_eq!((&page["entries"][59]["value"], &page["next"]), (&json!(959), &json!(960)));
    let last = kit.get(&format!("{path}?of=output&path=/items&offset=960&limit=60")).await.is(200).body;
    assert_eq!((last["entries"].as_array().unwrap().len(), &last["next"]), (40, &json!(null)));
    let one = kit.get(&format!("{path}?of=output&path=/items/7")).await.is(200).body;
    assert_eq!((&one["kind"], &one["value"]), (&json!("number"), &json!(7)));
    let text = kit.get(&format!("{path}?of=output&path=/text&offset=4990&limit=1")).await.is(200).body;
    assert_eq!((&text["value"], &text["count"]), (&json!("xxxxxxxxxx"), &json!(5000)));
    let input = kit.get(&format!("{path}?of=input&path=/main/who/name")).await.is(200).body;
    assert_eq!(input["value"], "ann");
    for (query, status, code) in [
        ("of=output&path=/nothing", 404, "data.not_found"),
        ("of=output&path=items", 404, "data.not_found"),
        ("of=everything", 400, "request.invalid_query"),
        ("", 400, "request.invalid_query"),
        ("of=output&limit=0", 400, "request.invalid_query"),
        ("of=output&limit=1001", 400, "request.invalid_query"),
    ] {
        kit.get(&format!("{path}?{query}")).await.refused(status, code);
    }
    let of_whole = format!("/api/v1/executions/{id}/data");
    let given = kit.get(&format!("{of_whole}?of=trigger_data&path=/who")).await.is(200).body;
    assert_eq!(given["entries"][0]["value"], "ann");
    assert_eq!(kit.get(&format!("{of_whole}?of=output&path=/n")).await.is(200).body["value"], 1000);
    kit.get(&format!("/api/v1/executions/{id}/node_executions/9/data?of=output"))
        .await
        .refused(404, "node_execution.not_found");
}

#[tokio::test]
async fn node_runs_are_filtered() {
    let kit = Kit::new().await;
    let mut workflow = doubles();
    workflow["nodes"][1] =
        json!({"key": "each", "type": "core.for_each", "params": {"collection": "{{ $input.list }}"}});
    workflow["nodes"].as_array_mut().unwrap().push(json!({"key": "item", "type": "core.no_op"}));
    workflow["connections"] = json!(["start -> each", "each.loop -> item -> each"]);
    kit.active(workflow).await;
    let id = kit.run("doubles", json!({"list": vec![1; 12]})).await.is(200).id();
    let path = format!("/api/v1/executions/{id}/node_executions");
    let indexes = |body: &Value| -> Vec<u64> {
        body["node_executions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["execution_index"].as_u64().unwrap())
            .collect()
    };
    let items = kit.get(&format!("{path}?node=item")).await.is(200);
    assert_eq!(indexes(&items.body).len(), 12);
    let first = kit.get(&format!("{path}?node=item&limit=5")).await.is(200);
    let rest = kit.get(&format!("{path}?node=item&after={}", first.body["next"])).await.is(200);
    assert_eq!([indexes(&first.body), indexes(&rest.body)].concat(), indexes(&items.body));
    let one = kit.get(&format!("{path}?loop_path=each:1")).await.is(200);
    assert_eq!(one.body["node_executions"][0]["loop_path"], "each:1", "{one:#?}");
    assert_eq!(indexes(&one.body).len(), 1);
    assert!(indexes(&kit.get(&format!("{path}?status=failed")).await.is(200).body).is_empty());
    kit.get(&format!("{path}?status=odd")).await.refused(400, "request.invalid_query");
}

#[tokio::test]
async fn lists_are_searched() {
    let kit = Kit::new().await;
    for workflow in [doubles(), large(), fails(), asks()] {
        kit.active(workflow).await;
    }
    let failed = kit.run("fails", json!({})).await.is(200).id();
    let done = kit.run("doubles", json!({"n": 1})).await.is(200).id();
    let ids = |body: &Value, list: &str| -> Vec<String> {
        body[list].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expect) in [
        ("error=it.broke", vec![&failed]),
        ("error=it", vec![&failed]),
        ("error=it.bro", vec![]),
        ("q=TOLD", vec![&failed]),
        ("q=doubl", vec![&done]),
        (&done[..], vec![]),
        ("q=nothing", vec![]),
    ] {
        let query = if query == done { "error=".to_owned() + query } else { query.to_owned() };
        let got = kit.get(&format!("/api/v1/executions?{query}")).await.is(200);
        assert_eq!(ids(&got.body, "executions"), expect.into_iter().cloned().collect::<Vec<_>>(), "{query}");
    }
    let shown = kit.get("/api/v1/executions").await.is(200);
    assert_eq!(shown.body["executions"][1]["error"], json!({"code": "it.broke", "message": "as told"}));
    assert_eq!(shown.body["executions"][0]["error"], json!(null));
    let since = shown.body["executions"][0]["created_at"].as_str().unwrap();
    let later = kit.get(&format!("/api/v1/executions?since={since}")).await.is(200);
    assert_eq!(ids(&later.body, "executions"), [done]);
    let earlier = kit.get(&format!("/api/v1/executions?until={since}")).await.is(200);
    assert_eq!(ids(&earlier.body, "executions"), [failed]);
    kit.get("/api/v1/executions?since=yesterday").await.refused(400, "request.invalid_query");

    let shown = kit.get("/api/v1/workflows").await.is(200);
    assert_eq!(ids(&shown.body, "workflows"), ["asks", "doubles", "fails", "large"]);
    let large = &shown.body["workflows"][3];
    assert_eq!((&large["name"], &large["node_count"]), (&json!("A large one"), &json!(3)));
    assert_eq!(large["triggers"], json!(["manual.trigger"]));
    for (query, expect) in [
        ("q=LARGE", vec!["large"]),
        ("q=makes", vec!["large"]),
        ("q=wait.wait", vec!["asks"]),
        ("q=set_data&limit=1", vec!["asks"]),
        ("q=set_data&after=asks", vec!["doubles", "large"]),
        ("active=false", vec![]),
    ] {
        let got = kit.get(&format!("/api/v1/workflows?{query}")).await.is(200);
        assert_eq!(ids(&got.body, "workflows"), expect, "{query}");
    }
}

#[tokio::test]
async fn many_are_handled_at_once() {
    let kit = Kit::new().await;
    kit.active(asks()).await;
    kit.active(fails()).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(kit.start("asks", json!({})).await);
    }
    let failed = kit.run("fails", json!({})).await.is(200).id();
    let bulk = |body: Value| kit.post("/api/v1/executions/bulk", body);
    let nobody = "0190f6f2-7c1a-7b3e-8a51-0d6c2f0e9b7a";
    let got = bulk(json!({"action": "cancel", "ids": [waiting[0], failed, nobody]})).await.is(200).body;
    assert_eq!(got["done"], 1, "{got:#}");
    assert_eq!(
        (&got["results"][1]["error"]["code"], &got["results"][2]["error"]["code"]),
        (&json!("execution.ended"), &json!("execution.not_found"))
    );
    let got = bulk(json!({"action": "cancel", "filter": {"workflow_id": "asks"}, "reason": "over"}))
        .await
        .is(200)
        .body;
    assert!(got["done"].as_u64() >= Some(2), "{got:#}");
    for id in &waiting {
        kit.until(id, "execution_cancelled").await;
    }
    let got = bulk(json!({"action": "retry", "filter": {"status": ["failed"]}})).await.is(200).body;
    let new = got["results"][0]["new_id"].as_str().unwrap().to_owned();
    kit.until(&new, "execution_failed").await;
    let got = bulk(json!({"action": "delete", "filter": {}})).await.is(200).body;
    assert_eq!((&got["done"], &got["more"]), (&json!(5), &json!(false)), "{got:#}");
    assert_eq!(kit.get("/api/v1/executions").await.is(200).body["executions"], json!([]));
    for body in [
        json!({"action": "cancel"}),
        json!({"action": "cancel", "ids": [], "filter": {}}),
        json!({"action": "burn", "ids": []}),
        json!({"action": "cancel", "ids": ["x"]}),
        json!({"action": "cancel", "ids": vec![nobody; 501]}),
    ] {
        bulk(body).await.refused(400, "request.invalid");
    }
}

#[tokio::test]
async fn versions_are_compared() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let mut changed = doubles();
    changed["nodes"][1]["params"]["fields"]["n"] = json!("{{ $input.n * 3 }}");
    changed["nodes"].as_array_mut().unwrap().push(json!({"key": "end", "type": "core.no_op"}));
    kit.put("/api/v1/workflows/doubles?based_on=1", changed).await.is(201);
    let got = kit.get("/api/v1/workflows/doubles/difference?from=1").await.is(200).body;
    assert_eq!((&got["from"], &got["to"], &got["complete"]), (&json!(1), &json!(2), &json!(true)));
    let shown: Vec<(&str, String)> = got["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["kind"].as_str().unwrap(), change["path"].to_string()))
        .collect();
    let expect = [
        ("changed", r#"["nodes","double","params","fields","n"]"#.to_owned()),
        ("added", r#"["nodes","end"]"#.to_owned()),
    ];
    assert_eq!(shown, expect);
    assert_eq!(got["changes"][0]["before"], "{{ $input.n * 2 }}");
    kit.get("/api/v1/workflows/doubles/difference").await.refused(400, "request.invalid_query");
    kit.get("/api/v1/workflows/doubles/difference?from=9").await.refused(404, "workflow.not_found");
}

#[tokio::test]
async fn executions_are_compared() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let left = kit.run("doubles", json!({"n": 1})).await.is(200).id();
    let right = kit.run("doubles", json!({"n": 2})).await.is(200).id();
    let path = format!("/api/v1/executions/difference?left={left}");
    let got = kit.get(&format!("{path}&right={right}")).await.is(200).body;
    let differs = |place: usize| got["runs"][place]["differs"].to_string();
    assert_eq!(differs(0), r#"["output","input"]"#, "{got:#}");
    assert_eq!(differs(1), r#"["params","output","input"]"#);
    let same = kit.get(&format!("{path}&right={left}&only_different=true")).await.is(200).body;
    assert_eq!((&same["runs"], &same["next"]), (&json!([]), &json!(null)));
    let page = kit.get(&format!("{path}&right={right}&limit=1")).await.is(200).body;
    let rest = kit.get(&format!("{path}&right={right}&after={}", page["next"])).await.is(200).body;
    assert_eq!(rest["runs"][0]["node_key"], "double");
    kit.get(&path).await.refused(400, "request.invalid_query");
    kit.get(&format!("{path}&right=x")).await.refused(404, "execution.not_found");
}

#[tokio::test]
async fn the_dashboard_counts() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    kit.active(fails()).await;
    kit.active(asks()).await;
    for n in 0..3 {
        kit.run("doubles", json!({"n": n})).await.is(200);
    }
    kit.run("fails", json!({})).await.is(200);
    let waits = kit.start("asks", json!({})).await;
    kit.until(&waits, "execution_suspended").await;
    let check = |got: &Value| {
        let total = &got["total"];
        assert_eq!((&total["completed"], &total["failed"]), (&json!(3), &json!(1)), "{got:#}");
        assert_eq!(total["started"], 5, "{got:#}");
        assert!(total["median_ms"].is_u64());
        assert_eq!(got["suspended"], json!({"count": 1, "exact": true}));
    };
    check(&kit.get("/api/v1/dashboard").await.is(200).body);
    // What happened before the server began is counted too.
    let kit = kit.restarted().await;
    let got = kit.get("/api/v1/dashboard?hours=1").await.is(200).body;
    check(&got);
    assert_eq!((got["stretches"].as_array().unwrap().len(), &got["stretch_minutes"]), (12, &json!(5)));
    for hours in ["0", "25", "x"] {
        kit.get(&format!("/api/v1/dashboard?hours={hours}")).await.refused(400, "request.invalid_query");
    }
}

#[tokio::test]
async fn the_dashboard_tells_who_works_and_what_comes() {
    let kit = Kit::new().await;
    for (id, every) in [("later", "2h"), ("sooner", "1h"), ("latest", "3h")] {
        kit.active(json!({
            "id": id,
            "nodes": [{"key": "clock", "type": "schedule.trigger", "params": {"every": every}}],
        }))
        .await;
    }
    kit.post("/api/v1/schedules/latest/clock/pause", json!({})).await.is(200);
    let got = kit.get("/api/v1/dashboard").await.is(200).body;
    let next: Vec<&str> = got["next_schedules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["workflow_id"].as_str().unwrap())
        .collect();
    assert_eq!(next, ["sooner", "later"]);
    assert!(got["next_schedules"][0]["at"].as_str().unwrap() > got["now"].as_str().unwrap());
    let [only] = &got["workers"].as_array().unwrap()[..] else { panic!("{got:#}") };
    assert_eq!((&only["roles"], &only["silent"]), (&json!(["api", "worker", "scheduler"]), &json!(false)));
    assert_eq!((&only["process"], &only["running"]), (&json!(std::process::id()), &json!(0)));
    assert_eq!(only["address"], kit.running.address().to_string());
}

#[tokio::test]
async fn a_document_is_run_as_it_stands_in_an_editor() {
    let kit = Kit::new().await;
    let run = |body: Value| kit.post("/api/v1/executions?mode=sync", body);
    let mut document = doubles();
    let got = run(json!({"document": document, "input": {"n": 4}})).await.is(200).body;
    assert_eq!((&got["output"], &got["version"]), (&json!({"n": 8}), &json!(1)));
    // It was never saved, so it is not listed; and the execution can be shown with what it ran.
    assert_eq!(kit.get("/api/v1/workflows").await.is(200).body["workflows"], json!([]));
    kit.get("/api/v1/workflows/doubles?version=1").await.is(200);
    kit.active(doubles()).await;
    document["nodes"][1]["pinned"] = json!({"n": "pinned"});
    let got = run(json!({"document": document, "input": {"n": 4}, "test_run": true})).await.is(200).body;
    assert_eq!(got["output"], json!({"n": "pinned"}));
    let id = got["id"].as_str().unwrap();
    // Nothing live changed.
    assert_eq!(kit.run("doubles", json!({"n": 4})).await.is(200).body["output"], json!({"n": 8}));
    // Fixed, and on from there.
    let fixed = kit.post("/api/v1/executions", json!({"document": large(), "version": 1})).await;
    fixed.refused(400, "request.invalid");
    let path = format!("/api/v1/executions/{id}/execute_from_node");
    kit.post(&path, json!({"index": 1, "version": got["version"]})).await.is(202);
    document["nodes"][1]["type"] = json!("data.nothing");
    run(json!({"document": document})).await.refused(422, "workflow.invalid");
    run(json!({})).await.refused(400, "request.invalid");
    run(json!({"document": doubles(), "workflow_id": "doubles"})).await.refused(400, "request.invalid");
}

#[tokio::test]
async fn a_run_goes_up_to_a_node_and_no_further() {
    let kit = Kit::new().await;
    kit.active(large()).await;
    let run = |until: &str| {
        kit.post("/api/v1/executions?mode=sync", json!({"workflow_id": "large", "until": until}))
    };
    let got = run("list").await.is(200).body;
    assert_eq!(got["output"]["items"][3], 3);
    let shown = kit.get(&format!("/api/v1/executions/{}", got["id"].as_str().unwrap())).await.is(200).body;
    assert_eq!(
        (&shown["node_execution_count"], &shown["execution"]["metadata"]["until"]),
        (&json!(2), &json!("list"))
    );
    assert_eq!(run("start").await.is(200).body["output"], json!(null));
    let refused = run("nobody").await.refused(422, "workflow.invalid");
    assert_eq!(refused.body["findings"][0]["code"], "workflow.until_not_found");
}

#[tokio::test]
async fn expressions_are_tried_against_a_run() {
    let kit = Kit::new().await;
    kit.active(large()).await;
    let id = kit.run("large", json!({"who": "ann"})).await.is(200).id();
    for (template, run, expect) in [
        ("{{ $input.who }}", json!({"index": 1}), json!("ann")),
        ("{{ $input.items | length }}", json!({"node": "end"}), json!(1000)),
        ("{{ $input.n }}", json!({}), json!(1000)),
        ("{{ $nodes.list.output.items[3] }}", json!({}), json!(3)),
        ("{{ $nodes.list }}", json!({"index": 1}), json!(null)),
        ("{{ $trigger.who }} {{ $workflow.id }}", json!({}), json!("ann large")),
        ("{{ $execution.current_node_key }}", json!({"index": 2}), json!("end")),
        ("{{ $vars }}", json!({}), json!({})),
    ] {
        let mut run = run;
        run["execution_id"] = json!(id);
        let body = json!({"template": template, "run": run});
        let got = kit.post("/api/v1/expressions/preview", body).await.is(200);
        assert_eq!(got.body["value"], expect, "{template}");
    }
    let preview =
        |run: Value| kit.post("/api/v1/expressions/preview", json!({"template": "{{ 1 }}", "run": run}));
    preview(json!({"execution_id": id, "index": 9})).await.refused(404, "node_execution.not_found");
    preview(json!({"execution_id": "x"})).await.refused(404, "execution.not_found");
    preview(json!({})).await.refused(400, "request.invalid");
    let own = json!({"template": "{{ $input }}", "run": {"execution_id": id}, "scope": {"input": 7}});
    assert_eq!(kit.post("/api/v1/expressions/preview", own).await.is(200).body["value"], 7);
    let secret = json!({"template": "{{ $secrets.key }}"});
    kit.post("/api/v1/expressions/preview", secret).await.refused(422, "expression.refused");
}

#[tokio::test]
async fn the_catalogue_has_filters_and_the_form_of_documents() {
    let kit = Kit::new().await;
    let filters = kit.get("/api/v1/filters").await.is(200).body;
    let upper =
        filters["filters"].as_array().unwrap().iter().find(|filter| filter["name"] == "truncate").unwrap();
    assert!(upper["usage"].as_str().unwrap().starts_with("truncate(") && !upper["examples"][0].is_null());
    let schema = kit.get("/api/v1/schema").await.is(200).body;
    assert!(schema["$defs"]["params.http.request"].is_object());
}
