//! What is run, and what it comes to when nothing goes wrong.

use prana::core::execution::Status;

/// The workflows that are started from outside, and how they end.
pub(crate) const STARTED: [(&str, Status); 9] = [
    ("chain", Status::Completed),
    ("loop", Status::Completed),
    ("child", Status::Completed),
    ("parent", Status::Completed),
    ("shaky", Status::Completed),
    ("asks", Status::Completed),
    ("joins", Status::Completed),
    ("careful", Status::Completed),
    ("fails", Status::Failed),
];

/// The one that asks, this often, and is answered.
pub(crate) const ASKS: &str = "asks";
pub(crate) const QUESTIONS: usize = 2;

/// The one that the clock starts, every this many milliseconds.
pub(crate) const TICKS: &str = "ticks";
pub(crate) const TICK_MS: i64 = 5_000;

/// The one whose effects are never run twice: which of them was interrupted is a matter of chance.
pub(crate) const CAREFUL: &str = "careful";

/// All documents; with `join_early` the join takes what is there first for both of its inputs.
pub(crate) fn documents(join_early: bool) -> String {
    match join_early {
        true => WORKFLOWS.replace("  - right -> join.input_b\n", "  - left -> join.input_b\n"),
        false => WORKFLOWS.to_owned(),
    }
}

const WORKFLOWS: &str = "
id: chain
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: sim.effect, params: {give: 1}}
  - {key: b, type: sim.effect, params: {give: '{{ $input + 1 }}'}}
  - {key: c, type: sim.effect, params: {give: '{{ $input + 1 }}'}}
connections: [start -> a -> b -> c]
---
id: loop
nodes:
  - {key: start, type: manual.trigger}
  - {key: items, type: core.for_each, params: {collection: [1, 2, 3]}}
  - {key: each, type: sim.effect, params: {give: '{{ $input * 10 }}'}}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 3000}}
connections:
  - start -> items
  - items.loop -> each -> nap
---
id: child
nodes:
  - {key: begin, type: manual.trigger}
  - {key: a, type: sim.effect, params: {give: '{{ $input }}'}}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 2000}}
  - {key: b, type: sim.effect, params: {give: '{{ $input }}'}}
connections: [begin -> a -> nap -> b]
---
id: parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: one, type: workflow.execute_workflow, params: {workflow_id: child, input_data: 7}}
  - key: many
    type: workflow.execute_workflow
    params: {workflow_id: child, input_data: [1, 2, 3], batch_mode: single, execution_mode: async, concurrency: 2}
  - {key: after, type: sim.effect, params: {give: '{{ $input | length }}'}}
connections: [start -> one -> many -> after]
---
id: shaky
nodes:
  - {key: start, type: manual.trigger}
  - key: a
    type: sim.effect
    params: {fail: 2, give: a}
    settings: {retry_on_failed: true, max_retries: 3, retry_delay_ms: 1500}
  - key: b
    type: sim.effect
    params: {fail: 1, give: b}
    settings: {retry_on_failed: true, max_retries: 3, retry_delay_ms: 0}
connections: [start -> a -> b]
---
id: asks
settings: {on_suspend: continue}
nodes:
  - {key: start, type: manual.trigger}
  - {key: twice, type: core.for_each, params: {collection: [1, 2]}}
  - {key: ask, type: wait.wait, params: {mode: webhook, timeout_hours: 0.002}}
  - {key: yes, type: sim.effect, params: {give: '{{ $input }}'}}
  - {key: no, type: sim.effect, params: {give: no}}
  - {key: a, type: sim.effect}
  - {key: b, type: sim.effect}
connections:
  - start -> twice
  - twice.loop -> ask -> yes
  - ask.timeout -> no
  - start -> a -> b
---
id: joins
settings: {on_suspend: continue}
nodes:
  - {key: start, type: manual.trigger}
  - {key: left, type: sim.effect, params: {give: [1]}}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 2500}}
  - {key: right, type: sim.effect, params: {give: [2]}}
  - {key: join, type: data.merge, params: {inputs: 2, strategy: concat}}
  - {key: after, type: sim.effect, params: {give: '{{ $input }}'}}
connections:
  - start -> left -> join.input_a
  - start -> nap -> right
  - right -> join.input_b
  - join -> after
---
id: careful
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: sim.effect, params: {once: true}, settings: {on_crash: fail, on_error: continue}}
  - {key: b, type: sim.effect, params: {once: true}, settings: {on_crash: fail, on_error: continue}}
connections: [start -> a -> b]
---
id: fails
settings: {error_workflow: cleanup}
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: sim.effect}
  - {key: b, type: core.stop, params: {status: failed, code: sim.stop, message: as told}}
connections: [start -> a -> b]
---
id: cleanup
nodes:
  - {key: failed, type: workflow.error_trigger}
  - {key: a, type: sim.effect}
connections: [failed -> a]
---
id: ticks
nodes:
  - {key: clock, type: schedule.trigger, params: {every: 5s, missed: all}}
  - {key: a, type: sim.effect}
connections: [clock -> a]
";
