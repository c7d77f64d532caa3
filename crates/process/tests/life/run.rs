//! A process that does what it should.

use crate::world::{PATIENCE, Place, eventually, lives, run};
use std::{fs, time::Duration};
use weft_process::{RunState, Signal};

pub(crate) fn ends_with_the_commands_status() {
    let place = Place::new();
    assert_eq!(
        place.finish(&place.spec("echo out; echo err >&2; cat; exit 7")),
        (Some(7), "out\nerr\n".into())
    );
    let before = place.state();
    let RunState::Exited { at, .. } = before else { panic!("{before:?}") };
    assert!(jiff::Timestamp::now().duration_since(at).as_secs() < 10);
    weft_process::remove(&place.dir, &place.netns).unwrap();
    weft_process::remove(&place.dir, &place.netns).unwrap();
    place.assert_untouched();
}

pub(crate) fn sees_its_own_namespaces() {
    let place = Place::new();
    let host = run("hostname; readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc").stdout;
    let host = String::from_utf8(host).unwrap();
    let pid = place.sh("hostname; readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc; sleep 60");
    assert_eq!(place.state(), RunState::Running { pid });
    place.await_output("ipc:");
    let inside = place.output();
    assert!(inside.starts_with("nginx_01\n"), "{inside}");
    assert_eq!(inside.split_once('\n').unwrap().1, host.split_once('\n').unwrap().1, "those are the host's");
    assert_eq!(
        run("hostname").stdout,
        host.lines().next().unwrap().to_owned().into_bytes().into_iter().chain([b'\n']).collect::<Vec<_>>()
    );
    assert!(place.inhabitants().contains(&pid));
    for namespace in ["net", "mnt", "uts"] {
        let theirs = fs::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap();
        assert_ne!(theirs, fs::read_link(format!("/proc/self/ns/{namespace}")).unwrap());
    }
}

pub(crate) fn has_its_environment_and_directory() {
    let place = Place::new();
    let mut spec = place.spec("pwd; echo $GREETING; umask; env | cut -d= -f1 | sort | tr '\\n' ' '");
    spec.workdir = "/usr".into();
    spec.env.insert("GREETING".into(), "two words".into());
    let (code, output) = place.finish(&spec);
    assert_eq!(code, Some(0));
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[..3], ["/usr", "two words", "0022"]);
    assert_eq!(lines[3].trim(), "GREETING HOME HOSTNAME PATH PWD");
}

pub(crate) fn may_open_as_many_files_as_it_is_told() {
    let place = Place::new();
    let mut spec = place.spec("ulimit -Sn; ulimit -Hn");
    spec.open_files = Some(77);
    let most = run("ulimit -Hn").stdout;
    assert_eq!(place.finish(&spec).1, format!("77\n{}", String::from_utf8(most).unwrap()));
}

pub(crate) fn signals_reach_the_command() {
    let place = Place::new();
    place.sh("trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done");
    place.await_output("ready");
    weft_process::signal(&place.dir, Signal::TERM).unwrap();
    assert_eq!(place.end(), Some(9));
    weft_process::signal(&place.dir, Signal::TERM).expect("one that has ended is no error");

    let place = Place::new();
    place.sh("exec sleep 60");
    weft_process::kill(&place.dir).unwrap();
    assert_eq!(place.end(), Some(128 + 9));
}

pub(crate) fn the_shims_signals_are_passed_on() {
    let place = Place::new();
    place.sh("trap 'exit 3' USR1; trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done");
    place.await_output("ready");
    run(&format!("kill -TERM {}", place.shim()));
    assert_eq!(place.end(), Some(4));
}

pub(crate) fn its_end_is_awaited() {
    let place = Place::new();
    place.sh("until [ -e /run/finish ]; do sleep 0.01; done; exit 8");
    let shim = place.shim();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ended = weft_process::wait_handle(&place.dir).unwrap().unwrap();
        let early = tokio::time::timeout(Duration::from_millis(50), ended.wait()).await;
        assert!(early.is_err(), "it has not ended yet");
        fs::write("/run/finish", "").unwrap();
        tokio::time::timeout(PATIENCE, ended.wait()).await.unwrap().unwrap();
        assert!(matches!(place.state(), RunState::Exited { code: Some(8), .. }));
        ended.wait().await.expect("it can be awaited again");
        assert!(weft_process::wait_handle(&place.dir).unwrap().is_none());
    });
    fs::remove_file("/run/finish").unwrap();
    assert!(!fs::exists(format!("/proc/{shim}")).unwrap(), "the shim is left as a zombie");

    let short = Place::new();
    short.sh("exit 0");
    let shim = short.shim();
    eventually("the shim is gone, though nobody awaited it", || {
        short.state();
        !fs::exists(format!("/proc/{shim}")).unwrap()
    });
}

pub(crate) fn output_is_kept_within_bounds() {
    let place = Place::new();
    let (code, _) = place.finish(&place.spec("yes weft | head -c 25000000; echo; echo last words"));
    assert_eq!(code, Some(0));
    let sizes = weft_process::logs(&place.dir).map(|log| fs::metadata(log).unwrap().len());
    assert!(sizes.iter().all(|size| *size <= 10 << 20) && sizes.iter().sum::<u64>() > 10 << 20, "{sizes:?}");
    assert!(place.output().ends_with("last words\n"));
}

pub(crate) fn output_may_be_closed() {
    let place = Place::new();
    let pid = place.sh("echo ready; exec sleep 60 >/dev/null 2>&1");
    place.await_output("ready");
    eventually("the output is closed", || {
        fs::read_link(format!("/proc/{pid}/fd/1")).is_ok_and(|to| to.ends_with("null"))
    });
    // It waits now; it must not spin.
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", place.shim())).unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = ticks();
    run("sleep 0.5");
    assert!(ticks() - before < 10, "the shim spins");
    assert!(lives(pid));
}

pub(crate) fn the_shim_is_small_and_knows_no_secrets() {
    let place = Place::new();
    let mut spec = place.spec("echo ready; exec sleep 60");
    spec.env.insert("TOKEN".into(), "hunter2".into());
    place.start(&spec).unwrap();
    place.await_output("ready");
    let shim = place.shim();
    assert_eq!(fs::read(format!("/proc/{shim}/environ")).unwrap(), b"");
    assert!(!fs::read_to_string(format!("/proc/{shim}/cmdline")).unwrap().contains("hunter2"));
    let mode = |name| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(place.dir.join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!([mode(""), mode("spec.json"), mode("log")], [0o700, 0o600, 0o600]);
    let status = fs::read_to_string(format!("/proc/{shim}/status")).unwrap();
    assert!(status.contains("Threads:\t1\n"), "{status}");
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: u32 = anonymous.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 2048, "the shim has {kib} KiB to itself");
}
