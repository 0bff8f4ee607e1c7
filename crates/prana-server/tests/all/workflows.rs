use serde_json::json;

use crate::kit::{Kit, doubles};

#[tokio::test]
async fn a_workflow_is_saved_activated_and_removed() {
    let kit = Kit::new().await;
    let saved = kit.post("/api/v1/workflows", doubles()).await.is(201);
    assert_eq!(
        (&saved.body["version"], &saved.headers["location"]),
        (&json!(1), &"/api/v1/workflows/doubles".parse().unwrap())
    );
    kit.post("/api/v1/workflows", doubles()).await.refused(409, "workflow.exists");
    kit.run("doubles", json!({"n": 1})).await.refused(404, "workflow.not_found");
    kit.post("/api/v1/workflows/doubles/activate", json!({"version": 7}))
        .await
        .refused(404, "workflow.not_found");
    kit.post("/api/v1/workflows/doubles/activate", json!({})).await.is(200);
    assert_eq!(kit.run("doubles", json!({"n": 4})).await.is(200).body["output"], json!({"n": 8}));
    kit.post("/api/v1/workflows/doubles/deactivate", json!({})).await.is(200);
    kit.run("doubles", json!({"n": 1})).await.refused(404, "workflow.not_found");
    kit.delete("/api/v1/workflows/doubles").await.is(204);
    kit.delete("/api/v1/workflows/doubles").await.refused(404, "workflow.not_found");
    kit.get("/api/v1/workflows/doubles").await.refused(404, "workflow.not_found");
}

#[tokio::test]
async fn saving_changes_nothing_live_and_never_overwrites_unseen() {
    let kit = Kit::new().await;
    kit.active(doubles()).await;
    let mut triples = doubles();
    triples["nodes"][1]["params"]["fields"]["n"] = json!("{{ $input.n * 3 }}");
    kit.put("/api/v1/workflows/doubles", triples.clone()).await.refused(400, "workflow.based_on_missing");
    kit.put("/api/v1/workflows/other?based_on=1", triples.clone()).await.refused(400, "workflow.other_id");
    let saved = kit.put("/api/v1/workflows/doubles?based_on=1", triples.clone()).await.is(201);
    assert_eq!(saved.body["version"], 2);
    assert_eq!(kit.run("doubles", json!({"n": 4})).await.is(200).body["output"], json!({"n": 8}));
    triples["name"] = json!("Triples");
    let late =
        kit.put("/api/v1/workflows/doubles?based_on=1", triples).await.refused(409, "workflow.outdated");
    assert_eq!(late.body["current_version"], 2);
    kit.post("/api/v1/workflows/doubles/activate", json!({"version": 2})).await.is(200);
    assert_eq!(kit.run("doubles", json!({"n": 4})).await.is(200).body["output"], json!({"n": 12}));

    let versions = kit.get("/api/v1/workflows/doubles/versions?limit=1").await.is(200);
    assert_eq!((&versions.body["versions"][0]["version"], &versions.body["next"]), (&json!(2), &json!(2)));
    let older = kit.get("/api/v1/workflows/doubles/versions?before=2").await.is(200);
    assert_eq!((&older.body["versions"][0]["version"], &older.body["next"]), (&json!(1), &json!(null)));
    for (version, expect) in [("1", 1), ("latest", 2), ("active", 2)] {
        let shown = kit.get(&format!("/api/v1/workflows/doubles?version={version}")).await.is(200);
        assert_eq!(
            (&shown.body["version"], &shown.body["workflow"]["id"]),
            (&json!(expect), &json!("doubles"))
        );
    }
    kit.get("/api/v1/workflows/doubles?version=9").await.refused(404, "workflow.not_found");
    kit.get("/api/v1/workflows/doubles?version=new").await.refused(400, "request.invalid_query");
}

#[tokio::test]
async fn lists_have_pages() {
    let kit = Kit::new().await;
    for id in ["c", "a", "b"] {
        let mut workflow = doubles();
        workflow["id"] = json!(id);
        kit.post("/api/v1/workflows", workflow).await.is(201);
    }
    let first = kit.get("/api/v1/workflows?limit=2").await.is(200);
    assert_eq!((&first.body["workflows"][0]["id"], &first.body["next"]), (&json!("a"), &json!("b")));
    let rest = kit.get("/api/v1/workflows?after=b").await.is(200);
    assert_eq!((&rest.body["workflows"][0]["id"], &rest.body["next"]), (&json!("c"), &json!(null)));
    kit.get("/api/v1/workflows?limit=many").await.refused(400, "request.invalid_query");
    kit.get("/api/v1/workflows?page=2").await.refused(400, "request.invalid_query");
}

