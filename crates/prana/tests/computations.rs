//! Code runs outside the core and touches nothing: nothing is committed before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prana::core::execution::NodeStatus;
use prana::store::MemoryStore;
use prana::{Actions, BuiltIn, CommitPoint, Engine, EngineOptions, Permissions, Value, core::Registry};

use crate::kit::workflow;

fn engine(commits: &Arc<AtomicU64>) -> Engine {
    let mut registry = Registry::standard();
    Actions::standard().register(&mut registry);
    let commits = Arc::clone(commits);
    let counted = move |point| {
        if point == CommitPoint::After {
            commits.fetch_add(1, Ordering::SeqCst);
        }
    };
    let options =
        EngineOptions { stepped: true, at_commit: Some(Arc::new(counted)), ..EngineOptions::default() };
    Engine::builder()
        .shared_store(Arc::new(MemoryStore::new()))
        .registry(registry)
        .effects(Arc::new(BuiltIn::new(Permissions::default()).unwrap()))
        .options(options)
        .build()
}

/// How many commits an execution takes with so many nodes of code in a row, and what comes of it.
fn run(nodes: usize, settings: &str) -> (u64, Value) {
    // In real time: code runs on threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let commits = Arc::default();
        let engine = engine(&commits);
        let lines: Vec<String> = (0..nodes)
            .map(|number| format!("  - {{key: n{number}, type: code.javascript, params: {{code: return ($input ?? 0) + 1, timeout_ms: 20000}}}}\n"))
            .collect();
        let chain: Vec<String> = (0..nodes).map(|number| format!("n{number}")).collect();
        let text = format!(
            "id: code\n{settings}nodes:\n  - {{key: start, type: manual.trigger}}\n{}connections: [start -> {}]\n",
            lines.concat(),
            chain.join(" -> ")
        );
        let workflow = workflow(&text);
        engine.activate(&workflow).await.unwrap();
        let id = engine.start(&workflow.id, Value::Null).await.unwrap();
        let before = commits.load(Ordering::SeqCst);
        engine.run_until_idle().await.unwrap();
        let execution = engine.execution(id).await.unwrap();
        assert!(execution.node_executions.iter().all(|run| run.status == NodeStatus::Completed));
        (commits.load(Ordering::SeqCst) - before, execution.output())
    })
}

#[test]
fn code_costs_no_commits() {
    let (one, output) = run(1, "");
    assert_eq!(output, Value::from(1));
    assert_eq!(run(5, ""), (one, Value::from(5)));
    let (each, output) = run(5, "settings: {durability: every_node}\n");
    assert_eq!(output, Value::from(5));
    assert!(each >= one + 4, "{each} commits where every node is one");
}
