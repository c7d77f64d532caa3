//! The commands.

use crate::{
    agent, ca, capture, check, client::Place, completion, debug, endpoint, events, explain, history, joining,
    leave, manual, network, node, output::Out, ping, plan, process, resolve, responder, setup, shim, status,
    store, top, user, version, web, whois,
};
use clap::{Parser, Subcommand};
use std::{future::Future, process::ExitCode};

/// Overlay networks for container hosts without an orchestrator
#[derive(Debug, Parser)]
#[command(name = "weft", version, propagate_version = false, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent of this host, as root
    ///
    /// Everything can also be said in /etc/weft/weft.toml, with the same names: cluster-store = "…". Flags
    /// win over it.
    Agent(Box<agent::Agent>),
    /// Make this host the first of a cluster, which lets others in with tokens
    ///
    /// Writes the agent's configuration and starts it, with a store that it serves to the others if no other is given.
    /// On a host of a cluster that is there already it only makes that host one that lets others in.
    Init(joining::Init),
    /// Join a cluster, with a token of `weft node token` on standard input
    ///
    /// Writes the agent's configuration and starts it. As in: weft node token | ssh HOST sudo weft join
    Join(joining::Join),
    /// Create, list and remove networks, and put processes on them
    #[command(subcommand, visible_alias = "net")]
    Network(network::Network),
    /// The hosts of the cluster
    #[command(subcommand)]
    Node(node::Node),
    /// The authority that says who the hosts of the cluster are
    #[command(subcommand)]
    Ca(ca::Ca),
    /// Who may use the API for other hosts
    #[command(subcommand)]
    User(user::User),
    /// Who is on which network, and where
    #[command(subcommand)]
    Endpoint(endpoint::Endpoint),
    /// Say who has an address, an Ethernet address or a name, and where
    Whois(whois::Whois),
    /// Say what a container is told that asks for a name
    Resolve(resolve::Resolve),
    /// Send packets to a host or a container, and say how long their answers take
    Ping(ping::Ping),
    /// Say why one container does not reach another, and what mends it
    Explain(explain::Explain),
    /// Try out whether all hosts reach each other on a network
    Check(check::Check),
    /// Say what happened in the cluster: hosts, networks and what is on them, the store
    Events(events::Events),
    /// Say what was on the networks at a certain time
    History(history::History),
    /// Write the packets of a container of this host, for tcpdump or Wireshark (as root)
    Capture(capture::Capture),
    /// Show how much goes through the containers of this host
    Top(top::Top),
    /// How this host's agent is; fails if something needs to be looked at
    Status(status::Status),
    /// Show the cluster on a page in a browser: hosts, networks, containers, paths, events
    ///
    /// The page shows what this host's agent knows, as it changes, and changes nothing. It is served on this host alone, for as
    /// long as this command runs, to everyone who can open it here: all users of this host. From another machine, go through
    /// ssh, as this command says.
    Web(web::Web),
    /// Start a process on a network
    Run(Box<process::Run>),
    /// List the processes that `weft run` started on this host
    Ps(process::Ps),
    /// Run a command beside a process, in its namespaces (as root)
    Exec(process::Exec),
    /// Ask processes to end, and kill those that do not
    Stop(process::Stop),
    /// Show what a process wrote
    Logs(process::Logs),
    /// Forget processes that ended
    Rm(process::Rm),
    /// Put a network namespace of this host on a network
    Attach(endpoint::Attach),
    /// Take an endpoint of this host off a network
    Detach(endpoint::Detach),
    /// Leave the cluster, and remove what weft made on this host
    ///
    /// What this host has in the cluster is given back, and its agent ends. The networks stay in the cluster, and go from the Docker engine of this host. Refused while something is on
    /// them here. Where no agent runs, this command does what the agent would.
    Leave(leave::Leave),
    /// Serve the embedded store to other hosts, or copy one store to another
    #[command(subcommand)]
    Store(store::Store),
    /// Check this host and all that weft needs, and say what mends it
    Doctor(setup::Doctor),
    /// Check what Docker's containers need: a part of `weft doctor`
    #[command(subcommand)]
    Setup(setup::Setup),
    /// Show what the agent would change on this host now: normally nothing
    Plan(plan::Plan),
    /// For those who look for a fault
    #[command(subcommand)]
    Debug(debug::Debugging),
    /// The versions of this command and of the agent
    Version(version::Version),
    /// Write a shell's completion script
    Completion(completion::Completion),
    /// Write the manual pages; packages are made with this
    #[command(hide = true)]
    Manual(manual::Manual),
    /// Answer for a while; the agent runs this
    #[command(hide = true)]
    Responder(responder::Responder),
    /// Look after a process; the agent runs this
    #[command(hide = true)]
    Shim(shim::Shim),
}

