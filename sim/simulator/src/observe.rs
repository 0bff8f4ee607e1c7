//! What has to be so in the end.

use std::collections::BTreeMap;

use prana::Value;
use prana::core::ExecutionId;
use prana::core::execution::{Execution, NodeStatus, Status};
use prana::store::{Filter, Scope, Store};

use crate::director::all_rows;
use crate::worker::SKEW_MS;
use crate::workload::{ASKS, CAREFUL, QUESTIONS, TICK_MS, TICKS};
use crate::world::World;

/// The runs of nodes that ended, with what they gave, in an order of their own: branches may end in any.
pub(crate) type Trace = Vec<String>;

/// What each workflow comes to where nothing goes wrong.
pub(crate) type Expected = BTreeMap<&'static str, Trace>;

/// What an execution came to.
pub(crate) async fn trace(world: &World, id: ExecutionId) -> Trace {
    match world.observer.execution(id).await {
        Ok(execution) => trace_of(&execution),
        Err(error) => vec![format!("unreadable: {error}")],
    }
}

fn trace_of(execution: &Execution) -> Trace {
    let runs = execution.node_executions.iter();
    let mut trace: Trace = runs
        .filter(|run| run.status != NodeStatus::Skipped)
        .map(|run| {
            let output = run.output.to_json_string();
            let error = run.error.as_ref().map(|error| error.code.to_string()).unwrap_or_default();
            format!("{} {} {} {:?} {output} {error}", run.node_key, run.loop_path, run.run_index, run.status)
        })
        .collect();
    trace.sort();
    trace.push(format!("{:?}", execution.status));
    trace
}

/// Holds everything that happened against what is promised.
pub(crate) async fn check(world: &World, expected: &Expected) {
    let (started, cancelled, answered) = {
        let record = world.record();
        (record.started.clone(), record.cancelled.clone(), record.answered.clone())
    };
    for (id, workflow) in &started {
        let Ok(execution) = world.observer.execution(*id).await else {
            world.broken(format_args!("{workflow} {id} was acknowledged and is lost"));
            continue;
        };
        check_timers(world, &execution);
        if cancelled.contains(id) || *workflow == CAREFUL {
            continue;
        }
        check_children(world, *id, workflow).await;
        match *workflow {
            ASKS => check_answers(world, &execution, &answered),
            _ => check_trace(world, &execution, expected.get(workflow)),
        }
    }
    check_ticks(world).await;
}

fn check_trace(world: &World, execution: &Execution, expected: Option<&Trace>) {
    let (id, is) = (execution.id, trace_of(execution));
    if expected != Some(&is) {
        world.broken(format_args!("{id} came to {is:#?}, and without faults to {expected:#?}"));
    }
}

/// An answer that was acknowledged is used, and none is used twice. (One that was not acknowledged may be used.)
fn check_answers(world: &World, execution: &Execution, answered: &[(ExecutionId, Value)]) {
    let id = execution.id;
    let waits: Vec<_> = execution.node_executions.iter().filter(|run| &*run.node_key == "ask").collect();
    let used: Vec<&Value> = waits
        .iter()
        .filter(|run| run.output_port.as_deref() == Some("main"))
        .map(|run| &run.output)
        .collect();
    for (_, data) in answered.iter().filter(|(of, _)| *of == id) {
        if !used.contains(&data) {
            world.broken(format_args!("{id} was answered {}, and used {used:?}", data.to_json_string()));
        }
    }
    if used.iter().enumerate().any(|(place, data)| used[..place].contains(data)) {
        world.broken(format_args!("{id} used an answer twice: {used:?}"));
    }
    if execution.status != Status::Completed || waits.len() != QUESTIONS {
        world.broken(format_args!("{id} is {:?} after {} waits", execution.status, waits.len()));
    }
}

/// No interval ends before its time, but for what clocks are wrong.
fn check_timers(world: &World, execution: &Execution) {
    for run in &execution.node_executions {
        let (Some(resumed), Some(wait)) = (&run.resumed, &run.suspension) else { continue };
        let Some(until) = wait.wait_till() else { continue };
        let is_interval = wait.type_name() == "interval";
        if is_interval && resumed.at.plus_millis(2 * SKEW_MS) < until {
            world.broken(format_args!(
                "`{}` of {} woke at {}, before {until}",
                run.node_key, execution.id, resumed.at
            ));
        }
    }
}

/// How many executions each one starts.
async fn check_children(world: &World, id: ExecutionId, workflow: &str) {
    let filter = Filter { scope: Scope::ChildrenOf(id), ..Filter::default() };
    let children = world.store.list(&filter, None, 100).await.map(|page| page.rows.len()).unwrap_or_default();
    let expected = if workflow == "parent" { 4 } else { 0 };
    if children != expected {
        world.broken(format_args!("{workflow} {id} has {children} children, not {expected}"));
    }
}

/// Each time of the schedule has one execution.
async fn check_ticks(world: &World) {
    let mut times = Vec::new();
    for row in all_rows(world).await.iter().filter(|row| &*row.workflow_id == TICKS) {
        let Ok(execution) = world.observer.execution(row.id).await else { continue };
        let time = execution.trigger_data.get("scheduled_for").and_then(Value::as_str);
        times.extend(time.and_then(|time| time.parse::<prana::core::Timestamp>().ok()));
    }
    times.sort();
    for pair in times.windows(2) {
        if pair[1].as_millis() - pair[0].as_millis() != TICK_MS {
            world.broken(format_args!(
                "the schedule started something for {} and then for {}",
                pair[0], pair[1]
            ));
        }
    }
    if times.is_empty() {
        world.broken("the schedule started nothing");
    }
}
