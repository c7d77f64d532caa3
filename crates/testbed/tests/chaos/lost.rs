//! A store that lost what it had, or has it as it was some time ago.

use crate::{
    scenario::{Kept, Scenario},
    stage::{SOON, Stage},
};
use std::time::{Duration, Instant};
use weft_testbed::until;

/// How long things change after the backup that the store is restored from.
const SINCE_BACKUP: Duration = Duration::from_secs(10);
/// How long a store that lost something is down.
const DOWN: Duration = Duration::from_secs(5);

const BACKUP: &str = "/run/backup";

/// What is to be read where a store has lost something.
pub(crate) const LOST: &[&str] = &[
    "the store lost what it had, or was brought back from a backup; this node is putting back what is missing",
    "put back into the store what it had lost",
];

/// What is said about a container whose network is gone.
const NO_NETWORK: &str = "its network was removed while this node was away";

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "store-wiped",
        fault: "the store loses its disk and starts empty",
        says: LOST,
        play: wiped,
        ..Scenario::USUAL
    },
    Scenario {
        name: "keys-deleted",
        fault: "consul kv delete -recurse",
        says: LOST,
        play: |stage| {
            run(stage, "consul kv delete -recurse weft/");
            comes_back(stage);
        },
        ..Scenario::USUAL
    },
    Scenario {
        name: "snapshot-restored",
        fault: "consul snapshot restore of an old backup",
        says: LOST,
        play: |stage| restored(stage, "consul snapshot save", "consul snapshot restore"),
        ..Scenario::USUAL
    },
    Scenario {
        name: "keys-imported",
        fault: "consul kv delete, and import of an old export",
        always: false,
        says: LOST,
        play: |stage| {
            restored(
                stage,
                "consul kv export weft/ >",
                "consul kv delete -recurse weft/; consul kv import @",
            );
        },
        ..Scenario::USUAL
    },
    Scenario {
        name: "etcd-wiped",
        fault: "etcd loses its disk and starts empty",
        always: false,
        store: Kept::Etcd,
        says: LOST,
        play: wiped,
        ..Scenario::USUAL
    },
    Scenario {
        name: "etcd-restored",
        fault: "etcd starts from an old snapshot",
        store: Kept::Etcd,
        says: LOST,
        play: etcd_restored,
        ..Scenario::USUAL
    },
    Scenario {
        name: "snapshot-lacks-container",
        fault: "consul snapshot restore without a container whose agent is dead",
        busy: &[],
        says: LOST,
        play: |stage| {
            lacks_container(stage, |stage| run(stage, &format!("consul snapshot restore {BACKUP}")))
        },
        ..Scenario::USUAL
    },
    Scenario {
        name: "etcd-lacks-container",
        fault: "etcd starts from a snapshot without a container whose agent is dead",
        always: false,
        store: Kept::Etcd,
        busy: &[],
        says: LOST,
        play: |stage| lacks_container(stage, restore_etcd),
        ..Scenario::USUAL
    },
    Scenario {
        name: "rebuild-off",
        fault: "consul kv delete -recurse with --store-rebuild=off",
        always: false,
        arguments: &["--store-rebuild=off"],
        // What the store says is true: nothing is on a network any more.
        spared: &[],
        busy: &[],
        says: &[NO_NETWORK],
        play: not_rebuilt,
        ..Scenario::USUAL
    },
];

pub(crate) fn wiped(stage: &mut Stage<'_>) {
    stage.servers[0].kill9();
    stage.servers[0].wipe();
    stage.lasts(DOWN);
    stage.servers[0].restart();
    comes_back(stage);
}

/// Backs the store up, lets time pass, and restores the backup.
fn restored(stage: &mut Stage<'_>, save: &str, restore: &str) {
    run(stage, &format!("{save} {BACKUP}").replace("> ", ">"));
    stage.change();
    stage.lasts(SINCE_BACKUP);
    stage.change();
    run(stage, &format!("{restore} {BACKUP}").replace("@ ", "@"));
    comes_back(stage);
}

fn etcd_restored(stage: &mut Stage<'_>) {
    run(stage, &format!("etcdctl snapshot save {BACKUP}"));
    stage.change();
    stage.lasts(SINCE_BACKUP);
    stage.change();
    restore_etcd(stage);
    comes_back(stage);
}

fn restore_etcd(stage: &mut Stage<'_>) {
    stage.servers[0].kill9();
    stage.servers[0].wipe();
    run(stage, &format!("etcdctl snapshot restore {BACKUP} --data-dir=/var/lib/weft-etcd"));
    stage.servers[0].restart();
}

/// Nothing came since the backup but one container, and nobody is there to say so: its address stays its own.
fn lacks_container(stage: &mut Stage<'_>, restore: fn(&mut Stage<'_>)) {
    let save = if stage.servers[0].url().starts_with("etcd") { "etcdctl" } else { "consul" };
    run(stage, &format!("{save} snapshot save {BACKUP}"));
    let (late, _) = stage.container(3, "late");
    stage.agree();
    stage.hear(3);
    stage.agent(3).kill9();
    stage.away.insert(3);
    restore(stage);
    // Consul's watches hear of a restored snapshot with the next change.
    stage.all_decide();
    stage.is_not_granted(1, late.address());
    stage.restart_agent(3);
    stage.away.remove(&3);
    comes_back(stage);
    until("it is known by its name", SOON, || stage.web[0].resolve("late") == [late.address()]);
}

/// Everything is as it was, and nothing that was deleted is back.
#[track_caller]
fn comes_back(stage: &mut Stage<'_>) {
    let back = Instant::now();
    stage.is_put_back();
    stage.catches_up(back);
    stage.names_are_answered();
    stage.change();
}

fn not_rebuilt(stage: &mut Stage<'_>) {
    run(stage, "consul kv delete -recurse weft/");
    for host in stage.hosts() {
        until("what was on the network is cut off", SOON, || {
            host.run(&["sh", "-c", "weft status || true"]).contains(NO_NETWORK)
        });
    }
    stage.look_at_status(1);
    assert_eq!(stage.host(1).run(&["weft", "network", "ls", "-q"]), "", "nothing is put back");
    stage.lose_everything();
    let began = Instant::now();
    stage.catches_up(began);
}

/// Runs something beside the store.
#[track_caller]
fn run(stage: &Stage<'_>, script: &str) {
    let script = format!("export ETCDCTL_API=3; {script}");
    stage.servers[0].host().run(&["sh", "-c", &script]);
}
