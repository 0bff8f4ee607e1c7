//! What each route asks of its caller, and what the change log calls it: one table. What is not in it is refused.

use super::Scope;

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Its method; GET stands for HEAD, too, and `*` for all.
    pub method: &'static str,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// What the caller must be allowed; none if everybody may come, because the route has a proof of its own or nothing to hide.
    pub needs: Option<Scope>,
    /// What the change log says when it was done.
    pub change: Option<&'static str>,
}

impl Route {
    const fn logs(self, change: &'static str) -> Self {
        Route { change: Some(change), ..self }
    }
}

const fn open(method: &'static str, path: &'static str) -> Route {
    Route { method, path, needs: None, change: None }
}

const fn read(method: &'static str, path: &'static str) -> Route {
    Route { method, path, needs: Some(Scope::Read), change: None }
}

const fn run(method: &'static str, path: &'static str) -> Route {
    Route { method, path, needs: Some(Scope::Run), change: None }
}

const fn edit(method: &'static str, path: &'static str) -> Route {
    Route { method, path, needs: Some(Scope::Edit), change: None }
}

const fn admin(method: &'static str, path: &'static str) -> Route {
    Route { method, path, needs: Some(Scope::Admin), change: None }
}

/// All routes.
pub const ROUTES: &[Route] = &[
    // They say nothing, or less to those who show nothing.
    open("GET", "/healthz"),
    open("GET", "/readyz"),
    open("GET", "/api/docs"),
    open("GET", "/api/docs.css"),
    open("GET", "/api/v1/openapi.json"),
    open("GET", "/api/v1/session"),
    open("POST", "/api/v1/login").logs("session.began"),
    open("POST", "/api/v1/logout"),
    // Each has a proof of its own.
    open("*", "/webhook/{*path}"),
    open("*", "/webhook-test/{*path}"),
    open("GET", "/resume/{token}"),
    open("POST", "/resume/{token}").logs("execution.answered"),
    open("GET", "/oauth/callback").logs("credential.authorized"),
    read("GET", "/metrics"),
    read("GET", "/api/v1/workflows"),
    edit("POST", "/api/v1/workflows").logs("workflow.saved"),
    read("POST", "/api/v1/workflows/validate"),
    read("GET", "/api/v1/workflows/{id}"),
    edit("PUT", "/api/v1/workflows/{id}").logs("workflow.saved"),
    edit("DELETE", "/api/v1/workflows/{id}").logs("workflow.deleted"),
    read("GET", "/api/v1/workflows/{id}/versions"),
    read("GET", "/api/v1/workflows/{id}/difference"),
    run("POST", "/api/v1/workflows/{id}/listen"),
    edit("POST", "/api/v1/workflows/{id}/activate").logs("workflow.activated"),
    edit("POST", "/api/v1/workflows/{id}/deactivate").logs("workflow.deactivated"),
    read("GET", "/api/v1/schedules"),
    read("GET", "/api/v1/schedules/{workflow_id}/{node_key}"),
    edit("POST", "/api/v1/schedules/{workflow_id}/{node_key}/pause").logs("schedule.paused"),
    edit("POST", "/api/v1/schedules/{workflow_id}/{node_key}/resume").logs("schedule.resumed"),
    edit("GET", "/api/v1/secrets"),
    edit("GET", "/api/v1/secrets/{name}"),
    edit("PUT", "/api/v1/secrets/{name}").logs("secret.set"),
    edit("DELETE", "/api/v1/secrets/{name}").logs("secret.deleted"),
    edit("GET", "/api/v1/credentials"),
    edit("GET", "/api/v1/credentials/{name}"),
    edit("PUT", "/api/v1/credentials/{name}").logs("credential.set"),
    edit("DELETE", "/api/v1/credentials/{name}").logs("credential.deleted"),
    edit("POST", "/api/v1/credentials/{name}/test").logs("credential.tested"),
    edit("POST", "/api/v1/credentials/{name}/authorize").logs("credential.authorization_asked"),
    admin("POST", "/api/v1/master-keys/rotate").logs("master_keys.rotated"),
    read("GET", "/api/v1/executions"),
    run("POST", "/api/v1/executions"),
    run("POST", "/api/v1/executions/bulk").logs("execution.bulk"),
    read("GET", "/api/v1/executions/difference"),
    read("GET", "/api/v1/executions/{id}"),
    read("GET", "/api/v1/executions/{id}/data"),
    edit("DELETE", "/api/v1/executions/{id}").logs("execution.deleted"),
    read("GET", "/api/v1/executions/{id}/node_executions"),
    read("GET", "/api/v1/executions/{id}/node_executions/{index}/data"),
    read("GET", "/api/v1/executions/{id}/node_executions/{index}"),
    read("GET", "/api/v1/executions/{id}/events"),
    run("POST", "/api/v1/executions/{id}/cancel").logs("execution.cancelled"),
    run("POST", "/api/v1/executions/{id}/resume").logs("execution.answered"),
    run("POST", "/api/v1/executions/{id}/retry").logs("execution.retried"),
    run("POST", "/api/v1/executions/{id}/execute_node").logs("execution.continued"),
    run("POST", "/api/v1/executions/{id}/execute_from_node").logs("execution.continued"),
    read("GET", "/api/v1/dashboard"),
    read("GET", "/api/v1/events"),
    read("GET", "/api/v1/actions"),
    read("GET", "/api/v1/actions/{type}"),
    read("GET", "/api/v1/filters"),
    read("GET", "/api/v1/schema"),
    read("POST", "/api/v1/expressions/preview"),
    read("POST", "/api/v1/password").logs("user.password_changed"),
    admin("GET", "/api/v1/tokens"),
    admin("POST", "/api/v1/tokens").logs("token.created"),
    admin("DELETE", "/api/v1/tokens/{id}").logs("token.revoked"),
    admin("GET", "/api/v1/users"),
    admin("PUT", "/api/v1/users/{name}").logs("user.changed"),
    admin("DELETE", "/api/v1/users/{name}").logs("user.deleted"),
    admin("GET", "/api/v1/changes"),
    admin("POST", "/api/v1/backup").logs("database.backed_up"),
];

