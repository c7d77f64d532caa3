//! Nodes whose records are not believed, a sentence each.

use crate::config::AgentConfig;
use weft_model::{AuthorityId, NodeName, Trust};
use weft_state::cluster::Cluster;
use weft_trust::Disbelief;

/// What lets a host be believed.
const JOIN: &str = "join with a token (`weft node token` on a host that lets others in; `weft join` there)";

/// The same for a host that is in the cluster.
pub(super) const JOIN_AGAIN: &str =
    "join again (`weft node token` on a host that lets others in; `weft join` here: nothing that runs stops)";

/// Where nobody can let hosts in.
const NO_HOLDER: &str = "no host has the key of the cluster's authority: no host can join, and no certificate is renewed. \
                         `weft ca import` brings it back from a backup; without one, `weft ca new`";

/// Of a member that believes the store.
const NOT_HEEDED: &str = "this host has a certificate of the cluster, and believes the store all the same (trust: store): who can \
                          write to the store can lead its packets elsewhere, and it heeds no revocation. Write trust = \"signed\" \
                          into /etc/weft/weft.toml, and restart the agent";

/// What somebody should look at.
pub(super) fn problems(cluster: &Cluster, config: &AgentConfig) -> Vec<String> {
    let me = &config.node_name;
    let unbelieved = cluster.unbelieved.iter().map(|(name, why)| sentence(cluster, (name, name == me), why));
    unbelieved.chain(behind(cluster, config)).chain(authorities(cluster)).collect()
}

/// The nodes that have a record which is not believed, and never had another.
pub(super) fn of_nobody(cluster: &Cluster) -> impl Iterator<Item = &NodeName> {
    cluster.unbelieved.keys().filter(|name| !cluster.nodes.contains_key(*name))
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
        Disbelief::OtherAuthority if this => {
            format!("the cluster has another authority by now: let this host {JOIN_AGAIN}")
        }
        Disbelief::OtherAuthority => format!(
            "if `weft ca new` was run there, let this host {JOIN_AGAIN}, with a token from there; otherwise somebody else wrote it, \
             and its agent puts it right"
        ),
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
    let Some(holder) = holders.next() else {
        let is_in = cluster.is_signed() && !cluster.nodes.is_empty();
        return is_in.then(|| NO_HOLDER.to_owned());
    };
    let another = holders.next();
    (cluster.is_signed() && cluster.nodes.len() > 1 && another.is_none()).then(|| {
        format!(
            "{holder} alone can let hosts in and renew certificates, and when it is lost for good, nobody can: `weft node promote \
             HOST` there has another do so, too"
        )
    })
}

/// That the authority is being replaced, and it does not go on by itself.
fn authorities(cluster: &Cluster) -> Option<String> {
    if cluster.is_torn() {
        return Some(
            "the store has two authorities that the cluster's authority names to follow it, and this host follows neither: \
             somebody else has its key. Run `weft ca new --force` on the host that serves the store, or any with Consul or etcd, and let all others join again with its tokens"
                .to_owned(),
        );
    }
    let mut strangers = cluster.authorities.iter().filter(|(_, record)| record.by.is_none());
    let believed = |id: &AuthorityId| cluster.believed().is_none_or(|all| all.ids().any(|one| one == *id));
    if let Some((id, _)) = strangers.find(|(id, _)| !believed(id)) {
        return Some(format!(
            "the store has an authority that this host does not believe, {}: if `weft ca new` was run on a host of the cluster, let this \
             one {JOIN_AGAIN}, with a token from there; otherwise somebody else wrote it, it changes nothing, and the next `weft ca rotate` removes it",
            id.short()
        ));
    }
    let behind: Vec<_> = cluster.behind().into_iter().filter(|name| !cluster.is_up(name)).collect();
    let all = behind.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    (!behind.is_empty()).then(|| {
        format!(
            "the cluster's authority is being replaced, and these hosts are down and have no certificate by the new one: {all}. They \
             get one when they are back; `weft node rm` for those that are gone for good, or `weft ca rotate --finish`"
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
