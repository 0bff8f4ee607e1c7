//! In the end: what the database says, held against what the ledger says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use prana::core::execution::{Execution, NodeExecution, NodeStatus};
use prana::core::record::Entry;
use prana::store::{Filter, Row};
use prana::{Engine, Value};
use serde_json::Value as Json;

use super::{effect, trail, workload};
use crate::exit::{Failure, Outcome};
use crate::session;

/// How many rows and entries are read at a time.
const PAGE: usize = 500;

/// What came out.
pub struct Verdict {
    /// Lines for people.
    pub summary: Vec<String>,
    /// What must not be.
    pub violations: Vec<String>,
}

/// One call of an effect, as the ledger wrote it.
#[derive(Debug, Clone)]
struct Call {
    place: usize,
    index: u64,
    attempt: u64,
    generation: u64,
    receipt: i64,
    node: String,
}

/// What the ledger was told.
#[derive(Default)]
struct Told {
    acknowledged: HashMap<String, String>,
    calls: BTreeMap<String, Vec<Call>>,
    durable: HashMap<(String, u64), usize>,
    answering: HashMap<String, HashSet<i64>>,
    answered: HashMap<String, HashSet<i64>>,
    cancelled: HashSet<String>,
    /// Workers that were stopped and continued.
    frozen: HashSet<u64>,
    /// In microseconds.
    first_steps: Vec<u64>,
}

#[derive(Default)]
struct Tally {
    executions: usize,
    lost: usize,
    effects: usize,
    in_doubt: usize,
    late: usize,
    outside: usize,
    timers: usize,
    answers: usize,
    reports: usize,
    not_once: usize,
    decided: usize,
    violations: Vec<String>,
}

/// Compares.
pub async fn check(db: &Path, ledger: &Path) -> Outcome<Verdict> {
    let told = read(ledger)?;
    let store = session::open(db).await?;
    let engine = Engine::builder().shared_store(store).registry(effect::registry()).build();
    let rows = all_rows(&engine).await?;
    let mut children: HashMap<String, usize> = HashMap::new();
    for parent in rows.values().filter_map(|row| row.parent) {
        *children.entry(parent.to_string()).or_default() += 1;
    }
    let mut tally = Tally { executions: rows.len(), ..Tally::default() };
    if rows.is_empty() {
        tally.violations.push("no worker lived long enough to start anything: nothing was tried".to_owned());
    }
    tally.existence(&told, &rows);
    for (id, row) in &rows {
        if !row.status.is_ended() {
            tally
                .violations
                .push(format!("execution {id} ({}) is {} and never ends", row.workflow_id, row.status));
            continue;
        }
        let execution = engine.execution(row.id).await?;
        let entries = entries(&engine, row).await?;
        tally.trail(&execution, &entries, children.get(id).copied().unwrap_or(0));
        tally.effects(&execution, &told);
        tally.answers(&execution, &told);
    }
    Ok(Verdict { summary: tally.summary(&told), violations: tally.violations })
}

fn read(ledger: &Path) -> Outcome<Told> {
    let text = std::fs::read_to_string(ledger)
        .map_err(|error| Failure::new(format!("the ledger can't be read: {error}")))?;
    let mut told = Told::default();
    for (place, line) in text.lines().enumerate() {
        let line: Json = serde_json::from_str(line)
            .map_err(|error| Failure::new(format!("the ledger is damaged: {error}")))?;
        told.note(place, &line);
    }
    Ok(told)
}

impl Told {
    fn note(&mut self, place: usize, line: &Json) {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let number = |key: &str| line[key].as_u64().unwrap_or_default();
        let execution = text("execution");
        let answer = line["answer"].as_i64().unwrap_or_default();
        match line["kind"].as_str().unwrap_or_default() {
            "started" => drop(self.acknowledged.insert(execution, text("workflow"))),
            "effect" => self.calls.entry(execution).or_default().push(Call {
                place,
                index: number("index"),
                attempt: number("attempt"),
                generation: number("generation"),
                receipt: line["receipt"].as_i64().unwrap_or_default(),
                node: text("node"),
            }),
            "durable" => drop(self.durable.entry((execution, number("index"))).or_insert(place)),
            "answering" => drop(self.answering.entry(execution).or_default().insert(answer)),
            "answered" => drop(self.answered.entry(execution).or_default().insert(answer)),
            "cancelled" => drop(self.cancelled.insert(execution)),
            "frozen" => drop(self.frozen.insert(number("worker"))),
            "first_step" => self.first_steps.push(number("micros")),
            _ => {}
        }
    }
}

