//! Containers of Docker, whose engines fail, or whose store does.

use crate::{
    docker::{ASIDE, FOREIGN, LIVE_RESTORE, WAITING, called},
    lost::{self, LOST},
    scenario::Scenario,
    stage::{NETWORK, SOON, Stage},
    stores::goes_on_without_store,
};
use std::time::Instant;
use weft_testbed::{Container, Release, until};

/// The second host and the third have an engine each; on the first is weft alone. Engines keep this machine busy by
/// themselves: with less than the usual, what is measured is weft.
const DOCKER: Scenario =
    Scenario { engines: &[(2, Release::Newest), (3, Release::Oldest)], busy: &[3], ..Scenario::USUAL };

/// What is to be read where an engine was away.
const AWAY: &[&str] = &["Docker is not there; it is looked for now and then", "following Docker"];

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "engine-restored",
        fault: "agents and engines with --live-restore killed, alone and together",
        always: false,
        says: AWAY,
        play: restored,
        ..DOCKER
    },
    Scenario {
        name: "engine-killed",
        fault: "an engine without --live-restore killed and started",
        always: false,
        // What its containers have to say to each other ends with them.
        spared: &[(1, 2)],
        says: AWAY,
        play: killed,
        ..DOCKER
    },
    Scenario {
        name: "engine-without-store",
        fault: "the store killed, and docker asked for what needs it",
        always: false,
        says: &["remote: the store is out of reach since"],
        play: without_store,
        ..DOCKER
    },
    Scenario {
        name: "engine-store-wiped",
        fault: "the store loses its disk, and engines have networks in it",
        says: LOST,
        play: store_wiped,
        ..DOCKER
    },
    Scenario {
        name: "pruned-nightly",
        fault: "networks pruned from an engine whose containers on them do not run",
        always: false,
        says: &["is on the network again, which was put back", "started again: its network is back"],
        play: pruned,
        ..DOCKER
    },
];

fn restored(stage: &mut Stage<'_>) {
    for number in [2, 3] {
        stage.agent(number).kill9();
        stage.restart_agent(number);
        goes_on(stage, Instant::now());
        stage.engine(number).kill9();
        stage.engine(number).restart(LIVE_RESTORE);
        goes_on(stage, Instant::now());
        stage.engine(number).kill9();
        stage.agent(number).kill9();
        stage.restart_agent(number);
        stage.engine(number).restart(LIVE_RESTORE);
        goes_on(stage, Instant::now());
    }
}

fn killed(stage: &mut Stage<'_>) {
    // On the same host, and none of the engine's.
    let (beside, _) = stage.container(3, "beside");
    if let Some(traffic) = &mut stage.traffic {
        traffic.add(&stage.web[0], &beside);
    }
    for _ in 0..3 {
        stage.engine(3).kill9();
        stage.change();
        stage.names_are_answered();
        // The engine's containers end when it starts, and start again after that.
        stage.history.letting_go_of("host3", "web-3");
        stage.engine(3).restart(&[]);
        let back = Instant::now();
        stage.web_is_back(3);
        goes_on(stage, back);
    }
}

/// All is well, as it was.
#[track_caller]
fn goes_on(stage: &mut Stage<'_>, back: Instant) {
    stage.catches_up(back);
    stage.names_are_answered();
    stage.change();
}

fn without_store(stage: &mut Stage<'_>) {
    for engine in stage.engines.values() {
        engine.docker(&format!("create -it --net {NETWORK} --name {} busybox", called(WAITING, engine)));
        engine.docker(&format!("run -itd --name {} busybox", called(ASIDE, engine)));
        engine.docker(&format!("create -it --name {FOREIGN} busybox"));
    }
    stage.servers[0].kill9();
    stage.engines_refuse();
    goes_on_without_store(stage);
    stage.engines_refuse();
    stage.servers[0].restart();
    let back = Instant::now();
    stage.catches_up(back);
    stage.names_are_answered();
    // What was refused is done when it is asked for again.
    for number in [2, 3] {
        let engine = &stage.engines[&number];
        let [waiting, aside] = [WAITING, ASIDE].map(|name| called(name, engine));
        engine.docker(&format!("start {waiting}"));
        engine.docker(&format!("network connect {NETWORK} {aside}"));
        [waiting, aside].iter().for_each(|name| drop(stage.is_run(number, NETWORK, name)));
    }
}

fn store_wiped(stage: &mut Stage<'_>) {
    // Nobody is on this one while the store is away, and somebody is to be later.
    stage.engines[&2].docker("network create -d weft --ipam-driver weft idle");
    stage.is_in_engine(3, "idle");
    stage.engines[&3].docker("create -it --net idle --name idler busybox");
    let before = stage.inspected();
    lost::wiped(stage);
    if stage.inspected() != before {
        let now = stage.inspected();
        stage.figures.wrong(format!("the engines have {now:#?}, and had {before:#?}"));
    }
    stage.engines[&3].docker("start idler");
    stage.is_run(3, "idle", "idler");
}

fn pruned(stage: &mut Stage<'_>) {
    let network = "nightly";
    stage.engines[&2].docker(&format!("network create -d weft --ipam-driver weft --label job {network}"));
    stage.is_in_engine(3, network);
    let user = Container::attach(stage.host(1), network, "user");
    for number in [2, 3] {
        let engine = &stage.engines[&number];
        let sleeper = format!("sleeper-{number}");
        engine.docker(&format!("run -itd --net {network} --network-alias role --name {sleeper} busybox"));
        engine.docker(&format!("stop -t0 {sleeper}"));
        // It ends at once, again and again, and is mostly waited for.
        engine.docker(&format!("run -d --net {network} --restart always --name restless busybox sleep 0.1"));
        let id = || engine.docker(&format!("network ls --no-trunc -q -f name={network}"));
        let before = id();
        until("it is pruned, and put back", SOON, || {
            // Others would go for good, since nobody is on them.
            engine.docker("network prune -f --filter label=job");
            engine.succeeds(&format!("network inspect {network}")) && id() != before
        });
        until("it can be started", SOON, || engine.succeeds(&format!("start {sleeper}")));
        let known = stage.is_run(number, network, &sleeper).address();
        if !user.resolve("role").contains(&known) {
            stage.figures.wrong(format!("{sleeper} lost its alias"));
        }
        let now = id();
        let on = "inspect -f {{range.NetworkSettings.Networks}}{{.NetworkID}}{{end}} restless";
        until("what the engine gave up is started again", SOON, || engine.docker(on) == now);
        engine.docker("rm -f restless");
    }
    stage.change();
    stage.names_are_answered();
    user.detach(network);
}
