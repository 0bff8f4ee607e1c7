//! What starts executions.

use prana::elixir::Fate;
use serde_json::{Value as Json, json};

use super::{Bench, block_on, imported, node, set, workflow};

#[track_caller]
fn params(kind: &str, version: f64, parameters: Json, key: &str, expect: Json) {
    let export = workflow(
        vec![node("Go", kind, version, parameters), set("After", &[("n", "1")])],
        &[("Go", 0, "After", 0)],
    );
    let workflow = imported(&export).workflow;
    assert_eq!(Json::from(&workflow.node(key).unwrap().params), expect);
}

#[test]
fn schedules() {
    let rule = |interval: Json, expect: Json| {
        params("scheduleTrigger", 1.2, json!({"rule": {"interval": [interval]}}), "go_time", expect)
    };
    rule(
        json!({"field": "cronExpression", "expression": "*/5 9-17 * * 1-5"}),
        json!({"cron": "*/5 9-17 * * 1-5"}),
    );
    rule(json!({"field": "minutes", "minutesInterval": 15}), json!({"cron": "*/15 * * * *"}));
    rule(json!({"field": "minutes", "minutesInterval": 7}), json!({"every": "7m"}));
    rule(
        json!({"field": "hours", "hoursInterval": 2, "triggerAtMinute": 10}),
        json!({"cron": "10 */2 * * *"}),
    );
    rule(json!({"triggerAtHour": 9}), json!({"cron": "0 9 * * *"}));
    rule(
        json!({"field": "weeks", "triggerAtDay": [1, 5], "triggerAtHour": 8}),
        json!({"cron": "0 8 * * 1,5"}),
    );
    rule(
        json!({"field": "months", "monthsInterval": 3, "triggerAtDayOfMonth": 2}),
        json!({"cron": "0 0 2 */3 *"}),
    );
    rule(json!({"field": "seconds", "secondsInterval": 10}), json!({"cron": "*/10 * * * * *"}));
    params(
        "cron",
        1.0,
        json!({"triggerTimes": {"item": [{"mode": "everyWeek", "hour": 6, "weekday": "2"}]}}),
        "go_time",
        json!({"cron": "0 6 * * 2"}),
    );
    params("interval", 1.0, json!({"interval": 5, "unit": "minutes"}), "go_time", json!({"every": "5m"}));
}

#[test]
fn what_a_schedule_gives() {
    let mut export = workflow(
        vec![
            node(
                "Go",
                "scheduleTrigger",
                1.2,
                json!({"rule": {"interval": [{"triggerAtHour": 9}, {"triggerAtHour": 17}]}}),
            ),
            set("After", &[("y", "={{ $json.Year }}"), ("t", "={{ $json.timestamp }}")]),
        ],
        &[("Go", 0, "After", 0)],
    );
    export["settings"]["timezone"] = json!("Europe/Berlin");
    let imported = imported(&export);
    assert_eq!(
        Json::from(&imported.workflow.node("go_time_2").unwrap().params),
        json!({"cron": "0 17 * * *", "timezone": "Europe/Berlin"})
    );
    let input = json!({"scheduled_for": "2026-07-01T07:00:00Z", "fired_at": "2026-07-01T07:00:00Z"});
    let execution = block_on(async { Bench::new(&[&imported]).await.run("Test", "go_time", input).await });
    assert_eq!(Json::from(&execution.output()), json!({"y": "2026", "t": "2026-07-01T09:00:00.000+02:00"}));
}

#[test]
fn webhooks() {
    params(
        "webhook",
        2.0,
        json!({"path": "/orders/:id/"}),
        "go",
        json!({"path": "orders/:id", "methods": ["GET"], "respond": "immediately"}),
    );
    params(
        "webhook",
        2.0,
        json!({"path": "a", "httpMethod": "POST", "responseMode": "responseNode", "options": {"allowedOrigins": "*", "rawBody": true}}),
        "go",
        json!({"path": "a", "methods": ["POST"], "respond": "respond_node", "allowed_origins": ["*"], "raw_body": true}),
    );
}

/// One that asks who is calling never becomes one that doesn't.
#[test]
fn a_webhook_stays_locked() {
    for kind in ["basicAuth", "headerAuth", "jwtAuth", "something new"] {
        let imported = imported(&workflow(
            vec![node("Go", "webhook", 2.0, json!({"path": "a", "authentication": kind}))],
            &[],
        ));
        let auth = imported.workflow.node("go").unwrap().params.get("auth").unwrap().to_json_string();
        assert!(auth.contains("$secrets.go_") && !auth.contains("none"), "{auth}");
        assert_eq!(imported.report.nodes[0].fate, Fate::NotPossible);
    }
}

/// The answer of a webhook that answers with what the last node gave.
#[test]
fn the_last_node_answers() {
    let answer = |data: &str| {
        let hook = node(
            "Go",
            "webhook",
            2.0,
            json!({"path": "a", "responseMode": "lastNode", "responseData": data}),
        );
        let split = node("Split", "splitOut", 1.0, json!({"fieldToSplitOut": "body"}));
        let imported = imported(&workflow(vec![hook, split], &[("Go", 0, "Split", 0)]));
        let input = json!({"body": [{"n": 1}, {"n": 2}]});
        let execution = block_on(async { Bench::new(&[&imported]).await.run("Test", "go", input).await });
        Json::from(&execution.output())
    };
    assert_eq!(answer("firstEntryJson"), json!({"n": 1}));
    assert_eq!(answer("allEntries"), json!([{"n": 1}, {"n": 2}]));
}

#[test]
fn failures_of_others() {
    let export = workflow(
        vec![
            node("Go", "errorTrigger", 1.0, json!({})),
            set("After", &[("m", "={{ $json.execution.error.message + ' in ' + $json.workflow.id }}")]),
        ],
        &[("Go", 0, "After", 0)],
    );
    let imported = imported(&export);
    let input = json!({"execution": {"id": "1", "workflow_id": "shop", "trigger_type": "manual.trigger"}, "error": {"code": "x", "message": "bad"}});
    let execution = block_on(async { Bench::new(&[&imported]).await.run("Test", "go_start", input).await });
    assert_eq!(Json::from(&execution.output()), json!({"m": "bad in shop"}));
}

#[test]
fn without_a_trigger_and_with_an_unknown_one() {
    let imported_ = imported(&workflow(vec![set("Only", &[("n", "1")])], &[]));
    assert_eq!(imported_.workflow.nodes[0].type_name, "manual.trigger");
    assert_eq!(imported_.workflow.connections.len(), 1);
    let unknown = imported(&workflow(vec![node("Mail", "gmailTrigger", 1.0, json!({}))], &[]));
    assert_eq!(
        (unknown.workflow.nodes[0].type_name.as_str(), unknown.report.nodes[0].fate),
        ("manual.trigger", Fate::NotPossible)
    );
}
