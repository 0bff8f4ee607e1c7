//! Loops, other workflows, waits.

use serde_json::json;

use super::{Bench, block_on, chain, gather, gives, imported, node, set, split, start, with, workflow};

#[test]
fn a_loop_over_single_items() {
    let body = set("Body", &[("m", "={{ $json.n + $('Loop').item.json.n + $('Split').item.json.n }}")]);
    let nodes = vec![start(), split(), node("Loop", "splitInBatches", 3.0, json!({})), body, gather()];
    let links = [
        ("Start", 0, "Split", 0),
        ("Split", 0, "Loop", 0),
        ("Loop", 1, "Body", 0),
        ("Body", 0, "Loop", 0),
        ("Loop", 0, "Gather", 0),
    ];
    gives(
        &workflow(nodes, &links),
        json!({"list": [{"n": 1}, {"n": 2}, {"n": 3}]}),
        json!({"data": [{"m": 3}, {"m": 6}, {"m": 9}]}),
    );
}

/// A node that is called as the end of the loop would be called.
#[test]
fn a_name_that_is_taken() {
    let after = set("Loop done", &[("n", "={{ $('Loop').all().length }}")]);
    let nodes = vec![
        start(),
        split(),
        node("Loop", "splitInBatches", 3.0, json!({})),
        set("Body", &[("m", "1")]),
        after,
    ];
    let links = [
        ("Start", 0, "Split", 0),
        ("Split", 0, "Loop", 0),
        ("Loop", 1, "Body", 0),
        ("Body", 0, "Loop", 0),
        ("Loop", 0, "Loop done", 0),
    ];
    gives(&workflow(nodes, &links), json!({"list": [{"n": 1}, {"n": 2}]}), json!([{"n": 2}, {"n": 2}]));
}

#[test]
fn a_loop_over_batches() {
    let body = set("Body", &[("m", "={{ $json.n }}"), ("of", "={{ $input.all().length }}")]);
    let nodes =
        vec![start(), split(), node("Loop", "splitInBatches", 3.0, json!({"batchSize": 2})), body, gather()];
    let links = [
        ("Start", 0, "Split", 0),
        ("Split", 0, "Loop", 0),
        ("Loop", 1, "Body", 0),
        ("Body", 0, "Loop", 0),
        ("Loop", 0, "Gather", 0),
    ];
    let expect = json!({"data": [{"m": 1, "of": 2}, {"m": 2, "of": 2}, {"m": 3, "of": 1}]});
    gives(&workflow(nodes, &links), json!({"list": [{"n": 1}, {"n": 2}, {"n": 3}]}), expect);
}

/// The second version has its outputs the other way round.
#[test]
fn an_older_loop() {
    let body = set("Body", &[("last", "={{ $node[\"Loop\"].context[\"noItemsLeft\"] }}")]);
    let nodes =
        vec![start(), split(), node("Loop", "splitInBatches", 2.0, json!({"batchSize": 1})), body, gather()];
    let links = [
        ("Start", 0, "Split", 0),
        ("Split", 0, "Loop", 0),
        ("Loop", 0, "Body", 0),
        ("Body", 0, "Loop", 0),
        ("Loop", 1, "Gather", 0),
    ];
    gives(
        &workflow(nodes, &links),
        json!({"list": [{"n": 1}, {"n": 2}]}),
        json!({"data": [{"last": false}, {"last": true}]}),
    );
}

/// A branch of the body that ends drops its item, as there.
#[test]
fn a_loop_that_drops_items() {
    let test = node(
        "If",
        "if",
        1.0,
        json!({"conditions": {"number": [{"value1": "={{ $json.n }}", "operation": "larger", "value2": 1}]}}),
    );
    let nodes = vec![
        start(),
        split(),
        node("Loop", "splitInBatches", 3.0, json!({})),
        test,
        set("Big", &[("m", "={{ $json.n }}")]),
        gather(),
    ];
    let links = [
        ("Start", 0, "Split", 0),
        ("Split", 0, "Loop", 0),
        ("Loop", 1, "If", 0),
        ("If", 0, "Big", 0),
        ("Big", 0, "Loop", 0),
        ("Loop", 0, "Gather", 0),
    ];
    gives(
        &workflow(nodes, &links),
        json!({"list": [{"n": 1}, {"n": 2}, {"n": 3}]}),
        json!({"data": [{"m": 2}, {"m": 3}]}),
    );
}

