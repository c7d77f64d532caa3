//! The names that are offered: asked of the agent that `WEFT_HOST` names, or this host's, for half a second at most. Where it
//! does not answer there are none, and nothing is said: a line is being typed.

use crate::client::{Client, Place};
use clap::Parser;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use serde::de::DeserializeOwned;
use std::{collections::BTreeSet, time::Duration};
use tokio::runtime::Builder;
use weft_api::{docker, v1};

/// How long a shell waits.
const WITHIN: Duration = Duration::from_millis(500);

/// A command line without a command.
#[derive(Parser)]
struct Nowhere {
    #[command(flatten)]
    place: Place,
}

/// The names of networks.
pub(crate) fn networks() -> ArgValueCandidates {
    offered(async |client| of(client, "/networks", |network: docker::Network| Some(network.name)).await)
}

/// The names of hosts.
pub(crate) fn nodes() -> ArgValueCandidates {
    offered(async |client| all_nodes(client).await)
}

/// The names of what is on networks, on all hosts.
pub(crate) fn containers() -> ArgValueCandidates {
    offered(async |client| all_containers(client).await)
}

/// The names of what is on networks on the host that is asked: there, traffic is counted.
pub(crate) fn containers_here() -> ArgValueCandidates {
    let here = |endpoint: v1::Endpoint| endpoint.traffic.map(|_| endpoint.name.to_string());
    offered(async move |client| of(client, "/weft/v1/endpoints?traffic=true", here).await)
}

/// The names of hosts, and of what is on networks.
pub(crate) fn containers_and_nodes() -> ArgValueCandidates {
    offered(async |client| {
        let (mut names, containers) = tokio::join!(all_nodes(client), all_containers(client));
        names.extend(containers);
        names
    })
}

/// The names of processes of this host.
pub(crate) fn processes() -> ArgValueCandidates {
    let name = |process: v1::Process| Some(process.name.to_string());
    offered(async move |client| of(client, "/weft/v1/processes", name).await)
}

async fn all_nodes(client: &Client) -> BTreeSet<String> {
    of(client, "/weft/v1/nodes", |node: v1::Node| Some(node.name.to_string())).await
}

async fn all_containers(client: &Client) -> BTreeSet<String> {
    of(client, "/weft/v1/endpoints", |endpoint: v1::Endpoint| Some(endpoint.name.to_string())).await
}

/// The names in a list of the agent's.
async fn of<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    name: impl Fn(T) -> Option<String>,
) -> BTreeSet<String> {
    let all = client.get::<Vec<T>>(path).await.unwrap_or_default();
    all.into_iter().filter_map(name).collect()
}

/// What is asked in that time.
fn offered(ask: impl AsyncFn(&Client) -> BTreeSet<String> + Send + Sync + 'static) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let place = Nowhere::try_parse_from(["weft"]).ok().map(|nowhere| nowhere.place);
        let client = place.and_then(|place| place.client().ok());
        let runtime = Builder::new_current_thread().enable_all().build().ok();
        let Some((client, runtime)) = client.zip(runtime) else { return Vec::new() };
        let names = runtime.block_on(async { tokio::time::timeout(WITHIN, ask(&client)).await });
        // A name server may take longer.
        runtime.shutdown_background();
        names.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
    })
}
