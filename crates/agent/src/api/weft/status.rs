//! `/weft/v1/status` and `/weft/v1/plan`.

use crate::api::{FromAfar, reply::Reply};
use axum::{Json, extract::State};
use std::time::Duration;
use weft_api::v1;
use weft_verbs::{
    Down, Drift, EngineStatus, Fenced, KernelStatus, LoggedProblem, NetworkStatus, PeerPath, Round, Status,
    StoreStatus,
};

pub(super) async fn status(State(core): State<FromAfar>) -> Json<v1::Status> {
    Json(report(core.examine().await))
}

pub(super) async fn plan(State(core): State<FromAfar>) -> Reply<Json<v1::Plan>> {
    Ok(Json(v1::Plan { steps: core.plan().await? }))
}

fn report(status: Status) -> v1::Status {
    v1::Status {
        node: status.node,
        id: status.id,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: status.started,
        advertise: status.advertise,
        vtep: status.vtep,
        vxlan_port: status.vxlan_port,
        tunnel_port: Some(status.tunnel_port),
        data_dir: status.data_dir,
        joined: status.joined,
        trust: status.trust,
        store: store(status.store),
        engine: status.engine.map(engine),
        counts: status.counts.named().map(|(what, count)| (what.to_owned(), count)).into(),
        leaving: status.leaving,
        unknown_keys: status.unknown_keys,
        down: status.down.into_iter().map(down).collect(),
        agreement: status.kernel.map(kernel),
        fenced: status.fenced.into_iter().map(fenced).collect(),
        round: status.round.map(round),
        problems: status.problems,
        paths: status.paths.into_iter().filter_map(broken).collect(),
        notes: status.notes,
        errors: status.errors.into_iter().map(logged).collect(),
    }
}

fn broken(path: PeerPath) -> Option<v1::BrokenPath> {
    Some(v1::BrokenPath { node: path.node, vtep: path.vtep, blocked: path.blocked, what: path.trouble? })
}

fn store(store: StoreStatus) -> v1::Store {
    v1::Store {
        url: store.description,
        prefix: store.prefix,
        cluster: store.cluster,
        refused: store.refused,
        since: store.since,
        error: store.error,
        lost: store.lost,
        remembered: store.remembered,
        answered: store.answered.map(|answered| answered.at),
        latency_us: store.answered.map(|answered| microseconds(answered.took)),
    }
}

fn engine(engine: EngineStatus) -> v1::Engine {
    v1::Engine {
        address: engine.address,
        since: engine.since,
        version: engine.version.as_ref().ok().cloned(),
        error: engine.version.err(),
    }
}

fn down(Down { node, since, expires, expired }: Down) -> v1::Down {
    v1::Down { node, since, expires, expired }
}

fn kernel(KernelStatus { at, error, networks, host }: KernelStatus) -> v1::KernelDrift {
    let network = |NetworkStatus { id, name, endpoints, mtu, drift: how }| v1::NetworkDrift {
        id,
        name,
        endpoints,
        mtu,
        standing: drift(how),
    };
    let networks = networks.into_iter().map(network).collect();
    v1::KernelDrift { at, error, networks, host: drift(host) }
}

fn drift(Drift { differences, agreed, differs_since }: Drift) -> v1::Drift {
    v1::Drift {
        agrees: differences.is_empty(),
        missing: differences.missing,
        extra: differences.extra,
        wrong: differences.wrong,
        problems: differences.problems,
        agreed,
        differs_since,
    }
}

fn fenced(Fenced { id, name, network, why }: Fenced) -> v1::Fenced {
    v1::Fenced { id, name, network, why }
}

fn round(round: Round) -> v1::Round {
    let took_us = microseconds(round.took);
    v1::Round { at: round.at, took_us, steps: round.steps, failures: round.failures }
}

fn logged(LoggedProblem { first, last, times, severity, text }: LoggedProblem) -> v1::Logged {
    v1::Logged { level: severity.name().to_owned(), message: text, times, first, last }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
