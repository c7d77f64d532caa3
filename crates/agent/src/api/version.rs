//! The version in front of the path: `/v1.50/networks`.

use axum::{
    extract::Request,
    http::{StatusCode, Uri, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse, Response},
};
use weft_api::docker::{API_VERSION, MIN_API_VERSION};
use weft_network_api::ErrorAnswer;

/// Takes the version off the path, since the answers are the same in all that are served.
pub(super) async fn strip(mut request: Request, next: Next) -> Response {
    if let Some((version, rest)) = split(request.uri()) {
        if let Some(message) = refusal(version) {
            return ErrorAnswer::new(StatusCode::BAD_REQUEST, message).into_response();
        }
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(rest);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    next.run(request).await
}

type Version = (u32, u32);

fn split(uri: &Uri) -> Option<(Version, PathAndQuery)> {
    let whole = uri.path_and_query()?.as_str();
    let (version, rest) = whole.strip_prefix("/v")?.split_once('/')?;
    Some((parse(version)?, format!("/{rest}").parse().ok()?))
}

fn parse(version: &str) -> Option<Version> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Why `version` is not served, in the engine's words, which clients look for.
fn refusal(version: Version) -> Option<String> {
    let (oldest, newest) = (parse(MIN_API_VERSION)?, parse(API_VERSION)?);
    let given = format!("{}.{}", version.0, version.1);
    if version < oldest {
        return Some(format!(
            "client version {given} is too old. Minimum supported API version is {MIN_API_VERSION}, please \
             upgrade your client to a newer version"
        ));
    }
    (version > newest)
        .then(|| format!("client version {given} is too new. Maximum supported API version is {API_VERSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_what_has_a_version() {
        let split = |uri: &str| split(&uri.parse().unwrap()).map(|(v, rest)| (v, rest.to_string()));
        assert_eq!(split("/v1.50/networks?x=1"), Some(((1, 50), "/networks?x=1".to_owned())));
        assert_eq!(split("/volumes/x"), None);
        assert_eq!(split("/v1.50"), None);
        assert_eq!(split("/v1/networks"), None);
    }

    #[test]
    fn refuses_what_is_too_old_or_too_new() {
        assert!(refusal((1, 23)).unwrap().contains("too old"));
        assert!(refusal((1, 99)).unwrap().contains("too new"));
        assert!(refusal((2, 0)).unwrap().contains("too new"));
        assert_eq!(refusal((1, 24)), None);
        assert_eq!(refusal((1, 50)), None);
    }
}
