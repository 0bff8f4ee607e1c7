//! Schedules in virtual time: every time starts what it should, once, whoever else runs and whatever dies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prana::core::execution::Status;
use prana::core::{ExecutionId, Registry, Timestamp};
use prana::store::{Filter, Store};
use prana::{Engine, EngineOptions, ScheduleState, VirtualClock};

use crate::faults::Flaky;
use crate::kit::{Kit, block_on, status, value, workflow};

/// Some time on the first of January 2026, when the clock of a kit starts.
fn at(time: &str) -> Timestamp {
    let text = if time.contains('T') { time.to_owned() } else { format!("2026-01-01T{time}Z") };
    text.parse().unwrap()
}

fn document(params: &str, rest: &str) -> String {
    format!("id: w\nnodes:\n  - {{key: clock, type: schedule.trigger, params: {params}}}\n{rest}")
}

const NAPS: &str = "  - {key: nap, type: wait.wait, params: {mode: webhook}}\nconnections: [clock -> nap]";

struct Stage {
    kit: Kit,
    engine: Engine,
}

impl Stage {
    async fn new(params: &str) -> Stage {
        Stage::with(Kit::memory(), params, "connections: []").await
    }

    async fn with(kit: Kit, params: &str, rest: &str) -> Stage {
        let engine = kit.engine();
        engine.activate(&workflow(&document(params, rest))).await.unwrap();
        Stage { kit, engine }
    }

    /// Moves the clock and lets the schedules have their turn.
    async fn go(&self, time: &str) -> Timestamp {
        self.kit.clock.set(at(time));
        let wake = self.engine.tick_schedules().await;
        self.engine.run_until_idle().await.unwrap();
        wake
    }

    /// Everything that was started: when for, and when.
    async fn starts(&self) -> Vec<(Timestamp, Timestamp)> {
        starts(&self.engine).await.into_iter().map(|start| (start.0, start.1)).collect()
    }

    #[track_caller]
    fn shows(starts: &[(Timestamp, Timestamp)], expect: &[(&str, &str)]) {
        let expect: Vec<_> = expect.iter().map(|(planned, fired)| (at(planned), at(fired))).collect();
        assert_eq!(starts, expect);
    }

    async fn expect(&self, expect: &[(&str, &str)]) {
        Stage::shows(&self.starts().await, expect);
    }
}

async fn starts(engine: &Engine) -> Vec<(Timestamp, Timestamp, ExecutionId)> {
    let page = engine.store().list(&Filter::default(), None, 10_000).await.unwrap();
    let mut found = Vec::new();
    for row in page.rows {
        let execution = engine.execution(row.id).await.unwrap();
        let time = |name: &str| {
            let text = execution.trigger_data.get(name).unwrap().as_str().unwrap().to_owned();
            text.parse::<Timestamp>().unwrap()
        };
        found.push((time("scheduled_for"), time("fired_at"), row.id));
    }
    found.sort();
    found
}

#[test]
fn a_time_starts_an_execution() {
    block_on(async {
        let stage = Stage::new("{cron: '0 * * * *', timezone: Asia/Kolkata}").await;
        assert_eq!(
            stage.go("00:00:00").await,
            at("00:00:10"),
            "it looks again soon: others may change schedules"
        );
        assert_eq!(stage.go("00:29:59").await, at("00:30:00"));
        stage.expect(&[]).await;
        stage.go("00:30:00.2").await;
        stage.go("00:30:00.3").await;
        stage.expect(&[("00:30:00", "00:30:00.2")]).await;
        stage.go("01:30:02").await;
        stage.expect(&[("00:30:00", "00:30:00.2"), ("01:30:00", "01:30:02")]).await;
        let counts = stage.engine.schedule_counts();
        assert_eq!((counts.started, counts.late, counts.missed), (2, 1, 0));
        let (.., id) = starts(&stage.engine).await[0];
        let execution = stage.engine.execution(id).await.unwrap();
        assert_eq!((execution.status, &*execution.trigger_type), (Status::Completed, "schedule.trigger"));
        assert_eq!(execution.output(), execution.trigger_data);
        let listed = stage.engine.schedules(None, 10, 2).await.unwrap();
        let [schedule] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!((schedule.workflow_id.as_str(), schedule.node_key.as_str()), ("w", "clock"));
        assert_eq!(schedule.next, [at("02:30:00"), at("03:30:00")]);
        assert_eq!(schedule.last.unwrap().scheduled_for, at("01:30:00"));
    });
}

