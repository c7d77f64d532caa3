//! What `make deb` and `make rpm` make: installed, upgraded and removed on a host.

use std::path::PathBuf;
use weft_testbed::{Host, World, need, tool};

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const PACKAGES: &str = "/var/tmp/packages";
const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/weft.service");

/// Packs the weft of this build on `host`, without what makes debug builds large.
#[track_caller]
fn pack(host: &Host, kind: &str) -> String {
    let script = format!(
        "strip -o /var/tmp/weft \"$(command -v weft)\" && \
         PACKAGES={PACKAGES} DPKG_DEB_COMPRESSOR_LEVEL=0 SOURCE_DATE_EPOCH=1700000000 \
         {CHECKOUT}/scripts/package {kind} /var/tmp/weft"
    );
    host.run(&["bash", "-euc", &script]).trim().to_owned()
}

/// All output of a command, which has to succeed.
#[track_caller]
fn said(host: &Host, command: &[&str]) -> String {
    let output = host.output(command);
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn exists(host: &Host, path: &str) -> bool {
    host.output(&["test", "-e", path]).status.success()
}

#[test]
fn a_debian_package_comes_and_goes() {
    if !need("dpkg-gencontrol, of the package dpkg-dev", tool("dpkg-gencontrol").is_some()) {
        return;
    }
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let package = pack(host, "deb");
    host.run(&["dpkg", "--install", &package]);
    assert_eq!(host.run(&["/usr/bin/weft", "--version"]), format!("weft {}\n", env!("CARGO_PKG_VERSION")));
    host.run(&["getent", "group", "weft"]);
    for file in [
        "/etc/systemd/system/multi-user.target.wants/weft.service",
        "/etc/systemd/system/sockets.target.wants/weft.socket",
        "/etc/systemd/system/sockets.target.wants/weft-plugin.socket",
        "/usr/lib/systemd/system/weft-proxy.socket",
        "/usr/share/bash-completion/completions/weft",
        "/usr/share/man/man1/weft-network-create.1.gz",
        "/usr/share/doc/weft/copyright",
        "/usr/libexec/netavark/weft",
        "/usr/lib/cni/weft",
    ] {
        assert!(exists(host, file), "{file}");
    }
    let agent = host.spawn(&["/usr/bin/weft", "agent", "--cluster-advertise=eth0"]);
    weft_testbed::until("the packed agent answers", std::time::Duration::from_secs(20), || {
        host.output(&["/usr/bin/weft", "status"]).status.success()
    });
    host.run(&["/usr/bin/weft", "network", "create", "overlay"]);
    host.run(&["/usr/bin/weft", "run", "-d", "--net", "overlay", "--name", "web-1", "--", "sleep", "1000"]);
    drop(agent);

    // The administrator's configuration stays through upgrade and removal.
    let configured = "log-level = \"debug\"\ncluster-advertise = \"eth0\"\n";
    host.write("/etc/weft/weft.toml", configured);
    let upgraded = said(host, &["dpkg", "--install", &package]);
    assert!(!upgraded.contains("in use"), "{upgraded}");
    assert_eq!(host.run(&["cat", "/etc/weft/weft.toml"]), configured);
    let removed = said(host, &["dpkg", "--remove", "weft"]);
    assert!(removed.contains("warning") && removed.contains("web-1 on network overlay"), "{removed}");
    assert!(host.run(&["ip", "netns"]).contains("weft-run-"), "what runs goes on");
    assert!(!exists(host, "/usr/bin/weft") && exists(host, "/etc/weft/weft.toml"));
    assert!(exists(host, "/var/lib/weft/node.json"), "its memory stays, too");
    host.run(&["dpkg", "--purge", "weft"]);
    assert!(
        !host.run(&["ip", "netns"]).contains("weft-"),
        "nothing runs any more, and nothing is in the kernel"
    );
    assert!(!host.run(&["nft", "list", "tables"]).contains("weft"));
    let left = host.run(&["find", "/etc", "/var/lib", "-name", "*weft*"]);
    assert_eq!(left, "", "nothing is left");
}

#[test]
fn an_rpm_has_what_the_debian_package_has() {
    if !need("rpmbuild, of the package rpm", tool("rpmbuild").is_some()) {
        return;
    }
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let package = pack(host, "rpm");
    let asked = |what: &str| host.run(&["rpm", "--query", "--package", what, &package]);
    let files = asked("--list");
    for file in [
        "/etc/weft/weft.toml",
        "/usr/bin/weft",
        "/usr/lib/systemd/system/weft-plugin.socket",
        "/usr/lib/systemd/system/weft.service",
        "/usr/lib/systemd/system/weft.socket",
        "/usr/share/man/man1/weft-network-create.1.gz",
        "/usr/share/zsh/site-functions/_weft",
    ] {
        assert!(files.lines().any(|line| line == file), "{file} is not in\n{files}");
    }
    assert_eq!(asked("--configfiles").trim(), "/etc/weft/weft.toml");
    assert!(asked("--requires").lines().any(|line| line == "nftables"));
    let root = "/var/tmp/root";
    host.run(&["rpm", "--install", "--nodeps", "--noscripts", "--root", root, &package]);
    host.run(&[&format!("{root}/usr/bin/weft"), "--version"]);
    host.run(&["rpm", "--erase", "--nodeps", "--noscripts", "--root", root, "weft"]);
    assert!(!exists(host, &format!("{root}/usr/bin/weft")));
}

/// What `make packages` does for a processor that is not this machine's, with a program that needs libc alone.
#[test]
fn a_package_is_for_the_processor_of_its_program_and_an_old_glibc() {
    let tools = ["cc", "dpkg-gencontrol", "readelf", "rpmbuild"];
    if !need("gcc, binutils, dpkg-dev and rpm", tools.into_iter().all(|program| tool(program).is_some())) {
        return;
    }
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    // Byte 18 of an ELF file, e_machine.
    let [byte, debian, rpm] = if cfg!(target_arch = "aarch64") {
        [r"\x3e", "amd64", "x86_64"]
    } else {
        [r"\xb7", "arm64", "aarch64"]
    };
    let program = format!(
        "mkdir -p /var/tmp/other && cd /var/tmp/other && echo 'int main(void) {{ return 0; }}' | cc -x c -o weft - && \
         printf '{byte}' | dd of=weft bs=1 seek=18 conv=notrunc status=none"
    );
    host.run(&["bash", "-euc", &program]);
    let pack = |kind: &str, glibc: &str, program: &str| {
        let script = format!(
            "PACKAGES={PACKAGES} GLIBC={glibc} TEXTS=\"$(command -v weft)\" {CHECKOUT}/scripts/package {kind} {program}"
        );
        host.output(&["bash", "-euc", &script])
    };
    let packed = |kind: &str| {
        let output = pack(kind, "2.999", "/var/tmp/other/weft");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let package = packed("deb");
    assert_eq!(host.run(&["dpkg-deb", "--field", &package, "Architecture"]).trim(), debian);
    assert!(host.run(&["dpkg-deb", "--field", &package, "Depends"]).contains("libc6 (>= 2."));
    let package = packed("rpm");
    assert_eq!(host.run(&["rpm", "--query", "--package", "--queryformat", "%{ARCH}", &package]), rpm);

    for (glibc, program, why) in [
        ("2.1", "/var/tmp/other/weft", "is to run with glibc 2.1, and needs 2."),
        ("2.999", "\"$(command -v nft)\"", "and nothing else, and needs libnftables.so"),
    ] {
        let refused = pack("deb", glibc, program);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(why), "{refused:?}");
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    if !need("systemd-analyze, of the package systemd", tool("systemd-analyze").is_some()) {
        return;
    }
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    host.run(&["bash", "-c", "install -D \"$(command -v weft)\" /usr/bin/weft"]);
    host.run(&["groupadd", "--force", "weft"]);
    for unit in ["weft.service", "weft.socket", "weft-plugin.socket", "weft-proxy.socket"] {
        let path = UNIT.replace("weft.service", unit);
        let verified = host.output(&["systemd-analyze", "verify", "--man=no", &path]);
        assert!(verified.status.success() && verified.stderr.is_empty(), "{verified:?}");
    }
    host.run(&["systemd-analyze", "security", "--offline=yes", "--threshold=75", UNIT]);
}

/// The exit status of an agent whose host has left the cluster: systemd does not start it again.
#[test]
fn the_unit_lets_a_host_stay_out() {
    let unit = std::fs::read_to_string(PathBuf::from(UNIT)).expect("it is in the checkout");
    for line in ["RestartPreventExitStatus=80", "SuccessExitStatus=80"] {
        assert!(unit.lines().any(|has| has == line), "{line}");
    }
    let script =
        unit.lines().find_map(|line| line.strip_prefix("ExecStopPost=-/bin/sh -c '")?.strip_suffix('\''));
    let script = script.expect("it says what to do then").replace("$$", "$");
    let directory = tempfile::tempdir().expect("a directory");
    let systemctl = directory.path().join("systemctl");
    std::fs::write(&systemctl, "#!/bin/sh\necho \"$@\"\n").expect("a program");
    std::fs::set_permissions(&systemctl, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("it runs");
    let ran = |status: &str| {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", &script]).env("PATH", directory.path()).env("EXIT_STATUS", status);
        String::from_utf8(command.output().expect("sh runs").stdout).expect("text")
    };
    assert_eq!(ran("0"), "");
    assert_eq!(ran("1"), "");
    let sockets = "weft.socket weft-plugin.socket weft-proxy.socket";
    assert_eq!(ran("80"), format!("stop {sockets}\ndisable weft.service {sockets}\n"));
}

/// The namespaces that the agent makes are kept by mounts. With a mount namespace of its own, they would be
/// nobody else's, and gone with the agent.
#[test]
fn the_unit_gives_no_mount_namespace() {
    let unit = std::fs::read_to_string(PathBuf::from(UNIT)).expect("it is in the checkout");
    // All of systemd.exec(5) whose text says "mount namespace" or "file system namespace".
    let options = [
        "Private",
        "Protect",
        "ReadOnlyPaths",
        "ReadWritePaths",
        "InaccessiblePaths",
        "ExecPaths",
        "NoExecPaths",
        "BindPaths",
        "BindReadOnlyPaths",
        "TemporaryFileSystem",
        "RootDirectory",
        "RootImage",
        "MountImages",
        "ExtensionImages",
        "MountFlags",
        "DynamicUser",
        "LoadCredential",
        "SetCredential",
        "LogNamespace",
    ];
    for line in unit.lines() {
        assert!(!options.iter().any(|option| line.starts_with(option)), "{line}");
    }
}
