use super::*;
use proptest::prelude::*;

const DOCKER: &str = include_str!("samples/docker-28.5.2.iptables");
const UFW: &str = include_str!("samples/ufw-0.36.2-open.iptables");
const FIREWALLD: &str = include_str!("samples/firewalld-1.3.3.json");
const FIREWALLD_OPEN: &str = include_str!("samples/firewalld-1.3.3-open.json");

const IN: [Hook; 2] = [Hook::Prerouting, Hook::Input];
const FORWARD: [Hook; 2] = [Hook::Forward, Hook::Postrouting];

/// A VXLAN packet that arrives from another host.
const VXLAN: Packet<'_> = Packet {
    ipv4: true,
    protocol: "udp",
    port: 4789,
    from_interface: Some("eth0"),
    to_interface: None,
    source: None,
    destination: None,
    destination_kind: "local",
    states: &["new", "untracked"],
    translated: false,
};

/// What a container sends out.
const OUT: Packet<'_> = Packet {
    protocol: "tcp",
    port: 443,
    from_interface: Some("weft-256"),
    to_interface: Some("eth0"),
    destination_kind: "unicast",
    states: &["new"],
    ..VXLAN
};

fn iptables(printed: &str) -> Filter {
    let mut filter = Filter::default();
    filter.add_iptables(Tool::Iptables, printed);
    filter
}

fn nft(printed: &str) -> Filter {
    let mut filter = Filter::default();
    filter.add_nft(printed).unwrap();
    filter
}

/// A base chain on input with these rules, as `iptables-save` writes them.
fn input(policy: &str, rules: &[&str]) -> Filter {
    let rules: String = rules.iter().map(|rule| format!("-A {rule}\n")).collect();
    iptables(&format!("*filter\n:INPUT {policy} [0:0]\n:mine - [0:0]\n{rules}COMMIT\n"))
}

/// What becomes of a packet.
#[derive(Debug, PartialEq)]
enum Fate {
    Passes,
    Perhaps,
    DroppedIn(String),
}

impl Filter {
    fn fate(&self, hooks: &[Hook], packet: &Packet<'_>) -> Fate {
        match self.obstacles(hooks, packet).pop() {
            None => Fate::Passes,
            Some(Obstacle { certain: false, .. }) => Fate::Perhaps,
            Some(Obstacle { place, .. }) => Fate::DroppedIn(place.chain),
        }
    }
}

fn dropped_in(fate: Fate) -> Option<String> {
    match fate {
        Fate::DroppedIn(chain) => Some(chain),
        _ => None,
    }
}

#[test]
fn docker_drops_what_it_does_not_know() {
    let docker = iptables(DOCKER);
    assert_eq!(docker.fate(&IN, &VXLAN), Fate::Passes);
    assert_eq!(dropped_in(docker.fate(&FORWARD, &OUT)).as_deref(), Some("FORWARD"));
    let own = Packet { from_interface: Some("docker0"), ..OUT };
    assert_eq!(docker.fate(&FORWARD, &own), Fate::Passes);
    let user = DOCKER.replace(
        "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -i weft-+ -j ACCEPT",
    );
    assert_eq!(iptables(&user).fate(&FORWARD, &OUT), Fate::Passes);
}

#[test]
fn ufw_drops_what_it_was_not_told_of() {
    assert_eq!(iptables(UFW).fate(&IN, &VXLAN), Fate::Passes);
    assert_eq!(iptables(UFW).fate(&FORWARD, &OUT), Fate::Passes);
    let other = Packet { from_interface: Some("eth1"), ..VXLAN };
    assert_eq!(dropped_in(iptables(UFW).fate(&IN, &other)).as_deref(), Some("INPUT"));
    let broadcast = Packet { destination_kind: "broadcast", ..other };
    assert_eq!(dropped_in(iptables(UFW).fate(&IN, &broadcast)).as_deref(), Some("ufw-skip-to-policy-input"));
}

#[test]
fn firewalld_drops_what_it_was_not_told_of() {
    assert_eq!(dropped_in(nft(FIREWALLD).fate(&IN, &VXLAN)).as_deref(), Some("filter_IN_public"));
    assert_eq!(nft(FIREWALLD_OPEN).fate(&IN, &VXLAN), Fate::Passes);
    assert_eq!(dropped_in(nft(FIREWALLD).fate(&FORWARD, &OUT)).as_deref(), Some("filter_FWD_public"));
    assert_eq!(nft(FIREWALLD_OPEN).fate(&FORWARD, &OUT), Fate::Passes);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let fate = |policy, rules: &[&str]| input(policy, rules).fate(&IN, &VXLAN);
    assert_eq!(fate("ACCEPT", &[]), Fate::Passes);
    assert_eq!(dropped_in(fate("DROP", &[])).as_deref(), Some("INPUT"));
    for passes in [
        "INPUT -p udp -m udp --dport 4789 -j ACCEPT",
        "INPUT -p udp -m multiport --dports 53,4000:5000 -j ACCEPT",
        "INPUT -i eth+ -m comment --comment \"the -j DROP of others\" -j ACCEPT",
        "INPUT ! -i lo -j ACCEPT",
        "INPUT -s 0.0.0.0/0 -j ACCEPT",
    ] {
        assert_eq!(fate("DROP", &[passes]), Fate::Passes, "{passes}");
    }
    for irrelevant in [
        "INPUT -p tcp -m tcp --dport 4789 -j ACCEPT",
        "INPUT -p udp -m udp ! --dport 4789 -j ACCEPT",
        "INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "INPUT -i lo -j ACCEPT",
        "INPUT -j LOG --log-prefix \"-j ACCEPT\"",
        "INPUT -j nowhere",
    ] {
        assert!(dropped_in(fate("DROP", &[irrelevant])).is_some(), "{irrelevant}");
    }
    assert_eq!(fate("DROP", &["INPUT -j mine", "mine -j RETURN", "INPUT -j ACCEPT"]), Fate::Passes);
    let rejected =
        fate("ACCEPT", &["INPUT -j mine", "mine -p udp -j REJECT --reject-with icmp-port-unreachable"]);
    assert_eq!(dropped_in(rejected).as_deref(), Some("mine"));
    assert!(
        dropped_in(fate("DROP", &["INPUT -g mine", "INPUT -j ACCEPT"])).is_some(),
        "it does not come back"
    );
}

