//! Nodes whose records are not believed, a sentence each.

use crate::config::AgentConfig;
use weft_model::{NodeName, Trust};
use weft_state::cluster::Cluster;
use weft_trust::Disbelief;

/// What lets a host be believed.
const JOIN: &str = "join with a token (`weft node token` on a host that lets others in; there `weft leave`, if it \
                    was in without one, and `weft join`)";

/// Of a member that believes the store.
const NOT_HEEDED: &str = "this host has a certificate of the cluster, and believes the store all the same (trust: store): who can \
                          write to the store can lead its packets elsewhere, and it heeds no revocation. Write trust = \"signed\" \
                          into /etc/weft/weft.toml, and restart the agent";

/// What somebody should look at.
pub(super) fn problems(cluster: &Cluster, config: &AgentConfig) -> Vec<String> {
    let me = &config.node_name;
    let unbelieved = cluster.unbelieved.iter().map(|(name, why)| sentence(cluster, (name, name == me), why));
    unbelieved.chain(behind(cluster, config)).collect()
}

fn sentence(cluster: &Cluster, (name, this): (&NodeName, bool), why: &Disbelief) -> String {
    let who = if this { "of this host" } else { "of node" };
    let holds = cluster.nodes.contains_key(name);
    let then = match (this, holds) {
        (true, _) => "the other hosts go on as if it were not written",
        (false, true) => "where the node said itself that it is still holds",
        (false, false) => "nothing is sent to where it says that the node is",
    };
    let mend = match why {
        Disbelief::Revoked if this => {
            "`weft leave --force --purge` makes it a host of its own again".to_owned()
        }
        Disbelief::Revoked => {
            format!(
                "stop its agent, if it is yours, and run `weft node rm {name}`; with Consul or etcd, change the token that it knew"
            )
        }
        Disbelief::Unsigned if !holds => {
            format!("let that host {JOIN}, or stop its agent and run `weft node rm {name}`")
        }
        _ => {
            let whose = if this { "this agent" } else { "its agent" };
            format!(
                "somebody else wrote it: any member can, and with Consul or etcd whoever has the token; {whose} puts it right"
            )
        }
    };
    format!("the record {who} {name} in the store is not believed, {why}: {then}; {mend}")
}

/// That nobody can join, and no certificate be renewed, while one host is away.
pub(super) fn only_authority(cluster: &Cluster) -> Option<String> {
    let mut holders = cluster.nodes.iter().filter(|(_, node)| node.authority).map(|(name, _)| name);
    let (holder, another) = (holders.next()?, holders.next());
    (cluster.is_signed() && cluster.nodes.len() > 1 && another.is_none()).then(|| {
        format!(
            "{holder} alone can let hosts in and renew certificates, and when it is lost for good, nobody can: `weft node promote \
             HOST` there has another do so, too"
        )
    })
}

/// Whether others sign and this host does not, or does not go by it.
fn behind(cluster: &Cluster, config: &AgentConfig) -> Option<String> {
    let own = cluster.nodes.get(&config.node_name)?;
    let mut others = cluster.nodes.iter().filter(|(name, _)| **name != config.node_name);
    if config.trust != Trust::Store || !others.any(|(_, node)| node.signed.is_some()) {
        return None;
    }
    if own.signed.is_some() {
        return Some(NOT_HEEDED.to_owned());
    }
    Some(format!(
        "other hosts of the cluster sign their records, and this one cannot: those that say trust = \"signed\" do not believe \
         it; let it {JOIN}"
    ))
}