#[tokio::test]
async fn bad_workflows_are_kept_as_drafts_and_never_run() {
    let kit = Kit::new().await;
    let mut bad = doubles();
    bad["nodes"][1]["type"] = json!("data.nothing");
    let saved = kit.post("/api/v1/workflows", bad.clone()).await.is(201);
    assert_eq!(saved.body["findings"][0]["severity"], "error");
    let refused =
        kit.post("/api/v1/workflows/doubles/activate", json!({})).await.refused(422, "workflow.invalid");
    assert_eq!(refused.body["findings"][0]["node"], "double");
    // Not even its form is right: work in progress is kept all the same, as it was sent.
    let half = json!({"id": "half", "nodes": 7, "colour": "red"});
    let saved = kit.post("/api/v1/workflows", half.clone()).await.is(201);
    assert_eq!(saved.body["findings"][0]["severity"], "error");
    assert_eq!(kit.get("/api/v1/workflows/half").await.is(200).body["workflow"], half);
    kit.post("/api/v1/workflows/half/activate", json!({})).await.refused(422, "workflow.invalid");
    kit.post("/api/v1/executions", json!({"workflow_id": "half", "version": 1}))
        .await
        .refused(422, "workflow.invalid");
    let better = json!({"id": "half", "nodes": [{"key": "start", "type": "manual.trigger"}]});
    kit.put("/api/v1/workflows/half?based_on=1", better).await.is(201);
    kit.post("/api/v1/workflows/half/activate", json!({})).await.is(200);
    for nameless in [json!([]), json!({"nodes": []}), json!({"id": "a b", "nodes": 7}), json!({"id": 7})] {
        kit.post("/api/v1/workflows", nameless).await.refused(422, "workflow.invalid");
    }

    let checked = kit.post("/api/v1/workflows/validate", json!({"workflow": bad})).await.is(200);
    assert_eq!(checked.body["valid"], false);
    let good = kit.post("/api/v1/workflows/validate", json!({"workflow": doubles()})).await.is(200);
    assert_eq!(good.body["valid"], true);
    let source = "id: x\nnodes:\n  - {key: a, type: manual.triger}\n";
    let placed = kit.post("/api/v1/workflows/validate", json!({"source": source})).await.is(200);
    assert_eq!(placed.body["findings"][0]["location"]["line"], 3, "{placed:#?}");
    kit.post("/api/v1/workflows/validate", json!({})).await.refused(400, "request.invalid");
}

#[tokio::test]
async fn the_catalogue_has_actions_with_schemas() {
    let kit = Kit::new().await;
    let all = kit.get("/api/v1/actions").await.is(200);
    let types: Vec<&str> =
        all.body["actions"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert!(types.contains(&"http.request") && types.contains(&"core.for_each"), "{types:?}");
    let one = kit.get("/api/v1/actions/data.sort").await.is(200);
    assert_eq!((&one.body["kind"], &one.body["effect"]), (&json!("action"), &json!("pure")));
    assert!(one.body["params_schema"]["properties"]["by"].is_object());
    assert!(
        kit.get("/api/v1/actions/data.srt").await.refused(404, "action.not_found").text.contains("data.sort")
    );
}

#[tokio::test]
async fn expressions_are_previewed() {
    let kit = Kit::new().await;
    let preview =
        |template: &str| json!({"template": template, "scope": {"input": {"n": 4}, "vars": {"tax": 0.5}}});
    let path = "/api/v1/expressions/preview";
    assert_eq!(kit.post(path, preview("{{ $input.n * $vars.tax }}")).await.is(200).body["value"], json!(2.0));
    assert_eq!(kit.post(path, preview("n is {{ $input.n }}")).await.is(200).body["value"], "n is 4");
    let refused = kit.post(path, preview("{{ $input. }}")).await.refused(422, "expression.refused");
    assert_eq!(refused.body["errors"][0]["code"], "expression.syntax");
    kit.post(path, preview("{{ 1 / 0 }}")).await.refused(422, "expression.refused");
    kit.post(path, preview("{{ $secrets.key }}")).await.refused(422, "expression.refused");
    kit.post(path, json!({"template": 1})).await.refused(400, "request.invalid");
}
