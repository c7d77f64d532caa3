//! `weft node`.

use crate::{
    client::{Client, part},
    completion,
    failure::each,
    inspect::inspect,
    joining::{Promote, Token},
    output::{ListFormat, Listing, Out, since},
};
use clap::Subcommand;
use jiff::Timestamp;
use std::{cell::RefCell, process::ExitCode};
use weft_api::v1;

/// The hosts of the cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// List nodes
    #[command(visible_alias = "list")]
    Ls(Listing),
    /// Show everything about nodes, as a JSON list
    Inspect {
        /// How to write it: json, or for each node what a template makes of it, as docker has them
        #[arg(short, long, value_name = "json|TEMPLATE", default_value = "json")]
        format: ListFormat,
        /// Names
        #[arg(required = true, value_name = "NODE")]
        #[arg(add = completion::nodes())]
        nodes: Vec<String>,
    },
    /// Print a token that lets one host into the cluster, once: weft node token | ssh HOST sudo weft join
    Token(Token),
    /// Let another host make tokens, too: gives it the key of the cluster's authority
    Promote(Promote),
    /// Give up nodes that are down for good: frees their endpoints' addresses and names
    #[command(visible_alias = "remove")]
    Rm {
        /// No host believes them any more, also while they are up, and for good: for hosts that somebody else has. Only where
        /// hosts sign their records (trust: signed), and on a host that has the authority's key
        #[arg(long)]
        revoke: bool,
        /// Names
        #[arg(required = true, value_name = "NODE")]
        #[arg(add = completion::nodes())]
        nodes: Vec<String>,
    },
}

impl Node {
    pub(crate) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        match self {
            Self::Token(token) => token.run(out).await,
            Self::Promote(promote) => promote.run(client, out).await,
            Self::Ls(listing) => ls(listing, client, out).await,
            Self::Inspect { nodes, format } => {
                inspect::<v1::Node>(client, out, nodes.iter().map(|node| path(node)), &format).await
            }
            Self::Rm { nodes, revoke } => {
                let how = if revoke { "?revoke=true" } else { "" };
                let out = RefCell::new(out);
                each(&nodes, async |node| {
                    client.delete(&format!("{}{how}", path(node))).await?;
                    out.borrow_mut().line(node)
                })
                .await
            }
        }
    }
}

fn path(node: &str) -> String {
    format!("/weft/v1/nodes/{}", part(node))
}

async fn ls(listing: Listing, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
    let nodes: Vec<v1::Node> = client.get("/weft/v1/nodes").await?;
    if listing.quiet {
        for node in nodes {
            out.line(node.name.as_str())?;
        }
    } else if !listing.written(&nodes, &mut out)? {
        let headings = ["NAME", "STATUS", "ADVERTISE", "VTEP", "PATH", "ENDPOINTS", "VERSION"];
        let now = Timestamp::now();
        out.table(&headings, nodes.into_iter().map(|node| row(node, now)).collect())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(node: v1::Node, now: Timestamp) -> Vec<String> {
    let state = if node.up { "up" } else { "down" };
    let since = node.since.map(|then| format!(" {}", since(then, now))).unwrap_or_default();
    vec![
        format!("{}{}", node.name, if node.this { " *" } else { "" }),
        format!("{state}{since}"),
        node.advertise.to_string(),
        format!("{} port {}", node.vtep, node.vxlan_port),
        path_of(&node),
        node.endpoints.to_string(),
        node.version,
    ]
}

/// How packets get there and back.
fn path_of(node: &v1::Node) -> String {
    use v1::PathState::{Lost, Narrow, OneWay, Unknown, Works};
    let Some(path) = node.path.as_ref() else { return "-".to_owned() };
    match (path.state, path.round_trip_us) {
        (Lost, _) => "lost".to_owned(),
        (OneWay, _) => "one way".to_owned(),
        (Narrow, _) => format!("up to {} bytes", path.mtu.unwrap_or_default()),
        (Unknown, _) | (Works, None) => "-".to_owned(),
        (Works, Some(micros)) => round_trip(micros),
    }
}

/// `0.3 ms`
pub(crate) fn round_trip(micros: u64) -> String {
    let tenths = (micros + 50) / 100;
    if tenths >= 1000 { format!("{} ms", tenths / 10) } else { format!("{}.{} ms", tenths / 10, tenths % 10) }
}
