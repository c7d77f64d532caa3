use super::judge;
use crate::setup::{
    doctor::facts::{Clock, Config, DataDir, Found, KnownFile, More, Port, Room, Skew, Way},
    facts::{Facts, Reach, Trial, Unit},
    finding::{CheckState, Finding, Mend},
    judge::tests::well,
};
use std::time::Duration;
use weft_api::v1;
use weft_http::{Holder, Protocol};

/// The rest of a host on which all is well.
fn more() -> More {
    let port = |number, needed| Port {
        protocol: Protocol::Udp,
        number,
        purpose: "VXLAN",
        setting: "--vxlan-port",
        holder: Holder::Unseen,
        needed,
    };
    More {
        config: Config::Read,
        files: vec![file("/etc/weft/weft.toml", false, 0o644), file("/etc/weft/token", true, 0o640)],
        data: DataDir {
            path: "/var/lib/weft".into(),
            found: Some(Found { owner: 0, mode: 0o700 }),
            room: Some(Room { free: 1 << 30, files: Some(1 << 20) }),
            used: true,
        },
        wireguard: Some(Ok(())),
        ports: vec![port(4789, true), port(51820, false)],
        ways: vec![way("192.168.77.11", "eth0")],
        strict: true,
        neighbours: Some(1024),
        clock: Clock { synchronised: Some(true), store: Some(skew(0, true)) },
        store: None,
    }
}

fn file(path: &str, secret: bool, mode: u32) -> KnownFile {
    KnownFile { path: path.into(), secret, found: Some(Found { owner: 0, mode }) }
}

fn way(from: &str, interface: &str) -> Way {
    Way {
        node: "host2".parse().unwrap(),
        to: "192.168.77.12".parse().unwrap(),
        from: Ok((from.parse().unwrap(), interface.to_owned())),
    }
}

fn skew(seconds: u64, ahead: bool) -> Skew {
    Skew { server: "192.168.77.12:8500".to_owned(), by: Duration::from_secs(seconds), ahead }
}

fn node(name: &str, this: bool) -> v1::Node {
    let end = if this { 11 } else { 12 };
    let address = format!("192.168.77.{end}");
    serde_json::from_value(serde_json::json!({
        "name": name, "id": "5f0c1e2d".repeat(8), "up": true, "advertise": address, "vtep": address, "vxlan_port": 4789,
        "underlay_mtu": 1500, "version": env!("CARGO_PKG_VERSION"), "endpoints": 0, "this": this,
    }))
    .unwrap()
}

/// A host of a cluster on which all is well.
fn member() -> Facts {
    let mut facts = well();
    if let Reach::Here(agent) = &mut facts.agent {
        agent.nodes = vec![node("host1", true), node("host2", false)];
        agent.status.version = env!("CARGO_PKG_VERSION").to_owned();
        agent.status.joined = true;
    }
    facts
}

/// The one finding that is not ok, as `state check: what; what mends it`.
#[track_caller]
fn but(change: impl FnOnce(&mut Facts, &mut More)) -> String {
    let (mut facts, mut more) = (member(), more());
    change(&mut facts, &mut more);
    let findings = judge(&facts, &more);
    let wrong: Vec<&Finding> = findings.iter().filter(|finding| finding.state != CheckState::Ok).collect();
    let [finding] = wrong.as_slice() else { panic!("not one: {wrong:#?}") };
    let mend = finding.mend.iter().map(|mend| match mend {
        Mend::Command(command) => format!("# {command}"),
        Mend::ByHand(text) => text.clone(),
    });
    let mend: Vec<_> = mend.collect();
    assert!(!mend.is_empty(), "nothing mends it: {finding:?}");
    format!("{:?} {}: {}; {}", finding.state, finding.check, finding.what, mend.join("; "))
}

#[track_caller]
fn is_sound(facts: &Facts, more: &More) {
    let findings = judge(facts, more);
    assert!(
        findings.iter().all(|finding| finding.state == CheckState::Ok && finding.mend.is_empty()),
        "{findings:#?}"
    );
}

/// What is done with the agent's nodes.
fn other(facts: &mut Facts) -> &mut v1::Node {
    match &mut facts.agent {
        Reach::Here(agent) => &mut agent.nodes[1],
        _ => panic!("there is one"),
    }
}

