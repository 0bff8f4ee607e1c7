//! Every code that a refusal may have, with what it means: part of the OpenAPI document.

/// Code and meaning, by code.
pub const CODES: &[(&str, &str)] = &[
    (
        "access.invalid",
        "A name, password or lifetime is not what it should be; the detail says how it should be.",
    ),
    ("access.not_found", "There is no such token or user."),
    ("access.outdated", "Somebody else changed the same at the same time."),
    ("action.not_found", "There is no action of that type."),
    ("auth.csrf", "With a session, changes need the header X-CSRF-Token."),
    ("auth.invalid_token", "The token is none of ours, revoked or expired."),
    ("auth.no_password", "Only somebody who logged in has a password to change."),
    ("auth.required", "The route is for those who say who they are."),
    ("auth.scope_too_small", "The caller may not do this; `needs` is the scope that may."),
    ("auth.token_in_query", "A token was sent in the query, where logs keep it."),
    ("auth.wrong_password", "No user has this name and password."),
    ("backup.only_local", "Backups are made by programs on the server's machine."),
    ("backup.refused", "The file exists already, or can't be written."),
    ("credential.changed", "The credential was changed while it was being authorized."),
    (
        "credential.invalid",
        "The credential can't be one, or there is nothing to try it with; the detail says why.",
    ),
    ("credential.invalid_hosts", "The allowed hosts are none; `*` is any."),
    ("credential.invalid_name", "The name of a credential is letters, digits, _ and -."),
    ("credential.not_authorizable", "The credential is not of a type that somebody authorizes."),
    ("credential.not_found", "There is no such credential."),
    ("credential.outdated", "The credential has another version than the change is based on."),
    (
        "credential.unknown_state",
        "The authorization was not asked for, was finished before, or took too long.",
    ),
    ("data.not_found", "There is nothing at that place in the data."),
    ("engine.unavailable", "The engine is shutting down, or has too much to do. Try again."),
    (
        "execution.cannot_continue",
        "An execution can't go on from there, or not on that version; the detail names what is missing.",
    ),
    ("execution.ended", "The execution has ended already."),
    ("execution.inbox_full", "Too many answers are kept for the execution already."),
    ("execution.input_too_large", "The data is larger or nested deeper than an execution takes."),
    ("execution.not_ended", "The execution, or one that it started, has not ended."),
    ("execution.not_found", "There is no such execution."),
    ("execution.not_stored", "The execution had not ended in time, and was not stored yet."),
    ("execution.not_suspended", "Nothing waits there, or the wait had its answer (410)."),
    ("expression.refused", "The expression is wrong, or its evaluation failed; `errors` says where."),
    ("node_execution.not_found", "The execution has no node run of that number."),
    ("request.cut_short", "The body did not come to its end."),
    ("request.host_refused", "The server does not answer to the name in the Host header."),
    ("request.invalid", "The body is JSON, and not what the route takes."),
    ("request.invalid_event_id", "Last-Event-ID is not one that a stream gave."),
    ("request.invalid_idempotency_key", "Idempotency-Key is not 1 to 255 ASCII characters."),
    ("request.invalid_json", "The body is not JSON."),
    ("request.invalid_path", "A part of the path is not what the route takes."),
    ("request.invalid_query", "The query is not what the route takes."),
    ("request.no_host", "The request has no Host header, or not one."),
    ("request.not_json", "The body is not sent as application/json."),
    ("request.origin_refused", "A page of another origin asks."),
    ("request.timeout", "The body did not come in time."),
    ("request.too_large", "The body is longer than the route takes."),
    ("request.too_many", "Too many requests or tries. `Retry-After` says when to come back."),
    ("request.unknown_route", "There is nothing at the path."),
    ("request.wrong_method", "The path does not answer to the method."),
    ("resume.invalid_token", "The link is not one of ours, or its key is no longer accepted."),
    ("schedule.not_found", "There is no such schedule."),
    ("secret.damaged", "What is stored as the secret can't be unlocked. Set it anew."),
    ("secret.invalid_hosts", "The allowed hosts are none; `*` is any."),
    ("secret.invalid_keys", "The master keys can't be read or written; the server's log says why."),
    ("secret.invalid_name", "A secret's name is letters, digits, _ and -."),
    ("secret.invalid_value", "A secret is 1 byte to 64 KiB of text."),
    ("secret.no_keys", "There is no master key to lock secrets with."),
    ("secret.not_found", "There is no such secret."),
    ("secret.outdated", "The secret has another version than the change is based on."),
    ("secret.unknown_key", "The secret is locked with a master key that isn't there."),
    ("server.busy", "Too many requests are being read. Try again."),
    ("server.error", "Something went wrong in the server; its log says more."),
    ("store.damaged", "What is stored can't be read."),
    ("store.encoding", "Something can't be stored."),
    ("store.refused", "The store refused."),
    ("store.unavailable", "The store can't be written or read now. Try again."),
    ("webhook.deduplicate_by", "The template of `deduplicate_by` gave no text or number."),
    ("webhook.execution_failed", "The execution failed before it answered; `execution_id` names it."),
    ("webhook.invalid_form", "The form with files can't be read."),
    ("webhook.invalid_json", "The body of a webhook is not the JSON that it says it is."),
    ("webhook.listen_failed", "A request came to a test webhook, and nothing could be started with it."),
    ("webhook.no_secret", "The stored secret that a webhook needs to tell who calls can't be had."),
    ("webhook.not_found", "No active workflow listens at the path."),
    ("webhook.path_taken", "Another workflow has the path and method of the webhook."),
    ("webhook.refused", "The webhook of the workflow can't be served."),
    ("webhook.timeout", "The execution took longer than a caller may wait; `execution_id` names it."),
    ("webhook.too_many_parts", "A form has too many parts."),
    ("webhook.unauthorized", "The caller of the webhook did not prove who calls."),
    ("workflow.based_on_missing", "A change must say which version it is based on."),
    ("workflow.exists", "There is a workflow of that id already."),
    ("workflow.invalid", "The workflow has errors; `findings` has all of them."),
    ("workflow.not_found", "There is no such workflow, no such version of it, or none that is active."),
    ("workflow.other_id", "The document is of another workflow than the path."),
    ("workflow.outdated", "A newer version is stored than the one that the change is based on."),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::CODES;

    /// The codes in a source text: what stands in quotes where a problem is made.
    fn codes_in(text: &str) -> Vec<String> {
        const FAMILIES: &[&str] = &[
            "action",
            "auth",
            "credential",
            "data",
            "engine",
            "execution",
            "expression",
            "node_execution",
            "request",
            "resume",
            "schedule",
            "secret",
            "server",
            "store",
            "token",
            "webhook",
            "workflow",
        ];
        let made = ["Problem::new(", "Problem::bad_request(", "Problem::unavailable("];
        let mut found = Vec::new();
        for start in made.iter().flat_map(|made| text.match_indices(made)).map(|(at, _)| at) {
            let call = text[start..].split(';').next().unwrap_or_default();
            for quoted in call.split('"').skip(1).step_by(2) {
                let is_code = quoted.split_once('.').is_some_and(|(family, rest)| {
                    FAMILIES.contains(&family)
                        && !rest.is_empty()
                        && rest.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
                });
                if is_code {
                    found.push(quoted.to_owned());
                }
            }
        }
        found
    }

    fn sources(folder: &Path, all: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, all);
            } else {
                all.push(std::fs::read_to_string(path).expect("a source"));
            }
        }
    }

    #[test]
    fn every_code_has_its_meaning() {
        let mut texts = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
        let known = |code: &str| CODES.iter().any(|(known, _)| *known == code);
        let mut unknown: Vec<String> =
            texts.iter().flat_map(|text| codes_in(text)).filter(|code| !known(code)).collect();
        unknown.sort();
        unknown.dedup();
        assert!(unknown.is_empty(), "add these to CODES in codes.rs: {unknown:?}");
        assert!(CODES.is_sorted_by_key(|(code, _)| code));
    }
}
