use super::judge;
use crate::setup::{
    facts::{Agent, Boot, Engine, Facts, Feature, Reach, Route, Trial, Underlay, Unit},
    filter::{Filter, Tool},
    finding::{CheckState, Finding, Mend},
};
use serde_json::json;
use std::slice;
use weft_ipam::AddressPool;
use weft_model::IpNet;

const DOCKER: &str = include_str!("../filter/samples/docker-28.5.2.iptables");
const UFW: &str = include_str!("../filter/samples/ufw-0.36.2-open.iptables");
const FIREWALLD: &str = include_str!("../filter/samples/firewalld-1.3.3.json");

/// A host on which all is well.
pub(in crate::setup) fn well() -> Facts {
    let unit = |before: &[&str]| Unit {
        loaded: true,
        enabled: true,
        failed: false,
        before: before.iter().map(|unit| (*unit).to_owned()).collect(),
    };
    Facts {
        root: true,
        as_root: "sudo weft setup docker",
        distribution: "debian".to_owned(),
        docker_socket: "/var/run/docker.sock".to_owned(),
        engine: Reach::Here(Engine {
            version: "28.5.2".to_owned(),
            components: vec!["Engine".to_owned(), "containerd".to_owned()],
            networks: vec![("bridge".to_owned(), vec![net("172.17.0.0/16")])],
            ..Engine::default()
        }),
        agent: Reach::Here(agent()),
        plugin: Reach::Here("weft".to_owned()),
        boot: Some(Boot { weft: unit(&["shutdown.target", "docker.service"]), docker: unit(&[]) }),
        kernel: Feature::ALL.map(|what| Trial { what, result: Ok(()) }).to_vec(),
        forwards_ipv4: true,
        filters_bridges: true,
        underlay: Some(Underlay {
            interface: "eth0".to_owned(),
            mtu: 1500,
            address: "192.168.77.11".parse().unwrap(),
        }),
        filter: Ok(Filter::default()),
        firewalld_zone: None,
        routes: vec![route("192.168.77.0/24", "eth0"), route("172.17.0.0/16", "docker0")],
        address_pools: vec![AddressPool::default_ipv4()],
    }
}