/// Whether a worker was frozen inside an effect, and reached the ledger only after another worker had taken over: nothing can stop it there, and
/// what it writes afterwards is refused.
fn is_late(call: &Call, all: &[Call], told: &Told) -> bool {
    let before = all.iter().filter(|other| other.place < call.place && other.generation != call.generation);
    let mut overtaken = before.filter(|other| other.index >= call.index);
    told.frozen.contains(&call.generation) && overtaken.next().is_some()
}

async fn all_rows(engine: &Engine) -> Outcome<BTreeMap<String, Row>> {
    let mut rows = BTreeMap::new();
    let mut after = None;
    loop {
        let page = engine.store().list(&Filter::default(), after, PAGE).await?;
        rows.extend(page.rows.into_iter().map(|row| (row.id.to_string(), row)));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(rows),
        }
    }
}

async fn entries(engine: &Engine, row: &Row) -> Outcome<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut from = 0;
    loop {
        let page = engine.store().trail(row.id, from, PAGE).await?;
        let Some(last) = page.last() else { return Ok(entries) };
        from = last.sequence + 1;
        for stored in &page {
            let entry = serde_json::from_slice(&stored.bytes)
                .map_err(|error| Failure::new(format!("the trail of {}: {error}", row.id)))?;
            entries.push(entry);
        }
    }
}

impl Tally {
    fn existence(&mut self, told: &Told, rows: &BTreeMap<String, Row>) {
        for (id, workflow) in &told.acknowledged {
            if !rows.contains_key(id) {
                self.lost += 1;
                self.violations.push(format!("execution {id} ({workflow}) was acknowledged and is lost"));
            }
        }
        for id in told.calls.keys().filter(|id| !rows.contains_key(*id)) {
            self.violations.push(format!("execution {id} had an effect and was never stored"));
        }
    }

    fn trail(&mut self, execution: &Execution, entries: &[Entry], children: usize) {
        let found = trail::check_entries(execution, entries);
        self.timers += found.timers;
        self.reports += found.reports;
        self.not_once += found.not_once.len();
        self.decided += usize::from(trail::was_decided(execution));
        self.violations.extend(found.not_once);
        self.violations.extend(found.wrong);
        self.violations.extend(trail::check_shape(execution, children));
        let reports = workload::children(&execution.workflow_id, &Json::from(&execution.trigger_data));
        if found.reports != reports {
            self.not_once += 1;
            let (id, found) = (execution.id, found.reports);
            self.violations.push(format!("execution {id}: {found} children reported, not {reports}"));
        }
    }

    fn effects(&mut self, execution: &Execution, told: &Told) {
        let id = execution.id.to_string();
        let all = told.calls.get(&id).map_or(&[][..], Vec::as_slice);
        self.effects += all.len();
        let (late, calls): (Vec<Call>, Vec<Call>) =
            all.iter().cloned().partition(|call| is_late(call, all, told));
        self.late += late.len();
        let calls = &calls[..];
        let name = format!("execution {id} ({})", execution.workflow_id);
        for call in calls {
            let durable = told.durable.get(&(id.clone(), call.index));
            if durable.is_some_and(|durable| *durable < call.place) {
                let (node, receipt) = (&call.node, call.receipt);
                self.repeated(format!(
                    "{name}: `{node}` (run {}, receipt {receipt}) ran again after its end was durable",
                    call.index
                ));
            }
            if call.node == "never" {
                self.violations.push(format!("{name}: `never` ran"));
            }
        }
        self.windows(&name, &execution.workflow_id, calls, &told.frozen);
        for run in &execution.node_executions {
            let own: Vec<&Call> =
                calls.iter().filter(|call| call.index == u64::from(run.execution_index)).collect();
            self.outcome(&name, run, &own, &late);
        }
    }

    fn repeated(&mut self, violation: String) {
        self.outside += 1;
        self.violations.push(violation);
    }

