//! `-v`.

use crate::world::{Place, run};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use weft_process::{Mount, Spec};

fn mount(source: impl Into<PathBuf>, target: impl Into<PathBuf>, read_only: bool) -> Mount {
    Mount { source: source.into(), target: target.into(), read_only }
}

/// A directory to mount, with the file `name` in it, and one to mount it on.
fn directories(place: &Place) -> (PathBuf, PathBuf) {
    let (source, target) = (place.scratch.path().join("source"), place.scratch.path().join("target"));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&target).unwrap();
    fs::write(source.join("name"), "source\n").unwrap();
    (source, target)
}

pub(crate) fn read_write_and_read_only() {
    for read_only in [false, true] {
        let place = Place::new();
        let (source, target) = directories(&place);
        let mut spec = place.spec(&format!("cat {0}/name; echo changed > {0}/name", target.display()));
        spec.mounts = vec![mount(&source, &target, read_only)];
        let (code, output) = place.finish(&spec);
        assert!(output.starts_with("source\n"), "{output}");
        assert_eq!(code != Some(0) && output.contains("Read-only"), read_only, "{output}");
        let after = fs::read_to_string(source.join("name")).unwrap();
        assert_eq!(after, if read_only { "source\n" } else { "changed\n" });
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0, "it is seen outside");
        fs::write(source.join("name"), "still writable").expect("it is read-only outside");
    }
}

pub(crate) fn read_only_reaches_what_is_mounted_below() {
    let place = Place::new();
    let (source, target) = directories(&place);
    fs::create_dir(source.join("below")).unwrap();
    run(&format!("mount -t tmpfs -o nosuid,nodev tmpfs {}/below", source.display()));
    let below = target.join("below");
    let mut spec = place.spec(&format!("grep ' {0} ' /proc/self/mountinfo; touch {0}/x", below.display()));
    spec.mounts = vec![mount(&source, &target, true)];
    let (code, output) = place.finish(&spec);
    assert!(code != Some(0) && output.contains("Read-only"), "{output}");
    assert!(output.contains("ro,nosuid,nodev"), "the other flags are kept: {output}");
    run(&format!("touch {0}/below/x; umount {0}/below", source.display()));
}

pub(crate) fn read_only_over_what_has_mounts_below() {
    let place = Place::new();
    let (source, target) = directories(&place);
    fs::create_dir(target.join("covered")).unwrap();
    run(&format!("mount -t tmpfs tmpfs {}/covered", target.display()));
    let mut spec = place.spec(&format!("cat {0}/name; touch {0}/x", target.display()));
    spec.mounts = vec![mount(&source, &target, true)];
    let (code, output) = place.finish(&spec);
    assert!(code != Some(0) && output.contains("source") && output.contains("Read-only"), "{output}");
    run(&format!("touch {0}/covered/x; umount {0}/covered", target.display()));
}

fn refusal(change: impl FnOnce(&mut Spec, &Place)) -> String {
    let place = Place::new();
    let mut spec = place.spec("exit 0");
    change(&mut spec, &place);
    let error = place.start(&spec).unwrap_err();
    assert_eq!(error.exit_code(), 125);
    place.assert_untouched();
    error.to_string()
}

pub(crate) fn missing_source() {
    let message = refusal(|spec, _| spec.mounts = vec![mount("/no/such", "/mnt", false)]);
    assert!(message.starts_with("cannot open /no/such, the source of a mount: No such file"), "{message}");
}

pub(crate) fn missing_target() {
    let message = refusal(|spec, _| spec.mounts = vec![mount("/usr", "/no/such", false)]);
    assert!(message.contains("/no/such does not exist on this host"), "{message}");
    let message = refusal(|spec, place| {
        let file = place.scratch.path().join("file");
        fs::write(&file, "").unwrap();
        spec.mounts = vec![mount("/usr", file, false)];
    });
    assert!(message.contains("one is a directory"), "{message}");
}

pub(crate) fn sources_are_the_hosts() {
    let place = Place::new();
    let (source, target) = directories(&place);
    fs::create_dir(source.join("inner")).unwrap();
    // Over one's own source; the inner one first; and over the process's own directory.
    let mut spec = place.spec(&format!("cat {}/name {}/inner/usr/name", source.display(), target.display()));
    fs::create_dir(source.join("inner/usr")).unwrap();
    spec.mounts = vec![
        mount(&source, target.join("inner/usr"), false),
        mount(&source, &target, false),
        mount("/usr", &place.dir, false),
    ];
    let (code, output) = place.finish(&spec);
    assert_eq!((code, &*output), (Some(0), "source\nsource\n"));
    assert!(Path::new("/usr/bin").exists());
}

/// The kernel keeps a network namespace while any mount of it is left anywhere.
pub(crate) fn other_networks_are_not_kept() {
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let keeps = |pid: u32, inode: u64| {
        fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap().contains(&format!(" net:[{inode}] "))
    };
    // Where mounts are shared, what is unmounted outside goes inside too.
    let other = Place::new();
    // Where they are private it does not: Docker's namespaces on a host without systemd.
    run("mkdir /run/private; mount -t tmpfs tmpfs /run/private; mount --make-private /run/private");
    run("touch /run/private/docker; unshare --net=/run/private/docker true");
    let (shared, private) = (inode(&other.netns), inode(Path::new("/run/private/docker")));
    assert!(keeps(std::process::id(), shared) && keeps(std::process::id(), private));

    let place = Place::new();
    let pid = place.sh("exec sleep 60");
    drop(other);
    assert!(!keeps(pid, shared));
    assert!(!keeps(pid, private));
    assert!(keeps(std::process::id(), private), "it is gone outside as well");
    run("umount /run/private/docker /run/private");
}