#[test]
fn sound_hosts_of_all_kinds() {
    is_sound(&member(), &more());
    let without_engine = |facts: &mut Facts| {
        facts.engine = Reach::Absent;
        facts.plugin = Reach::Absent;
        facts.boot = None;
    };
    let mut facts = member();
    without_engine(&mut facts);
    is_sound(&facts, &more());
    facts.agent = Reach::Absent;
    facts.underlay = None;
    let mut nothing = More { config: Config::Absent, files: Vec::new(), ways: Vec::new(), ..more() };
    nothing.data.used = false;
    is_sound(&facts, &nothing);
    let agent = judge(&facts, &nothing).into_iter().find(|finding| finding.check == "agent").unwrap();
    assert!(agent.what.contains("could not be looked at"), "{agent:?}");
}

#[test]
fn files_and_their_room() {
    let says = |change: fn(&mut More)| but(|_, more| change(more));
    assert!(
        says(|more| more.config = Config::Invalid("line 3\nno".into())).contains("line 3 no; edit /etc/weft")
    );
    let open = says(|more| more.files[0] = file("/etc/weft/weft.toml", false, 0o666));
    assert!(open.ends_with("# chmod go-w /etc/weft/weft.toml"), "{open}");
    let read = says(|more| more.files[1] = file("/etc/weft/token", true, 0o644));
    assert!(read.starts_with("Missing secrets") && read.ends_with("# chmod o= /etc/weft/token"), "{read}");
    let owned = says(|more| more.files[0].found = Some(Found { owner: 1000, mode: 0o600 }));
    assert!(
        owned.contains("the user 1000") && owned.ends_with("# chown root /etc/weft/weft.toml"),
        "{owned}"
    );
    assert!(says(|more| more.files[1].found = None).contains("which is not there"));
    let owned = says(|more| more.data.found = Some(Found { owner: 7, mode: 0o700 }));
    assert!(owned.ends_with("# chown root /var/lib/weft"), "{owned}");
    assert!(says(|more| more.data.found = None).contains("is gone"));
    let room = |free, files| move |more: &mut More| more.data.room = Some(Room { free, files });
    assert!(but(|_, more| room(1 << 20, None)(more)).starts_with("Missing disk: 1 MiB"));
    assert!(but(|_, more| room(32 << 20, None)(more)).starts_with("Warning disk: 32 MiB"));
    assert!(but(|_, more| room(1 << 30, Some(3))(more)).contains("hardly any more files"));
}

#[test]
fn what_runs_and_what_does_not() {
    let failed = but(|facts, _| facts.boot.as_mut().unwrap().weft.failed = true);
    assert!(failed.ends_with("# systemctl restart weft.service"), "{failed}");
    let stopped = but(|facts, more| {
        facts.agent = Reach::Absent;
        facts.plugin = Reach::Absent;
        more.ways = Vec::new();
    });
    assert!(stopped.starts_with("Warning agent: no agent runs here, though one did"), "{stopped}");
    let stopped = but(|facts, more| {
        facts.agent = Reach::Absent;
        facts.plugin = Reach::Absent;
        (more.ways, more.config) = (Vec::new(), Config::Absent);
    });
    assert!(stopped.starts_with("Warning agent: no agent runs here, though one did"), "by flags: {stopped}");
    let engine = but(|facts, _| {
        facts.engine = Reach::Absent;
        facts.plugin = Reach::Absent;
    });
    assert!(
        engine.starts_with("Warning engine") && engine.contains("enable --now docker.service"),
        "{engine}"
    );
    // One that is disabled is not meant to run.
    let mut facts = member();
    facts.engine = Reach::Absent;
    facts.boot.as_mut().unwrap().docker = Unit { loaded: true, ..Unit::default() };
    is_sound(&facts, &more());

    let problem = but(|facts, _| {
        let Reach::Here(agent) = &mut facts.agent else { return };
        agent.status.problems = vec!["web is cut off".to_owned()];
    });
    assert!(problem.starts_with("Missing status: web is cut off; weft status"), "{problem}");
    let store = but(|facts, _| {
        let Reach::Here(agent) = &mut facts.agent else { return };
        agent.status.store.error = Some("connection refused".to_owned());
    });
    assert!(store.starts_with("Missing store: consul://192.168.77.11:8500 is out of reach"), "{store}");
    let broken = |facts: &mut Facts| facts.plugin = Reach::Failed("broken pipe".to_owned());
    let plugin = but(|facts, _| {
        broken(facts);
        let Reach::Here(agent) = &mut facts.agent else { return };
        let engine = serde_json::json!({"address": "/run/docker.sock", "since": "2026-11-22T12:00:00Z"});
        agent.status.engine = serde_json::from_value(engine).unwrap();
    });
    assert!(plugin.starts_with("Missing plugin") && plugin.contains("broken pipe"), "{plugin}");
    // An agent that leaves the engine alone is fine.
    let mut facts = member();
    broken(&mut facts);
    is_sound(&facts, &more());
}

