//! What a request is about.
//!
//! Looked at as the engine looks at it, which decodes a path and cleans it before it compares it: no way of
//! writing a path leads past us to the engine's own answer. What is passed on is what was read here, written
//! anew: nobody reads the same bytes in another way.

use axum::http::{Method, Uri};

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The version in front of the path, as `/v1.50`, or nothing.
    pub(super) version: String,
    /// What is asked for.
    pub(super) what: What,
}

/// What is asked for. Networks are named as the engine takes them: by name, id, or a start of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// `GET /networks`
    ListNetworks,
    /// `POST /networks/create`
    CreateNetwork,
    /// `POST /networks/prune`
    PruneNetworks,
    /// `GET /networks/{network}`
    InspectNetwork(String),
    /// `DELETE /networks/{network}`
    RemoveNetwork(String),
    /// `POST /networks/{network}/connect`
    Connect(String),
    /// `POST /networks/{network}/disconnect`
    Disconnect(String),
    /// `POST /containers/{container}/attach` and `POST /exec/{id}/start`: the connection becomes the
    /// container's, whether the client asked for an upgrade or not.
    Hijack,
    /// Anything else.
    Other,
}

impl Route {
    /// Reads what `method` asks of `uri`.
    pub(super) fn of(method: &Method, uri: &Uri) -> Self {
        let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy();
        let mut segments = clean(&path);
        let versioned = segments.first().is_some_and(|first| is_version(first));
        let version = if versioned { format!("/{}", segments.remove(0)) } else { String::new() };
        Self { version, what: What::of(method, &segments) }
    }
}

impl What {
    fn of(method: &Method, segments: &[&str]) -> Self {
        let named = |name: &str| name.to_owned();
        match (method, segments) {
            (&Method::GET, ["networks"]) => Self::ListNetworks,
            (&Method::GET, ["networks", network]) => Self::InspectNetwork(named(network)),
            (&Method::POST, ["networks", "create"]) => Self::CreateNetwork,
            (&Method::POST, ["networks", "prune"]) => Self::PruneNetworks,
            (&Method::DELETE, ["networks", network]) => Self::RemoveNetwork(named(network)),
            (&Method::POST, ["networks", network, "connect"]) => Self::Connect(named(network)),
            (&Method::POST, ["networks", network, "disconnect"]) => Self::Disconnect(named(network)),
            (&Method::POST, ["containers", _, "attach"] | ["exec", _, "start"]) => Self::Hijack,
            _ => Self::Other,
        }
    }
}

/// The segments of a path without detours.
fn clean(path: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments
}

/// As the engine's router: `/v{version:[0-9.]+}` (moby, `daemon/server/server.go`).
fn is_version(segment: &str) -> bool {
    let version = segment.strip_prefix('v').unwrap_or_default();
    !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn what(method: &str, uri: &str) -> What {
        Route::of(&method.parse().unwrap(), &uri.parse().unwrap()).what
    }

    #[test]
    fn versions_come_off() {
        let route = Route::of(&Method::GET, &"/v1.50/networks?filters=x".parse().unwrap());
        assert_eq!(route, Route { version: "/v1.50".to_owned(), what: What::ListNetworks });
        for uri in ["/networks", "/networks/", "/v1.24/networks", "/v9/networks", "http://docker/networks"] {
            assert_eq!(what("GET", uri), What::ListNetworks, "{uri}");
        }
        assert_eq!(what("GET", "/volumes/networks"), What::Other);
        assert_eq!(what("GET", "/vx/networks"), What::Other);
        assert_eq!(what("GET", "/v/networks"), What::Other);
    }

    #[test]
    fn each_method_asks_for_something_else() {
        assert_eq!(what("POST", "/networks/create"), What::CreateNetwork);
        assert_eq!(what("GET", "/networks/create"), What::InspectNetwork("create".to_owned()));
        assert_eq!(what("DELETE", "/networks/prune"), What::RemoveNetwork("prune".to_owned()));
        assert_eq!(what("POST", "/networks/prune"), What::PruneNetworks);
        assert_eq!(what("POST", "/networks/n/connect"), What::Connect("n".to_owned()));
        assert_eq!(what("POST", "/v1.41/networks/n/disconnect"), What::Disconnect("n".to_owned()));
        assert_eq!(what("POST", "/containers/c/attach?stream=1"), What::Hijack);
        assert_eq!(what("POST", "/v1.50/exec/e/start"), What::Hijack);
        assert_eq!(what("GET", "/containers/c/attach/ws"), What::Other);
        assert_eq!(what("OPTIONS", "*"), What::Other);
    }

    #[test]
    fn no_way_of_writing_leads_past() {
        for uri in [
            "//networks//create",
            "/./networks/create/",
            "/x/../networks/create",
            "/../../networks/create",
            "/networks%2fcreate",
            "/%6Eetworks/%63reate",
            "/v1.50//networks/./create",
            "/v1.50%2Fnetworks/create",
            "http://elsewhere:1/networks/create?x=/y",
            "/networks/create#fragment",
        ] {
            assert_eq!(what("POST", uri), What::CreateNetwork, "{uri}");
        }
        // Decoded once, as the engine does.
        assert_eq!(what("POST", "/%256Eetworks/create"), What::Other);
        assert_eq!(what("GET", "/networks/%FF"), What::InspectNetwork("\u{FFFD}".to_owned()));
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "/[a-z0-9%./ ]{0,40}") {
            if let Ok(uri) = path.parse() {
                Route::of(&Method::POST, &uri);
            }
        }

        #[test]
        fn detours_change_nothing(
            detours in prop::collection::vec("(/|/\\./|/x/\\.\\./|%2f|//)", 3),
            id in "[a-z0-9]{1,12}",
        ) {
            let [a, b, c] = [&detours[0], &detours[1], &detours[2]];
            let uri = format!("/{a}networks{b}{id}{c}connect");
            prop_assert_eq!(what("POST", &uri), What::Connect(id));
        }
    }
}