impl Cli {
    /// Carries out the command.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let client = match &self.command {
            // These say where an agent listens.
            Command::Agent(_) | Command::Init(_) | Command::Join(_) => self.place.own(),
            _ => self.place.client()?,
        };
        let out = Out::stdout();
        match self.command {
            // These decide themselves about threads: the shim and exec must have one only.
            Command::Agent(agent) => agent.run(self.place),
            Command::Init(init) => init.run(self.place, &client, out),
            Command::Join(join) => join.run(self.place, &client, out),
            Command::Shim(shim) => Ok(shim.run()),
            Command::Responder(responder) => responder.run(),
            Command::Exec(exec) => exec.run(&client),
            Command::Network(network) => wait_for(network.run(&client, out)),
            Command::Node(node) => wait_for(node.run(&client, out)),
            Command::Ca(ca) => ca.run(&client, out),
            Command::User(user) => wait_for(user.run(&client, out)),
            Command::Endpoint(endpoint) => wait_for(endpoint.run(&client, out)),
            Command::Whois(whois) => wait_for(whois.run(&client, out)),
            Command::Resolve(resolve) => wait_for(resolve.run(&client, out)),
            Command::Ping(ping) => wait_for(ping.run(&client, out)),
            Command::Explain(explain) => wait_for(explain.run(&client, out)),
            Command::Check(check) => wait_for(check.run(&client, out)),
            Command::Events(events) => wait_for(events.run(&client, out)),
            Command::History(history) => wait_for(history.run(&client, out)),
            Command::Capture(capture) => wait_for(capture.run(&client)),
            Command::Top(top) => wait_for(top.run(&client, out)),
            Command::Status(status) => wait_for(status.run(&client, out)),
            Command::Web(web) => wait_for(web.run(&client, out)),
            Command::Run(run) => wait_for(run.run(&client, out)),
            Command::Ps(ps) => wait_for(ps.run(&client, out)),
            Command::Stop(stop) => wait_for(stop.run(&client, out)),
            Command::Logs(logs) => wait_for(logs.run(&client, out)),
            Command::Rm(rm) => wait_for(rm.run(&client, out)),
            Command::Attach(attach) => wait_for(attach.run(&client, out)),
            Command::Detach(detach) => wait_for(detach.run(&client)),
            Command::Leave(leave) => wait_for(leave.run(&client, out)),
            Command::Store(store) => wait_for(store.run(out)),
            Command::Doctor(doctor) => wait_for(doctor.run(&client, out)),
            Command::Setup(setup) => wait_for(setup.run(&client, out)),
            Command::Plan(plan) => wait_for(plan.run(&client, out)),
            Command::Debug(debug) => wait_for(debug.run(&client, out)),
            Command::Version(version) => wait_for(version.run(&client, out)),
            Command::Completion(completion) => completion.run(out),
            Command::Manual(manual) => manual.run(),
        }
    }
}

/// Runs a command that asks and answers: one thread is plenty.
pub(crate) fn wait_for<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

#[cfg(test)]
mod tests;
