//! Set up in one command a host: `weft init`, `weft node token | weft join`.

use crate::cluster::{SOON, ping, sleeper};

use std::time::{Duration, Instant};
use weft_testbed::{Host, Service, World, until};

const TOKEN: &str = "/run/token";

/// The first host of a cluster.
pub(crate) fn init(host: &Host, arguments: &[&str]) -> Service {
    let agent =
        host.spawn(&[&["weft", "init", "--foreground", "--cluster-advertise=eth0"], arguments].concat());
    until("it is in its cluster", SOON, || {
        host.output(&["weft", "node", "ls", "-q"]).stdout.starts_with(b"host")
            && host.json(&["weft", "status", "--format", "json"])["joined"] == true
    });
    agent
}

/// A token, as a file of `to`: it goes from host to host by a pipe, as over ssh.
pub(crate) fn token(from: &Host, to: &Host, arguments: &[&str]) -> String {
    let token = from.run(&[&["weft", "node", "token"], arguments].concat());
    to.write(TOKEN, &token);
    token
}

fn join(host: &Host, arguments: &str) -> Service {
    host.spawn(&[
        "sh",
        "-c",
        &format!("exec weft join --foreground --cluster-advertise=eth0 {arguments} <{TOKEN}"),
    ])
}

/// A host that was let in with a token of `from`, and is seen there.
pub(crate) fn let_in(from: &Host, host: &Host) -> Service {
    token(from, host, &[]);
    let agent = join(host, "");
    until("it is in", SOON, || from.run(&["weft", "node", "ls"]).contains(host.name()));
    agent
}

/// What `weft` needs of systemd, without systemd: of units it knows weft's, which runs in the background.
fn stand_in_for_systemd(host: &Host) {
    let script = r#"#!/bin/sh
case "$*" in
    "cat weft.service") ;;
    "enable --quiet weft.service") touch /run/enabled ;;
    "stop weft.service") ! pid=$(cat /run/agent.pid 2>/dev/null) || { kill "$pid"; tail --pid="$pid" -f /dev/null; } ;;
    "start weft.service")
        setsid weft agent </dev/null >/run/agent.log 2>&1 &
        echo $! >/run/agent.pid
        timeout 20 sh -c 'until weft version >/dev/null 2>&1; do sleep 0.05; done' ;;
    *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"#;
    host.write("/usr/local/bin/systemctl", script);
    host.run(&["sh", "-c", "chmod +x /usr/local/bin/systemctl && mkdir -p /run/systemd/system"]);
}

fn join_refused(host: &Host) -> String {
    host.refused(&["sh", "-c", &format!("weft join --cluster-advertise=eth0 <{TOKEN}")])
}

#[test]
fn a_host_joins_with_a_token_and_nothing_else() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    one.run(&["mkdir", "-p", "/etc/weft"]);
    let said = "default-network-opt = [\"mtu=1300\"]\ndefault-address-pool = \"base=10.64.0.0/16,size=26\"\nstore-rebuild = \"off\"\n";
    one.write("/etc/weft/weft.toml", said);
    let first = init(one, &[]);
    let secret = token(one, two, &[]);
    let mut second = join(two, "");
    until("they know each other", SOON, || {
        two.output(&["weft", "node", "ls"]).stdout.windows(5).any(|w| w == b"host1")
    });
    one.run(&["weft", "network", "create", "overlay"]);
    sleeper(one, "overlay", "one", &[]);
    until("the other host has the network", SOON, || two.run(&["weft", "network", "ls"]).contains("overlay"));
    sleeper(two, "overlay", "two", &[]);
    ping(two, "two", "one");

    let config = two.run(&["cat", "/etc/weft/weft.toml"]);
    for on_all_hosts in ["mtu=1300", "base=10.64.0.0/16,size=26", "store-rebuild = \"off\""] {
        assert!(config.contains(on_all_hosts), "{on_all_hosts}: {config}");
    }
    let root_only = "find /var/lib/weft/credentials -perm /077 | grep .";
    for host in [one, two] {
        assert!(!host.output(&["sh", "-c", root_only]).status.success(), "others can read something");
        assert!(!host.output(&["test", "-e", "/etc/weft/store-token"]).status.success(), "it needs none");
    }
    for agent in [&first, &second] {
        assert!(!agent.log().contains(secret.trim()), "{}", agent.log());
    }

    // What was written is enough for the next start.
    second.stop();
    let _again = two.agent(&[]);
    until("names are answered again", SOON, || {
        two.output(&["weft", "exec", "two", "--", "ping", "-c1", "-W2", "one"]).status.success()
    });
}

