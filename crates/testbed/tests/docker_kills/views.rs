//! Whether engine, cluster and containers agree on which container is on which network.

use crate::{COMES_RIGHT, cluster::Cluster};
use serde_json::Value;
use std::collections::BTreeSet;
use weft_testbed::{Agent, Engine, eventually};

/// The networks, and the containers on them, a line each.
type View = BTreeSet<String>;

/// Waits until every engine has the cluster's networks and no other, the cluster has the engine's endpoints and
/// no other, and each container has in fact what its engine says.
#[track_caller]
pub(crate) fn agree_soon(cluster: &Cluster) {
    for (engine, agent) in cluster.engines.iter().zip(&cluster.agents) {
        let host = engine.host().name();
        eventually(COMES_RIGHT, || {
            let (of_engine, of_cluster) = (of_engine(engine), of_cluster(agent, host));
            if of_engine == of_cluster {
                Ok(())
            } else {
                let containers = engine.docker("ps -a --format {{.Names}}:{{.State}}:{{.Networks}}");
                Err(format!(
                    "{host}: Docker has {of_engine:#?}, and the cluster {of_cluster:#?}; the containers say:\n{containers}"
                ))
            }
        });
        eventually(COMES_RIGHT, || {
            let (said, real) = (said_of_containers(engine), containers(engine));
            if said == real {
                Ok(())
            } else {
                Err(format!("{host}: Docker says {said:#?}, but it is {real:#?}"))
            }
        });
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn network_line(network: &Value) -> String {
    let pools = network["IPAM"]["Config"].as_array().into_iter().flatten();
    let pools: Vec<_> = pools.map(|pool| text(&pool["Subnet"])).collect();
    format!("{} {}", text(&network["Name"]), pools.join(" "))
}

/// The networks of ours that an engine has, with the containers on them.
fn networks(engine: &Engine) -> Vec<Value> {
    let ids = engine.docker("network ls -q --no-trunc -f driver=weft");
    let inspect = |id: &str| engine.try_request("GET", &format!("/networks/{id}"), None).ok();
    // It may be gone by now.
    let found = ids.lines().filter_map(inspect).filter(|answer| answer.status == 200);
    found.map(|answer| answer.json()).collect()
}

fn of_engine(engine: &Engine) -> View {
    let networks = networks(engine);
    let members = networks.iter().flat_map(|network| {
        let members = network["Containers"].as_object().into_iter().flat_map(|all| all.values());
        members.map(|member| {
            let address = text(&member["IPv4Address"]).split('/').next().unwrap_or_default();
            format!("{}: {} {address}", text(&network["Name"]), text(&member["Name"]))
        })
    });
    networks.iter().map(network_line).chain(members).collect()
}

fn of_cluster(agent: &Agent, node: &str) -> View {
    let [networks, endpoints] = ["/networks", "/weft/v1/endpoints"]
        .map(|path| agent.request("GET", path, None).json().as_array().cloned().unwrap_or_default());
    let members = endpoints.iter().filter(|endpoint| endpoint["node"] == node);
    let member =
        |of: &Value| format!("{}: {} {}", text(&of["network_name"]), text(&of["name"]), text(&of["ipv4"]));
    networks.iter().map(network_line).chain(members.map(member)).collect()
}

/// The running containers, each with its addresses on our networks and whether our resolver answers in it: as
/// the engine would have it.
fn said_of_containers(engine: &Engine) -> View {
    let networks = networks(engine);
    let running = engine.docker("ps --format {{.Names}}");
    let line = |name: &str| {
        let members = networks.iter().filter_map(|network| network["Containers"].as_object());
        let own = members.flat_map(|all| all.values()).filter(|member| member["Name"] == name);
        let addresses: BTreeSet<_> = own.map(|member| text(&member["IPv4Address"])).collect();
        let addresses: Vec<_> = addresses.into_iter().collect();
        format!("{name} {} {}", u8::from(!addresses.is_empty()), addresses.join(" "))
    };
    running.lines().map(line).collect()
}

/// The same, as it is in the containers' namespaces.
fn containers(engine: &Engine) -> View {
    const LOOK: &str = r#"
        for name in $(docker ps --format '{{.Names}}'); do
            pid=$(docker inspect -f '{{.State.Pid}}' $name) && [ "$pid" != 0 ] || continue
            in_it() { nsenter --net=/proc/$pid/ns/net "$@"; }
            resolvers=$(in_it nft list tables | grep -c weft)
            addresses=$(in_it ip -oneline -4 address | grep -o ' 10\.[0-9.]*/[0-9]*' | sort)
            echo "$name $resolvers" $addresses
        done
        true"#;
    let listed = engine.host().run(&["sh", "-c", LOOK]);
    let trimmed = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    trimmed.map(|line| if line.ends_with(" 0") { line + " " } else { line }).collect()
}
