//! Keeps pages in a browser away from servers of this host that take requests without a secret. Any page can have its
//! browser ask for a name of the page's own that leads to 127.0.0.1 (DNS rebinding), and reads the answer.

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use std::net::IpAddr;

const REFUSAL: &str = "refused: this is for programs on this host, not for pages in a browser; ask by an address, or \
                       as localhost\n";

/// Has `router` refuse what a page in a browser asked.
pub fn for_programs(router: Router) -> Router {
    router.layer(middleware::from_fn(async |request: Request, next: Next| -> Response {
        if is_from_a_page(request.headers()) {
            return (StatusCode::FORBIDDEN, REFUSAL).into_response();
        }
        next.run(request).await
    }))
}

/// Whether a page may have asked: it says where it is from, or asks for a name that can be somebody's on the internet.
fn is_from_a_page(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("."));
    headers.contains_key(header::ORIGIN) || host.is_some_and(|host| !is_of_this_host(host))
}

/// Whether `host`, with or without a port, is an address or a name without a dot, as in `/etc/hosts`.
fn is_of_this_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    !name.contains('.') && !name.contains(':') || address.parse::<IpAddr>().is_ok()
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
}
