//! What is said from one hop to the next, and not passed on (RFC 9110 §7.6.1).

use axum::http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, TE, TRANSFER_ENCODING, UPGRADE},
};

/// Takes it off. How the body is framed stays: of two ways to say it, only one has been let in.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| name != TRANSFER_ENCODING)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}
