//! The engines alone, without weft: what the other tests take for granted.

use crate::cluster::SOON;
use std::{fs, path::Path, thread};
use weft_testbed::{Engine, Release, World, until};

/// Both releases at once on one machine.
#[test]
fn both_releases_run_containers_and_survive_being_killed() {
    let Some(world) = World::up(2) else { return };
    thread::scope(|scope| {
        for (host, release) in world.hosts().iter().zip([Release::Oldest, Release::Newest]) {
            scope.spawn(move || {
                let mut engine = host.engine(release);
                let oldest = engine.version().starts_with("20.10.");
                assert_eq!(oldest, release == Release::Oldest, "{}", engine.version());
                runs_containers(&engine);
                survives(&mut engine);
            });
        }
    });
    let lab = world.process();
    assert!(cgroups_of(lab) > 0, "a container has a cgroup");
    drop(world);
    until("its cgroups went with the lab", SOON, || cgroups_of(lab) == 0);
}

fn runs_containers(engine: &Engine) {
    engine.docker("network create plain");
    engine.docker("run -itd --net plain --name box --restart always busybox");
    engine.docker("run -d --net plain --name web -p 8080:80 nginx");
    assert_eq!(engine.docker("exec box wget -qO- http://web/"), "Welcome to nginx!");
    // libc's resolver, beside busybox's.
    assert!(engine.docker("exec web getent hosts box").ends_with("box"));
    let published = format!("http://{}:8080/", engine.host().address());
    assert_eq!(engine.host().run(&["curl", "-sf", &published]), "Welcome to nginx!\n");
    assert!(engine.docker("compose version").starts_with("Docker Compose version"));
}

fn survives(engine: &mut Engine) {
    let process = |engine: &Engine| engine.docker("inspect -f {{.State.Pid}} box");
    let first = process(engine);
    for _ in 0..2 {
        engine.kill9();
        engine.restart(&["--live-restore"]);
        assert_eq!(process(engine), first, "the container runs on");
    }
    engine.kill9();
    engine.restart(&[]);
    until("another is started", SOON, || !["0", &first].contains(&process(engine).as_str()));
    assert_eq!(engine.docker("exec box echo there"), "there");
}

/// In how many hierarchies the containers of a lab have cgroups.
fn cgroups_of(lab: u32) -> usize {
    let mount = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(mount).into_iter().flatten().flatten().map(|entry| entry.path());
    let name = format!("weft-lab-{lab}");
    [mount.to_owned()].into_iter().chain(hierarchies).filter(|path| path.join(&name).exists()).count()
}
