//! Which clients may use the store.

use super::reply::Error;
use crate::{Asker, EmbeddedStore, Secret};
use axum::{
    extract::{FromRef, FromRequestParts, Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::Response,
};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use weft_trust::{Barred, Subject};

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

/// Who is let in, by what.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) access: Access,
    /// Whether a client that shows a token might as well show a certificate.
    pub(super) certificates: bool,
    /// Whether that was said.
    said: AtomicBool,
}

impl Door {
    pub(super) fn new(access: Access, certificates: bool) -> Self {
        Self { access, certificates, said: AtomicBool::new(false) }
    }

    /// Hosts of before stay, and are to be seen.
    fn note_plain(&self) {
        if self.certificates && !self.said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "clients without a certificate use the store in clear, with its token: join those hosts with a token of \
                 `weft node token`, and say trust = \"signed\" everywhere; such clients are refused from then on"
            );
        }
    }
}

/// On a request: it came on a connection on which a member showed its certificate.
#[derive(Debug, Clone)]
pub(super) struct OfMember {
    pub(super) subject: Arc<Subject>,
    pub(super) barred: Arc<Barred>,
    /// What it may write; anything if absent.
    pub(super) asker: Option<Asker>,
}

/// Lets requests of members through, and those with the token, given as Consul's clients do.
pub(super) async fn check(
    State(door): State<Arc<Door>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let refused = match (request.extensions().get::<OfMember>(), &door.access) {
        (Some(member), _) if member.barred.has(&member.subject.id) => {
            let reason = "Permission denied: the certificate of this host was revoked";
            Some(Error::new(StatusCode::FORBIDDEN, reason))
        }
        (Some(_), _) | (None, Access::Open) => None,
        (None, Access::Token(token)) if knows(request.headers(), token) => {
            door.note_plain();
            None
        }
        (None, Access::Token(_)) => {
            let reason = "Permission denied: the token (X-Consul-Token) is missing or wrong";
            Some(Error::new(StatusCode::FORBIDDEN, reason))
        }
        (None, Access::Certificate) => {
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

/// The store, as whoever asks may use it: the only way of a request to it.
pub(super) struct Store(pub(super) EmbeddedStore);

impl<S: Send + Sync> FromRequestParts<S> for Store
where
    EmbeddedStore: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let store = EmbeddedStore::from_ref(state);
        // Who shows no certificate may do what this host may, by the handle that is served.
        let asker = parts.extensions.get::<OfMember>().and_then(|member| member.asker.clone());
        Ok(Self(asker.map_or_else(|| store.clone(), |asker| store.asked_by(asker))))
    }
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
