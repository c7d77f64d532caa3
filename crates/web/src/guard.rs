//! What every answer says to the browser, and who gets none: other pages, other hosts, whoever wants to change something.

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use weft_http::for_this_hosts_pages;

/// The page runs what came with it, and asks only who served it. It has no form, and is in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

const READ_ONLY: &str = "refused: this page shows the cluster and changes nothing; it is asked by GET alone. The commands of \
                         weft change things: weft --help\n";

/// Has `router` answer who may ask, with what every answer says.
pub(crate) fn guarded(router: Router) -> Router {
    let router = router.layer(middleware::from_fn(async |request: Request, next: Next| -> Response {
        match *request.method() {
            Method::GET | Method::HEAD => next.run(request).await,
            _ => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], READ_ONLY).into_response(),
        }
    }));
    for_this_hosts_pages(router).layer(middleware::from_fn(
        async |request: Request, next: Next| -> Response {
            let mut response = next.run(request).await;
            for (name, value) in ALWAYS {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            response
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, routing::get};
    use tower::ServiceExt;

    async fn answer(method: &str, host: &str) -> Response {
        let request = Request::builder().method(method).uri("/").header("host", host);
        let router = guarded(Router::new().route("/", get(async || "here")));
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn every_answer_has_the_policy_and_nothing_is_changed() {
        for (method, host, status) in [
            ("GET", "127.0.0.1:4780", 200),
            ("HEAD", "localhost", 200),
            ("GET", "evil.example", 403),
            ("GET", "192.168.77.11:4780", 403),
            ("POST", "127.0.0.1:4780", 405),
            ("DELETE", "127.0.0.1:4780", 405),
        ] {
            let answer = answer(method, host).await;
            assert_eq!(answer.status().as_u16(), status, "{method} {host}");
            let policy = answer.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
            assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        }
    }
}
