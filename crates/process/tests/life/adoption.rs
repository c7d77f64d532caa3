//! Agents come and go; processes stay.

use crate::world::{Place, eventually, lives, weft};
use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};
use weft_process::{RunState, Spec};

/// An agent that starts the process described in `DIR.json`, and ends.
pub(crate) fn helper(dir: &Path) -> ExitCode {
    let spec: Spec = serde_json::from_slice(&std::fs::read(dir.with_extension("json")).unwrap()).unwrap();
    weft_process::start(dir, &spec, &weft()).unwrap();
    ExitCode::SUCCESS
}

fn agent(place: &Place, script: &str) -> Command {
    let spec = serde_json::to_vec(&place.spec(script)).unwrap();
    std::fs::write(place.dir.with_extension("json"), spec).unwrap();
    let mut agent = Command::new(weft());
    agent.arg("helper-start").arg(&place.dir).stderr(Stdio::null());
    agent
}

pub(crate) fn another_agent_takes_over() {
    let place = Place::new();
    assert!(agent(&place, "echo ready; sleep 60; exit 6").status().unwrap().success());
    let RunState::Running { pid } = place.state() else { panic!("{:?}", place.state()) };
    assert!(lives(pid));
    place.await_output("ready");
    weft_process::kill(&place.dir).unwrap();
    assert_eq!(place.end(), Some(128 + 9));
}

/// Killed at instants spread over the whole of a start, the agent leaves a process that runs, or none: never
/// one that runs and is not known.
pub(crate) fn a_killed_agent_leaves_nothing_unclear() {
    const KILLS: u32 = 60;
    let place = Place::new();
    let began = Instant::now();
    assert!(agent(&place, "exec sleep 1000").status().unwrap().success());
    let whole = began.elapsed().min(Duration::from_millis(200));
    weft_process::remove(&place.dir, &place.netns).unwrap();
    let (mut running, mut none) = (0, 0);
    for kill in 0..KILLS {
        let mut agent = agent(&place, "exec sleep 1000").spawn().unwrap();
        // Not a wait for anything: the instant is what varies.
        std::thread::sleep(whole * kill / KILLS);
        agent.kill().unwrap();
        agent.wait().unwrap();
        eventually("it is clear", || place.state() != RunState::Starting);
        match place.state() {
            RunState::Running { pid } => {
                assert!(lives(pid));
                running += 1;
            }
            RunState::NotStarted => {
                assert_eq!(place.inhabitants(), [0; 0]);
                none += 1;
            }
            other => panic!("{other:?} after kill {kill}"),
        }
        weft_process::remove(&place.dir, &place.netns).unwrap();
        place.assert_untouched();
    }
    assert!(none > 0, "of {KILLS} kills, {running} came too late, and none early");
}
