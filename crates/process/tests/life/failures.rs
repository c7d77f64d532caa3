//! What cannot be started: a clear reason, the right status, nothing left.

use crate::world::{Place, weft};
use std::{fs, path::Path};
use weft_process::{Spec, StartError};

/// Starts what must fail; the exit status and the message.
fn failure(place: &Place, change: impl FnOnce(&mut Spec)) -> (i32, String) {
    let mut spec = place.spec("exit 0");
    change(&mut spec);
    let error = place.start(&spec).unwrap_err();
    place.assert_untouched();
    (error.exit_code(), chain(&error))
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or(error.to_string(), |cause| format!("{error}: {cause}"))
}

pub(crate) fn no_such_command() {
    let place = Place::new();
    let (code, message) = failure(&place, |spec| spec.command = vec!["no-such-command".into()]);
    assert_eq!((code, &*message), (127, "cannot execute \"no-such-command\": no such command in its PATH"));
    let (code, _) = failure(&place, |spec| spec.command = vec!["/no/such/command".into()]);
    assert_eq!(code, 127);
    let (code, _) = failure(&place, |spec| drop(spec.env.insert("PATH".into(), "/nonexistent".into())));
    assert_eq!(code, 127, "its own PATH counts");
}

pub(crate) fn not_executable() {
    let place = Place::new();
    let (code, message) = failure(&place, |spec| spec.command = vec!["/etc/passwd".into()]);
    assert_eq!(code, 126, "{message}");
    assert!(message.contains("/etc/passwd") && message.contains("Permission denied"), "{message}");
}

pub(crate) fn no_such_directory() {
    let place = Place::new();
    let (code, message) = failure(&place, |spec| spec.workdir = "/no/such".into());
    assert_eq!(code, 125);
    assert!(message.contains("start in the directory /no/such"), "{message}");
}

pub(crate) fn the_hosts_network_is_refused() {
    let place = Place::new();
    // A killed namespace would take this test with it.
    let (code, message) = failure(&place, |spec| spec.netns = "/proc/1/ns/net".into());
    assert_eq!(code, 125);
    assert!(message.contains("it is the host's own"), "{message}");
}

pub(crate) fn no_such_namespace() {
    let place = Place::new();
    let (_, message) = failure(&place, |spec| spec.netns = "/run/netns/no-such".into());
    assert!(message.contains("use the network namespace /run/netns/no-such: No such file"), "{message}");
    let (_, message) = failure(&place, |spec| spec.netns = "/etc/passwd".into());
    assert!(message.contains("enter the network namespace /etc/passwd"), "{message}");
}

pub(crate) fn a_directory_is_used_once() {
    let place = Place::new();
    place.sh("exec sleep 60");
    let before = place.state();
    let error = place.start(&place.spec("exit 0")).unwrap_err();
    assert!(matches!(error, StartError::Taken(_)), "{error}");
    assert_eq!(place.state(), before, "the first is left alone");
}

pub(crate) fn a_broken_binary() {
    let place = Place::new();
    let start =
        |binary| weft_process::start(&place.dir, &place.spec("exit 0"), Path::new(binary)).unwrap_err();
    let error = start("/bin/false");
    assert!(matches!(error, StartError::Lost(_)), "{error}");
    let error = start("/no/such/weft");
    assert!(error.to_string().contains("cannot execute /no/such/weft"), "{error}");
    place.assert_untouched();
    // By hand, the shim declines.
    fs::create_dir(&place.dir).unwrap();
    fs::write(place.dir.join("lock"), "").unwrap();
    let output = std::process::Command::new(weft()).args(["shim", "--dir"]).arg(&place.dir).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("the agent starts"));
}

pub(crate) fn damaged_files_are_errors() {
    let place = Place::new();
    fs::create_dir(&place.dir).unwrap();
    assert_eq!(place.state(), weft_process::RunState::NotStarted);
    fs::write(place.dir.join("started.json"), "{").unwrap();
    let error = weft_process::state(&place.dir).unwrap_err().to_string();
    assert!(error.contains("started.json is damaged"), "{error}");
}

pub(crate) fn files_cut_short_before_the_start_are_nothing() {
    let place = Place::new();
    fs::create_dir(&place.dir).unwrap();
    fs::write(place.dir.join("lock"), "").unwrap();
    fs::write(place.dir.join("spec.json"), r#"{"id": "#).unwrap();
    assert_eq!(place.state(), weft_process::RunState::NotStarted);
    assert!(weft_process::wait_handle(&place.dir).unwrap().is_none(), "there is nothing to wait for");
}
