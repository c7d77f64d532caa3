//! Named network namespaces, and work in them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{env, net::UdpSocket, process::Command};
use weft_netlink::{
    LinkSetting, Named, NamespaceError, NetlinkError, NewLink, Socket, create_named, delete_named,
    in_namespace, named, named_path, set_link,
};

const INSIDE: &str = "WEFT_TEST_INSIDE";

/// Runs `test` again in a process with namespaces of its own and an empty `/run`; skips it, loudly, without
/// root, or fails there if `CI` is set.
fn isolated(test: fn()) {
    isolated_with(&[], test);
}

/// As [`isolated`], with further namespaces.
fn isolated_with(namespaces: &[&str], test: fn()) {
    if env::var_os(INSIDE).is_some() {
        return test();
    }
    if !rustix::process::geteuid().is_root() {
        assert!(env::var_os("CI").is_none(), "this test needs root");
        eprintln!("SKIPPED: this test needs root");
        return;
    }
    let name = std::thread::current().name().unwrap().to_owned();
    let status = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(namespaces)
        .arg("--")
        .args(["sh", "-euc", "mount -t tmpfs tmpfs /run; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args([&name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed inside its namespaces");
}

/// Creates a namespace on a thread of its own, since the thread moves into it.
fn create(name: &'static str) -> Result<(), NamespaceError> {
    std::thread::spawn(move || create_named(name, || Ok(()))).join().unwrap()
}

fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn names_are_those_of_ip_netns() {
    isolated(|| {
        assert_eq!(named("one").unwrap(), Named::Absent);
        create("one").unwrap();
        assert_eq!(named("one").unwrap(), Named::Namespace);
        assert_eq!(ip("netns list").trim(), "one");
        let error = create("one").unwrap_err();
        assert!(error.to_string().contains("/run/netns/one"), "{error}");

        ip("netns add two");
        assert_eq!(named("two").unwrap(), Named::Namespace);
        for name in ["one", "two", "three"] {
            delete_named(name).unwrap();
            assert_eq!(named(name).unwrap(), Named::Absent);
        }
        assert_eq!(ip("netns list"), "");
    });
}

#[test]
fn what_a_crash_left_is_made_good() {
    isolated(|| {
        std::fs::create_dir_all("/run/netns").unwrap();
        std::fs::write("/run/netns/half", "").unwrap();
        assert_eq!(named("half").unwrap(), Named::Leftover);
        let error = weft_netlink::Namespace::open("/run/netns/half").unwrap_err();
        assert!(error.is_gone(), "{error}");
        create("half").unwrap();
        assert_eq!(named("half").unwrap(), Named::Namespace);
        // A preparation that fails gives no name.
        let failed = std::thread::spawn(|| {
            create_named("never", || Err(NamespaceError::NotANamespace("/somewhere".into())))
        });
        failed.join().unwrap().unwrap_err();
        assert_ne!(named("never").unwrap(), Named::Namespace);
    });
}

#[test]
fn what_is_opened_inside_stays_inside() {
    isolated(|| {
        create("inside").unwrap();
        // A namespace that never had an address takes any for a broadcast address (`inet_addr_type_table`).
        ip("link set lo up");
        ip("-n inside link set lo up");
        ip("-n inside address add 192.0.2.1/32 dev lo");
        let bind = || UdpSocket::bind("192.0.2.1:53");
        assert!(bind().is_err(), "the address is not out here");
        let socket = runtime().block_on(in_namespace(named_path("inside"), bind)).unwrap().unwrap();
        assert_eq!(socket.local_addr().unwrap().ip().to_string(), "192.0.2.1");
        assert!(bind().is_err(), "the calling thread stayed where it was");
        let gone = runtime().block_on(in_namespace(named_path("gone"), || ())).unwrap_err();
        assert!(gone.is_gone(), "{gone}");
    });
}

#[test]
fn the_kernel_says_why() {
    isolated(|| {
        let mut socket = Socket::open().unwrap();
        let link = |name| NewLink { name, mac: None, mtu: 1500 };
        socket.request(link("a").bridge()).unwrap();
        socket.request(link("b").bridge()).unwrap();
        let exists = socket.request(link("a").bridge()).unwrap_err();
        assert_eq!(exists.errno(), Some(rustix::io::Errno::EXIST.raw_os_error()));
        let [a, b] = ["a", "b"].map(|name| socket.link_index(name).unwrap());
        let refused = socket.request(set_link(a, LinkSetting::Controller(b))).unwrap_err();
        assert!(refused.to_string().contains("Can not enslave a bridge to a bridge"), "{refused}");
        assert!(matches!(socket.link_index("c"), Err(NetlinkError::NoLink(_))));
    });
}

#[test]
fn a_batch_answers_each_of_its_requests() {
    isolated(|| {
        let mut socket = Socket::open().unwrap();
        let lo = socket.link_index("lo").unwrap();
        // Every third is for a link that does not exist; more than one datagram's worth.
        let requests = (0..1000).map(|n| {
            let link = if n % 3 == 0 { 9999 } else { lo };
            set_link(link, LinkSetting::Alias(format!("number {n}")))
        });
        let results = socket.batch(requests.collect());
        assert_eq!(results.len(), 1000);
        for (n, result) in results.iter().enumerate() {
            assert_eq!(result.is_err(), n % 3 == 0, "{n}: {result:?}");
        }
        let alias = socket.links().unwrap().into_iter().find(|link| link.index == lo).unwrap().alias;
        assert_eq!(alias.as_deref(), Some("number 998"));
    });
}

/// In a user namespace of its own, whose limit is lowered to what there is.
#[test]
fn a_limit_on_namespaces_is_not_taken_for_a_full_disk() {
    isolated_with(&["--user", "--map-root-user"], || {
        std::fs::write("/proc/sys/user/max_net_namespaces", "0").unwrap();
        let error = create("one").unwrap_err().to_string();
        assert!(error.contains("user.max_net_namespaces"), "{error}");
        std::fs::write("/proc/sys/user/max_net_namespaces", "9").unwrap();
        create("one").unwrap();
    });
}
