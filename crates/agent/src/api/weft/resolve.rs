//! `/weft/v1/resolve`.

use crate::api::{FromAfar, extract::Query, reply::Reply};
use axum::{Json, extract::State};
use serde::Deserialize;
use weft_api::v1;
use weft_verbs::{Resolution, ResolvedAddress};

/// The question.
#[derive(Deserialize)]
pub(super) struct Question {
    name: String,
    /// The container that asks, by its name or id.
    #[serde(rename = "as")]
    container: String,
}

pub(super) async fn resolve(
    State(core): State<FromAfar>,
    Query(question): Query<Question>,
) -> Reply<Json<v1::Resolution>> {
    let Question { name, container } = question;
    let Resolution { container, node, networks, addresses } = core.resolve(&name, &container).await?;
    let answered_by = match addresses {
        Some(_) => v1::AnsweredBy::Weft,
        None => v1::AnsweredBy::NameServer,
    };
    let records = addresses.into_iter().flatten().map(record).collect();
    Ok(Json(v1::Resolution { name, container, node, networks, answered_by, records }))
}

fn record(resolved: ResolvedAddress) -> v1::AddressRecord {
    let ResolvedAddress { address, network, endpoint } = resolved;
    let (endpoint, node) = endpoint.unzip();
    let kind = if address.is_ipv4() { "A" } else { "AAAA" };
    v1::AddressRecord { kind: kind.to_owned(), address, network, endpoint, node }
}
