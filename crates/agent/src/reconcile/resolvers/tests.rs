//! In a network namespace with a resolver such as engines have, asked by `dig`.

use super::*;
use crate::{host::LinuxHost, underlay::Underlay};
use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    process::Command,
};
use tokio::sync::watch;
use weft_dns::NetworkNames;
use weft_model::NetworkId;
use weft_netlink::in_namespace;
use weft_state::{cluster::Cluster, journal::Owner};

/// How long anything may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs `test` again in a process with namespaces of its own and an empty `/run`; skips it, loudly, without root,
/// or fails there if `CI` is set.
fn isolated<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    const INSIDE: &str = "WEFT_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        return runtime.unwrap().block_on(test());
    }
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        eprintln!("SKIPPED: this test needs root");
        return;
    }
    let name = thread::current().name().unwrap().to_owned();
    let status = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"])
        .args(["sh", "-euc", "mount -t tmpfs tmpfs /run; mkdir /run/netns; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args([&name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed inside its namespaces");
}

fn sh(command: &str) -> String {
    let output = Command::new("sh").args(["-euc", command]).output().unwrap();
    assert!(output.status.success(), "`{command}`: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A sandbox with what an engine has in it: a resolver that knows `db`, and the way to it.
struct Engine {
    _resolver: Resolver,
    _server: ServerHandle,
}

impl Engine {
    async fn in_sandbox() -> Self {
        sh("ip netns add made; ip -n made link set lo up; touch /run/netns/box");
        let path = Path::new("/run/netns/made");
        let bind = || (UdpSocket::bind("127.0.0.11:40053"), TcpListener::bind("127.0.0.11:40053"));
        let (udp, tcp) = in_namespace(path, bind).await.unwrap();
        for protocol in ["udp", "tcp"] {
            sh(&format!(
                "ip netns exec made nft 'add table ip nat
                 add chain ip nat output {{ type nat hook output priority -100; }}
                 add rule ip nat output ip daddr 127.0.0.11 {protocol} dport 53 dnat to 127.0.0.11:40053'"
            ));
        }
        let id = NetworkId::random(&mut rand::rng());
        let addresses = vec![Ipv4Addr::new(192, 0, 2, 7).into()];
        let db = weft_dns::NamedEndpoint {
            name: "db".parse().unwrap(),
            aliases: vec![],
            short_id: None,
            addresses,
        };
        let names = Arc::new(NetworkNames::new(&"bridge".parse().unwrap(), [], [db]));
        let names = Arc::new(ArcSwap::from_pointee(weft_dns::Names::new([(id, names)])));
        let resolver = Resolver::start(names, Arc::default()).unwrap();
        let client = Arc::new(ArcSwap::from_pointee(DnsClient {
            networks: vec![id],
            links: weft_dns::Links::default(),
            upstream: Upstream::default(),
        }));
        let server = resolver.serve(udp.unwrap(), tcp.unwrap(), client).unwrap();
        Self { _resolver: resolver, _server: server }
    }
}

/// Makes the sandbox, as an engine does that bound its path to nothing until then.
fn make_sandbox() {
    sh("mount --bind /run/netns/made /run/netns/box");
}

/// What a container in the sandbox is answered, over UDP and over TCP; nothing, if the name is not known.
async fn ask(name: &str) -> String {
    let dig = format!("ip netns exec made dig @127.0.0.11 +time=5 +tries=1 +short {name}");
    tokio::task::spawn_blocking(move || {
        let (udp, tcp) = (sh(&dig), sh(&format!("{dig} +tcp")));
        assert_eq!(udp, tcp);
        udp.trim().to_owned()
    })
    .await
    .unwrap()
}

async fn eventually(name: &str, answer: &str) {
    let deadline = Instant::now() + DEADLINE;
    while ask(name).await != answer {
        assert!(Instant::now() < deadline, "{name} is not {answer:?}");
    }
}

/// An endpoint `nginx_01` of an engine in the sandbox.
fn endpoints() -> LocalEndpoints {
    let golden = include_str!("../../../../state/src/journal/golden/endpoint.json");
    let mut local: LocalEndpoint = serde_json::from_str(golden).unwrap();
    local.netns = "/run/netns/box".into();
    local.owner = Owner::Engine { handed_over: true };
    local.fenced = None;
    Arc::new(BTreeMap::from([(EndpointId::random(&mut rand::rng()), local)]))
}

fn resolvers(endpoints: &LocalEndpoints) -> Resolvers {
    let mut names = NameTables::default();
    names.update(&Cluster::default(), endpoints);
    let underlay = watch::Sender::new(Underlay::at(Ipv4Addr::LOCALHOST.into()));
    Resolvers::start(Arc::new(LinuxHost::new(underlay)), &names, Arc::default()).unwrap()
}

#[test]
fn ours_is_before_the_engines_as_long_as_it_is_needed() {
    isolated(async || {
        let _engine = Engine::in_sandbox().await;
        make_sandbox();
        let endpoints = endpoints();
        let mut resolvers = resolvers(&endpoints);
        for _ in 0..2 {
            assert_eq!(ask("nginx_01").await, "", "the engine does not know it");
            assert_eq!(resolvers.serve(&endpoints).await, []);
            assert_eq!(ask("nginx_01").await, "10.0.0.2");
            assert_eq!(ask("db").await, "192.0.2.7", "the engine is asked");
            assert_eq!(ask("nobody").await, "");
            // A second round changes nothing.
            assert_eq!(resolvers.serve(&endpoints).await, []);
            assert_eq!(ask("nginx_01").await, "10.0.0.2");
            assert_eq!(resolvers.serve(&LocalEndpoints::default()).await, []);
            eventually("nginx_01", "").await;
            assert_eq!(ask("db").await, "192.0.2.7");
        }
        assert_eq!(resolvers.serve(&endpoints).await, []);
        assert_eq!(ask("nginx_01").await, "10.0.0.2");
        // The agent stops.
        drop(resolvers);
        assert_eq!(ask("nginx_01").await, "");
        assert_eq!(ask("db").await, "192.0.2.7");
        assert!(sh("ip netns exec made nft list tables").trim() == "table ip nat");
    });
}

#[test]
fn port_53_is_the_containers_own() {
    isolated(async || {
        let _engine = Engine::in_sandbox().await;
        make_sandbox();
        let endpoints = endpoints();
        let mut resolvers = resolvers(&endpoints);
        assert_eq!(resolvers.serve(&endpoints).await, []);
        let own = || (UdpSocket::bind("0.0.0.0:53").unwrap(), TcpListener::bind("0.0.0.0:53").unwrap());
        let _own = in_namespace(Path::new("/run/netns/made"), own).await.unwrap();
        assert_eq!(ask("nginx_01").await, "10.0.0.2");
        assert_eq!(ask("db").await, "192.0.2.7");
    });
}

#[test]
fn a_sandbox_that_comes_later_is_soon_served() {
    isolated(async || {
        let engine = Engine::in_sandbox().await;
        let endpoints = endpoints();
        let mut resolvers = resolvers(&endpoints);
        // An empty file is none.
        assert_eq!(resolvers.serve(&endpoints).await, []);
        let waited = tokio::time::timeout(LOOK_AGAIN * 5, resolvers.appeared()).await;
        assert!(waited.is_err(), "there is no sandbox yet");
        make_sandbox();
        tokio::time::timeout(DEADLINE, resolvers.appeared()).await.unwrap();
        assert_eq!(resolvers.serve(&endpoints).await, []);
        assert_eq!(ask("nginx_01").await, "10.0.0.2");

        // One that went, with all that was in it.
        sh("umount /run/netns/box; ip netns delete made");
        drop(engine);
        assert_eq!(resolvers.serve(&endpoints).await, []);
        assert_eq!(resolvers.running.len(), 0);
    });
}

#[test]
fn nobodys_own_network_is_taken_for_a_sandbox() {
    isolated(async || {
        File::create("/run/netns/box").unwrap();
        sh("ip link set lo up; mount --bind /proc/self/ns/net /run/netns/box");
        let endpoints = endpoints();
        let failed = resolvers(&endpoints).serve(&endpoints).await;
        assert!(failed[0].1.contains("/run/netns/box is this host's own network"), "{failed:?}");
        assert_eq!(sh("nft list tables"), "");
    });
}