/// A loop that is made of connections alone.
#[test]
fn a_loop_of_conditions() {
    let test = node(
        "If",
        "if",
        1.0,
        json!({"conditions": {"number": [{"value1": "={{ $json.n }}", "operation": "smaller", "value2": 3}]}}),
    );
    let nodes = vec![
        start(),
        set("Count", &[("n", "={{ ($json.n ?? 0) + 1 }}")]),
        test,
        set("End", &[("n", "={{ $json.n }}")]),
    ];
    let links = [("Start", 0, "Count", 0), ("Count", 0, "If", 0), ("If", 0, "Count", 0), ("If", 1, "End", 0)];
    gives(&workflow(nodes, &links), json!({}), json!({"n": 3}));
}

#[test]
fn other_workflows() {
    let mut child = workflow(
        vec![
            node("Called", "executeWorkflowTrigger", 1.1, json!({})),
            set("Double", &[("m", "={{ $json.n * 2 }}")]),
        ],
        &[("Called", 0, "Double", 0)],
    );
    child["id"] = json!("child");
    let call = |parameters: serde_json::Value| {
        let mut all = json!({"workflowId": {"__rl": true, "mode": "id", "value": "child"}});
        all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        imported(&chain(vec![split(), node("Call", "executeWorkflow", 1.2, all), gather()]))
    };
    let child = imported(&child);
    let input = json!({"list": [{"n": 1}, {"n": 2}]});
    for (parameters, expect) in [
        (json!({}), json!({"data": [{"m": 2}, {"m": 4}]})),
        (json!({"mode": "each"}), json!({"data": [{"m": 2}, {"m": 4}]})),
        (
            json!({"workflowInputs": {"mappingMode": "defineBelow", "value": {"n": "={{ $json.n + 1 }}"}}}),
            json!({"data": [{"m": 4}, {"m": 6}]}),
        ),
        (json!({"options": {"waitForSubWorkflow": false}}), json!({"data": [{"n": 1}, {"n": 2}]})),
    ] {
        let parent = call(parameters);
        let execution = block_on(async {
            Bench::new(&[&parent, &child]).await.run(&parent.workflow.id, "start", input.clone()).await
        });
        assert_eq!((execution.error(), serde_json::Value::from(&execution.output())), (None, expect));
    }
}

#[test]
fn waits() {
    let wait = |parameters| {
        chain(vec![node("Wait", "wait", 1.1, parameters), set("After", &[("m", "={{ $json.n }}")])])
    };
    for parameters in [
        json!({"amount": 10, "unit": "minutes"}),
        json!({"amount": "={{ $json.n * 10 }}", "unit": "minutes"}),
        json!({"resume": "specificTime", "dateTime": "2026-03-01T09:40:00"}),
        json!({"resume": "specificTime", "dateTime": "={{ $now.plus({minutes: 10}).toISO() }}"}),
    ] {
        let imported = imported(&wait(parameters.clone()));
        block_on(async {
            let bench = Bench::new(&[&imported]).await;
            let execution = bench.run(&imported.workflow.id, "start", json!({"n": 1})).await;
            assert_eq!(execution.status.as_str(), "suspended", "{parameters}: {:?}", execution.error());
            bench.advance(599_000).await;
            assert_eq!(
                bench.engine.execution(execution.id).await.unwrap().status.as_str(),
                "suspended",
                "{parameters}"
            );
            bench.advance(2_000).await;
            let execution = bench.engine.execution(execution.id).await.unwrap();
            assert_eq!(serde_json::Value::from(&execution.output()), json!({"m": 1}));
        });
    }
}

#[test]
fn a_wait_for_a_call() {
    let link = set("Link", &[("has", "={{ $execution.resumeUrl !== null }}")]);
    let export = chain(vec![
        link,
        node("Wait", "wait", 1.1, json!({"resume": "webhook"})),
        set("After", &[("ok", "={{ $json.body.ok }}")]),
    ]);
    let imported = imported(&export);
    block_on(async {
        let bench = Bench::new(&[&imported]).await;
        let execution = bench.run(&imported.workflow.id, "start", json!({})).await;
        let target = prana::store::Target::Node("wait_call".into());
        bench.engine.answer(execution.id, target, prana::Value::from(json!({"ok": true}))).await.unwrap();
        bench.engine.run_until_idle().await.unwrap();
        let execution = bench.engine.execution(execution.id).await.unwrap();
        assert_eq!(
            (execution.error(), serde_json::Value::from(&execution.output())),
            (None, json!({"ok": true}))
        );
    });
}

#[test]
fn disabled_nodes_pass_items_on() {
    let off =
        with(node("Off", "splitOut", 1.0, json!({"fieldToSplitOut": "list"})), json!({"disabled": true}));
    let export = chain(vec![off, set("After", &[("n", "={{ $json.list.length }}")])]);
    gives(&export, json!({"list": [1, 2]}), json!({"n": 2}));
}
