//! The files of a machine: programs of this one with their libraries, the kernel's modules, weft and its tests.

use crate::{
    built,
    kernel::{Kernel, tools},
};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use weft_testbed::tool;

/// What the machine, the lab and the tests run.
const PROGRAMS: &[&str] = &[
    "awk",
    "bash",
    "bridge",
    "cat",
    "chmod",
    "cp",
    "curl",
    "cut",
    "date",
    "dd",
    "dig",
    "dirname",
    "env",
    "find",
    "getent",
    "grep",
    "head",
    "hostname",
    "id",
    "ip",
    "ip6tables",
    "iperf3",
    "iptables",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "modprobe",
    "mount",
    "mv",
    "nft",
    "nproc",
    "nsenter",
    "ping",
    "ps",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sh",
    "sleep",
    "sort",
    "ss",
    "stat",
    "sysctl",
    "tail",
    "tar",
    "tcpdump",
    "tee",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "umount",
    "uname",
    "unshare",
    "wc",
];

/// Those of its modules that a host of weft's can need: networks, and what they are made with.
const MODULES: &[&str] = &["arch", "crypto", "drivers/net", "fs/overlayfs", "lib", "net"];

/// The first program of the machine.
const INIT: &str = include_str!("init");

/// The top directory of the checkout, as it is named in what was built.
fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("a crate is in crates/")
}

