//! What is not done for who asks from another host, and said so.

use axum::{
    Router,
    http::{StatusCode, Uri},
    routing::{any, delete, post},
};
use weft_network_api::ErrorAnswer;

/// The paths of what is there on the host itself.
pub(super) fn routes() -> Router {
    let all = [
        "/weft/v1/processes",
        "/weft/v1/processes/{*rest}",
        "/weft/v1/users/{*rest}",
        "/weft/v1/nodes/{node}/agent",
        "/weft/v1/authority",
        "/weft/v1/authority/{*rest}",
        "/weft/v1/leave",
        "/weft/v1/events",
        "/weft/v1/debug",
        "/weft/v1/explain",
        "/weft/v1/check",
        "/weft/v1/ping",
    ];
    let routes = Router::new().route("/weft/v1/nodes/{node}", delete(refuse));
    let routes = routes.route("/weft/v1/endpoints", post(refuse));
    all.into_iter().fold(routes, |routes, path| routes.route(path, any(refuse)))
}

async fn refuse(uri: Uri) -> ErrorAnswer {
    let mut parts = uri.path().split('/').skip(3);
    let about = match parts.next() {
        Some("nodes") if parts.nth(1).is_some() => "agents are asked who they are",
        Some("authority") => "the cluster's authority is looked at and replaced (weft ca)",
        Some("processes") => "processes (weft run, ps, exec, stop, logs, rm) are started and looked at",
        Some("endpoints") => "network namespaces are put on networks",
        Some("nodes" | "leave") => "hosts are taken out of the cluster",
        Some("users") => "users are removed",
        Some("events") => "events are listened to",
        Some("explain" | "check" | "ping") => "packets are sent (weft explain, check, ping)",
        _ => "a report for finding faults is made",
    };
    let message = format!(
        "{about} on a host of the cluster itself, through its socket, and not through the remote API: do it there, over ssh for \
         instance"
    );
    ErrorAnswer::new(StatusCode::FORBIDDEN, message)
}

#[cfg(test)]
mod tests {
    use crate::{
        api::{local_router, remote_router},
        events::Events,
    };
    use axum::{
        body::Body,
        http::{Request, StatusCode},
    };
    use std::{path::Path, sync::Arc};
    use tower::ServiceExt;
    use weft_verbs::fake::FakeVerbs;

    async fn status(remote: bool, method: &str, path: &str) -> StatusCode {
        let fake = FakeVerbs::new();
        let router = match remote {
            true => remote_router(fake, Arc::default()),
            false => local_router(fake, Arc::default(), Events::of(Path::new("/nonexistent"))),
        };
        let request = Request::builder().method(method).uri(path).body(Body::from("{}")).unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn what_is_about_processes_and_hosts_is_not_there_from_afar() {
        for local in [
            "GET /weft/v1/processes",
            "POST /weft/v1/processes",
            "GET /weft/v1/processes/x",
            "DELETE /weft/v1/processes/x",
            "POST /weft/v1/processes/x/stop",
            "GET /weft/v1/processes/x/wait",
            "GET /weft/v1/processes/x/logs",
            "POST /weft/v1/endpoints",
            "DELETE /weft/v1/nodes/host2",
            "DELETE /weft/v1/users/alice/x",
            "GET /weft/v1/nodes/host1/agent",
            "GET /weft/v1/authority",
            "POST /weft/v1/authority/rotate",
            "POST /weft/v1/leave",
            "GET /weft/v1/debug",
            "GET /weft/v1/events",
            "GET /weft/v1/explain?from=a&to=b",
            "GET /weft/v1/ping?to=b",
            "POST /v1.41/weft/v1/leave",
        ] {
            let (method, path) = local.split_once(' ').unwrap();
            assert_eq!(status(true, method, path).await, StatusCode::FORBIDDEN, "{local}");
            let here = status(false, method, path).await;
            assert!(
                here != StatusCode::FORBIDDEN && here != StatusCode::METHOD_NOT_ALLOWED,
                "{local}: {here}"
            );
        }
    }

    #[tokio::test]
    async fn networks_and_what_is_read_are_there_from_afar() {
        for both in [
            "/_ping",
            "/version",
            "/info",
            "/networks",
            "/v1.41/networks",
            "/weft/v1/nodes",
            "/weft/v1/endpoints",
            "/weft/v1/status",
            "/metrics",
        ] {
            for remote in [true, false] {
                assert_eq!(status(remote, "GET", both).await, StatusCode::OK, "{both}");
            }
        }
        assert_eq!(status(true, "GET", "/containers/json").await, StatusCode::NOT_IMPLEMENTED);
        assert_eq!(status(true, "GET", "/weft/v1/nothing").await, StatusCode::NOT_FOUND);
    }
}