#[test]
fn an_interval_counts_from_its_activation() {
    block_on(async {
        let kit = Kit::memory();
        kit.clock.set(at("00:07:00"));
        let stage = Stage::with(kit, "{every: 15m}", "connections: []").await;
        for time in ["00:21:59", "00:22:00", "00:22:01", "00:37:03", "00:52:00"] {
            stage.go(time).await;
        }
        stage.expect(&[("00:22:00", "00:22:00"), ("00:37:00", "00:37:03"), ("00:52:00", "00:52:00")]).await;
    });
}

#[test]
fn what_was_missed_is_forgotten_or_made_up_for() {
    block_on(async {
        let hourly = |missed: &str| format!("{{cron: '0 * * * *', missed: {missed}}}");
        for (params, expect, missed) in [
            (hourly("skip"), vec![], 5),
            (hourly("once"), vec![("05:00:00", "05:30:00")], 4),
            (
                hourly("all"),
                vec![
                    ("01:00:00", "05:30:00"),
                    ("02:00:00", "05:30:00"),
                    ("03:00:00", "05:30:00"),
                    ("04:00:00", "05:30:00"),
                    ("05:00:00", "05:30:00"),
                ],
                0,
            ),
        ] {
            let stage = Stage::new(&params).await;
            stage.go("00:30:00").await;
            // Nobody runs for five hours.
            let stage = Stage { engine: stage.kit.engine(), kit: stage.kit };
            stage.go("05:30:00").await;
            stage.expect(&expect).await;
            assert_eq!(stage.engine.schedule_counts().missed, missed, "{params}");
            stage.go("06:00:00").await;
            assert_eq!(stage.starts().await.len(), expect.len() + 1, "{params}: it goes on");
        }
    });
}

#[test]
fn a_start_that_is_little_late_is_not_missed() {
    block_on(async {
        for (time, expect) in [("05:01:00", 1), ("05:01:00.001", 0)] {
            let stage = Stage::new("{cron: '0 5 * * *'}").await;
            stage.go(time).await;
            assert_eq!(stage.starts().await.len(), expect, "{time}");
        }
        // Of many that are due, those that are late are missed: `once` is the first that is on time.
        for (missed, expect) in [("skip", 2), ("once", 2), ("all", 60)] {
            let stage = Stage::new(&format!("{{cron: '* * * * *', missed: {missed}}}")).await;
            stage.go("01:00:30").await;
            assert_eq!(stage.starts().await.len(), if missed == "all" { expect } else { 1 }, "{missed}");
        }
    });
}

#[test]
fn not_more_than_a_hundred_are_made_up_for() {
    block_on(async {
        let stage = Stage::new("{every: 1m, missed: all}").await;
        stage.go("2026-03-01T00:00:00Z").await;
        let starts = stage.starts().await;
        assert_eq!(starts.len(), 100);
        assert_eq!((starts[0].0, starts[99].0), (at("2026-02-28T22:21:00Z"), at("2026-03-01T00:00:00Z")));
        stage.go("2026-03-01T00:01:00Z").await;
        assert_eq!(stage.starts().await.len(), 101);
    });
}

#[test]
fn what_overlaps_is_allowed_left_out_or_queued() {
    block_on(async {
        for (overlap, while_open, after_end) in [
            ("allow", vec!["01:00:00", "02:00:00", "03:00:00"], vec!["01:00:00", "02:00:00", "03:00:00"]),
            ("skip", vec!["01:00:00"], vec!["01:00:00"]),
            ("queue", vec!["01:00:00"], vec!["01:00:00", "02:00:00"]),
        ] {
            let stage =
                Stage::with(Kit::memory(), &format!("{{cron: '0 * * * *', overlap: {overlap}}}"), NAPS).await;
            for time in ["01:00:00", "02:00:00", "03:00:00", "03:10:00"] {
                stage.go(time).await;
            }
            let planned = |starts: Vec<(Timestamp, Timestamp)>| {
                starts.into_iter().map(|start| start.0).collect::<Vec<_>>()
            };
            let times = |list: &[&str]| list.iter().map(|time| at(time)).collect::<Vec<_>>();
            assert_eq!(planned(stage.starts().await), times(&while_open), "{overlap}");
            let (.., first) = starts(&stage.engine).await[0];
            stage.engine.resume(first, "nap", value("1")).await.unwrap();
            stage.engine.run_until_idle().await.unwrap();
            stage.go("03:20:00").await;
            assert_eq!(planned(stage.starts().await), times(&after_end), "{overlap}");
            let skipped = if overlap == "skip" { 2 } else { 0 };
            assert_eq!(stage.engine.schedule_counts().skipped, skipped);
            if overlap == "queue" {
                // They come one after another, in order, also after a restart.
                let stage = Stage { engine: stage.kit.engine(), kit: stage.kit };
                let (.., second) = starts(&stage.engine).await[1];
                stage.engine.resume(second, "nap", value("1")).await.unwrap();
                stage.engine.run_until_idle().await.unwrap();
                stage.go("03:30:00").await;
                assert_eq!(stage.starts().await[2], (at("03:00:00"), at("03:30:00")));
                stage.go("03:40:00").await;
                assert_eq!(stage.starts().await.len(), 3);
            }
        }
    });
}

