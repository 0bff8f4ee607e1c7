//! Schedules: the triggers by the clock of active workflows.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::core::Timestamp;
use prana::core::nodes::schedule_trigger::{Missed, Overlap};
use prana::{LastStart, Schedule};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::executions::invalid_query;
use super::page_size;
use super::workflows::Nothing;
use crate::problem::Problem;
use crate::receive::{Asked, Json, Named};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

/// How many of the next times are shown.
const TIMES: usize = 5;

/// The schedule that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SchedulePath {
    /// The workflow's id.
    workflow_id: String,
    /// The key of the trigger node.
    node_key: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    /// What `next` of the page before says.
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// A start that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct ScheduleStart {
    /// The time it was planned for.
    #[schema(value_type = String, format = DateTime)]
    scheduled_for: Timestamp,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    fired_at: Timestamp,
    execution_id: String,
}

impl From<LastStart> for ScheduleStart {
    fn from(last: LastStart) -> Self {
        let execution_id = last.execution_id.to_string();
        ScheduleStart { scheduled_for: last.scheduled_for, fired_at: last.fired_at, execution_id }
    }
}

/// A trigger by the clock of an active workflow.
#[derive(Serialize, ToSchema)]
pub(super) struct ScheduleShown {
    workflow_id: String,
    workflow_version: u64,
    node_key: String,
    /// `active`, `paused`, or `broken` if its parameters make no plan.
    state: &'static str,
    /// Its pattern; null if it has an interval.
    #[schema(required = true)]
    cron: Option<String>,
    /// Its interval, in milliseconds; null if it has a pattern.
    #[schema(required = true)]
    every_ms: Option<u64>,
    timezone: String,
    jitter_ms: u64,
    /// What is done about missed times: `skip`, `once` or `all`.
    missed: &'static str,
    /// What is done if the execution before has not ended: `allow`, `skip` or `queue`.
    overlap: &'static str,
    /// The newest start; null before the first.
    #[schema(required = true)]
    last: Option<ScheduleStart>,
    /// The next times, without jitter.
    #[schema(value_type = Vec<String>)]
    next: Vec<Timestamp>,
    /// How many starts wait for the end of the execution before.
    queued: usize,
    /// Why the newest time started nothing, if it should have.
    #[schema(required = true)]
    problem: Option<String>,
}

impl From<Schedule> for ScheduleShown {
    fn from(schedule: Schedule) -> Self {
        let params = schedule.params;
        let millis =
            |read: fn(&prana::core::nodes::schedule_trigger::ScheduleTriggerParams) -> Option<u64>| {
                params.as_ref().and_then(read)
            };
        ScheduleShown {
            workflow_id: schedule.workflow_id,
            workflow_version: schedule.workflow_version,
            node_key: schedule.node_key,
            state: schedule.state.as_str(),
            every_ms: millis(|params| params.every.map(|every| every.millis)),
            jitter_ms: millis(|params| params.jitter.map(|jitter| jitter.millis)).unwrap_or(0),
            missed: params.as_ref().map_or("skip", |params| missed(params.missed)),
            overlap: params.as_ref().map_or("allow", |params| overlap(params.overlap)),
            timezone: params.as_ref().map_or_else(String::new, |params| params.timezone.clone()),
            cron: params.and_then(|params| params.cron),
            last: schedule.last.map(ScheduleStart::from),
            next: schedule.next,
            queued: schedule.queued,
            problem: schedule.problem,
        }
    }
}

fn missed(missed: Missed) -> &'static str {
    match missed {
        Missed::Skip => "skip",
        Missed::Once => "once",
        Missed::All => "all",
    }
}

fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allow => "allow",
        Overlap::Skip => "skip",
        Overlap::Queue => "queue",
    }
}

/// Schedules, by workflow and node.
#[derive(Serialize, ToSchema)]
pub(super) struct SchedulePage {
    schedules: Vec<ScheduleShown>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required = true)]
    next: Option<String>,
}

/// Lists schedules, with their newest start and next times.
#[utoipa::path(get, path = "/schedules", operation_id = "list_schedules", tag = "schedules", params(ListAsked),
    responses((status = 200, description = "A page of schedules, by workflow and node.", body = SchedulePage)))]
pub(super) async fn list(State(shared): State<Shared>, Asked(asked): Asked<ListAsked>) -> Answer {
    let limit = page_size(asked.limit)?;
    let after = match asked.after.as_deref().map(|after| after.split_once('/')) {
        None => None,
        Some(Some(place)) => Some(place),
        Some(None) => return Err(invalid_query("`after` is what `next` of a page says")),
    };
    let mut found = shared.engine.schedules(after, limit + 1, TIMES).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| format!("{}/{}", last.workflow_id, last.node_key));
    let schedules = found.into_iter().map(ScheduleShown::from).collect();
    Ok(Sent(SchedulePage { schedules, next }).into_response())
}

/// Shows a schedule.
#[utoipa::path(get, path = "/schedules/{workflow_id}/{node_key}", operation_id = "show_schedule", tag = "schedules",
    params(SchedulePath), responses((status = 200, description = "The schedule.", body = ScheduleShown)))]
pub(super) async fn show(State(shared): State<Shared>, Named(path): Named<SchedulePath>) -> Answer {
    shown(&shared, &path).await
}

/// Pauses a schedule: it starts nothing until it goes on.
#[utoipa::path(post, path = "/schedules/{workflow_id}/{node_key}/pause", operation_id = "pause_schedule", tag = "schedules",
    params(SchedulePath), request_body = Nothing,
    responses((status = 200, description = "It is paused.", body = ScheduleShown)))]
pub(super) async fn pause(
    State(shared): State<Shared>,
    Named(path): Named<SchedulePath>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer {
    set_paused(&shared, &path, true).await
}

/// Lets a paused schedule go on, with the next time from now; what would have been due meanwhile is not made up for.
#[utoipa::path(post, path = "/schedules/{workflow_id}/{node_key}/resume", operation_id = "resume_schedule", tag = "schedules",
    params(SchedulePath), request_body = Nothing,
    responses((status = 200, description = "It goes on.", body = ScheduleShown)))]
pub(super) async fn resume(
    State(shared): State<Shared>,
    Named(path): Named<SchedulePath>,
    Json(Nothing {}): Json<Nothing>,
) -> Answer {
    set_paused(&shared, &path, false).await
}

async fn set_paused(shared: &Shared, path: &SchedulePath, paused: bool) -> Answer {
    shared.engine.pause_schedule(&path.workflow_id, &path.node_key, paused).await?;
    shown(shared, path).await
}

async fn shown(shared: &Shared, path: &SchedulePath) -> Answer {
    let found = shared.engine.schedule(&path.workflow_id, &path.node_key, TIMES).await?;
    let schedule = found.ok_or_else(|| {
        let detail = format!("there is no schedule `{}/{}`", path.workflow_id, path.node_key);
        Problem::new(StatusCode::NOT_FOUND, "schedule.not_found", detail)
    })?;
    Ok(Sent(ScheduleShown::from(schedule)).into_response())
}
