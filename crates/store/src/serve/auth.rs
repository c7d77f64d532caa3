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

/// What clients have to show.
#[derive(Debug)]
pub(super) enum Access {
    /// Nothing: only this machine reaches the store.
    Open,
    /// A certificate of the cluster, or this token.
    Token(Secret),
    /// A certificate of the cluster.
    Certificate,
}

/// On a request: it came on a connection on which a member showed its certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfMember;

/// Lets requests of members through, and those with the token, given as Consul's clients do.
pub(super) async fn check(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let refused = match &*access {
        _ if request.extensions().get::<OfMember>().is_some() => None,
        Access::Open => None,
        Access::Token(token) if knows(request.headers(), token) => None,
        Access::Token(_) => {
            let reason = "Permission denied: the token (X-Consul-Token) is missing or wrong";
            Some(Error::new(StatusCode::FORBIDDEN, reason))
        }
        Access::Certificate => {
            let reason = "This store is for members of its cluster, who speak TLS with certificates (weft://): `weft join`";
            Some(Error::new(StatusCode::BAD_REQUEST, reason))
        }
    };
    match refused {
        Some(error) => Err(error),
        None => Ok(next.run(request).await),
    }
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
