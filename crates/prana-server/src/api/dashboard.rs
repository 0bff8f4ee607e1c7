//! Numbers at a glance, at a cost that doesn't grow with the number of executions.

use axum::Json as Sent;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use prana::Schedule;
use prana::core::Timestamp;
use prana::store::{Filter, Status};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::MAX_PAGE;
use super::executions::invalid_query;
use crate::fleet::{self, Process};
use crate::problem::Problem;
use crate::receive::Asked;
use crate::server::Shared;
use crate::tally::{Count, MINUTES};

/// So many open executions are counted, and no more.
const MOST_OPEN: usize = 1_000;

/// Executions that ended before the server began, taken in at most.
const MOST_BEFORE: usize = 20_000;

/// Schedules looked at for the next ones, and how many of these are shown.
const MOST_SCHEDULES: usize = 5_000;
const SHOWN_SCHEDULES: usize = 10;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DashboardAsked {
    /// How many hours back, up to a day.
    #[param(minimum = 1, maximum = 24, default = 24)]
    hours: Option<u32>,
}

/// How many there are; of very many, that there are at least so many.
#[derive(Serialize, ToSchema)]
pub(super) struct AtLeast {
    count: usize,
    /// False if there are more.
    exact: bool,
}

/// What happened in a stretch of time.
#[derive(Serialize, ToSchema)]
pub(super) struct Stretch {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    started: u64,
    completed: u64,
    /// Failed, or ran out of time.
    failed: u64,
    cancelled: u64,
    /// The time from creation to end, waits included, that half of those that ended stayed below, in milliseconds; null if none ended.
    #[schema(required = true)]
    median_ms: Option<u64>,
    /// The same for 95 of a hundred.
    #[schema(required = true)]
    p95_ms: Option<u64>,
}

impl Stretch {
    fn of(at: Timestamp, count: &Count) -> Self {
        Stretch {
            at,
            started: count.started,
            completed: count.completed,
            failed: count.failed,
            cancelled: count.cancelled,
            median_ms: count.duration_ms(0.5),
            p95_ms: count.duration_ms(0.95),
        }
    }
}

/// A start that a schedule will make.
#[derive(Serialize, ToSchema)]
pub(super) struct NextStart {
    workflow_id: String,
    /// The trigger node.
    node_key: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Numbers at a glance.
#[derive(Serialize, ToSchema)]
pub(super) struct Dashboard {
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// All of the asked time together.
    total: Stretch,
    /// Stretches of equal length, the newest last.
    stretches: Vec<Stretch>,
    /// How long a stretch is.
    stretch_minutes: usize,
    /// From when on everything is counted: executions that ended earlier may be missing.
    #[schema(value_type = String, format = DateTime)]
    counted_since: Timestamp,
    /// Executions that wait for a worker.
    pending: AtLeast,
    /// Executions that go on now.
    running: AtLeast,
    /// Executions that wait for a time, an answer or another execution.
    suspended: AtLeast,
    /// The next executions that wait for a time, the soonest first.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    next_wake: Option<Timestamp>,
    /// The next starts by schedules, the soonest first; at most 10.
    next_schedules: Vec<NextStart>,
    /// The processes that work on this database, this one first.
    workers: Vec<Process>,
    /// Whether this server advances executions.
    advancing: bool,
    /// Paths that start executions.
    webhooks: usize,
    /// Open event streams.
    listeners: u64,
}

/// Gives numbers at a glance: throughput, failures, durations, what waits.
#[utoipa::path(get, path = "/dashboard", operation_id = "dashboard", tag = "executions", params(DashboardAsked),
    responses((status = 200, description = "The numbers.", body = Dashboard)))]
