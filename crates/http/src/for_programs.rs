//! Keeps pages in a browser away from servers of this host that take requests without a secret. Any page can have its
//! browser ask for a name of the page's own that leads to 127.0.0.1 (DNS rebinding), and reads the answer.

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use std::net::IpAddr;

const REFUSAL: &str = "refused: this is for programs on this host, not for pages in a browser; ask by an address, or \
                       as localhost\n";

const NOT_OURS: &str = "refused: this page is for browsers on this host. Ask for it as 127.0.0.1 or localhost; from another host \
                        through ssh -L, as weft web says\n";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Has `router` refuse what a page in a browser asked.
pub fn for_programs(router: Router) -> Router {
    router.layer(middleware::from_fn(async |request: Request, next: Next| -> Response {
        if is_from_a_page(request.headers()) {
            return (StatusCode::FORBIDDEN, REFUSAL).into_response();
        }
        next.run(request).await
    }))
}

/// Has `router` refuse what another page than its own asked, or another host: it is asked for as what leads to this host alone,
/// and by nobody who says to be from elsewhere.
pub fn for_this_hosts_pages(router: Router) -> Router {
    router.layer(middleware::from_fn(async |request: Request, next: Next| -> Response {
        if !is_from_its_own_page(request.headers()) {
            return (StatusCode::FORBIDDEN, NOT_OURS).into_response();
        }
        next.run(request).await
    }))
}

/// Whether it was asked by the name of this host's loopback, from there if a page did.
fn is_from_its_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("."));
    let Some(host) = text(header::HOST) else { return false };
    let (name, _) = apart(host);
    let is_loopback = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let is_own = text(header::ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    // A browser says so itself, where its request has no origin (Fetch Metadata).
    let is_elsewhere = text(SEC_FETCH_SITE).is_some_and(|site| matches!(site, "cross-site" | "same-site"));
    let navigates = text(SEC_FETCH_MODE) == Some("navigate");
    is_loopback && is_own && (!is_elsewhere || navigates)
}

/// Whether a page may have asked: it says where it is from, or asks for a name that can be somebody's on the internet.
fn is_from_a_page(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("."));
    headers.contains_key(header::ORIGIN) || host.is_some_and(|host| !is_of_this_host(host))
}

/// Whether `host`, with or without a port, is an address or a name without a dot, as in `/etc/hosts`.
fn is_of_this_host(host: &str) -> bool {
    let (address, name) = apart(host);
    !name.contains('.') && !name.contains(':') || address.parse::<IpAddr>().is_ok()
}

/// The name of a host without its port: without the brackets that an address may be in, and with them.
fn apart(host: &str) -> (&str, &str) {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    (name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_programs() {
        let asks = |headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            is_from_a_page(&headers.collect())
        };
        for host in
            ["127.0.0.1:8500", "127.0.0.1", "localhost:8500", "localhost", "[::1]:8500", "[::1]", "host1"]
        {
            assert!(!asks(&[("host", host)]), "{host}");
            assert!(asks(&[("host", host), ("origin", "https://evil.example")]), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8500", "localhost.evil.example:1", "a.b", "127.0.0.1.", "."]
        {
            assert!(asks(&[("host", host)]), "{host}");
        }
        // HTTP/1.0 without it.
        assert!(!asks(&[]));
    }

    #[test]
    fn a_page_is_asked_for_as_loopback_and_by_itself() {
        let own = |headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            is_from_its_own_page(&headers.collect())
        };
        for host in
            ["127.0.0.1:4780", "127.0.0.1", "localhost:4780", "LOCALHOST", "[::1]:4780", "127.0.0.2:1"]
        {
            assert!(own(&[("host", host)]), "{host}");
            let origin = format!("http://{host}");
            assert!(own(&[("host", host), ("origin", &origin), ("sec-fetch-site", "same-origin")]), "{host}");
            assert!(!own(&[("host", host), ("origin", "http://evil.example")]), "{host}");
            assert!(!own(&[("host", host), ("origin", "null")]), "{host}");
            assert!(!own(&[("host", host), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]));
            // A link on another page that leads here.
            assert!(own(&[("host", host), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
        }
        for host in
            ["evil.example", "localhost.evil.example", "192.168.77.11", "host1", "0.0.0.0", "", "[::]:1"]
        {
            assert!(!own(&[("host", host)]), "{host}");
        }
        assert!(!own(&[]));
    }
}
