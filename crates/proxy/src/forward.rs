//! A request on its way to the engine, and its answer on the way back.

use super::{
    engine::{Engine, EngineError},
    hops,
    tunnel::End,
    upload,
};
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version,
        header::{CONNECTION, HOST, UPGRADE},
        request::Parts,
    },
};

/// What a client gets.
pub(super) enum Reply {
    /// An answer.
    Answer(Response<Body>),
    /// An answer, after which the connection is the engine's.
    Switch(Response<Body>, End),
    /// The same where the client does not know that such an answer exists.
    Hijack(Response<Body>, End),
}

impl<T: Into<Body>> From<Response<T>> for Reply {
    fn from(response: Response<T>) -> Self {
        Self::Answer(response.map(Into::into))
    }
}

/// Passes a request on as it came, and the answer back. `hijack` says that what is asked for takes the connection
/// over also where the client did not ask for that.
pub(super) async fn forward(
    engine: &Engine,
    request: Request<Body>,
    hijack: bool,
) -> Result<Reply, EngineError> {
    // The engine looks at this header alone, and so do its clients.
    let asked_to_switch = request.headers().contains_key(UPGRADE);
    let (mut parts, body) = request.into_parts();
    outgoing(&mut parts);
    if hijack && !asked_to_switch {
        switch_to(&mut parts.headers, &[HeaderValue::from_static("tcp")]);
    }
    let (request, sent) = upload::watch(Request::from_parts(parts, body));
    let answer = engine.send(request).await?;
    if answer.head().status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Reply::Answer(answer.into_response()));
    }
    // The rest of a request must not be read as the start of the next one.
    let wrong = || EngineError::Switched(engine.socket().to_owned());
    if !(asked_to_switch || hijack) || !sent.all() {
        return Err(wrong());
    }
    let mut response = Response::new(Body::empty());
    let head = answer.head();
    *response.status_mut() = head.status();
    response.headers_mut().clone_from(head.headers());
    response.extensions_mut().clone_from(head.extensions());
    let end = answer.into_end().await.ok_or_else(wrong)?;
    Ok(if asked_to_switch { Reply::Switch(response, end) } else { Reply::Hijack(response, end) })
}

/// Makes of a request to us one to the engine.
fn outgoing(parts: &mut Parts) {
    let upgrade: Vec<_> = parts.headers.get_all(UPGRADE).iter().cloned().collect();
    hops::strip(&mut parts.headers);
    if !upgrade.is_empty() {
        switch_to(&mut parts.headers, &upgrade);
    }
    // RFC 9112 §3.2.2: what an absolute URI says of the host counts.
    if let Some(host) = parts.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        parts.headers.insert(HOST, host);
    } else if parts.version == Version::HTTP_10 {
        // They need not say it there, and must in the version that we speak.
        parts.headers.entry(HOST).or_insert(HeaderValue::from_static("docker"));
    }
    parts.version = Version::HTTP_11;
    if let Some(path) = parts.uri.path_and_query().cloned() {
        parts.uri = Uri::from(path);
    }
}

fn switch_to(headers: &mut HeaderMap, protocols: &[HeaderValue]) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    for protocol in protocols {
        headers.append(UPGRADE, protocol.clone());
    }
}