pub(super) async fn dashboard(
    State(shared): State<Shared>,
    Asked(asked): Asked<DashboardAsked>,
) -> Result<Response, Problem> {
    let hours = asked.hours.unwrap_or(24) as usize;
    if !(1..=MINUTES / 60).contains(&hours) {
        return Err(invalid_query("`hours` is a number from 1 to 24"));
    }
    let counted_since = *shared.counted_since.get_or_try_init(|| take_in_the_past(&shared)).await?;
    let now = shared.clock.now();
    let stretch_minutes = if hours <= 2 { 5 } else { 30 };
    let counts = shared.feed.tally.stretches(now, stretch_minutes, hours * 60 / stretch_minutes);
    let mut total = Count::default();
    counts.iter().for_each(|(_, count)| total.add(count));
    let begin = counts.first().map_or(now, |(at, _)| *at);
    Ok(Sent(Dashboard {
        now,
        total: Stretch::of(begin, &total),
        stretches: counts.iter().map(|(at, count)| Stretch::of(*at, count)).collect(),
        stretch_minutes,
        counted_since,
        pending: open(&shared, Status::Pending).await?,
        running: open(&shared, Status::Running).await?,
        suspended: open(&shared, Status::Suspended).await?,
        next_wake: shared.engine.next_wake(now).await?,
        next_schedules: next_schedules(&shared).await?,
        workers: fleet::all(&shared).await?,
        advancing: *shared.advancing.borrow(),
        webhooks: shared.hooks.len(),
        listeners: shared.feed.counts.listeners.load(std::sync::atomic::Ordering::Relaxed),
    })
    .into_response())
}

async fn next_schedules(shared: &Shared) -> Result<Vec<NextStart>, Problem> {
    let mut all: Vec<NextStart> = Vec::new();
    let mut after: Option<(String, String)> = None;
    for _ in 0..MOST_SCHEDULES / MAX_PAGE {
        let behind = after.as_ref().map(|(workflow_id, node_key)| (workflow_id.as_str(), node_key.as_str()));
        let page = shared.engine.schedules(behind, MAX_PAGE, 1).await?;
        let is_last = page.len() < MAX_PAGE;
        after = page.last().map(|last| (last.workflow_id.clone(), last.node_key.clone()));
        all.extend(page.into_iter().filter_map(|Schedule { workflow_id, node_key, next, .. }| {
            Some(NextStart { at: *next.first()?, workflow_id, node_key })
        }));
        if is_last {
            break;
        }
    }
    all.sort_by(|a, b| (a.at, &a.workflow_id, &a.node_key).cmp(&(b.at, &b.workflow_id, &b.node_key)));
    all.truncate(SHOWN_SCHEDULES);
    Ok(all)
}

async fn open(shared: &Shared, status: Status) -> Result<AtLeast, Problem> {
    let filter = Filter { statuses: vec![status], ..Filter::default() };
    let page = shared.engine.store().list(&filter, None, MOST_OPEN).await?;
    Ok(AtLeast { count: page.rows.len(), exact: page.next.is_none() })
}

/// Counts what the store knows of the last day and the server did not see: the newest first, so far as that is not too much. From when on
/// everything is counted.
async fn take_in_the_past(shared: &Shared) -> Result<Timestamp, Problem> {
    let began = shared.feed.began;
    let day = Timestamp::from_millis(began.as_millis() - MINUTES as i64 * 60_000);
    let filter = Filter { since: Some(day), ..Filter::default() };
    let (mut after, mut seen) = (None, 0);
    loop {
        let page = shared.engine.store().list(&filter, after, 500).await?;
        for row in &page.rows {
            if row.created_at < began {
                shared.feed.tally.started(row.created_at);
            }
            if let Some(ended) = row.completed_at.filter(|ended| *ended < began) {
                shared.feed.tally.ended(row.id, row.status, ended);
            }
        }
        seen += page.rows.len();
        after = page.next;
        match (after, page.rows.last()) {
            (None, _) | (_, None) => return Ok(day),
            (_, Some(last)) if seen >= MOST_BEFORE => return Ok(last.created_at),
            _ => {}
        }
    }
}
