//! What must not be left when every container and every network is gone.

use crate::cluster::{Cluster, SOON};
use std::time::Duration;
use weft_testbed::{Host, eventually};

/// Everything of ours that a host can have for networks and containers of an engine, and what the engine has of
/// them, each with what it is.
const ON_A_HOST: &str = r#"
    named() { while read -r what; do echo "$1 $what"; done; }
    # That in which paths are measured is there as long as there are other hosts.
    ip netns | grep -o '^weft-[0-9]*' | grep -v '^weft-16777215$' | named namespace
    # v and twelve digits of an endpoint's id: it waits for the engine to take it.
    ip -oneline link | grep -Eo ' (weft-[0-9]+|v[0-9a-f]{12}|[^ ]*vxlan[^ ]*)[@:]' | named device
    nft list tables | grep weft | named nftables
    (cd /var/lib/weft/endpoints && find . -type f) | named journal
    ls /var/lib/weft | grep 'docker.json.' | named file
    grep -v '^{}$' /var/lib/weft/docker.json | named docker.json
    docker network ls -f driver=weft --format '{{.Name}}' | named network
    # An engine that was killed may leave its sandboxes; there is nothing of ours in them.
    for sandbox in /run/docker/netns/*; do
        nsenter --net="$sandbox" sh -c 'nft list tables | grep weft; ip -oneline -4 address | grep " 10\."' |
            named "in $sandbox"
    done
    true"#;

impl Cluster {
    /// Removes all containers, then all networks, through docker. Networks are removed again if they come back before
    /// `deadline`: a network is in use as long as one of its endpoints is in the store, even if the engine has
    /// forgotten the endpoint.
    #[track_caller]
    pub(crate) fn remove_all(&self, deadline: Duration) {
        for engine in &self.engines {
            let containers = engine.docker("ps -aq").replace('\n', " ");
            if !containers.is_empty() {
                engine.docker(&format!("rm -f {containers}"));
            }
        }
        eventually(deadline, || {
            for engine in &self.engines {
                let own = engine.docker("network ls -q -f driver=weft").replace('\n', " ");
                // Refused if it goes just now.
                let _ = own.is_empty() || engine.succeeds(&format!("network rm {own}"));
            }
            let left = self.engines.iter().map(|engine| engine.docker("network ls -q -f driver=weft"));
            let left: Vec<_> = left.filter(|ids| !ids.is_empty()).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("the engines still have networks: {left:?}")) }
        });
    }

    /// The keys in the store, of networks and everything that belongs to them.
    #[track_caller]
    pub(crate) fn keys(&self) -> Vec<String> {
        let listed = self.world.host(1).run(&["consul", "kv", "get", "-keys", "-separator=", "weft/v1/"]);
        // Nodes stay, and the cluster does; the lineage is a counter.
        let others =
            ["weft/v1/nodes/", "weft/v1/live/", "weft/v1/latest/", "weft/v1/epoch", "weft/v1/cluster"];
        let of_networks = listed.lines().filter(|key| !others.iter().any(|other| key.starts_with(other)));
        of_networks.map(ToOwned::to_owned).collect()
    }

    /// Waits until nothing is left of any network, neither in the store nor on the hosts.
    #[track_caller]
    pub(crate) fn is_empty_soon(&self) {
        self.is_empty_within(SOON);
    }

    /// As [`is_empty_soon`](Self::is_empty_soon), where it may take longer.
    #[track_caller]
    pub(crate) fn is_empty_within(&self, deadline: Duration) {
        eventually(deadline, || {
            let of_hosts = self.world.hosts().iter().flat_map(leftovers);
            let left: Vec<_> = of_hosts.chain(self.keys()).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("still there:\n{}", left.join("\n"))) }
        });
    }
}

fn leftovers(host: &Host) -> Vec<String> {
    let listed = host.run(&["sh", "-c", ON_A_HOST]);
    listed.lines().map(|line| format!("{}: {line}", host.name())).collect()
}