/// What the table says of a path that the router found, and a method.
pub fn find(method: &str, path: &str) -> Option<&'static Route> {
    let method = if method == "HEAD" { "GET" } else { method };
    ROUTES.iter().find(|route| route.path == path && (route.method == method || route.method == "*"))
}

/// Whether a path is in the table, with any method.
pub fn knows(path: &str) -> bool {
    ROUTES.iter().any(|route| route.path == path)
}

/// What a path names: its parameters, unless they are secret.
pub fn target(route: &Route, path: &str) -> Option<String> {
    let parts = route.path.split('/').zip(path.split('/'));
    let named = parts.filter(|(name, _)| name.starts_with('{') && *name != "{token}");
    let values: Vec<String> = named.map(|(_, value)| crate::form::decode_path(value)).collect();
    (!values.is_empty()).then(|| values.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_is_there_once_and_changes_are_logged() {
        for (place, route) in ROUTES.iter().enumerate() {
            let first =
                ROUTES.iter().position(|other| (other.method, other.path) == (route.method, route.path));
            assert_eq!(first, Some(place), "{route:?}");
            let asks = matches!(route.needs, Some(Scope::Edit | Scope::Admin)) && route.method != "GET";
            assert!(!asks || route.change.is_some(), "{route:?} is not logged");
        }
    }

    #[test]
    fn what_a_path_names() {
        let check = |method: &str, path: &str, actual: &str, expect: Option<&str>| {
            let route = find(method, path).expect("a route");
            assert_eq!(target(route, actual).as_deref(), expect, "{path}");
        };
        check("POST", "/api/v1/workflows/{id}/activate", "/api/v1/workflows/a%20b/activate", Some("a b"));
        check(
            "POST",
            "/api/v1/schedules/{workflow_id}/{node_key}/pause",
            "/api/v1/schedules/w/daily/pause",
            Some("w/daily"),
        );
        check("HEAD", "/api/v1/actions/{type}", "/api/v1/actions/x.y", Some("x.y"));
        check("POST", "/api/v1/workflows", "/api/v1/workflows", None);
        check("POST", "/resume/{token}", "/resume/secret", None);
    }
}
