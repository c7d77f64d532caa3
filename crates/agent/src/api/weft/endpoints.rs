//! `/weft/v1/endpoints`.

use crate::api::{
    FromAfar, SharedVerbs,
    extract::{Json, Path, Query},
    reply::Reply,
};
use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use std::collections::BTreeMap;
use weft_api::v1;
use weft_model::{NodeName, OwnerKey};
use weft_verbs::{Attach, Attached, EndpointView, Error, JoinOptions};

/// Which endpoints to list.
#[derive(Deserialize)]
pub(super) struct Which {
    /// Those of one network: its name, id, or a start of its id.
    network: Option<String>,
    /// Those of one node.
    node: Option<NodeName>,
    /// Whether to say what has gone through those of this node.
    #[serde(default)]
    traffic: bool,
}

pub(super) async fn list(
    State(core): State<FromAfar>,
    Query(which): Query<Which>,
) -> Reply<axum::Json<Vec<v1::Endpoint>>> {
    let mut endpoints = chosen(&core, &which).await?;
    if endpoints.is_empty() {
        core.look_again().await;
        endpoints = chosen(&core, &which).await?;
    }
    if which.traffic {
        let counted = core.traffic().await;
        let counted: BTreeMap<_, _> = counted.into_iter().map(|it| (it.endpoint, it.traffic)).collect();
        for endpoint in &mut endpoints {
            endpoint.traffic = counted.get(&endpoint.id).copied();
        }
    }
    Ok(axum::Json(endpoints))
}

async fn chosen(core: &FromAfar, which: &Which) -> Result<Vec<v1::Endpoint>, Error> {
    let networks = match &which.network {
        Some(network) => vec![core.network(network).await?],
        None => core.networks(),
    };
    let mut endpoints = Vec::new();
    for view in networks {
        let (network, network_name) = (view.id, view.network.name);
        for (id, found) in view.endpoints {
            if which.node.as_ref().is_none_or(|node| *node == found.node) {
                let network_name = network_name.clone();
                endpoints.push(endpoint(EndpointView { id, endpoint: found, network, network_name }));
            }
        }
    }
    Ok(endpoints)
}

pub(super) async fn attach(
    State(core): State<SharedVerbs>,
    Json(body): Json<v1::Attach>,
) -> Reply<(StatusCode, axum::Json<v1::Attached>)> {
    if !body.netns.is_absolute() {
        let shown = body.netns.display();
        return Err(Error::invalid(format!("netns {shown} is not an absolute path")).into());
    }
    let options = JoinOptions { aliases: body.aliases, ipv4: body.ipv4, ipv6: body.ipv6, mac: body.mac };
    let request = Attach {
        network: body.network,
        name: body.name,
        netns: body.netns,
        options,
        owner: body.owner,
        container: body.container,
        interface: body.interface,
        ports: body.ports,
    };
    Ok((StatusCode::CREATED, axum::Json(attached(core.attach(request).await?))))
}

pub(super) async fn attachments(State(core): State<SharedVerbs>) -> axum::Json<Vec<v1::Attachment>> {
    let owned = core.owned().into_iter();
    axum::Json(owned.map(|(owner, view)| v1::Attachment { owner, endpoint: endpoint(view) }).collect())
}

/// Which endpoint to take off its network.
#[derive(Deserialize)]
pub(super) struct Owned {
    /// What its owner calls it.
    owner: OwnerKey,
}

pub(super) async fn detach_owned(
    State(core): State<SharedVerbs>,
    Query(Owned { owner }): Query<Owned>,
) -> Reply<StatusCode> {
    core.detach_owned(&owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn attached(attached: Attached) -> v1::Attached {
    let subnet = |(address, gateway)| v1::AttachedSubnet { address, gateway };
    v1::Attached {
        endpoint: endpoint(attached.endpoint),
        interface: attached.interface,
        subnets: attached.addresses.into_iter().map(subnet).collect(),
        default_route: attached.default_route,
        mtu: attached.mtu,
    }
}

pub(super) async fn detach(
    State(core): State<FromAfar>,
    Path((network, endpoint)): Path<(String, String)>,
) -> Reply<StatusCode> {
    core.detach(&network, &endpoint).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn endpoint(view: EndpointView) -> v1::Endpoint {
    let endpoint = view.endpoint;
    v1::Endpoint {
        id: view.id,
        name: endpoint.name,
        aliases: endpoint.aliases,
        network: view.network,
        network_name: view.network_name,
        ipv4: endpoint.ipv4,
        ipv6: endpoint.ipv6,
        mac: endpoint.mac,
        node: endpoint.node,
        container: endpoint.container,
        created: endpoint.created,
        traffic: None,
    }
}
