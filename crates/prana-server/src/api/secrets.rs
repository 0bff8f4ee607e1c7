//! Secrets: their names, and where they may be sent. Never their values: those go in, and don't come out.

use axum::Json as Sent;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prana::core::Timestamp;
use prana::store::StoreError;
use prana::{AllowedHosts, SecretError, SecretFacts, SecretText};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use super::workflows::Nothing;
use crate::changes::Note;
use crate::problem::Problem;
use crate::receive::{Asked, Json, Named};
use crate::server::Shared;

type Answer = Result<Response, Problem>;

/// The secret that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SecretPath {
    /// Its name.
    name: String,
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

/// What may be told of a secret.
#[derive(Serialize, ToSchema)]
pub(super) struct SecretShown {
    name: String,
    /// One more with each change.
    version: u64,
    /// The hosts that may be sent it; `*` for any.
    allowed_hosts: Vec<String>,
    /// When it was set, or locked with another master key.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// The id of the master key that it is locked with.
    master_key: String,
}

impl From<SecretFacts> for SecretShown {
    fn from(facts: SecretFacts) -> Self {
        let SecretFacts { name, version, allowed_hosts, updated_at, master_key, .. } = facts;
        SecretShown { name, version, allowed_hosts: allowed_hosts.entries(), updated_at, master_key }
    }
}

/// Secrets, by name.
#[derive(Serialize, ToSchema)]
pub(super) struct SecretPage {
    secrets: Vec<SecretShown>,
    /// What to send as `after` for the next page; null on the last.
    #[schema(required = true)]
    next: Option<String>,
}

/// Lists secrets; never their values.
#[utoipa::path(get, path = "/secrets", operation_id = "list_secrets", tag = "secrets", params(ListAsked),
    responses((status = 200, description = "A page of secrets, by name.", body = SecretPage)))]
pub(super) async fn list(State(shared): State<Shared>, Asked(asked): Asked<ListAsked>) -> Answer {
    let limit = page_size(asked.limit)?;
    let mut found = shared.engine.secrets().list(asked.after.as_deref(), limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.name.clone());
    let secrets = found.into_iter().map(SecretShown::from).collect();
    Ok(Sent(SecretPage { secrets, next }).into_response())
}

/// Shows what may be told of a secret.
#[utoipa::path(get, path = "/secrets/{name}", operation_id = "show_secret", tag = "secrets", params(SecretPath),
    responses((status = 200, description = "What may be told of it.", body = SecretShown)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Named(SecretPath { name }): Named<SecretPath>,
) -> Answer {
    let facts = shared.engine.secrets().facts(&name).await?.ok_or(SecretError::NotFound(name))?;
    Ok(Sent(SecretShown::from(facts)).into_response())
}

/// Text that no error repeats.
struct Value(SecretText);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer) {
            Ok(serde_json::Value::String(text)) => Ok(Value(SecretText::from(text))),
            _ => Err(serde::de::Error::custom("`value` is to be text")),
        }
    }
}

/// A secret to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutSecret {
    /// Its text, 64 KiB at most.
    #[schema(value_type = String, max_length = 65536)]
    value: Value,
    /// The hosts that may be sent it: `api.example.com`, `*.example.com`, `api.example.com:8443`, or `*` for any.
    allowed_hosts: Vec<String>,
    /// Set it only if this is its version (0: there is none).
    #[serde(default)]
    based_on: Option<u64>,
}

/// Sets a secret, new or in the place of an older one.
#[utoipa::path(put, path = "/secrets/{name}", operation_id = "put_secret", tag = "secrets", params(SecretPath), request_body = PutSecret,
    responses(
        (status = 200, description = "It is set.", body = SecretShown),
        (status = 409, description = "It has another version than `based_on`: `secret.outdated`."),
        (status = 422, description = "The name, value or hosts won't do: `secret.invalid_name`, `secret.invalid_value`, `secret.invalid_hosts`."),
    ))]
pub(super) async fn put(
    State(shared): State<Shared>,
    Named(SecretPath { name }): Named<SecretPath>,
    Json(body): Json<PutSecret>,
) -> Answer {
    let hosts = AllowedHosts::try_from(body.allowed_hosts).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "secret.invalid_hosts", error.to_string())
    })?;
    let facts = shared.engine.secrets().put(&name, &body.value.0, hosts, body.based_on).await?;
    let shown = SecretShown::from(facts);
    let note = Note::new(&name, json!({"version": shown.version, "allowed_hosts": shown.allowed_hosts}));
    Ok(note.on(Sent(shown).into_response()))
}

/// Deletes a secret. What mentions it fails from now on.
#[utoipa::path(delete, path = "/secrets/{name}", operation_id = "delete_secret", tag = "secrets", params(SecretPath),
    responses((status = 204, description = "It is gone.")))]
pub(super) async fn delete(
    State(shared): State<Shared>,
    Named(SecretPath { name }): Named<SecretPath>,
) -> Answer {
    match shared.engine.secrets().delete(&name).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(SecretError::NotFound(name).into()),
    }
}

/// What became of a rotation.
#[derive(Serialize, ToSchema)]
pub(super) struct Rotated {
    /// How many secrets were locked anew.
    locked_anew: usize,
}

/// Makes a new master key, if the keys are in a file, and locks all secrets with the first one.
#[utoipa::path(post, path = "/master-keys/rotate", operation_id = "rotate_master_keys", tag = "secrets", request_body = Nothing,
    responses((status = 200, description = "All secrets are locked with the first master key.", body = Rotated)))]
pub(super) async fn rotate(State(shared): State<Shared>, Json(Nothing {}): Json<Nothing>) -> Answer {
    let locked_anew = shared.engine.secrets().rotate().await?;
    Ok(Note::new("master-keys", json!({"locked_anew": locked_anew}))
        .on(Sent(Rotated { locked_anew }).into_response()))
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        let status = match &error {
            SecretError::Store(StoreError::Outdated { current, .. }) => {
                let detail = "somebody else changed it; look at it again";
                return Problem::new(StatusCode::CONFLICT, "secret.outdated", detail)
                    .with("current_version", *current);
            }
            SecretError::Store(error) => return error.clone().into(),
            SecretError::NotFound(_) => StatusCode::NOT_FOUND,
            SecretError::InvalidName | SecretError::InvalidValue(_) => StatusCode::UNPROCESSABLE_ENTITY,
            SecretError::UnknownKey { .. } | SecretError::Damaged { .. } => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let text = error.to_string();
        let detail = text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail);
        Problem::new(status, error.code(), detail)
    }
}
