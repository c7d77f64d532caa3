//! From HTTP to a call, and from what came of it to HTTP. There always is an answer.

use super::Driver;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use weft_docker::plugin::{NetworkCall, PluginCall, PluginProtocol, PluginRefusal, PluginReply};
use weft_verbs::Error;

/// The largest body that is read, in bytes. The largest meaningful one, a network with many auxiliary
/// addresses, has a tenth of it.
const MAX_BODY: usize = 1 << 20;

/// How long a body may take to arrive, and how long a call that waits for the store may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a call may take that also waits for the kernel, which may have a lot to do. The core ends it before that,
/// and takes back what it did.
pub(super) const LONGEST: Duration = Duration::from_secs(15);

/// Answers an engine's calls: each is posted to the path of its name.
pub(crate) fn router(driver: Arc<Driver>) -> Router {
    Router::new().fallback(answer).with_state(driver)
}

async fn answer(State(driver): State<Arc<Driver>>, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let method = parts.uri.path().trim_start_matches('/');
    let (status, answer) = match read(method, body).await {
        Ok(call) => driver.attend(method, call).await,
        Err(answer) => answer,
    };
    driver.metrics.docker.answered(PluginCall::name_of(method), answer.is_ok(), began.elapsed());
    if let Err(refusal) = &answer {
        tracing::info!(method, why = refusal.message(), took = ?began.elapsed(), "refused");
    } else {
        tracing::debug!(method, took = ?began.elapsed(), "answered");
    }
    // Neither has anything that JSON cannot say.
    let json = answer.map_or_else(|no| serde_json::to_vec(&no), |yes| serde_json::to_vec(&yes));
    (status, [(CONTENT_TYPE, "application/json")], json.unwrap_or_default()).into_response()
}

/// An answer, and its status: the protocols say no with success, as HTTP sees it.
type Answer = (StatusCode, Result<PluginReply, PluginRefusal>);

fn refused(method: &str, message: impl Into<String>) -> Answer {
    (StatusCode::OK, Err(PluginRefusal::new(PluginProtocol::of(method), message)))
}

async fn read(method: &str, body: Body) -> Result<PluginCall, Answer> {
    let body: Bytes = match timeout(PATIENCE, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => {
            let why = weft_model::chain(&error);
            let message = format!("cannot read the body of {method}, of at most {MAX_BODY} bytes: {why}");
            return Err(refused(method, message));
        }
        Err(_) => {
            return Err(refused(method, format!("the body of {method} did not come within {PATIENCE:?}")));
        }
    };
    PluginCall::parse(method, &body).map_err(|error| {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Err(error.refusal()))
    })
}

impl Driver {
    async fn attend(self: &Arc<Self>, method: &str, call: PluginCall) -> Answer {
        let (patience, tells) = (patience(&call), is_news(&call));
        let driver = Arc::clone(self);
        let answer = self.settle(method, patience, async move { driver.carry_out(call).await }).await;
        if tells {
            self.shared.look.notify_one();
        }
        answer
    }

    /// What came of carrying out a call. If that takes too long, it goes on to its end, beyond the verb: the driver notes
    /// what came of that, and what the engine asks next of the same endpoint waits for it.
    pub(super) async fn settle(
        &self,
        method: &str,
        patience: Duration,
        carrying_out: impl Future<Output = Result<PluginReply, Error>> + Send + 'static,
    ) -> Answer {
        match timeout(patience, tokio::spawn(carrying_out)).await {
            Ok(Ok(Ok(reply))) => (StatusCode::OK, Ok(reply)),
            Ok(Ok(Err(error))) => refused(method, error.message),
            Ok(Err(error)) => {
                tracing::error!(method, %error, "a call failed in a way that it must not: please report this");
                refused(method, "it failed inside the agent: please report this with the agent's log")
            }
            Err(_) => refused(method, self.overdue(patience)),
        }
    }

    /// Why a call was not carried out in time.
    fn overdue(&self, patience: Duration) -> String {
        let store = self.verbs.status().store;
        let waiting_for = match store.error {
            Some(why) => format!("the store, {}, which is out of reach: {why}", store.description),
            None => format!("the store, {}, or the kernel: see `weft status`", store.description),
        };
        format!(
            "not done after {patience:?} of waiting for {waiting_for}. Running containers are not affected"
        )
    }
}

fn patience(call: &PluginCall) -> Duration {
    match call {
        PluginCall::Network(NetworkCall::Join(_) | NetworkCall::DeleteEndpoint(_)) => LONGEST,
        _ => PATIENCE,
    }
}

/// Whether there is something now that the engine has to be asked about.
fn is_news(call: &PluginCall) -> bool {
    matches!(
        call,
        PluginCall::Network(
            NetworkCall::CreateNetwork(_)
                | NetworkCall::DeleteNetwork(_)
                | NetworkCall::CreateEndpoint(_)
                | NetworkCall::Join(_)
                | NetworkCall::DeleteEndpoint(_)
        )
    )
}
