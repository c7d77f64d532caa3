//! The CNI plugin (Container Network Interface, specification 1.1 and back to 0.3): weft for containerd, nerdctl, Nomad, old
//! Podman, and whatever else runs plugins. A runtime finds it as a file `weft` in its directory of plugins, such as
//! `/opt/cni/bin`, and runs it once for each container and network: what to do is in the environment, the configuration on
//! standard input, the answer goes to standard output.

mod attach;
mod collect;
mod config;
mod environment;
mod failure;
mod result;

use crate::{
    cli::wait_for,
    client::{Client, Host, TlsFlags},
};
use config::Config;
use environment::Environment;
use failure::{Failure, code};
use serde_json::{Value, json};
use std::{
    env,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};

/// The versions of the specification that are spoken.
const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
/// The largest configuration that is read, in bytes: one with a thousand ports has some 100 kB.
const LARGEST: u64 = 1 << 20;

/// Whether this process was started as the plugin: by its place, or by what only a plugin is told.
pub(crate) fn is_meant() -> bool {
    let mut arguments = env::args_os();
    let directory = arguments.next().map(|place| Path::new(&place).parent().map(Path::to_owned));
    let directory = directory.flatten().unwrap_or_default();
    let in_place = directory.ends_with("cni") || directory.ends_with("cni/bin");
    arguments.next().is_none() && (in_place || env::var_os("CNI_COMMAND").is_some())
}

/// Answers one call.
pub(crate) fn main() -> ExitCode {
    let Some(command) = env::var("CNI_COMMAND").ok().filter(|command| !command.is_empty()) else {
        // Nomad looks for the version so.
        eprintln!("CNI weft plugin v{}", env!("CARGO_PKG_VERSION"));
        eprintln!("CNI protocol versions supported: {}", VERSIONS.join(", "));
        return ExitCode::SUCCESS;
    };
    let environment = |name: &str| env::var(name).ok();
    let (answer, code) = match read().and_then(|call| answer(&command, &environment, &call)) {
        Ok(answer) => (answer, ExitCode::SUCCESS),
        Err(failure) => (Some(failure.to_json()), ExitCode::FAILURE),
    };
    if let Some(answer) = answer {
        let mut out = io::stdout().lock();
        // If that cannot be written, there is nobody to tell.
        let _ = out.write_all(answer.to_string().as_bytes()).and_then(|()| out.flush());
    }
    code
}

fn answer(
    command: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    call: &[u8],
) -> Result<Option<Value>, Failure> {
    let config = Config::parse(call)?;
    if command == "VERSION" {
        return Ok(Some(json!({ "cniVersion": config.version_given(), "supportedVersions": VERSIONS })));
    }
    // What has begun must end, whatever became of the configuration meanwhile.
    if command != "DEL" {
        config.check()?;
    }
    let environment = Environment::read(command, environment).map_err(|failure| failure.of(&config))?;
    let client = agent();
    let done = match command {
        "ADD" => wait_for_it(attach::add(&client, &config, &environment)).map(Some),
        "DEL" => wait_for_it(attach::del(&client, &config, &environment)).map(|()| None),
        "CHECK" => wait_for_it(attach::check(&client, &config, &environment)).map(|()| None),
        "STATUS" => wait_for_it(collect::status(&client, &config, &environment)).map(|()| None),
        "GC" => wait_for_it(collect::gc(&client, &config)).map(|()| None),
        other => Err(Failure::new(code::ENVIRONMENT, format!("CNI_COMMAND is {other:?}"))
            .details("expected ADD, DEL, CHECK, STATUS, GC or VERSION")),
    };
    done.map_err(|failure| failure.of(&config))
}

/// What the agent would be asked by an ADD.
pub(crate) fn understood(args: &str, call: &[u8]) -> Result<Value, Value> {
    let understood = || {
        let config = Config::parse(call)?;
        config.check()?;
        let environment = |name: &str| match name {
            "CNI_CONTAINERID" => Some("c1".to_owned()),
            "CNI_IFNAME" => Some("eth0".to_owned()),
            "CNI_ARGS" => Some(args.to_owned()),
            _ => None,
        };
        // A DEL needs no namespace.
        attach::request(&config, &Environment::read("DEL", &environment)?)
    };
    let asked = understood().map_err(|failure: Failure| failure.to_json())?;
    serde_json::to_value(asked).map_err(|error| error.to_string().into())
}

fn wait_for_it<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let done = wait_for(async { Ok(work.await) });
    done.unwrap_or_else(|error| Err(Failure::new(code::IO, format!("{error:#}"))))
}

/// The agent of this host. Another host's cannot put a container of this one on a network.
fn agent() -> Client {
    let named = env::var("WEFT_HOST").ok().and_then(|host| host.parse().ok());
    let here = named.filter(|host| matches!(host, Host::Unix(_)));
    Client::new(here.unwrap_or_default(), TlsFlags::default())
}

fn read() -> Result<Vec<u8>, Failure> {
    let mut call = Vec::new();
    let read = io::stdin().lock().take(LARGEST + 1).read_to_end(&mut call);
    read.map_err(|error| Failure::new(code::IO, format!("cannot read the configuration: {error}")))?;
    if call.len() as u64 > LARGEST {
        return Err(Failure::new(code::DECODE, format!("the configuration is larger than {LARGEST} bytes")));
    }
    Ok(call)
}
