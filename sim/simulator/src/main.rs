//! Runs histories: `prana-simulator --seeds 1000` from seed 0 on, or `--seed N` one, with its history if it fails.

use std::process::ExitCode;

use prana_simulator::{Failure, Mutation, Plan, run, shrink};

const USAGE: &str = "prana-simulator [--seeds COUNT] [--seed N] [--workers N] [--rounds N] [--without FAULT]... [--mutation NAME]";

fn main() -> ExitCode {
    match Order::read(std::env::args().skip(1)) {
        Ok(order) => carry_out(&order),
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What is asked for.
struct Order {
    plan: Plan,
    seeds: u64,
}

impl Order {
    fn read(words: impl Iterator<Item = String>) -> Result<Order, String> {
        let mut order = Order { plan: Plan::new(0), seeds: 1 };
        let mut words = words;
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            order.take(&word, &value)?;
        }
        Ok(order)
    }

    fn take(&mut self, word: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<u64>().map_err(|_| format!("{word}: `{value}` is no number"));
        let plan = &mut self.plan;
        match word {
            "--seeds" => self.seeds = number()?,
            "--seed" => plan.seed = number()?,
            "--workers" => plan.workers = number()?.max(1) as usize,
            "--rounds" => plan.rounds = number()? as u32,
            "--without" => {
                plan.faults =
                    plan.faults.without(value).ok_or_else(|| format!("no kind of fault is `{value}`"))?;
            }
            "--mutation" => {
                let found = Mutation::ALL.iter().find(|(name, _)| *name == value);
                plan.mutation = Some(found.ok_or_else(|| format!("there is no mutation `{value}`"))?.1);
            }
            other => return Err(format!("there is no option `{other}`")),
        }
        Ok(())
    }
}

fn carry_out(order: &Order) -> ExitCode {
    let (mut ended, mut effects, mut repeated, mut deaths, mut fenced) = (0, 0, 0, 0, 0);
    for seed in order.plan.seed..order.plan.seed + order.seeds {
        let plan = Plan { seed, ..order.plan.clone() };
        match run(&plan) {
            Ok(report) => {
                ended += report.ended;
                effects += report.effects;
                repeated += report.repeated;
                deaths += report.deaths;
                fenced += report.fenced;
            }
            Err(failure) => return tell(&failure),
        }
    }
    println!(
        "{} histories: {ended} executions ended, {effects} effects of which {repeated} repeated, {deaths} workers died, \
         {fenced} late writes refused; every promise held",
        order.seeds
    );
    ExitCode::SUCCESS
}

fn tell(failure: &Failure) -> ExitCode {
    println!("{failure}");
    let smallest = shrink(&failure.plan, |plan| run(plan).is_err());
    println!("smaller: {smallest}");
    ExitCode::FAILURE
}