#[test]
fn a_token_lets_one_host_in_once() {
    let Some(world) = World::up(3) else { return };
    let [one, two, three] = [world.host(1), world.host(2), world.host(3)];
    let _first = init(one, &[]);
    let secret = token(one, two, &[]);
    let _second = join(two, "");
    until("it is in", SOON, || one.run(&["weft", "node", "ls"]).contains("host2"));

    three.write(TOKEN, &secret);
    let used = join_refused(three);
    assert!(used.contains("used already"), "{used}");
    // Half of it was copied.
    three.write(TOKEN, &secret[..40]);
    let half = join_refused(three);
    assert!(half.contains("not whole"), "{half}");
    let made = Instant::now();
    token(one, three, &["--ttl=1s"]);
    // To the second.
    until("its time is over", SOON, || made.elapsed() > Duration::from_secs(2));
    let late = join_refused(three);
    assert!(late.contains("was good until"), "{late}");
    token(one, three, &[]);
    let named = three.refused(&[
        "sh",
        "-c",
        &format!("weft join --cluster-advertise=eth0 --node-name=host2 <{TOKEN}"),
    ]);
    assert!(named.contains("host2 is in the cluster already") && named.contains("--node-name"), "{named}");

    assert!(!three.output(&["test", "-e", "/etc/weft/weft.toml"]).status.success(), "nothing was written");
    // That did not use it up.
    let _third = join(three, "");
    until("it is in", SOON, || one.run(&["weft", "node", "ls"]).contains("host3"));
    let again = join_refused(three);
    assert!(again.contains("in a cluster already") && again.contains("weft leave"), "{again}");
}

#[test]
fn a_host_leaves_its_own_cluster_to_join_another() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    let _first = init(one, &[]);
    // As the package starts it.
    let mut own = two.agent(&["--cluster-advertise=eth0"]);
    two.run(&["weft", "network", "create", "mine"]);
    sleeper(two, "mine", "busy", &[]);
    token(one, two, &[]);
    let used = join_refused(two);
    assert!(used.contains("would give up: mine") && used.contains("weft network rm"), "{used}");
    two.run(&["weft", "rm", "--force", "busy"]);
    two.run(&["weft", "network", "rm", "mine"]);
    // What it would be refused for it is told before it has given up anything.
    let named =
        two.refused(&["sh", "-c", &format!("weft join --cluster-advertise=eth0 --node-name=host1 <{TOKEN}")]);
    assert!(named.contains("host1 is in the cluster already"), "{named}");
    assert_eq!(two.run(&["weft", "node", "ls", "-q"]), "host2\n", "it has its own cluster still");
    let _second = join(two, "");
    until("it is in", SOON, || one.run(&["weft", "node", "ls"]).contains("host2"));
    assert!(own.ended().is_some(), "one agent runs there");
}

#[test]
fn a_cluster_in_consul_is_joined_the_same_way() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    let consul = one.consul();
    let _first = init(one, &[&format!("--cluster-store={}", consul.url())]);
    let _second = let_in(one, two);
    let file = two.run(&["cat", "/etc/weft/weft.toml"]);
    assert!(file.contains(consul.url()) && !file.contains("token-file"), "{file}");
    // Without the first nobody could join any more.
    let refused = one.refused(&["weft", "leave"]);
    assert!(refused.contains("alone has the key") && refused.contains("weft node promote"), "{refused}");
    one.run(&["weft", "node", "promote", "host2"]);
    until("it may leave now", SOON, || one.output(&["weft", "leave"]).status.success());
    until("it has left", SOON, || two.run(&["weft", "node", "ls", "-q"]) == "host2\n");
}