#[test]
fn schedules_follow_the_active_version() {
    block_on(async {
        let stage = Stage::new("{cron: '0 * * * *'}").await;
        stage.go("01:00:00").await;
        let activate = async |params: &str| {
            stage.engine.activate(&workflow(&document(params, "connections: []"))).await.unwrap()
        };
        // The same schedule in a new version goes on, and doesn't repeat the hour.
        activate("{cron: '0 * * * *', jitter: 0}").await;
        stage.go("01:00:00.5").await;
        assert_eq!(stage.starts().await.len(), 1);
        // Another one begins anew.
        activate("{cron: '30 * * * *'}").await;
        stage.go("01:30:00").await;
        stage.go("02:00:00").await;
        stage.expect(&[("01:00:00", "01:00:00"), ("01:30:00", "01:30:00")]).await;
        let (.., id) = starts(&stage.engine).await[1];
        assert_eq!(stage.engine.row(id).await.unwrap().workflow_version, 3);
        // Without the trigger there is none; and none for a workflow that isn't active, whoever forgot to say so.
        let plain = workflow("id: w\nnodes: [{key: start, type: manual.trigger}]\nconnections: []");
        stage.engine.activate(&plain).await.unwrap();
        assert!(stage.engine.schedules(None, 10, 1).await.unwrap().is_empty());
        activate("{cron: '30 * * * *'}").await;
        stage.engine.catalog().activate("w", None, at("02:10:00")).await.unwrap();
        stage.go("02:30:00").await;
        stage.go("03:30:00").await;
        assert_eq!(stage.starts().await.len(), 2);
        assert!(stage.engine.schedules(None, 10, 1).await.unwrap().is_empty());
    });
}

#[test]
fn what_was_activated_elsewhere_is_found() {
    block_on(async {
        let stage = Stage::new("{cron: '0 * * * *'}").await;
        // Another process activates another workflow, and pauses the first.
        let other = stage.kit.engine();
        stage.go("00:10:00").await;
        other
            .activate(&workflow(
                &document("{cron: '0 * * * *'}", "connections: []").replace("id: w", "id: v"),
            ))
            .await
            .unwrap();
        assert!(other.pause_schedule("w", "clock", true).await.unwrap());
        stage.go("00:59:00").await;
        stage.go("01:00:00").await;
        let workflows: Vec<String> = stage
            .engine
            .store()
            .list(&Filter::default(), None, 10)
            .await
            .unwrap()
            .rows
            .iter()
            .map(|row| row.workflow_id.to_string())
            .collect();
        assert_eq!(workflows, ["v"]);
    });
}

#[test]
fn a_paused_schedule_starts_nothing_and_makes_up_for_nothing() {
    block_on(async {
        let stage = Stage::new("{cron: '0 * * * *', missed: all}").await;
        stage.go("00:30:00").await;
        assert!(stage.engine.pause_schedule("w", "clock", true).await.unwrap());
        stage.go("01:00:00").await;
        stage.go("02:00:00").await;
        let schedule = stage.engine.schedule("w", "clock", 3).await.unwrap().unwrap();
        assert_eq!((schedule.state, schedule.next.len()), (ScheduleState::Paused, 0));
        stage.kit.clock.set(at("02:30:00"));
        assert!(stage.engine.pause_schedule("w", "clock", false).await.unwrap());
        stage.go("02:30:01").await;
        stage.expect(&[]).await;
        stage.go("03:00:00").await;
        stage.expect(&[("03:00:00", "03:00:00")]).await;
        assert!(!stage.engine.pause_schedule("w", "other", true).await.unwrap());
    });
}

