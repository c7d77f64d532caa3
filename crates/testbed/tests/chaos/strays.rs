//! Agents that are pointed at a store which is not their cluster's.

use crate::{
    scenario::{ALL_OF_THREE, Scenario},
    stage::{NETWORK, SOON, Stage},
};
use std::time::{Duration, Instant};
use weft_testbed::{Release, until};

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "wrong-store",
    fault: "an agent is started with a typo in its store's URL, twice, and put right",
    engines: &[(2, Release::Newest)],
    spared: ALL_OF_THREE,
    busy: &[1, 3],
    says: &[
        "is empty, and this host belongs to cluster",
        "Put --cluster-store right, move the cluster with `weft store copy` while no agent runs, or give up what this host \
         has of it with `weft leave --force`",
    ],
    play: wrong,
    ..Scenario::USUAL
}];

fn wrong(stage: &mut Stage<'_>) {
    let right = stage.servers[0].url().to_owned();
    let networks =
        |stage: &Stage<'_>| stage.engines[&2].docker("network ls --quiet --no-trunc --filter driver=weft");
    for prefix in ["wfet", "eft"] {
        until("the engine has what the cluster has", SOON, || {
            let of_cluster = stage.host(2).run(&["weft", "network", "ls", "-q"]);
            networks(stage).lines().count() == of_cluster.lines().count()
        });
        let before = networks(stage);
        stage.hear(2);
        stage.agent(2).turn_to(&format!("{right}/{prefix}"));
        until("its status says so", SOON, || {
            let output = stage.host(2).output(&["weft", "status"]);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            output.status.code() == Some(1) && stage.says.iter().all(|text| said.contains(text))
        });
        // For as long as it takes to do something rash.
        stage.lasts(Duration::from_secs(7));
        if networks(stage) != before {
            stage.figures.wrong("the engine's networks are not as they were");
        }
        if !stage.engines[&2].succeeds("inspect --format {{.State.Running}} web-2") {
            stage.figures.wrong("the container is gone");
        }
        stage.reach_each_other(1, 2);
        let keys = stage.servers[0].host().output(&["consul", "kv", "get", "-keys", "-recurse", prefix]);
        if !keys.stdout.is_empty() {
            stage.figures.wrong(format!("written there: {}", String::from_utf8_lossy(&keys.stdout)));
        }
        let refused = stage.host(2).refused(&["weft", "network", "create", "never"]);
        if !refused.contains(stage.says[0]) {
            stage.figures.wrong(format!("refused otherwise: {refused}"));
        }
        stage.hear(2);
        stage.agent(2).turn_to(&right);
        let back = Instant::now();
        stage.change();
        stage.catches_up(back);
        stage.names_are_answered();
    }
    until("the network is where it was", SOON, || stage.engines[&2].docker("network ls").contains(NETWORK));
}
