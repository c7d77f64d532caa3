//! `weft ps`.

use super::PATH;
use crate::{
    client::Client,
    output::{Listing, Out, ago, one_line, short, since},
};
use jiff::Timestamp;
use std::{net::IpAddr, process::ExitCode};
use weft_api::v1::{Process, ProcessState};
use weft_model::PortMapping;

/// The longest command that a table shows whole, in characters.
const COMMAND_WIDTH: usize = 30;

/// List the processes that `weft run` started on this host.
#[derive(Debug, clap::Args)]
pub(crate) struct Ps {
    /// Ended ones, too
    #[arg(short, long)]
    all: bool,
    /// Whole ids and commands
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    listing: Listing,
}

impl Ps {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let mut processes: Vec<Process> = client.get(PATH).await?;
        processes.retain(|process| self.all || matches!(process.state, ProcessState::Running { .. }));
        if self.listing.quiet {
            for process in processes {
                out.line(short(&process.id.to_string(), self.no_trunc))?;
            }
        } else if !self.listing.written(&processes, &mut out)? {
            let headings = ["PROCESS ID", "NAME", "COMMAND", "STATUS", "PORTS", "NETWORKS"];
            let now = Timestamp::now();
            out.table(&headings, processes.iter().map(|p| row(p, self.no_trunc, now)).collect())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(process: &Process, whole: bool, now: Timestamp) -> Vec<String> {
    let networks = process.networks.iter().map(|(name, addresses)| {
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        format!("{name} {}", addresses.join(" "))
    });
    vec![
        short(&process.id.to_string(), whole),
        process.name.to_string(),
        command(&process.command, whole),
        state(process, now),
        process.ports.iter().map(port).collect::<Vec<_>>().join(", "),
        networks.collect::<Vec<_>>().join(", "),
    ]
}

fn command(command: &[String], whole: bool) -> String {
    let text = one_line(&command.join(" "));
    if whole || text.chars().count() <= COMMAND_WIDTH {
        return text;
    }
    text.chars().take(COMMAND_WIDTH - 1).chain(['…']).collect()
}

fn state(process: &Process, now: Timestamp) -> String {
    match process.state {
        ProcessState::Running { .. } => format!("up {}", since(process.created, now)),
        ProcessState::Exited { code: Some(code), at } => format!("exited ({code}) {}", ago(at, now)),
        ProcessState::Exited { code: None, at } => format!("ended {}", ago(at, now)),
    }
}

fn port(port: &PortMapping) -> String {
    let host = match port.host_ip {
        None => String::new(),
        Some(IpAddr::V4(ip)) => format!("{ip}:"),
        Some(IpAddr::V6(ip)) => format!("[{ip}]:"),
    };
    format!("{host}{}->{}/{}", port.host_port, port.port, port.protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_cannot_write_on_the_terminal() {
        let words = |text: &str| vec!["sh".to_owned(), text.to_owned()];
        assert_eq!(command(&words("a\n\u{1b}[2J"), false), "sh a\\n\\u{1b}[2J");
        let long = command(&words(&"x".repeat(50)), false);
        assert_eq!((long.chars().count(), long.ends_with('…')), (30, true));
        assert_eq!(command(&words(&"x".repeat(50)), true).len(), 53);
    }
}