#[test]
fn jitter_puts_off_and_never_reorders() {
    block_on(async {
        let stage = Stage::new("{every: 1h, jitter: 59m}").await;
        for minute in 0..24 * 60 {
            stage.go(&at("00:00:00").plus_millis(minute * 60_000).to_string()).await;
        }
        let starts = stage.starts().await;
        assert!(starts.len() >= 22, "{}", starts.len());
        assert!(starts.windows(2).all(|pair| pair[0].1 < pair[1].1), "in order");
        assert!(starts.iter().all(|(planned, fired)| fired.millis_since(*planned) <= 60 * 60_000));
        assert!(starts.iter().any(|(planned, fired)| fired.millis_since(*planned) > 10 * 60_000));
        assert_eq!(stage.engine.schedule_counts().missed, 0);
    });
}

#[test]
fn a_start_that_can_not_be_made_is_told_and_holds_up_nothing() {
    block_on(async {
        let kit = Kit::memory();
        let stage = Stage::with(
            kit,
            "{cron: '0 * * * *'}",
            "  - {key: gone, type: test.effect}\nconnections: [clock -> gone]",
        )
        .await;
        // A program that doesn't know the action any more.
        let poorer = Engine::builder()
            .shared_store(stage.kit.store.clone())
            .registry(Registry::standard())
            .clock(stage.kit.clock.clone())
            .options(EngineOptions { stepped: true, ..EngineOptions::default() })
            .build();
        stage.kit.clock.set(at("01:00:00"));
        poorer.tick_schedules().await;
        poorer.tick_schedules().await;
        assert_eq!((poorer.schedule_counts().failed, poorer.schedule_counts().started), (1, 0));
        let schedule = poorer.schedule("w", "clock", 1).await.unwrap().unwrap();
        assert!(schedule.problem.unwrap().contains("test.effect"));
        assert_eq!(schedule.next, [at("02:00:00")]);
        stage.go("02:00:00").await;
        stage.expect(&[("02:00:00", "02:00:00")]).await;
        let (.., id) = starts(&stage.engine).await[0];
        assert_eq!(status(&stage.engine, id).await, "completed");
    });
}

#[test]
fn many_workers_start_each_time_once() {
    block_on(async {
        let stage =
            Stage::with(Kit::sqlite("schedules"), "{every: 10s, missed: all}", "connections: []").await;
        let workers: Vec<Engine> = (0..4).map(|_| stage.kit.engine()).collect();
        for step in 1..=60u64 {
            stage.kit.clock.set(at("00:00:00").plus_millis(step * 3_700));
            let ticks = workers.iter().map(Engine::tick_schedules);
            futures_of(ticks).await;
        }
        let starts = stage.starts().await;
        let planned: Vec<Timestamp> = starts.iter().map(|start| start.0).collect();
        let expect: Vec<Timestamp> =
            (1..=22).map(|number| at("00:00:00").plus_millis(number * 10_000)).collect();
        assert_eq!(planned, expect);
        let started: u64 = workers.iter().map(|worker| worker.schedule_counts().started).sum();
        assert_eq!(started, 22);
    });
}

/// All at the same time.
async fn futures_of(futures: impl Iterator<Item = impl Future<Output = Timestamp>>) {
    let mut all: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Workers that die at any commit, stores that fail: each time starts one execution all the same.
#[test]
fn nothing_is_lost_or_doubled_when_workers_die() {
    for seed in 0..20 {
        block_on(async move {
            let store = Flaky::new(seed);
            let clock = Arc::new(VirtualClock::new(at("00:00:00")));
            let engine = || {
                Engine::builder()
                    .store(Arc::clone(&store))
                    .clock(clock.clone())
                    .options(EngineOptions { stepped: true, ..EngineOptions::default() })
                    .build()
            };
            let mut worker = engine();
            worker
                .activate(&workflow(&document("{every: 7s, missed: all}", "connections: []")))
                .await
                .unwrap();
            store.before.store(5, Ordering::SeqCst);
            store.deaths.store(4, Ordering::SeqCst);
            for step in 1..=100u64 {
                clock.set(at("00:00:00").plus_millis(step * 3_000));
                let turn = tokio::time::timeout(Duration::from_millis(1), worker.tick_schedules());
                if turn.await.is_err() {
                    store.dead.store(false, Ordering::SeqCst);
                    worker = engine();
                }
            }
            store.calm();
            let last = engine();
            last.tick_schedules().await;
            let rows = store.list(&Filter::default(), None, 1_000).await.unwrap().rows;
            let mut planned: BTreeMap<String, usize> = BTreeMap::new();
            for row in rows {
                *planned.entry(row.start_key.unwrap().to_string()).or_default() += 1;
            }
            assert_eq!(planned.len(), 300 / 7, "seed {seed}: {planned:?}");
            assert!(planned.values().all(|count| *count == 1), "seed {seed}: {planned:?}");
        });
    }
}
