//! Hosts that were let in with tokens, on a store that anybody can write to.

use crate::{
    cluster::{SOON, exec, has_network, ping, sleeper},
    tokens::{init, let_in},
};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use weft_testbed::{Host, Service, StoreServer, World, until};

const KEY: &str = "weft/v1/nodes/host2";
/// How long nothing wrong has to happen.
const WHILE: Duration = Duration::from_secs(4);

/// Two hosts of a cluster in a Consul, with a process each, and a third that is not of it and reaches the Consul, too.
struct Lab {
    agents: [Service; 2],
    store: StoreServer,
    world: World,
}

impl Lab {
    #[track_caller]
    fn up() -> Option<Self> {
        let world = World::up(3)?;
        let store = world.host(1).consul();
        let [one, two] = [world.host(1), world.host(2)];
        let first = init(one, &[&format!("--cluster-store={}", store.url())]);
        let agents = [first, let_in(one, two)];
        one.run(&["weft", "network", "create", "-o", "vni=256", "overlay"]);
        until("the network is on both", SOON, || has_network(two, "overlay"));
        sleeper(one, "overlay", "one", &[]);
        sleeper(two, "overlay", "two", &[]);
        ping(one, "one", "two");
        for host in [one, two] {
            until("all is well", SOON, || problems(host).is_empty());
        }
        Some(Self { agents, store, world })
    }

    /// What the store says of the second host.
    fn record(&self) -> Value {
        let consul = format!("--http-addr={}", self.store.url().replace("consul://", "http://"));
        let record = self.world.host(3).run(&["consul", "kv", "get", &consul, KEY]);
        serde_json::from_str(&record).expect("a record")
    }

    /// Has the third host write that.
    fn write(&self, record: &Value) {
        let consul = format!("--http-addr={}", self.store.url().replace("consul://", "http://"));
        self.world.host(3).run(&["consul", "kv", "put", &consul, KEY, &record.to_string()]);
    }
}

fn problems(host: &Host) -> String {
    // Which fails if there are some.
    let status = host.output(&["weft", "status", "--format", "json"]).stdout;
    let status: Value = serde_json::from_slice(&status).expect("a status");
    status["problems"]
        .as_array()
        .map_or_else(String::new, |all| all.iter().map(|one| format!("{one}\n")).collect())
}

/// Where a host sends the packets of the network to.
fn fdb(host: &Host) -> String {
    host.run(&["ip", "netns", "exec", "weft-256", "bridge", "fdb", "show"])
}

#[test]
fn who_has_the_stores_token_does_not_get_another_hosts_packets() {
    let Some(lab) = Lab::up() else { return };
    let [one, two, thief] = [1, 2, 3].map(|number| lab.world.host(number));
    let [real, stolen] = [two, thief].map(|host| format!("dst {}", host.address()));
    let good = lab.record();
    assert!(fdb(one).contains(&real), "{}", fdb(one));
    // It does nothing meanwhile that would put it right.
    lab.agents[1].signal(Signal::STOP);
    let mut lies = [good.clone(), good.clone()];
    for lie in &mut lies {
        lie["vtep"] = thief.address().to_string().into();
        lie["advertise"] = thief.address().to_string().into();
    }
    lies[1].as_object_mut().expect("a record").remove("signed");
    for lie in lies {
        lab.write(&lie);
        until("host1 says so", SOON, || {
            let problems = problems(one);
            problems.contains("node host2 in the store is not believed") && problems.contains("still holds")
        });
        let began = Instant::now();
        while began.elapsed() < WHILE {
            assert!(!fdb(one).contains(&stolen), "{}", fdb(one));
            exec(one, "one", &["ping", "-c1", "-W1", "two"]);
        }
        assert!(fdb(one).contains(&real), "{}", fdb(one));
    }
    lab.agents[1].signal(Signal::CONT);
    until("host2 puts it right", SOON, || {
        lab.record()["signed"] == good["signed"] && lab.record()["vtep"] == good["vtep"]
    });
    until("nothing is to be looked at", SOON, || problems(one).is_empty() && problems(two).is_empty());
    ping(one, "one", "two");
}

#[test]
fn a_host_with_the_old_flags_is_not_believed_until_it_joins_with_a_token() {
    let Some(lab) = Lab::up() else { return };
    let [one, other] = [1, 3].map(|number| lab.world.host(number));
    let mut old = other.agent(&[&format!("--cluster-store={}", lab.store.url()), "--cluster-advertise=eth0"]);
    until("its peers say so", SOON, || {
        let problems = problems(one);
        problems.contains("node host3 in the store is not believed") && problems.contains("join with a token")
    });
    let text = one.output(&["weft", "status"]).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("2 up, 0 down, 1 not believed"), "{text}");
    sleeper(other, "overlay", "three", &[]);
    let text = other.output(&["weft", "status"]).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("trust: store") && text.contains("join with a token"), "{text}");
    assert!(!one.run(&["weft", "node", "ls"]).contains("host3"), "it is none of the cluster's");
    assert!(!fdb(one).contains(&other.address().to_string()), "{}", fdb(one));
    other.run(&["weft", "rm", "--force", "three"]);
    other.run(&["weft", "leave"]);
    old.wait(SOON);
    let refused = other.refused(&["weft", "agent", "--trust=signed", "--cluster-advertise=eth0"]);
    assert!(refused.contains("weft join"), "{refused}");
    let _again = let_in(one, other);
    until("it is believed", SOON, || problems(one).is_empty() && problems(other).is_empty());
    sleeper(other, "overlay", "three", &[]);
    ping(one, "one", "three");
    let text = one.output(&["weft", "status"]).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("trust: signed"), "{text}");
}

#[test]
fn a_host_that_somebody_took_over_is_shut_out_while_it_runs() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    // Which serves the store, for members alone.
    let _first = init(one, &[]);
    let mut second = let_in(one, two);
    one.run(&["weft", "network", "create", "-o", "vni=256", "overlay"]);
    until("the network is on both", SOON, || has_network(two, "overlay"));
    sleeper(one, "overlay", "one", &[]);
    sleeper(two, "overlay", "two", &[]);
    ping(one, "one", "two");
    let refused = two.refused(&["weft", "node", "rm", "--revoke", "host1"]);
    assert!(refused.contains("does not have the key"), "{refused}");
    one.run(&["weft", "node", "rm", "--revoke", "host2"]);
    until("nothing is sent to it", SOON, || !fdb(one).contains("dst"));
    assert!(problems(one).contains("its certificate was revoked"), "{}", problems(one));
    // What it has open to the store ends, too.
    two.refused(&["weft", "network", "create", "late"]);
    let silent = one.output(&["weft", "exec", "one", "--", "ping", "-c2", "-W1", "two"]);
    assert!(!silent.status.success());
    // Whatever it says when it comes back, it is not let into the store.
    second.stop();
    let _again = two.agent(&[]);
    until("it is not let in", SOON, || problems(two).contains("not in the cluster"));
    until("nothing of it is left", SOON, || one.output(&["weft", "node", "rm", "host2"]).status.success());
    until("all is well", SOON, || problems(one).is_empty());
}
