//! `/_ping`, `/version`, `/info`: what a client asks before anything else.

use crate::api::FromAfar;
use axum::{
    Json,
    extract::State,
    http::header::{CACHE_CONTROL, PRAGMA, SERVER},
    response::IntoResponse,
};
use weft_api::docker;
use weft_verbs::{ProcessState, Status};

const WEFT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The headers that tell the stock client which server it speaks to.
pub(super) async fn ping() -> impl IntoResponse {
    let headers = [
        ("api-version", docker::API_VERSION),
        ("docker-experimental", "false"),
        ("ostype", "linux"),
        ("swarm", "inactive"),
        (CACHE_CONTROL.as_str(), "no-cache, no-store, must-revalidate"),
        (PRAGMA.as_str(), "no-cache"),
        (SERVER.as_str(), concat!("weft/", env!("CARGO_PKG_VERSION"), " (linux)")),
    ];
    (headers, "OK")
}

pub(super) async fn version() -> Json<docker::Version> {
    let component = docker::Component {
        name: "weft".to_owned(),
        version: WEFT_VERSION.to_owned(),
        ..docker::Component::default()
    };
    Json(docker::Version {
        platform: docker::Platform { name: "weft: overlay networks for container hosts".to_owned() },
        components: vec![component],
        version: WEFT_VERSION.to_owned(),
        api_version: docker::API_VERSION.to_owned(),
        min_api_version: docker::MIN_API_VERSION.to_owned(),
        os: "linux".to_owned(),
        arch: go_arch().to_owned(),
        kernel_version: kernel_release(),
    })
}

pub(super) async fn info(State(core): State<FromAfar>) -> Json<docker::Info> {
    let status = core.status();
    let processes = core.processes();
    let running = processes.iter().filter(|p| matches!(p.state, ProcessState::Running { .. })).count();
    Json(docker::Info {
        id: status.id.to_string(),
        name: status.node.to_string(),
        server_version: WEFT_VERSION.to_owned(),
        containers: processes.len(),
        containers_running: running,
        containers_stopped: processes.len() - running,
        plugins: docker::Plugins {
            network: vec!["overlay".to_owned(), "weft".to_owned()],
            ..docker::Plugins::default()
        },
        driver: "weft".to_owned(),
        driver_status: driver_status(&status),
        os_type: "linux".to_owned(),
        operating_system: distribution(),
        architecture: std::env::consts::ARCH.to_owned(),
        kernel_version: kernel_release(),
        ncpu: std::thread::available_parallelism().map_or(0, usize::from),
        mem_total: memory(),
        docker_root_dir: status.data_dir.display().to_string(),
        cluster_store: status.store.description,
        cluster_advertise: status.advertise.to_string(),
        swarm: docker::Swarm { local_node_state: "inactive".to_owned() },
        warnings: status.problems,
        ..docker::Info::default()
    })
}

fn driver_status(status: &Status) -> Vec<(String, String)> {
    let store = match &status.store.error {
        None => status.store.description.clone(),
        Some(error) => format!("{} (out of reach: {error})", status.store.description),
    };
    let mut pairs = vec![
        ("Cluster store".to_owned(), store),
        ("Cluster advertise".to_owned(), status.advertise.to_string()),
        ("VTEP".to_owned(), format!("{} port {}/udp", status.vtep, status.vxlan_port)),
    ];
    pairs.extend(status.counts.named().map(|(what, count)| (format!("Number of {what}"), count.to_string())));
    pairs
}

/// The architecture in Go's words, which clients compare with their own.
fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// Memory in bytes.
fn memory() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(info.mem_unit.into())
}

/// The distribution's name for itself (os-release(5)).
fn distribution() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "Linux".to_owned(), |name| name.trim_matches('"').to_owned())
}
