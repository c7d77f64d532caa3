//! Collects what a bug report needs: from the agent, from the kernel, and from programs.

use crate::client::{Client, ClientError};
use rustix::system::uname;
use std::{future::Future, process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};
use weft_api::v1;
use weft_datapath::{Datapath, Linux};
use weft_plan::Desired;

/// How long one of them may take. An agent that hangs is a reason for a report.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is read from an agent as it is.
const OF_AGENT: [(&str, &str, &str); 6] = [
    ("agent-version.json", "the agent's version", "/version"),
    ("status.json", "how the agent is: `weft status`", "/weft/v1/status"),
    ("nodes.json", "the hosts", "/weft/v1/nodes"),
    ("networks.json", "the networks", "/networks"),
    ("endpoints.json", "the endpoints", "/weft/v1/endpoints"),
    ("plan.json", "what the agent would change now", "/weft/v1/plan"),
];

/// A file of the report.
pub(super) struct Part {
    pub(super) name: &'static str,
    /// What is in it.
    pub(super) what: &'static str,
    /// That, or why it cannot be had.
    pub(super) content: Result<String, String>,
}

/// All of them. Each is given its time; none keeps another from being there.
pub(super) async fn collect(client: &Client) -> Vec<Part> {
    let mut agent = Asking::default();
    let mut parts = vec![part("host.txt", "the kernel and the distribution", Ok(host()))];
    for (name, what, path) in OF_AGENT {
        let json = agent.ask(client.get::<serde_json::Value>(path)).await;
        parts.push(part(name, what, json.map(|json| format!("{json:#}\n"))));
    }
    parts.push(part("metrics.txt", "what the agent counted", agent.ask(client.text("/metrics")).await));
    parts.extend(inside(agent.ask(client.get("/weft/v1/debug")).await));
    parts.push(part("kernel.json", "what is in the kernel of weft's", limited(kernel()).await));
    let config = std::fs::read_to_string(crate::agent::CONFIG_FILE).map_err(|error| error.to_string());
    parts.push(part("weft.toml", "the configuration file", config));
    parts.push(part("journal.txt", "the journal of weft.service", limited(journal()).await));
    parts
}

/// Asks an agent, until it leaves a question without an answer: then it hangs, and is asked no more.
#[derive(Default)]
struct Asking {
    hangs: bool,
}

impl Asking {
    async fn ask<T>(&mut self, question: impl Future<Output = Result<T, ClientError>>) -> Result<T, String> {
        if self.hangs {
            return Err("the agent hangs".to_owned());
        }
        let answer = timeout(PATIENCE, question).await;
        self.hangs = answer.is_err();
        let late = || format!("the agent did not answer within {} s", PATIENCE.as_secs());
        answer.map_err(|_| late())?.map_err(|error| error.to_string())
    }
}

fn part(name: &'static str, what: &'static str, content: Result<String, String>) -> Part {
    Part { name, what, content }
}

async fn limited<T>(asking: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
    timeout(PATIENCE, asking).await.unwrap_or_else(late)
}

/// What only the agent knows.
fn inside(inside: Result<v1::DebugInfo, String>) -> [Part; 3] {
    let of = |take: fn(&v1::DebugInfo) -> Result<String, String>| {
        inside.as_ref().map_err(Clone::clone).and_then(take)
    };
    let keys = |inside: &v1::DebugInfo| match &inside.keys_error {
        Some(why) => Err(why.clone()),
        None => Ok(inside.keys.iter().map(|key| format!("{:7} {}\n", key.bytes, key.key)).collect()),
    };
    [
        part(
            "agent-log.txt",
            "the last lines of the agent's log",
            of(|inside| Ok(inside.log.join("\n") + "\n")),
        ),
        part("agent-settings.txt", "what the agent was told", of(|inside| Ok(inside.settings.clone()))),
        part("store-keys.txt", "the keys in the store, and their values' bytes", of(keys)),
    ]
}

/// What is in the kernel, seen from here: also while the agent is down, or at a loss.
async fn kernel() -> Result<String, String> {
    if !rustix::process::geteuid().is_root() {
        return Err("only root can look into it: try sudo".to_owned());
    }
    let observed = Linux::new().observe(&Desired::default()).await.map_err(|error| error.to_string())?;
    serde_json::to_string_pretty(&observed).map_err(|error| error.to_string())
}

async fn journal() -> Result<String, String> {
    let mut command = Command::new("journalctl");
    command.args(["--unit=weft", "--lines=2000", "--no-pager", "--output=short-iso-precise"]);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| format!("cannot run journalctl: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

fn host() -> String {
    let uname = uname();
    let [kernel, version, machine] =
        [uname.release(), uname.version(), uname.machine()].map(|text| text.to_string_lossy());
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    format!("weft {}\nLinux {kernel} {version} {machine}\n\n{release}", env!("CARGO_PKG_VERSION"))
}

/// This host's name, as far as it can be a part of a file's name.
pub(super) fn host_name() -> String {
    let uname = uname();
    let plain = |char: char| if char.is_ascii_alphanumeric() || char == '-' { char } else { '_' };
    uname.nodename().to_string_lossy().chars().map(plain).take(64).collect()
}