#[test]
fn what_cannot_be_known_is_not_certain() {
    let fate = |rules: &[&str]| input("DROP", rules).fate(&IN, &VXLAN);
    for perhaps in [
        "INPUT -s 192.168.77.0/24 -j ACCEPT",
        "INPUT -m set --match-set hosts src -j ACCEPT",
        "INPUT -m mark --mark 0x1 -j mine",
        "INPUT -m conntrack --ctstate NEW -j ACCEPT",
    ] {
        assert_eq!(fate(&[perhaps, "mine -j ACCEPT"]), Fate::Perhaps, "{perhaps}");
    }
    // With the other host's address known, it is.
    let from = |source: &str| Packet { source: Some(source.parse().unwrap()), ..VXLAN };
    let filter = input("DROP", &["INPUT -s 192.168.77.0/24 -j ACCEPT"]);
    assert_eq!(filter.fate(&IN, &from("192.168.77.12")), Fate::Passes);
    assert!(dropped_in(filter.fate(&IN, &from("192.168.78.12"))).is_some());
    // Others are banned more often than we are.
    assert_eq!(
        input("ACCEPT", &["INPUT -m set --match-set banned src -j DROP"]).fate(&IN, &VXLAN),
        Fate::Passes
    );
}

#[test]
fn families_are_apart() {
    let rule = |family: &str| {
        let chain = format!(
            r#"{{"family": "{family}", "table": "t", "name": "in", "hook": "input", "policy": "drop"}}"#
        );
        nft(&format!(
            r#"{{"nftables": [{{"table": {{"family": "{family}", "name": "t"}}}}, {{"chain": {chain}}}]}}"#
        ))
    };
    let six = Packet { ipv4: false, ..VXLAN };
    assert!(dropped_in(rule("inet").fate(&IN, &VXLAN)).is_some());
    assert!(dropped_in(rule("inet").fate(&IN, &six)).is_some());
    assert!(dropped_in(rule("ip").fate(&IN, &VXLAN)).is_some());
    assert_eq!(rule("ip").fate(&IN, &six), Fate::Passes);
    assert_eq!(rule("bridge").fate(&IN, &VXLAN), Fate::Passes);
}

#[test]
fn maps_of_nft_are_followed() {
    let printed = r#"{"nftables": [
        {"table": {"family": "inet", "name": "t"}},
        {"chain": {"family": "inet", "table": "t", "name": "in", "hook": "input", "policy": "drop"}},
        {"chain": {"family": "inet", "table": "t", "name": "outside"}},
        {"rule": {"family": "inet", "table": "t", "chain": "in", "expr": [{"vmap": {
            "key": {"meta": {"key": "iifname"}},
            "data": {"set": [["lo", {"accept": null}], ["eth0", {"goto": {"target": "outside"}}]]}}}]}},
        {"rule": {"family": "inet", "table": "t", "chain": "outside", "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}},
                "right": {"set": [53, {"range": [4000, 5000]}]}}},
            {"accept": null}]}}]}"#;
    assert_eq!(nft(printed).fate(&IN, &VXLAN), Fate::Passes);
    assert!(dropped_in(nft(printed).fate(&IN, &Packet { port: 80, ..VXLAN })).is_some());
    assert!(dropped_in(nft(printed).fate(&IN, &Packet { from_interface: Some("eth1"), ..VXLAN })).is_some());
}

#[test]
fn chains_that_go_in_circles_end() {
    let many: Vec<String> =
        (0..200).map(|_| "mine -j mine".to_owned()).chain(["INPUT -j mine".to_owned()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(input("DROP", &many).fate(&IN, &VXLAN), Fate::Perhaps);
}

#[test]
fn what_is_no_ruleset_is_an_error() {
    for bad in ["", "[]", "{}", "{\"nftables\": 7}"] {
        assert!(Filter::default().add_nft(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn anything_can_be_read(
        table in "(:[A-Z]{1,3} (DROP|-)|-A [A-Z]{1,3}( !?[-a-z+,:/0-9\" \\\\]{0,9}){0,6}| ?\\PC{0,20}|\n){0,20}",
    ) {
        iptables(&format!("*filter\n{table}")).fate(&IN, &VXLAN);
    }

    #[test]
    fn any_rule_of_nft_can_be_read(key in "\\PC{0,5}", value in "[\\[\\]{}\":,a-z0-9@]{0,30}") {
        let printed = format!(
            r#"{{"nftables": [{{"table": {{"family": "ip", "name": "t"}}}},
                {{"chain": {{"family": "ip", "table": "t", "name": "c", "hook": "input"}}}},
                {{"rule": {{"family": "ip", "table": "t", "chain": "c", "expr": [{{{key:?}: {value}}}]}}}}]}}"#
        );
        let _ = Filter::default().add_nft(&printed);
    }
}
