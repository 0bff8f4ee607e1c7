//! The promises hold in every history; and the observers see when one doesn't.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should panic")]

use prana_simulator::{Faults, Mutation, Plan, run, shrink};

/// How many histories are run: `PRANA_SEEDS`, or a thousand.
fn seeds() -> u64 {
    std::env::var("PRANA_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// Histories that showed a mistake once.
const KEPT: &str = include_str!("kept.txt");

fn holds(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Err(failure) = run(&Plan::new(seed)) {
            panic!("{failure}\nsmaller: {}", shrink(&failure.plan, |plan| run(plan).is_err()));
        }
    }
}

#[test]
fn every_promise_holds_in_even_histories() {
    holds((0..seeds()).step_by(2));
}

#[test]
fn every_promise_holds_in_odd_histories() {
    holds((1..seeds()).step_by(2));
}

#[test]
fn histories_that_showed_a_mistake_once_show_none() {
    let lines = KEPT.lines().filter(|line| !line.starts_with('#'));
    holds(lines.map(|line| line.parse().unwrap()));
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..seeds().min(50) {
        let plan = Plan::new(seed);
        assert_eq!(run(&plan), run(&plan), "seed {seed}");
    }
}

#[test]
fn something_goes_wrong_in_them() {
    let reports: Vec<_> = (0..30).map(|seed| run(&Plan::new(seed)).unwrap()).collect();
    assert!(reports.iter().map(|report| report.deaths).sum::<usize>() > 10);
    assert!(reports.iter().map(|report| report.repeated).sum::<usize>() > 10);
    assert!(reports.iter().map(|report| report.fenced).sum::<usize>() > 0);
}

#[test]
fn nothing_is_repeated_where_nothing_goes_wrong() {
    for seed in 0..20 {
        let report = run(&Plan { faults: Faults::NONE, ..Plan::new(seed) }).unwrap();
        assert_eq!((report.repeated, report.deaths, report.fenced), (0, 0, 0), "seed {seed}");
    }
}

#[test]
fn every_planted_mistake_is_noticed() {
    for (name, mutation) in Mutation::ALL {
        let noticed = (0..100).find(|seed| run(&Plan::new(*seed).with(mutation)).is_err());
        assert!(noticed.is_some(), "{name} is not noticed in 100 histories");
    }
}

#[test]
fn a_failing_plan_shrinks_and_is_a_command() {
    let plan = Plan::new(3).with(Mutation::LoseTimer);
    let smallest = shrink(&plan, |plan| run(plan).is_err());
    assert!(run(&smallest).is_err());
    assert!(smallest.rounds <= plan.rounds && smallest.workers == 1, "{smallest}");
    let command = smallest.to_string();
    assert!(command.contains("--seed 3 ") && command.ends_with("--mutation lose-timer"), "{command}");
}
