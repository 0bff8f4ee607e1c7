//! A world in which everything goes wrong, and comes out the same every time.
//!
//! Several workers run the real engine, with its loops for claims, timers, signs of life and schedules, over one store in memory. Time is
//! virtual: it moves when nobody has anything to do. One seed says what is started, answered and cancelled, how long each call of the store
//! takes, which calls fail, which answers are lost, who dies, who freezes and thaws, and whose clock is wrong. Observers watch what the
//! engine promises (docs/guide/durability.md) while it runs, and when the faults are over everything has to end, as it would have without
//! them.
//!
//! A [`Plan`] that fails is made smaller by [`shrink`], and its command replays it. [`Mutation`]s are planted mistakes: each has to be caught,
//! or the observers are blind.
//!
//! ```
//! use prana_simulator::{Plan, run};
//!
//! let first = run(&Plan::new(7)).unwrap();
//! assert_eq!(run(&Plan::new(7)).unwrap(), first, "one seed is one history");
//! assert!(first.ended > 0);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that can't go on should panic"))]

mod chance;
mod director;
mod effects;
mod gate;
mod observe;
mod plan;
mod worker;
mod workload;
mod world;

use std::sync::OnceLock;

use observe::Expected;

pub use chance::Chance;
pub use plan::{Faults, Mutation, Plan, shrink};
pub use world::{Failure, Report};

/// Runs one history.
///
/// # Errors
/// What was promised and did not hold, with the plan that shows it.
///
/// # Panics
/// If the operating system gives no runtime, or the workload itself is wrong.
pub fn run(plan: &Plan) -> Result<Report, Box<Failure>> {
    static EXPECTED: OnceLock<Expected> = OnceLock::new();
    let expected = EXPECTED.get_or_init(|| in_virtual_time(director::undisturbed()));
    in_virtual_time(director::direct(plan, expected))
}

/// Runs something in a time of its own, which moves when nobody has anything to do.
fn in_virtual_time<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    #[expect(clippy::expect_used, reason = "a simulation without a runtime can't begin")]
    let runtime = runtime.expect("a runtime on this thread");
    let done = runtime.block_on(what);
    // Workers that died hang for ever: nobody waits for them.
    runtime.shutdown_background();
    done
}