#[test]
fn the_kernel_and_how_it_is_set() {
    let encrypted = |facts: &mut Facts, more: &mut More| {
        let Reach::Here(agent) = &mut facts.agent else { return };
        agent.encrypts = true;
        more.wireguard = Some(Err("Operation not supported".to_owned()));
    };
    assert!(but(encrypted).contains("modprobe wireguard"));
    let vxlan =
        but(|facts, _| facts.kernel[3] = Trial { result: Err("no".to_owned()), ..facts.kernel[3].clone() });
    assert!(vxlan.contains("VXLAN devices") && vxlan.contains("modprobe vxlan"), "{vxlan}");
    let forwarding = but(|facts, _| {
        facts.engine = Reach::Absent;
        facts.boot = None;
        facts.forwards_ipv4 = false;
        let Reach::Here(agent) = &mut facts.agent else { return };
        agent.status.leaving = 1;
    });
    assert!(forwarding.ends_with("# sysctl -w net.ipv4.ip_forward=1"), "{forwarding}");
    let neighbours = but(|facts, _| {
        let Reach::Here(agent) = &mut facts.agent else { return };
        agent.status.counts.insert("endpoints".to_owned(), 1000);
    });
    assert!(neighbours.ends_with("gc_thresh3=4096"), "{neighbours}");
}

#[test]
fn the_way_to_the_others() {
    let none = but(|_, more| more.ways[0].from = Err("Network is unreachable".to_owned()));
    assert!(none.contains("no way to host2 at 192.168.77.12: Network is unreachable"), "{none}");
    let strict = but(|_, more| more.ways[0] = way("203.0.113.1", "eth1"));
    assert!(strict.starts_with("Missing way") && strict.contains("rp_filter drops them"), "{strict}");
    let loose = but(|_, more| {
        more.ways[0] = way("203.0.113.1", "eth1");
        more.strict = false;
    });
    assert!(loose.starts_with("Warning way"), "{loose}");
    assert!(but(|facts, _| facts.underlay = None).contains("no interface of this host has 192.168.77.11"));
    let mtu = but(|facts, _| other(facts).underlay_mtu = Some(1400));
    assert!(mtu.contains("fits on host2") && mtu.contains("mtu 1500 on host2"), "{mtu}");
    let held = but(|_, more| {
        more.ports[0].holder = Holder::Program { name: "nc".to_owned(), pid: 7 };
    });
    assert!(held.starts_with("Missing port: 4789/udp") && held.contains("kill 7"), "{held}");
    let held = but(|_, more| {
        more.ports[1].holder = Holder::Program { name: "nc".to_owned(), pid: 7 };
    });
    assert!(held.starts_with("Warning port: 51820/udp"), "{held}");
}

#[test]
fn the_others_and_the_time() {
    assert!(but(|facts, _| other(facts).up = false).contains("weft node rm host2"));
    assert!(but(|facts, _| other(facts).version = "0.0.9".to_owned()).contains("host2 (0.0.9)"));
    assert!(but(|facts, _| other(facts).vxlan_port = 8472).starts_with("Missing nodes"));
    assert!(but(|facts, _| other(facts).vtep = "192.168.77.11".parse().unwrap()).contains("both say"));
    let own = but(|facts, _| {
        let Reach::Here(agent) = &mut facts.agent else { return };
        agent.status.version = "0.0.1".to_owned();
    });
    assert!(own.contains("the agent that runs is 0.0.1"), "{own}");
    let far = but(|_, more| more.clock.store = Some(skew(3600, false)));
    assert!(far.starts_with("Missing clock") && far.contains("3600 s behind"), "{far}");
    assert!(but(|_, more| more.clock.store = Some(skew(10, true))).starts_with("Warning clock"));
    assert!(but(|_, more| more.clock.synchronised = Some(false)).ends_with("# timedatectl set-ntp true"));
}

#[test]
fn without_root_it_says_what_it_could_not_see() {
    let (mut facts, mut more) = (member(), more());
    facts.root = false;
    facts.as_root = "sudo weft doctor";
    facts.kernel = Vec::new();
    facts.agent = Reach::Denied;
    facts.engine = Reach::Denied;
    facts.filter = Err("Operation not permitted".to_owned());
    more.wireguard = None;
    more.config = Config::Denied;
    more.files[1].found = None;
    more.data.found = None;
    let findings = judge(&facts, &more);
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.state != CheckState::Ok).collect();
    let sudo = [Mend::by_hand("sudo weft doctor")];
    assert!(wrong.len() >= 5, "{wrong:#?}");
    assert!(
        wrong.iter().all(|finding| finding.state == CheckState::Warning && finding.mend == sudo),
        "{wrong:#?}"
    );
}