/// Makes the file system that `kernel` unpacks into memory and runs, with `tests` to be run, in `directory`.
pub(crate) fn initramfs(kernel: &Kernel, directory: &Path, tests: &[&str]) -> PathBuf {
    let root = directory.join("root");
    for path in
        ["dev", "proc", "sys", "run", "tmp", "root", "etc", "var/log", "usr/bin", "usr/lib", "usr/lib64"]
    {
        fs::create_dir_all(root.join(path)).expect("there is room for it");
    }
    for (link, target) in [
        ("usr/sbin", "bin"),
        ("bin", "usr/bin"),
        ("sbin", "usr/bin"),
        ("lib", "usr/lib"),
        ("lib64", "usr/lib64"),
    ] {
        symlink(target, root.join(link)).expect("there is nothing there yet");
    }
    add_programs(&root);
    add_weft(&root);
    add_modules(kernel, &root);
    write(&root.join("init"), INIT);
    run(Command::new("chmod").args(["0755".as_ref(), root.join("init").as_os_str()]));
    write(&root.join("etc/tests"), &lines(tests));
    write(&root.join("etc/test-program"), &lines(&[&built::test_program().to_string_lossy()]));
    write(&root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n");
    write(&root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n");
    write(&root.join("etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
    write(&root.join("etc/hosts"), "127.0.0.1 localhost\n");
    pack(&root, &directory.join("initramfs"))
}

/// The programs, and every library that they need. busybox and Consul are where `scripts/tools` unpacks them.
fn add_programs(root: &Path) {
    let mut libraries = BTreeSet::new();
    for name in PROGRAMS {
        let program = tool(name).unwrap_or_else(|| panic!("there is no program {name} on this machine"));
        libraries.extend(libraries_of(&program));
        copy(&program, &root.join("usr/bin").join(name));
    }
    libraries.extend(libraries_of(&built::test_program()));
    for library in libraries {
        copy(&library, &inside(root, &library));
    }
    // Loaded by name when they are needed: nobody lists them.
    let arch = fs::read_dir("/usr/lib").expect("there is a /usr/lib").filter_map(Result::ok);
    for directory in arch.map(|entry| entry.path()).filter(|path| path.ends_with("x86_64-linux-gnu")) {
        for loaded in ["xtables", "libnss_files.so.2", "libnss_dns.so.2"] {
            copy_tree(&directory.join(loaded), root);
        }
    }
    let tree = root.join(checkout().strip_prefix("/").expect("it is absolute")).join("target/tools");
    for name in ["busybox", "consul"] {
        copy(&tools().join("bin").join(name), &tree.join("root/usr/bin").join(name));
        fs::create_dir_all(tree.join("bin")).expect("there is room for it");
        symlink(format!("../root/usr/bin/{name}"), tree.join("bin").join(name))
            .expect("there is nothing there yet");
    }
}

/// weft, its tests, and the lab, each where the tests expect it; without what makes debug builds large.
fn add_weft(root: &Path) {
    let test = built::test_program();
    let weft = test.ancestors().nth(2).expect("cargo builds into a directory of a directory").join("weft");
    for program in [&test, &weft] {
        let target = inside(root, program);
        fs::create_dir_all(target.parent().expect("it is in a directory")).expect("there is room for it");
        run(Command::new("strip").arg("-o").args([&target, program]));
    }
    copy_tree(&checkout().join("scripts/lab"), root);
    // The last release, if it was built; if it cannot be, why. It starts only where there are authorities for TLS, which it
    // does not need for the store of its test.
    copy_tree(Path::new("/etc/ssl/certs/ca-certificates.crt"), root);
    let earlier = checkout().join("target/earlier");
    let there = root.join(earlier.strip_prefix("/").expect("it is absolute"));
    fs::create_dir_all(&there).expect("there is room for it");
    if earlier.join("weft").exists() {
        run(Command::new("strip").arg("-o").args([there.join("weft"), earlier.join("weft")]));
    }
    if earlier.join("missing").exists() {
        copy(&earlier.join("missing"), &there.join("missing"));
    }
    // From there the tests look for the checkout.
    fs::create_dir_all(inside(root, Path::new(env!("CARGO_MANIFEST_DIR")))).expect("there is room for it");
}

fn add_modules(kernel: &Kernel, root: &Path) {
    let target = root.join("usr/lib/modules").join(&kernel.release);
    for part in MODULES {
        let into = target.join("kernel").join(part);
        fs::create_dir_all(into.parent().expect("it is in a directory")).expect("there is room for it");
        run(Command::new("cp").arg("-a").args([kernel.modules.join("kernel").join(part), into]));
    }
    for list in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
        copy(&kernel.modules.join(list), &target.join(list));
    }
    let depmod = tool("depmod").expect("it was looked for");
    run(Command::new(depmod).arg("-b").arg(root).arg(&kernel.release));
}

/// The shared libraries of a program, as the loader finds them; none of one that is linked statically or a script.
fn libraries_of(program: &Path) -> Vec<PathBuf> {
    let ldd = Command::new("ldd").arg(program).output().expect("ldd is of libc");
    let said = String::from_utf8_lossy(&ldd.stdout).into_owned();
    said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// The place of `path` in the directory `root`. Directories that are links (`/lib64`) are followed; a library keeps the
/// name it is asked for by, though that is a link, too.
fn inside(root: &Path, path: &Path) -> PathBuf {
    let directory = path.parent().expect("it is in a directory");
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let path = directory.join(path.file_name().expect("it has a name"));
    root.join(path.strip_prefix("/").expect("it is absolute"))
}

/// Copies what `from` leads to.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("it is in a directory")).expect("there is room for it");
    fs::copy(from, to).unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
}

/// Puts a file or directory at the same place in `root`, if there is one.
fn copy_tree(path: &Path, root: &Path) {
    if path.exists() {
        let target = inside(root, path);
        fs::create_dir_all(target.parent().expect("it is in a directory")).expect("there is room for it");
        run(Command::new("cp").arg("-aL").args([path, &target]));
    }
}

/// As Linux reads it (`Documentation/driver-api/early-userspace/buffer-format.rst`). Not compressed: to unpack it
/// takes an emulated processor longer than to read it.
fn pack(root: &Path, archive: &Path) -> PathBuf {
    let list = Command::new("find").arg(".").current_dir(root).output().expect("find can be run").stdout;
    let names = archive.with_extension("list");
    fs::write(&names, list).expect("there is room for it");
    let cpio = tool("cpio").expect("it was looked for");
    run(Command::new(cpio)
        .args(["--create", "--format=newc", "--owner=0:0", "--quiet"])
        .current_dir(root)
        .stdin(File::open(&names).expect("it was just written"))
        .stdout(File::create(archive).expect("there is room for it")));
    archive.to_owned()
}

fn lines(of: &[&str]) -> String {
    of.iter().map(|line| format!("{line}\n")).collect()
}

fn write(path: &Path, contents: &str) {
    fs::write(path, contents).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

fn run(command: &mut Command) {
    let status = command.stderr(Stdio::inherit()).status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed");
}
