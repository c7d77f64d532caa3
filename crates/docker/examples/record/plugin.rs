//! The plugin's socket, and what was heard on it.

use crate::stub::{self, Stub};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};
use tokio::net::UnixListener;
use weft_docker::plugin::{NetworkCall, PluginCall, PluginProtocol, PluginRefusal};
use weft_model::EndpointId;

const SOCKET: &str = "/run/docker/plugins/weft.sock";

/// Calls in order, as JSON.
pub(crate) type Calls = Arc<Mutex<Vec<Value>>>;

/// Listens, and answers from now on.
pub(crate) fn serve() -> Calls {
    let path = Path::new(SOCKET);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).unwrap();
    let (calls, stub) = (Calls::default(), Arc::new(Mutex::new(Stub::default())));
    let heard = Arc::clone(&calls);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (heard, stub) = (Arc::clone(&heard), Arc::clone(&stub));
            let service = service_fn(move |request| answer(request, Arc::clone(&heard), Arc::clone(&stub)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    calls
}

async fn answer(
    request: Request<Incoming>,
    heard: Calls,
    stub: Arc<Mutex<Stub>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let method = request.uri().path().trim_start_matches('/').to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let call =
        PluginCall::parse(&method, &body).unwrap_or_else(|error| panic!("{method}: {error}: {body:?}"));
    plug(&call);
    let reply = match stub.lock().unwrap().answer(&call) {
        Ok(reply) => serde_json::to_value(reply),
        Err(message) => serde_json::to_value(PluginRefusal::new(PluginProtocol::of(&method), message)),
    };
    let reply = reply.unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    heard.lock().unwrap().push(json!({"method": method, "request": request, "reply": reply}));
    Ok(Response::new(Full::new(reply.to_string().into())))
}

/// Makes and removes the interfaces that the engine moves.
fn plug(call: &PluginCall) {
    let outer = |id: &EndpointId| stub::inner(id).to_string().replace("in-", "out-");
    let ip = |args: &[&str]| drop(Command::new("ip").arg("link").args(args).output().unwrap());
    match call {
        PluginCall::Network(NetworkCall::Join(join)) => {
            let (outer, inner) = (outer(&join.endpoint), stub::inner(&join.endpoint).to_string());
            ip(&["add", &outer, "type", "veth", "peer", "name", &inner]);
        }
        PluginCall::Network(NetworkCall::DeleteEndpoint(gone)) => ip(&["delete", &outer(&gone.endpoint)]),
        _ => {}
    }
}