    /// Which calls were repeated, and whether each was in doubt.
    fn windows(&mut self, name: &str, workflow: &str, calls: &[Call], frozen: &HashSet<u64>) {
        let mut doubts: HashMap<u64, HashSet<u64>> = HashMap::new();
        let mut newest: HashMap<(u64, u64), &Call> = HashMap::new();
        for call in calls {
            let Some(earlier) = newest.insert((call.index, call.attempt), call) else { continue };
            self.in_doubt += 1;
            // One that was frozen may have lost the execution, and claimed it again.
            if earlier.generation == call.generation && !frozen.contains(&call.generation) {
                self.repeated(format!(
                    "{name}: worker {} called `{}` (run {}, attempt {}) twice, receipts {} and {}",
                    call.generation, call.node, call.index, call.attempt, earlier.receipt, call.receipt
                ));
            }
            doubts.entry(earlier.generation).or_default().insert(call.index);
        }
        if !workload::holds(workflow) {
            return;
        }
        for (generation, indexes) in doubts.iter().filter(|(_, indexes)| indexes.len() > 1) {
            self.repeated(format!("{name}: the end of worker {generation} left runs {indexes:?} in doubt"));
        }
        for pair in calls.windows(2).filter(|pair| pair[1].index < pair[0].index) {
            let (first, second) = (&pair[0], &pair[1]);
            self.repeated(format!("{name}: run {} was called after run {}", second.index, first.index));
        }
    }

    /// What is recorded of a run is what the ledger answered last.
    fn outcome(&mut self, name: &str, run: &NodeExecution, calls: &[&Call], late: &[Call]) {
        let (key, index) = (&run.node_key, run.execution_index);
        if &**key == "once" && calls.len() > 1 {
            self.repeated(format!("{name}: `once` (run {index}) was called {} times", calls.len()));
        }
        if run.status != NodeStatus::Completed {
            return;
        }
        let Some(receipt) = run.output.get("receipt").and_then(Value::as_i64) else { return };
        let is_effect = run.output.get("key").is_some_and(|of| {
            of.as_str().is_some_and(|of| of.rsplit('/').next() == Some(index.to_string().as_str()))
        });
        let is_answer = |call: &Call| call.index == u64::from(index) && call.receipt == receipt;
        // Who thawed may also have been the one that others were late after.
        if late.iter().any(|call| call.index == u64::from(index))
            && (late.iter().any(is_answer) || calls.iter().any(|call| is_answer(call)))
        {
            return;
        }
        if is_effect && calls.last().map(|call| call.receipt) != Some(receipt) {
            let last = calls.last().map(|call| call.receipt);
            self.violations.push(format!(
                "{name}: `{key}` (run {index}) has the receipt {receipt}, and the ledger gave {last:?} last"
            ));
        }
    }

    fn answers(&mut self, execution: &Execution, told: &Told) {
        let id = execution.id.to_string();
        let taken = trail::answer_taken(execution);
        self.answers += usize::from(taken.is_some());
        let empty = HashSet::new();
        let answered = told.answered.get(&id).unwrap_or(&empty);
        let asked = told.answering.get(&id).unwrap_or(&empty);
        let name = format!("execution {id} ({})", execution.workflow_id);
        let wrong = match taken {
            Some(number) if !asked.contains(&number) => Some(format!("took {number}, which nobody gave")),
            Some(number) if answered.iter().any(|other| *other != number) => {
                Some(format!("took {number}, and {answered:?} was acknowledged"))
            }
            None if !answered.is_empty() => Some(format!("{answered:?} was acknowledged and had no effect")),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.not_once += 1;
            self.violations.push(format!("{name}: {wrong}"));
        }
    }

    fn summary(&self, told: &Told) -> Vec<String> {
        let mut steps = told.first_steps.clone();
        steps.sort_unstable();
        let millis = |micros: Option<&u64>| micros.map_or(0.0, |micros| *micros as f64 / 1_000.0);
        let line = |name: &str, value: String| format!("{name:<43} {value}");
        let mut all = vec![
            line("executions", format!("{} ({} acknowledged)", self.executions, told.acknowledged.len())),
            line("acknowledged and lost", self.lost.to_string()),
        ];
        let effects = [
            line("effects", format!("{} (repeated while in doubt: {})", self.effects, self.in_doubt)),
            line("called by a thawed worker, its write refused", self.late.to_string()),
            line("repeated outside the in-doubt window", self.outside.to_string()),
        ];
        // The real server has its own actions, and tells nobody of its first step.
        let has_effects = self.effects > 0 || !steps.is_empty();
        all.extend(effects.into_iter().filter(|_| has_effects));
        all.extend([
            line(
                "timers, answers, children's ends",
                format!("{}, {}, {}", self.timers, self.answers, self.reports),
            ),
            line("took effect other than once", self.not_once.to_string()),
        ]);
        let rest = [
            line("left to a person (on_crash: ask, parked)", self.decided.to_string()),
            line(
                "restart to the first resumed step",
                format!(
                    "median {:.1} ms, longest {:.1} ms ({} restarts)",
                    millis(steps.get(steps.len() / 2)),
                    millis(steps.last()),
                    steps.len()
                ),
            ),
        ];
        all.extend(rest.into_iter().filter(|_| has_effects));
        all
    }
}
