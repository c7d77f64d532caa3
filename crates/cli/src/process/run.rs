//! `weft run`.

use super::{PATH, exec::environment, rm::remove, session, stop::stop};
use crate::{
    client::{Client, ClientError},
    completion,
    failure::{self, Exit},
    output::Out,
};
use hyper::Method;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use weft_api::v1;
use weft_model::{EndpointName, MacAddr, PortMapping};
use weft_process::args::{EnvArg, MountArg};

/// How long a process has to end after Ctrl-C, in seconds.
const GRACE: u64 = 10;

/// How long the agent may take to clear up after a process that has ended.
const SETTLED: Duration = Duration::from_secs(10);

/// Start a process on a network. Without -d, its output is shown, and its exit status is this command's
///
/// With -i its standard input is this command's, else it is empty. With -t it has a terminal of its own: -it is for shells,
/// and other programs that a person speaks with. If this command is killed, the process goes on, and `weft logs` has its
/// output; its input ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,
    /// Pass standard input on to it
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Forget it when it ends
    #[arg(long)]
    rm: bool,
    /// The network's name, id, or a start of its id
    #[arg(long, visible_alias = "network", value_name = "NETWORK")]
    #[arg(add = completion::networks())]
    net: String,
    /// Its name, unique on this host, by which others on the network find it [default: made up]
    #[arg(long)]
    name: Option<EndpointName>,
    /// A certain IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// A certain IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// A certain Ethernet address
    #[arg(long, value_name = "MAC")]
    mac_address: Option<MacAddr>,
    /// One more name on this network
    #[arg(long, visible_alias = "alias", value_name = "NAME")]
    network_alias: Vec<EndpointName>,
    /// A port of this host that leads to it
    #[arg(short, long, value_name = "[HOSTIP:]HOST:PORT[/udp]")]
    publish: Vec<PortMapping>,
    /// A file or directory of this host that it sees in another place
    #[arg(short, long, value_name = "SOURCE:TARGET[:ro]")]
    volume: Vec<MountArg>,
    /// An environment variable, or the name of one to pass on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<EnvArg>,
    /// The directory it starts in [default: /]
    #[arg(short, long, value_name = "PATH")]
    workdir: Option<PathBuf>,
    /// The command
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Run {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let (detach, rm) = (self.detach, self.rm);
        let session = session::wanted(detach, self.interactive, self.tty)?;
        // Before it is started: a signal from now on is for the process.
        let signals = Signals::listen()?;
        let process: v1::Process = client.post(PATH, &self.request(session)).await.map_err(not_started)?;
        if detach {
            out.line(process.id.to_string())?;
            return Ok(ExitCode::SUCCESS);
        }
        let id = process.id.to_string();
        let code = match session {
            Some(session) => {
                Box::pin(attended(client, &id, signals, spoken_with(client, &id, session, out))).await
            }
            None => Box::pin(attended(client, &id, signals, shown(client, &id, out))).await,
        };
        let code = code.map_err(|error| Exit {
            code: error.downcast_ref::<Exit>().map_or(125, |exit| exit.code),
            message: format!("{error:#}; process {} may go on: see `weft ps -a`", process.name),
        })?;
        if rm {
            let removed = remove(client, &id, false).await;
            // With a session the agent does it by itself, and may have done it, or may do it when it is there again.
            if session.is_none() {
                removed?;
            }
        }
        code.map_or_else(
            || Err(Exit { code: 125, message: format!("nobody saw how {} ended", process.name) }.into()),
            |code| Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))),
        )
    }

    fn request(self, session: Option<v1::Session>) -> v1::Run {
        v1::Run {
            name: self.name,
            network: self.net,
            aliases: self.network_alias,
            ipv4: self.ip,
            ipv6: self.ip6,
            mac: self.mac_address,
            command: self.command,
            env: env(self.env, session),
            workdir: self.workdir,
            mounts: self.volume.into_iter().map(mount).collect(),
            ports: self.publish.clone(),
            // Otherwise this command removes the process itself, after it has asked how the process ended.
            remove: self.rm && (self.detach || session.is_some()),
            session,
        }
    }
}

/// Shows a process's output, and returns how it ended.
async fn shown(client: &Client, id: &str, mut out: Out) -> anyhow::Result<Option<i32>> {
    let path = super::path(id);
    client.stream(Method::GET, &format!("{path}/logs?follow=true"), |bytes| out.bytes(bytes)).await?;
    let exit: Option<v1::Exit> = client.wait(Method::GET, &format!("{path}/wait")).await?;
    Ok(exit.and_then(|exit| exit.code))
}

/// Passes input and output on between a process and this command's user, and returns how it ended.
async fn spoken_with(
    client: &Client,
    id: &str,
    session: v1::Session,
    out: Out,
) -> anyhow::Result<Option<i32>> {
    let Some(agent) = client.socket() else { anyhow::bail!("its agent is on another host") };
    let code = session::carry(&weft_process::session::socket(agent, id), session, out).await?;
    // Until it is off its network. Where no agent answers, that is done later, and the shim has said how it ended.
    let path = format!("{}/wait", super::path(id));
    let over = tokio::time::timeout(SETTLED, client.wait::<v1::Exit>(Method::GET, &path)).await;
    Ok(code.or_else(|| over.ok()?.ok()??.code))
}

/// Passes signals on to a process while `output` comes, and returns how it ended.
async fn attended(
    client: &Client,
    id: &str,
    mut signals: Signals,
    output: impl Future<Output = anyhow::Result<Option<i32>>>,
) -> anyhow::Result<Option<i32>> {
    let stopping = async {
        // Ctrl-C asks it to end; a second one does not wait any longer.
        signals.next().await;
        tokio::select! {
            result = stop(client, id, GRACE) => result,
            () = signals.next() => stop(client, id, 0).await,
        }
    };
    tokio::pin!(output);
    let stopped = tokio::select! {
        ended = output.as_mut() => return ended,
        stopped = stopping => stopped,
    };
    let Err(error) = stopped else { return output.await };
    failure::report(&error);
    // It cannot be asked to end now: a further signal is for this command.
    tokio::select! {
        ended = output => ended,
        () = signals.next() => Err(error),
    }
}

/// The signals by which a person or a supervisor ends a command.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A process that was not started: 127 if there is no such command, 126 if it cannot be executed, and 125 for
/// everything else, as docker has it.
fn not_started(error: ClientError) -> Exit {
    let code = match &error {
        ClientError::Refused { body, .. } => body.exit_code.unwrap_or(125),
        _ => 125,
    };
    Exit { code, message: error.to_string() }
}

/// Its environment. Who gives it a terminal says which, as this host's file system is its own.
fn env(args: Vec<EnvArg>, session: Option<v1::Session>) -> BTreeMap<String, String> {
    let mut env = environment(args);
    if session.is_some_and(|session| session.terminal.is_some()) {
        let ours = || std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned());
        env.entry("TERM".to_owned()).or_insert_with(ours);
    }
    env
}

fn mount(MountArg(mount): MountArg) -> v1::Mount {
    v1::Mount { source: mount.source, target: mount.target, read_only: mount.read_only }
}