#[test]
fn where_nobody_answers_or_somebody_else_does_it_is_said() {
    let Some(world) = World::up(3) else { return };
    let [one, two, three] = [world.host(1), world.host(2), world.host(3)];
    let none = one.refused(&["weft", "node", "token"]);
    assert!(none.contains("weft init"), "{none}");
    let open = one.refused(&["weft", "join", "weft1.abc"]);
    assert!(open.contains("everyone on this machine can read"), "{open}");
    let nothing = one.refused(&["weft", "join", "--cluster-advertise=eth0"]);
    assert!(nothing.contains("no token on standard input"), "{nothing}");
    let first = init(one, &[]);
    let elsewhere =
        one.refused(&["weft", "init", "--cluster-advertise=eth0", "--cluster-store=consul://192.168.77.99"]);
    assert!(elsewhere.contains("in a cluster already"), "{elsewhere}");
    token(one, three, &[]);
    drop(first);
    let alone = one.refused(&["weft", "node", "token"]);
    assert!(alone.contains("start it") && alone.contains("192.168.77.11:7946"), "{alone}");
    let closed = join_refused(three);
    assert!(closed.contains("TCP port 7946 open"), "{closed}");
    // Another cluster's host has the address meanwhile.
    one.run(&["ip", "address", "del", "192.168.77.11/24", "dev", "eth0"]);
    two.run(&["ip", "address", "add", "192.168.77.11/24", "dev", "eth0"]);
    let _other = init(two, &[]);
    three.run(&["ip", "neigh", "flush", "all"]);
    let other = join_refused(three);
    assert!(other.contains("is not of the cluster"), "{other}");
}

#[test]
fn one_command_a_host_where_systemd_runs() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    [one, two].into_iter().for_each(stand_in_for_systemd);
    let said = one.run(&["weft", "init", "--cluster-advertise=eth0"]);
    assert!(said.contains("in the cluster: 1 host (host1)") && said.contains("weft node token"), "{said}");
    token(one, two, &[]);
    let said = two.run(&["sh", "-c", &format!("weft join --cluster-advertise=eth0 <{TOKEN}")]);
    assert!(said.contains("in the cluster: 2 hosts (host1, host2)"), "{said}");
    for host in [one, two] {
        host.run(&["test", "-e", "/run/enabled"]);
        host.run(&["weft", "status"]);
    }
}

#[test]
fn a_promoted_host_lets_others_in() {
    let Some(world) = World::up(3) else { return };
    let [one, two, three] = [world.host(1), world.host(2), world.host(3)];
    let first = init(one, &[]);
    let _second = let_in(one, two);
    let none = two.refused(&["weft", "node", "token"]);
    assert!(none.contains("weft node promote host2"), "{none}");
    // It would be another authority.
    let none = two.refused(&["weft", "init", "--cluster-advertise=eth0"]);
    assert!(none.contains("weft node promote host2"), "{none}");
    let none = two.refused(&["weft", "node", "promote", "host1"]);
    assert!(none.contains("does not have the key"), "{none}");
    one.run(&["weft", "node", "promote", "host2"]);
    assert!(!first.log().contains("PRIVATE KEY"));
    token(two, three, &[]);
    let _third = join(three, "");
    until("it is in", SOON, || one.run(&["weft", "node", "ls"]).contains("host3"));
    let unknown = one.refused(&["weft", "node", "promote", "host9"]);
    assert!(unknown.contains("host9"), "{unknown}");
}

/// Whatever was done when it was killed: another token, and it is in.
#[test]
fn a_join_that_was_killed_is_done_again() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    let _first = init(one, &[]);
    for after in ["0.01", "0.02", "0.03", "0.04", "0.06", "0.08", "0.12", "0.2"] {
        token(one, two, &[]);
        let killed = format!("timeout -s KILL {after} weft join --cluster-advertise=eth0 <{TOKEN}");
        two.output(&["sh", "-c", &killed]);
    }
    token(one, two, &[]);
    let _second = join(two, "");
    until("it is in", SOON, || one.run(&["weft", "node", "ls", "-q"]) == "host1\nhost2\n");
    assert_eq!(two.run(&["sh", "-c", "find /etc/weft /var/lib/weft -name '*.new' -o -name '*.tmp'"]), "");
}

