//! A host that was just installed may have a cluster of its own, which it gives up for the one that it joins.

use crate::client::Client;
use anyhow::{Context, bail};
use weft_agent::{
    config::AgentConfig,
    joining::{Belonging, belonging},
};
use weft_api::{docker::Network, v1};
use weft_model::ClusterId;

/// The cluster with others that this host is in already, which it can join again.
///
/// # Errors
/// If it is one that others join here.
pub(super) fn shared(config: &AgentConfig) -> anyhow::Result<Option<ClusterId>> {
    let Belonging::To(store, cluster) = belonging(config)? else { return Ok(None) };
    if config.serves_at().is_some() {
        bail!(
            "this host keeps the store of its cluster, which the other hosts join with tokens from here (`weft node token`, or \
             `weft ca new` if it cannot make any): for another cluster, take it out of this one with `weft leave` first"
        );
    }
    let unknown = || {
        format!(
            "this host is in a cluster already, whose store is {store}: take it out with `weft leave` first"
        )
    };
    cluster.map(Some).with_context(unknown)
}

/// Gives up the cluster that this host has for itself alone, if it has one.
///
/// # Errors
/// If something runs on the networks that it would give up: nothing has changed then.
pub(super) async fn give_up(config: &AgentConfig, client: &Client) -> anyhow::Result<()> {
    if belonging(config)? != Belonging::ToItself {
        return Ok(());
    }
    // Without an agent nobody can tell.
    let networks: Vec<Network> = client.get("/networks").await.unwrap_or_default();
    if !networks.is_empty() {
        let names: Vec<_> = networks.iter().map(|network| network.name.as_str()).collect();
        bail!(
            "this host has a cluster for itself alone, with networks that it would give up: {}. Remove them (`weft network rm`) \
             first, or leave that cluster (`weft leave`)",
            names.join(", ")
        );
    }
    let wish = v1::Leave { force: false, purge: false, dry_run: false };
    let left: Result<v1::Left, _> = client.carry_out("/weft/v1/leave", &wish).await;
    let done = match left {
        Ok(_) => Ok(()),
        Err(error) if error.is_without_agent() => {
            let leave = weft_verbs::Leave { force: false, purge: false, dry_run: false };
            weft_agent::leave(config.clone(), leave).await.map(drop).map_err(anyhow::Error::from)
        }
        Err(error) => Err(error.into()),
    };
    done.context("cannot give up the cluster that this host has for itself alone")
}
