//! The plugin of netavark, Podman's network program, from its version 1.6 on (Podman 4.5): weft as a driver of
//! `podman network create -d weft`. Podman finds it as a file `weft` in a directory `netavark`, such as
//! `/usr/libexec/netavark`, and runs it once for each container and network: JSON comes on standard input, and is
//! answered on standard output. The protocol is that of netavark's plugin API 1.0.0 (plugin-API.md in its repository).
//!
//! Podman keeps all its other commands waiting while it runs, so nothing here takes longer than some seconds.

mod attach;
mod create;
mod protocol;

use crate::{
    cli::wait_for,
    client::{Client, Host, TlsFlags},
};
use anyhow::{Context, bail};
use protocol::{Failure, Info};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    env,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};
use weft_model::chain;

/// The largest call that is read, in bytes: one with a thousand ports has some 100 kB.
const LARGEST: u64 = 1 << 20;

/// Whether this process was started as the plugin, by its place: its commands are called as some of weft's are.
pub(crate) fn is_meant() -> bool {
    let place = env::args_os().next();
    place.is_some_and(|place| Path::new(&place).parent().is_some_and(|place| place.ends_with("netavark")))
}

/// Answers one call.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args_os().skip(1).map(|it| it.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Err(error) = answer(&arguments) else { return ExitCode::SUCCESS };
    // If that cannot be written, there is nobody to tell.
    let _ = tell(&Failure { error: chain(error.as_ref()) });
    ExitCode::FAILURE
}

fn answer(arguments: &[&str]) -> anyhow::Result<()> {
    if matches!(arguments, ["create"] | ["setup", _]) && is_rootless() {
        bail!(
            "rootless Podman cannot use weft, whose agent is outside of its namespaces: run podman as root (sudo)"
        );
    }
    match arguments {
        ["create"] => tell(&wait_for(create::create(&agent(), read()?))?),
        ["setup", netns] => tell(&wait_for(attach::setup(&agent(), Path::new(netns), read()?))?),
        ["teardown", _] => wait_for(attach::teardown(&agent(), read()?)),
        ["info"] => tell(&Info { version: env!("CARGO_PKG_VERSION"), api_version: "1.0.0" }),
        _ => bail!(
            "this is weft as netavark's plugin, which is called with create, setup PATH, teardown PATH or info: for weft's \
             own commands, run `weft`"
        ),
    }
}

/// Whether this is root in a namespace of a user's alone (user_namespaces(7)).
fn is_rootless() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().ne(["0", "0", "4294967295"]) && !map.is_empty()
}

/// The agent of this host. Another host's cannot put a container of this one on a network.
fn agent() -> Client {
    let named = env::var("WEFT_HOST").ok().and_then(|host| host.parse().ok());
    let here = named.filter(|host| matches!(host, Host::Unix(_)));
    Client::new(here.unwrap_or_default(), TlsFlags::default())
}

/// What the agent would be asked by a call, whichever it is.
pub(crate) fn understood(call: &[u8]) -> anyhow::Result<String> {
    let asked = match serde_json::from_slice(call) {
        Ok(container) => serde_json::to_string(&attach::request(Path::new("/run/netns/c"), container)?)?,
        Err(_) => serde_json::to_string(&create::request(&parse(call)?)?)?,
    };
    Ok(asked)
}

fn parse<T: DeserializeOwned>(call: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(call).context("the call is not as netavark's plugin API 1.0.0 has it")
}

fn read<T: DeserializeOwned>() -> anyhow::Result<T> {
    let mut call = Vec::new();
    io::stdin().lock().take(LARGEST + 1).read_to_end(&mut call).context("cannot read the call")?;
    if call.len() as u64 > LARGEST {
        bail!("the call is larger than {LARGEST} bytes");
    }
    parse(&call)
}

fn tell(answer: &impl Serialize) -> anyhow::Result<()> {
    let answer = serde_json::to_vec(answer).context("cannot write the answer")?;
    let mut out = io::stdout().lock();
    out.write_all(&answer).and_then(|()| out.flush()).context("cannot write the answer")
}
