//! `/weft/v1/ping`.

use crate::api::{SharedVerbs, extract::Query, reply::Reply};
use axum::{Json, extract::State};
use serde::Deserialize;
use weft_api::v1;
use weft_verbs::{Ping, Pinged, PingedPlace};

/// The packet.
#[derive(Deserialize)]
pub(super) struct Packet {
    to: String,
    from: Option<String>,
    size: Option<u16>,
}

pub(super) async fn ping(
    State(core): State<SharedVerbs>,
    Query(packet): Query<Packet>,
) -> Reply<Json<v1::Pinged>> {
    let Packet { to, from, size } = packet;
    let Pinged { to, size, took, why } = core.ping(Ping { to, from, size }).await?;
    let took = took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    let (name, address, node, from) = match to {
        PingedPlace::Node { name, address } => (name.to_string(), address, None, None),
        PingedPlace::Endpoint { name, address, node, from } => {
            (name.to_string(), address, Some(node), Some(from))
        }
    };
    Ok(Json(v1::Pinged { name, address, node, from, size, round_trip_us: took, why }))
}
