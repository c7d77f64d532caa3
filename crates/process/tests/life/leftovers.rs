//! Nothing outlives its process.

use crate::world::{PATIENCE, Place, eventually, lives, run};
use std::fs;
use weft_process::RunState;

/// The number that a script wrote to a file.
fn pid_in(place: &Place, name: &str) -> u32 {
    let path = place.scratch.path().join(name);
    eventually(&format!("{name} is written"), || {
        fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n'))
    });
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

fn daemon(place: &Place, name: &str, how: &str) -> String {
    let file = place.scratch.path().join(name);
    format!("{how} sh -c 'echo $$ > {}; trap : TERM HUP; while :; do sleep 1; done' & ", file.display())
}

pub(crate) fn daemons_end_with_the_command() {
    let place = Place::new();
    let script = [
        daemon(&place, "plain", ""),
        daemon(&place, "session", "setsid"),
        daemon(&place, "elsewhere", "setsid unshare --net --mount"),
        "wait_for() { until [ -s $1 ]; do sleep 0.01; done; };".into(),
        format!(
            "cd {}; wait_for plain; wait_for session; wait_for elsewhere; exit 5",
            place.scratch.path().display()
        ),
    ];
    place.sh(&script.concat());
    assert_eq!(place.end(), Some(5));
    for name in ["plain", "session", "elsewhere"] {
        assert!(!lives(pid_in(&place, name)), "{name} lives on");
    }
    assert_eq!(place.inhabitants(), [0; 0]);
}

pub(crate) fn the_command_dies_with_its_shim() {
    let place = Place::new();
    let pid = place.sh("echo ready; exec sleep 1000");
    place.await_output("ready");
    run(&format!("kill -KILL {}", place.shim()));
    eventually("the command dies", || !lives(pid));
    assert_eq!(place.end(), None);
    assert!(matches!(place.state(), RunState::Exited { code: None, .. }));
}

/// A process that changes its user, as many services do, does not die with its shim: the death signal is
/// lost on the way (`commit_creds`, kernel/cred.c).
fn outlives_its_shim(place: &Place) -> u32 {
    let pid = place.sh("exec setpriv --reuid=65534 --clear-groups sleep 1000");
    eventually("it has changed its user", || {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with("sleep"))
    });
    pid
}

pub(crate) fn who_awaits_the_end_sweeps_up() {
    let place = Place::new();
    let pid = outlives_its_shim(&place);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ended = weft_process::wait_handle(&place.dir).unwrap().unwrap();
        run(&format!("kill -KILL {}", place.shim()));
        tokio::time::timeout(PATIENCE, ended.wait()).await.unwrap().unwrap();
    });
    assert!(!lives(pid));
    assert!(matches!(place.state(), RunState::Exited { code: None, .. }));
}

pub(crate) fn who_comes_later_sweeps_up() {
    let place = Place::new();
    let pid = outlives_its_shim(&place);
    run(&format!("kill -KILL {}", place.shim()));
    eventually("the shim is gone", || !matches!(place.state(), RunState::Running { .. }));
    assert!(lives(pid), "nothing is left to sweep up: are the sweeps still needed?");
    assert_eq!(place.end(), None);
    assert!(!lives(pid));
    assert_eq!(place.inhabitants(), [0; 0]);
}

pub(crate) fn remove_ends_everything() {
    let place = Place::new();
    let pid =
        place.sh(&format!("{} trap : TERM; while :; do sleep 1; done", daemon(&place, "daemon", "setsid")));
    let daemon = pid_in(&place, "daemon");
    weft_process::remove(&place.dir, &place.netns).unwrap();
    assert!(!lives(pid) && !lives(daemon));
    place.assert_untouched();
}
