//! `weft exec`.

use crate::world::{Place, weft};
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, ExitCode},
};

/// `PID NETNS COMMAND…`, as the command line would.
pub(crate) fn helper(words: &[String]) -> ExitCode {
    let env = BTreeMap::from([("EXTRA".into(), "more".into())]);
    let error = weft_process::exec::replace(&weft_process::exec::ExecRequest {
        pid: words[0].parse().unwrap(),
        netns: Path::new(&words[1]),
        command: &words[2..],
        env: &env,
        workdir: None,
    });
    eprintln!("{error}");
    ExitCode::from(u8::try_from(error.code).unwrap())
}

fn exec(place: &Place, pid: u32, command: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(weft())
        .arg("helper-exec")
        .arg(pid.to_string())
        .arg(&place.netns)
        .args(command)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

pub(crate) fn joins_a_running_process() {
    let place = Place::new();
    let mut spec = place.spec("echo ready; cd /; exec env -i sleep 1000");
    spec.env.insert("OWN".into(), "mine".into());
    spec.workdir = "/usr".into();
    let pid = place.start(&spec).unwrap();
    place.await_output("ready");
    let script = "hostname; cat /etc/hosts; pwd; echo $OWN $EXTRA; ls /sys/class/net >/dev/null; readlink /proc/self/ns/net";
    let (code, output) = exec(&place, pid, &["sh", "-c", script]);
    let network = std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert_eq!(output, format!("nginx_01\n10.0.0.2 nginx_01\n/usr\nmine more\n{}\n", network.display()));
    assert_eq!(code, Some(0));
    assert_eq!(exec(&place, pid, &["sh", "-c", "exit 4"]).0, Some(4));
}

pub(crate) fn says_what_is_wrong() {
    let place = Place::new();
    let pid = place.sh("exec sleep 1000");
    let (code, message) = exec(&place, pid, &["no-such-command"]);
    assert_eq!(
        (code, &*message),
        (Some(127), "cannot execute \"no-such-command\": no such command in its PATH\n")
    );
    let (code, message) = exec(&place, 1, &["true"]);
    assert_eq!((code, &*message), (Some(125), "the process 1 does not run any more\n"), "another's number");
    weft_process::kill(&place.dir).unwrap();
    place.end();
    let (code, message) = exec(&place, pid, &["true"]);
    assert_eq!((code, message), (Some(125), format!("the process {pid} does not run any more\n")));
}
