//! Who asks, on one connection.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::CONNECTION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{net::SocketAddr, sync::Arc};
use weft_network_api::ErrorAnswer;
use weft_trust::{Barred, User};

/// A client that was let in.
pub(super) struct Caller {
    /// Nobody, if the certificate is by another authority.
    user: Option<User>,
    from: SocketAddr,
    barred: Arc<Barred>,
}

impl Caller {
    /// By the certificate that was shown and found good.
    pub(super) fn of(
        connection: &rustls::ServerConnection,
        from: SocketAddr,
        barred: &Arc<Barred>,
    ) -> Option<Self> {
        let shown = connection.peer_certificates()?.first()?;
        Some(Self { user: User::of(shown).ok(), from, barred: Arc::clone(barred) })
    }

    fn is_revoked(&self) -> bool {
        self.user.as_ref().is_some_and(|user| self.barred.has(&user.id))
    }
}

/// Has a request answered, unless its user was revoked since the connection began. One that changes something is in the
/// log, with who asked, and what it was answered.
pub(super) async fn attend(State(caller): State<Arc<Caller>>, request: Request, next: Next) -> Response {
    let user = caller.user.as_ref().map_or("(by another authority)", |user| user.name.as_str());
    if caller.is_revoked() {
        let message = format!("the certificate of {user} was revoked");
        let mut answer = ErrorAnswer::new(StatusCode::FORBIDDEN, message).into_response();
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return answer;
    }
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (method, path) =
        (request.method().clone(), request.uri().path().chars().take(200).collect::<String>());
    let answer = next.run(request).await;
    let status = answer.status().as_u16();
    tracing::info!(user, from = %caller.from, %method, path, status, "asked through the remote API");
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_connection_that_is_open_ends_with_the_certificate_of_its_user() {
        let user = User { name: "alice".parse().unwrap(), id: "1".repeat(64).parse().unwrap() };
        let (id, barred) = (user.id, Arc::<Barred>::default());
        let from = "192.0.2.1:1".parse().unwrap();
        let caller = Arc::new(Caller { user: Some(user), from, barred: Arc::clone(&barred) });
        let router = Router::new().route("/", get(async || "here"));
        let router = router.layer(middleware::from_fn_with_state(caller, attend));
        let ask = || router.clone().oneshot(Request::builder().uri("/").body(Body::empty()).unwrap());
        assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
        barred.set([id].into());
        let refused = ask().await.unwrap();
        assert_eq!(
            (refused.status(), &refused.headers()[CONNECTION]),
            (StatusCode::FORBIDDEN, &"close".parse().unwrap())
        );
    }
}
