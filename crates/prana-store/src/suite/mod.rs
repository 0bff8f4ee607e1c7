//! The checks that every implementation passes, races included.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # async fn run() {
//! prana_store::suite::exercise(|| Arc::new(prana_store::MemoryStore::new())).await;
//! # }
//! ```
//!
//! A check panics if it fails. They want a tokio runtime of several threads, so that races are races.
#![allow(clippy::unwrap_used)]

mod births;
mod claims;
mod definitions;
mod fences;
mod inbox;
mod lanes;
mod lists;
mod races;
mod removal;
mod reports;
mod stage;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Catalog, Store};
pub use stage::{Hand, Stage, at, entry, id, wait, worker};

/// A check of a store.
pub type Check = fn(Stage) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// A named list of checks out of the functions of some modules.
macro_rules! checks {
    ($($module:ident: $($name:ident),+;)+) => {
        &[$($((concat!(stringify!($module), "::", stringify!($name)), |stage| Box::pin($module::$name(stage)))),+),+]
    };
}

/// Every check of [`Store`], by name.
pub const CHECKS: &[(&str, Check)] = checks! {
    births: reads_back, unknown_is_none, start_key_starts_once, identity_is_unique, children_are_born_with_the_delta,
        malformed_deltas_are_refused, born_and_ended_at_once, snapshots_bound_what_is_loaded, trail_is_paged;
    fences: old_epoch_is_fenced, wrong_sequence_is_a_conflict, ended_takes_nothing, released_is_fenced,
        a_refused_delta_leaves_nothing, a_bad_delta_hurts_no_other, one_of_many_writers_wins,
        an_item_changes_with_the_turn;
    inbox: an_early_answer_is_kept, an_answer_wakes, a_dedupe_key_answers_once, one_link_answers_one_wait,
        answers_for_a_node_queue_up, over_is_over, an_answer_beats_the_deadline, a_deadline_beats_the_answer,
        a_dropped_wait_passes_its_answer_on, a_refused_answer_leaves_the_wait_open, a_retry_takes_no_answer,
        a_cancellation_is_seen, an_item_is_consumed_once, a_flood_is_turned_away;
    reports: a_childs_end_wakes_its_parent_once, early_reports_wait, late_reports_are_dropped, many_reports_come_in_parts;
    claims: ready_in_order_of_time, workflows_take_turns, not_before_its_time, timers_wake, the_earliest_timer_counts, a_dead_worker_is_replaced,
        a_heartbeat_keeps_a_lease, recoveries_count_until_an_entry, giving_up_makes_ready, racing_claims_are_exclusive;
    lanes: a_limit_queues_in_order, a_wait_keeps_its_slot, keys_are_separate, a_cancelled_one_leaves_the_queue,
        racing_starts_keep_the_limit;
    races: no_answer_is_lost, no_child_is_lost, deadline_and_answer_have_one_winner, a_takeover_has_one_owner;
    lists: filters_combine, pages_are_stable, children_are_listed, what_a_worker_holds_is_listed;
    removal: a_tree_goes_as_one, an_open_tree_stays, retention_counts_from_the_last_end, a_trail_can_be_given_up,
        a_start_key_is_free_again, removal_goes_in_batches;
};

/// Runs every check of [`Store`], each on a new and empty store.
///
/// # Panics
/// If a check fails; the name of the check is printed first.
pub async fn exercise(make: impl Fn() -> Arc<dyn Store>) {
    for (name, check) in CHECKS {
        let done = tokio::spawn(check(Stage::new(make()))).await;
        assert!(done.is_ok(), "the store fails the check {name}");
    }
}

/// Runs every check of [`Catalog`], each on a new and empty catalogue.
///
/// # Panics
/// If a check fails.
pub async fn exercise_catalog(make: impl Fn() -> Arc<dyn Catalog>) {
    definitions::versions(make()).await;
    definitions::deletion(make()).await;
    definitions::items(make()).await;
    definitions::racing_saves(make()).await;
}