/// What is served is for members. The stock `consul` command is one if it shows the host's certificate.
#[test]
fn the_store_of_a_cluster_is_for_its_members() {
    let Some(world) = World::up(3) else { return };
    let [one, two, three] = [world.host(1), world.host(2), world.host(3)];
    let _first = init(one, &[]);
    let _second = let_in(one, two);
    let of_member = |directory: &str, files: &[(&str, &str)]| {
        let files = files.iter().map(|(flag, file)| format!("-{flag}={directory}/{file}"));
        let tls = ["-http-addr=https://192.168.77.11:8500", "-tls-server-name=node.weft.internal"];
        tls.map(str::to_owned).into_iter().chain(files).collect::<Vec<_>>().join(" ")
    };
    let get = |how: &str| format!("consul kv get -keys {how} weft/v1/nodes/");
    let (ca, own) = (("ca-file", "ca.pem"), [("client-cert", "node.pem"), ("client-key", "node.key")]);
    let credentials = "/var/lib/weft/credentials";
    let as_member = get(&of_member(credentials, &[ca, own[0], own[1]]));
    assert!(two.run(&["sh", "-c", &as_member]).contains("weft/v1/nodes/host2"));
    for host in [two, three] {
        let told = host.run(&["curl", "--silent", "http://192.168.77.11:8500/v1/kv/weft/?keys"]);
        assert!(told.contains("members of its cluster") && told.contains("weft join"), "{told}");
    }
    // Another cluster's certificate, and none.
    three.run(&["weft", "init", "--cluster-advertise=eth0"]);
    let authority = two.run(&["cat", &format!("{credentials}/ca.pem")]);
    three.write(&format!("{credentials}/ca.pem"), &authority);
    for shown in [&[ca, own[0], own[1]][..], &[ca]] {
        let refused = three.refused(&["sh", "-c", &get(&of_member(credentials, shown))]);
        assert!(refused.contains("tls: ") || refused.contains("certificate"), "{refused}");
    }
}

/// A host that was taken over has its certificate, and the tools of others.
#[test]
fn a_member_writes_nothing_that_is_anothers_into_the_served_store() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    one.write("/etc/weft/weft.toml", "store-serve = \"unix:///run/weft/store.sock\"\n");
    let _first = init(one, &[]);
    let _second = let_in(one, two);
    let credentials = "/var/lib/weft/credentials";
    let tls = format!(
        "-http-addr=https://192.168.77.11:8500 -tls-server-name=node.weft.internal -ca-file={credentials}/ca.pem \
         -client-cert={credentials}/node.pem -client-key={credentials}/node.key"
    );
    for (verb, key) in
        [("put", "nodes/host1"), ("delete", "nodes/host1"), ("put", "live/host1"), ("delete", "live/host1")]
    {
        let value = if verb == "put" { "x" } else { "" };
        let refused = two.refused(&["sh", "-c", &format!("consul kv {verb} {tls} weft/v1/{key} {value}")]);
        assert!(refused.contains("host2 may not") && refused.contains("host1"), "{refused}");
    }
    two.run(&["sh", "-c", &format!("consul kv put {tls} mine/a b")]);
    // Root's programs on the serving host need nothing to show, and are that host.
    let local = "-http-addr=unix:///run/weft/store.sock";
    assert_eq!(one.run(&["consul", "kv", "get", local, "mine/a"]).trim(), "b");
    let refused = one.refused(&["consul", "kv", "delete", local, "weft/v1/nodes/host2"]);
    assert!(refused.contains("host1 may not") && refused.contains("host2"), "{refused}");
    assert_eq!(one.run(&["stat", "-c", "%a %U", "/run/weft/store.sock"]).trim(), "600 root");
    for host in [one, two] {
        until("all is well", SOON, || host.output(&["weft", "status"]).status.success());
    }
}
