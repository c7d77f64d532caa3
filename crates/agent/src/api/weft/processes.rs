//! `/weft/v1/processes`.

use crate::api::{
    SharedVerbs,
    extract::{Json, Path, Query, flag},
    reply::Reply,
};
use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};
use weft_api::v1;
use weft_verbs::{Error, JoinOptions, Mount, Process, ProcessState, Run, Session};

/// How long a process has to end by itself, if nothing else is said, in seconds: as the engine.
const GRACE: u64 = 10;
/// The longest it can be given, in seconds.
const MAX_GRACE: u64 = 3600;

pub(super) async fn list(State(core): State<SharedVerbs>) -> axum::Json<Vec<v1::Process>> {
    axum::Json(core.processes().into_iter().map(|found| process(&core, found)).collect())
}

pub(super) async fn inspect(
    State(core): State<SharedVerbs>,
    Path(name): Path<String>,
) -> Reply<axum::Json<v1::Process>> {
    let found = core.process(&name)?;
    Ok(axum::Json(process(&core, found)))
}

pub(super) async fn run(
    State(core): State<SharedVerbs>,
    Json(body): Json<v1::Run>,
) -> Reply<(StatusCode, axum::Json<v1::Process>)> {
    let started = core.run(parse(body)?).await?;
    Ok((StatusCode::CREATED, axum::Json(process(&core, started))))
}

#[derive(Deserialize)]
pub(super) struct Force {
    force: Option<String>,
}

pub(super) async fn remove(
    State(core): State<SharedVerbs>,
    Path(name): Path<String>,
    Query(query): Query<Force>,
) -> Reply<StatusCode> {
    core.remove_process(&name, flag(query.force.as_deref())).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct Grace {
    /// In seconds.
    t: Option<u64>,
}

pub(super) async fn stop(
    State(core): State<SharedVerbs>,
    Path(name): Path<String>,
    Query(query): Query<Grace>,
) -> Reply<StatusCode> {
    let seconds = query.t.unwrap_or(GRACE).min(MAX_GRACE);
    core.stop(&name, Duration::from_secs(seconds)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn wait(
    State(core): State<SharedVerbs>,
    Path(name): Path<String>,
) -> Reply<axum::Json<v1::Exit>> {
    Ok(axum::Json(v1::Exit { code: core.wait(&name).await? }))
}

fn parse(body: v1::Run) -> Result<Run, Error> {
    if body.command.first().is_none_or(String::is_empty) {
        return Err(Error::invalid("no command given: name a program to run"));
    }
    // What the kernel ends strings with cannot be part of one.
    if body.command.iter().chain(body.env.keys()).chain(body.env.values()).any(|text| text.contains('\0')) {
        return Err(Error::invalid("a NUL byte in the command or in its environment"));
    }
    if let Some(key) = body.env.keys().find(|key| key.is_empty() || key.contains('=')) {
        return Err(Error::invalid(format!("invalid environment variable name {key:?}")));
    }
    let workdir = absolute("working directory", body.workdir.unwrap_or_else(|| PathBuf::from("/")))?;
    Ok(Run {
        name: body.name,
        network: body.network,
        options: JoinOptions { aliases: body.aliases, ipv4: body.ipv4, ipv6: body.ipv6, mac: body.mac },
        command: body.command,
        env: body.env,
        workdir,
        mounts: body.mounts.into_iter().map(mount).collect::<Result<_, _>>()?,
        ports: body.ports,
        remove: body.remove,
        session: body.session.map(|wanted| Session { stdin: wanted.stdin, terminal: wanted.terminal }),
    })
}

fn mount(mount: v1::Mount) -> Result<Mount, Error> {
    Ok(Mount {
        source: absolute("mount source", mount.source)?,
        target: absolute("mount target", mount.target)?,
        read_only: mount.read_only,
    })
}

fn absolute(what: &str, path: PathBuf) -> Result<PathBuf, Error> {
    if path.is_absolute() && !path.as_os_str().as_encoded_bytes().contains(&0) {
        return Ok(path);
    }
    Err(Error::invalid(format!("{what} {} is not an absolute path", path.display())))
}

fn process(core: &SharedVerbs, process: Process) -> v1::Process {
    v1::Process {
        // One that was removed this moment has no directory any more.
        dir: core.process_dir(&process.id.to_string()).unwrap_or_default(),
        id: process.id,
        name: process.name,
        command: process.command,
        created: process.created,
        state: match process.state {
            ProcessState::Running { pid } => v1::ProcessState::Running { pid },
            ProcessState::Exited { code, at } => v1::ProcessState::Exited { code, at },
        },
        ports: process.ports,
        networks: process.networks,
        netns: process.netns,
    }
}
