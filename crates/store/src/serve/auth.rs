//! Which clients may use the store.

use super::reply::Error;
use crate::Secret;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use std::sync::Arc;

/// Lets requests with the token through, given as Consul's clients do.
pub(super) async fn check(
    State(token): State<Arc<Option<Secret>>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    if let Some(token) = &*token
        && !knows(request.headers(), token)
    {
        let reason = "Permission denied: the token (X-Consul-Token) is missing or wrong";
        return Err(Error::new(StatusCode::FORBIDDEN, reason));
    }
    Ok(next.run(request).await)
}

fn knows(headers: &HeaderMap, token: &Secret) -> bool {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let given = headers.get("x-consul-token").map(|value| value.as_bytes()).or(bearer);
    given.is_some_and(|given| token.is(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens() {
        let token = Secret::new("s3cret", "here").unwrap();
        let with = |name: &'static str, value: &str| {
            knows(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]), &token)
        };
        assert!(with("x-consul-token", "s3cret"));
        assert!(with("authorization", "Bearer s3cret"));
        for wrong in ["", "s3cre", "s3cret ", "S3CRET", "s3crets"] {
            assert!(!with("x-consul-token", wrong), "{wrong:?}");
        }
        assert!(!with("authorization", "Basic s3cret"));
        assert!(!knows(&HeaderMap::new(), &token));
    }
}