pub(in crate::setup) fn agent() -> Agent {
    let status = json!({
        "node": "host1", "id": "7d86d31b1478".repeat(6)[..64], "version": "0.1.0",
        "started": "2026-11-22T12:00:00Z", "advertise": "192.168.77.11", "vtep": "192.168.77.11",
        "vxlan_port": 4789, "tunnel_port": 51820, "data_dir": "/var/lib/weft", "counts": {}, "problems": [],
        "store": {"url": "consul://192.168.77.11:8500", "since": "2026-11-22T12:00:00Z"},
    });
    Agent {
        status: serde_json::from_value(status).unwrap(),
        nodes: Vec::new(),
        peers: vec!["192.168.77.12".parse().unwrap()],
        networks: vec![("overlay".to_owned(), vec![net("10.0.0.0/24")])],
        encrypts: false,
    }
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn route(to: &str, interface: &str) -> Route {
    Route { to: net(to), interface: interface.to_owned() }
}

/// The one finding of `check` that is not well, with the lines that mend it.
#[track_caller]
fn wrong(facts: &Facts, check: &str) -> (CheckState, String, Vec<String>) {
    let findings = judge(facts);
    let wrong: Vec<&Finding> = findings.iter().filter(|finding| finding.state != CheckState::Ok).collect();
    let [finding] = wrong.as_slice() else { panic!("not one: {wrong:#?}") };
    assert_eq!(finding.check, check, "{finding:?}");
    let line = |mend: &Mend| match mend {
        Mend::Command(command) => format!("# {command}"),
        Mend::ByHand(text) => text.clone(),
    };
    (finding.state, finding.what.clone(), finding.mend.iter().map(line).collect())
}

/// As [`wrong`], of a host that is well but for what `change` does to it.
#[track_caller]
fn but(check: &str, change: impl FnOnce(&mut Facts)) -> (CheckState, String, Vec<String>) {
    let mut facts = well();
    change(&mut facts);
    wrong(&facts, check)
}

fn iptables(printed: &str) -> Result<Filter, String> {
    let mut filter = Filter::default();
    filter.add_iptables(Tool::Iptables, printed);
    Ok(filter)
}

fn nft(printed: &str) -> Result<Filter, String> {
    let mut filter = Filter::default();
    filter.add_nft(printed).map(|()| filter)
}

#[test]
fn all_is_well() {
    let findings = judge(&well());
    assert!(
        findings.iter().all(|finding| finding.state == CheckState::Ok && finding.mend.is_empty()),
        "{findings:#?}"
    );
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    let all = [
        "engine",
        "agent",
        "plugin",
        "boot",
        "kernel",
        "forwarding",
        "bridges",
        "mtu",
        "vxlan",
        "forward",
        "subnets",
    ];
    assert_eq!(checks, all);
}

#[test]
fn an_engine_that_is_not_there() {
    let (state, what, mend) = but("engine", |facts| facts.engine = Reach::Absent);
    assert_eq!(
        (state, mend.as_slice()),
        (CheckState::Missing, &["# systemctl enable --now docker.service".to_owned()][..])
    );
    assert!(what.contains("/var/run/docker.sock"));
    let (_, _, mend) = but("engine", |facts| {
        facts.engine = Reach::Absent;
        facts.boot.as_mut().unwrap().docker = Unit::default();
    });
    assert_eq!(mend, ["apt-get install docker.io, or docker-ce"]);
    let (_, what, _) = but("engine", |facts| facts.engine = Reach::Failed("it is too old".to_owned()));
    assert!(what.contains("it is too old"));
}

#[test]
fn engines_that_cannot_have_drivers() {
    let engine = |components: &[&str], system: &str| {
        Reach::Here(Engine {
            components: components.iter().map(|name| (*name).to_owned()).collect(),
            operating_system: system.to_owned(),
            ..Engine::default()
        })
    };
    for (engine, says) in [
        (engine(&["Podman Engine"], "debian"), "Podman"),
        (engine(&["Engine", "rootlesskit"], "Debian GNU/Linux 12"), "without root"),
        (engine(&["Engine"], "Docker Desktop"), "virtual machine"),
    ] {
        let (state, what, mend) = but("engine", |facts| facts.engine = engine);
        assert!(state == CheckState::Missing && what.contains(says) && mend.len() == 1, "{what}");
    }
}

#[test]
fn an_agent_that_is_not_well() {
    let (state, _, mend) = but("agent", |facts| {
        let Reach::Here(agent) = &mut facts.agent else { return };
        agent.status.store.error = Some("connection refused".to_owned());
    });
    assert_eq!((state, mend), (CheckState::Warning, vec!["weft status".to_owned()]));
    let mut facts = well();
    facts.agent = Reach::Absent;
    facts.plugin = Reach::Absent;
    let findings = judge(&facts);
    let agent = findings.iter().find(|finding| finding.check == "agent").unwrap();
    assert_eq!(agent.mend, [Mend::command("systemctl enable --now weft.service")]);
    let plugin = findings.iter().find(|finding| finding.check == "plugin").unwrap();
    assert_eq!((plugin.state, plugin.mend.len()), (CheckState::Missing, 0), "one command mends both");
}

#[test]
fn a_plugin_socket_that_is_not_ours() {
    let (state, what, _) = but("plugin", |facts| facts.plugin = Reach::Here("other".to_owned()));
    assert!(state == CheckState::Missing && what.contains("addresses of \"other\""), "{what}");
    let (_, _, mend) = but("plugin", |facts| facts.plugin = Reach::Absent);
    assert!(mend[0].contains("docker-socket"));
}

#[test]
fn what_happens_at_boot() {
    let boot = |change: fn(&mut Boot)| but("boot", |facts| change(facts.boot.as_mut().unwrap()));
    assert_eq!(boot(|boot| boot.weft.enabled = false).2, ["# systemctl enable weft.service"]);
    assert!(boot(|boot| boot.weft.before.clear()).1.contains("not ordered before docker.service"));
    assert!(boot(|boot| boot.weft = Unit::default()).1.contains("no weft.service"));
    assert!(but("boot", |facts| facts.boot = None).1.contains("systemd does not run"));
}

#[test]
fn a_kernel_that_lacks_something() {
    let lacks = |what| {
        but("kernel", |facts| {
            let trial = facts.kernel.iter_mut().find(|trial| trial.what == what).unwrap();
            trial.result = Err("Operation not supported (os error 95)".to_owned());
        })
    };
    let (state, what, mend) = lacks(Feature::Vxlan);
    assert!(
        state == CheckState::Missing && what.contains("no VXLAN devices: Operation not supported"),
        "{what}"
    );
    assert!(mend[0].contains("modprobe vxlan"));
    assert_eq!(lacks(Feature::NftProgram).2, ["apt-get install nftables"]);
    let ubuntu = but("kernel", |facts| {
        facts.distribution = "ubuntu debian".to_owned();
        facts.kernel[3].result = Err("Operation not supported".to_owned());
    });
    assert_eq!(ubuntu.2, ["apt-get install linux-modules-extra-$(uname -r)"]);
}

#[test]
fn how_the_kernel_is_set() {
    let (state, _, mend) = but("forwarding", |facts| facts.forwards_ipv4 = false);
    assert_eq!((state, mend), (CheckState::Missing, vec!["# sysctl -w net.ipv4.ip_forward=1".to_owned()]));
    let (_, what, _) = but("mtu", |facts| facts.underlay.as_mut().unwrap().mtu = 1300);
    assert!(what.contains("networks carry 1250"), "{what}");
}

#[test]
fn docker_drops_what_is_not_its_own() {
    let (state, what, mend) = but("forward", |facts| facts.filter = iptables(DOCKER));
    assert_eq!(state, CheckState::Warning);
    assert!(what.starts_with("the chain FORWARD of iptables drops"), "{what}");
    assert_eq!(
        mend[..2],
        ["# iptables -I DOCKER-USER -i weft-+ -j ACCEPT", "# iptables -I DOCKER-USER -o weft-+ -j ACCEPT"]
    );
}

#[test]
fn the_port_of_the_tunnels_matters_where_a_network_is_encrypted() {
    let mut facts = well();
    facts.filter = iptables("*filter\n:INPUT DROP [0:0]\n-A INPUT -p udp -m udp --dport 4789 -j ACCEPT\n");
    let of = |facts: &Facts| judge(facts).into_iter().find(|finding| finding.check == "tunnel");
    assert_eq!(of(&facts), None);
    facts.agent = Reach::Here(Agent { encrypts: true, ..agent() });
    let tunnel = of(&facts).unwrap();
    assert_eq!(tunnel.state, CheckState::Missing);
    assert!(tunnel.what.contains("drops 51820/udp: on encrypted networks"), "{}", tunnel.what);
}

#[test]
fn each_firewall_is_told_in_its_own_words() {
    let closed =
        UFW.replace("-A ufw-user-input -i eth0 -p udp -m udp --dport 4789", "-A ufw-user-forward -o weft-+");
    let (state, what, mend) = but("vxlan", |facts| facts.filter = iptables(&closed));
    assert_eq!(
        (state, mend),
        (CheckState::Missing, vec!["# ufw allow in on eth0 to any port 4789 proto udp".to_owned()])
    );
    assert!(what.contains("4789/udp"));

    let mut facts = well();
    facts.filter = nft(FIREWALLD);
    facts.firewalld_zone = Some("internal".to_owned());
    let findings = judge(&facts);
    let vxlan = findings.iter().find(|finding| finding.check == "vxlan").unwrap();
    assert_eq!(
        vxlan.mend,
        [
            Mend::command("firewall-cmd --zone=internal --add-port=4789/udp"),
            Mend::command("firewall-cmd --permanent --zone=internal --add-port=4789/udp"),
        ]
    );

    let plain = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n";
    let (_, _, mend) = but("vxlan", |facts| facts.filter = iptables(plain));
    assert_eq!(mend[0], "# iptables -I INPUT -i eth0 -p udp --dport 4789 -j ACCEPT");
}

#[test]
fn rules_of_nobodys_are_told_to_nft() {
    let table = |hook: &str| {
        let chain =
            json!({"family": "inet", "table": "filter", "name": "mine", "hook": hook, "policy": "drop"});
        let table = json!({"family": "inet", "name": "filter"});
        nft(&json!({"nftables": [{"table": table}, {"chain": chain}]}).to_string())
    };
    let (_, what, mend) = but("vxlan", |facts| facts.filter = table("input"));
    assert!(what.starts_with("the chain mine of nftables' table inet filter drops"), "{what}");
    assert_eq!(mend[0], r#"# nft 'insert rule inet filter mine iifname "eth0" udp dport 4789 accept'"#);
    let (_, _, mend) = but("vxlan", |facts| facts.filter = table("output"));
    assert_eq!(mend[0], r#"# nft 'insert rule inet filter mine oifname "eth0" udp dport 4789 accept'"#);
    let (_, _, mend) = but("forward", |facts| facts.filter = table("forward"));
    assert_eq!(mend[0], r#"# nft 'insert rule inet filter mine iifname "weft-*" accept'"#);
    let (state, _, _) = but("firewall", |facts| facts.filter = Err("Operation not permitted".to_owned()));
    assert_eq!(state, CheckState::Warning);
}

#[test]
fn only_the_other_hosts_must_come_through() {
    let rules =
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -s 192.168.77.0/24 -p udp -m udp --dport 4789 -j ACCEPT\n";
    let mut facts = well();
    facts.filter = iptables(rules);
    assert!(judge(&facts).iter().all(|finding| finding.state == CheckState::Ok));
    let Reach::Here(agent) = &mut facts.agent else { panic!() };
    agent.peers.push("203.0.113.7".parse().unwrap());
    assert_eq!(wrong(&facts, "vxlan").0, CheckState::Missing);
}

#[test]
fn subnets_of_others() {
    let (state, what, _) = but("subnets", |facts| facts.routes.push(route("10.0.0.0/16", "tun0")));
    assert!(
        state == CheckState::Warning && what.contains("route of this host to 10.0.0.0/16 over tun0"),
        "{what}"
    );
    let (_, what, _) = but("subnets", |facts| {
        let Reach::Here(engine) = &mut facts.engine else { return };
        engine.networks.push(("office".to_owned(), vec![net("10.0.0.128/25")]));
    });
    assert!(what.contains("the engine's network office"), "{what}");
    let (state, what, _) = but("subnets", |facts| {
        facts.agent = Reach::Here(Agent { networks: Vec::new(), ..agent() });
        facts.routes.push(route("10.0.0.0/8", "tun0"));
    });
    assert!(state == CheckState::Missing && what.contains("cover all"), "{what}");
    let (_, what, _) = but("subnets", |facts| {
        let Reach::Here(engine) = &mut facts.engine else { return };
        engine.address_pools = vec![net("10.128.0.0/9")];
    });
    assert!(what.contains("10.128.0.0/9"), "{what}");
}

#[test]
fn without_root_it_says_what_it_could_not_see() {
    let mut facts = well();
    facts.root = false;
    facts.kernel = Vec::new();
    facts.filter = Err("Operation not permitted (you must be root)".to_owned());
    facts.plugin = Reach::Denied;
    let findings = judge(&facts);
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.state != CheckState::Ok).collect();
    assert!(wrong.iter().all(|finding| finding.state == CheckState::Warning), "{wrong:#?}");
    let sudo = Mend::by_hand("sudo weft setup docker");
    assert!(wrong.iter().all(|finding| finding.mend == slice::from_ref(&sudo)), "{wrong:#?}");
}
