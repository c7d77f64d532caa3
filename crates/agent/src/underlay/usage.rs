//! What this host uses of the address space.

use super::{
    Underlay,
    pools::{self, EnginePool},
    stores::Stores,
};
use std::{net::IpAddr, time::Duration};
use tokio::{
    net::lookup_host,
    sync::watch,
    time::{Instant, timeout},
};
use weft_datapath::underlay::{By, Routed, routed};
use weft_dns::upstream::ResolvConf;
use weft_model::InUse;
use weft_store::StoreUrl;

/// Where Docker's engine finds its settings.
const DAEMON_JSON: &str = "/etc/docker/daemon.json";

/// Where this host's name servers are written: the second is where those are that systemd's own asks, which alone is in
/// the first (systemd-resolved.service(8)).
const RESOLV_CONFS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// How often to ask for the addresses of the store's servers, and how long to wait for one that is asked for.
const STORES_PERIOD: Duration = Duration::from_secs(60);
const STORES_PATIENCE: Duration = Duration::from_secs(1);

/// What this host uses, and how to find out.
#[derive(Debug)]
pub(crate) struct Usage {
    /// The store's servers, by address or name.
    servers: Vec<String>,
    /// Their addresses, as far as they are known.
    stores: Stores,
    /// When they were asked for.
    asked: Option<Instant>,
    /// Whether there may be an engine.
    docker: bool,
}

impl Usage {
    pub(crate) fn new(store: &StoreUrl, docker: bool) -> Self {
        let servers = match store {
            StoreUrl::Consul(remote) | StoreUrl::Etcd(remote) | StoreUrl::Weft(remote) => {
                remote.servers.clone()
            }
            StoreUrl::Embedded(_) => Vec::new(),
        };
        Self { servers, stores: Stores::default(), asked: None, docker }
    }

    /// Asks for the addresses of the store's servers, all at once. Those of one that is not told stay as they were.
    async fn find_stores(&mut self) {
        if self.asked.is_some_and(|asked| asked.elapsed() < STORES_PERIOD) {
            return;
        }
        self.asked = Some(Instant::now());
        let found = self.servers.iter().map(|server| timeout(STORES_PATIENCE, lookup_host(server)));
        let found = futures::future::join_all(found).await;
        let all_told = found.iter().all(|found| matches!(found, Ok(Ok(_))));
        let told = found.into_iter().flatten().flatten().flatten().map(|address| address.ip());
        self.stores.take(told, all_told, Instant::now());
    }

    /// Looks, and says so where it has changed. What cannot be seen now stays as it was.
    pub(crate) async fn look(&mut self, underlay: &watch::Sender<Underlay>) {
        let Ok(Ok(routes)) = timeout(weft_netlink::DEADLINE, routed()).await else { return };
        self.find_stores().await;
        let mut resolv_conf = String::new();
        for path in RESOLV_CONFS {
            resolv_conf += &text(path).await.unwrap_or_default();
            resolv_conf.push('\n');
        }
        let Underlay { address, engine, engine_pools, .. } = underlay.borrow().clone();
        let engine_pools = match engine_pools {
            Some(told) => told,
            // No engine has answered yet.
            None => text(DAEMON_JSON).await.map(|text| pools::of_settings(&text)).unwrap_or_default(),
        };
        let mut uses = self.of(address, &routes, &resolv_conf, &engine_pools);
        uses.extend(engine);
        let uses = InUse::as_recorded(uses);
        let pools = if self.docker { pools::given(&engine_pools) } else { Vec::new() };
        underlay.send_if_modified(|underlay| underlay.takes(uses, pools));
    }

    /// A look, of what was read.
    fn of(
        &self,
        address: IpAddr,
        routes: &[Routed],
        resolv_conf: &str,
        engine_pools: &[EnginePool],
    ) -> Vec<InUse> {
        let far = |address: &IpAddr| !address.is_loopback() && !address.is_unspecified();
        let stores =
            self.stores.iter().filter(|a| far(a)).map(|a| InUse::vital((*a).into(), "a server of its store"));
        let servers = ResolvConf::parse(resolv_conf).nameservers.into_iter().map(|server| server.address);
        let servers = servers.filter(far).map(|address| InUse::vital(address.into(), "its name server"));
        let is_underlay = |route: &Routed| route.direct && route.net.contains(&address);
        let routes_used = routes.iter().map(|route| {
            if is_underlay(route) {
                return InUse::vital(route.net, "the hosts' network");
            }
            let what = match &route.by {
                By::Route(dev) => format!("a route through {dev}"),
                By::NoInterface => "a route".to_owned(),
                By::Address(dev) => format!("an address of {dev}"),
            };
            InUse::new(route.net, &what)
        });
        let own = InUse::vital(address.into(), "its own address");
        let all: Vec<_> = routes_used.chain([own]).chain(stores).chain(servers).collect();
        let gateway = self.docker.then(|| pools::gateway(routes, engine_pools)).flatten();
        all.into_iter().chain(gateway).collect()
    }
}

/// What a file says, if it can be read. Bytes in it that are not text do not concern us.
async fn text(path: &'static str) -> Option<String> {
    let content = tokio::task::spawn_blocking(move || std::fs::read(path)).await.ok()?.ok()?;
    Some(String::from_utf8_lossy(&content).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(net: &str, dev: &str, direct: bool) -> Routed {
        Routed { net: net.parse().unwrap(), by: By::Route(dev.to_owned()), direct }
    }

    #[tokio::test]
    async fn what_a_host_uses() {
        let mut usage =
            Usage::new(&"consul://10.1.2.3:8500,[fd00::3]:8500,nowhere.invalid".parse().unwrap(), true);
        usage.find_stores().await;
        let routes = [
            route("10.0.1.0/24", "eth0", true),
            route("10.8.0.0/16", "tun0", false),
            route("172.17.0.0/16", "docker0", true),
            Routed { by: By::Address("lo".to_owned()), ..route("10.0.7.7/32", "", true) },
        ];
        let of = |pools: &[EnginePool]| {
            let uses = usage.of(
                "10.0.1.12".parse().unwrap(),
                &routes,
                "nameserver 10.9.9.9\nnameserver 127.0.0.53\n",
                pools,
            );
            let told = |one: &InUse| format!("{} {}{}", one.net, one.what, if one.vital { "!" } else { "" });
            InUse::as_recorded(uses).iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(
            of(&[]),
            [
                "10.0.1.0/24 the hosts' network!",
                "10.0.1.12/32 its own address!",
                "10.1.2.3/32 a server of its store!",
                "10.9.9.9/32 its name server!",
                "fd00::3/128 a server of its store!",
                "10.8.0.0/16 a route through tun0",
                "172.17.0.0/16 a route through docker0",
                "172.18.0.0/16 Docker's docker_gwbridge, which the engine is yet to make",
                "10.0.7.7/32 an address of lo",
            ]
        );
        let pools = [("10.200.0.0/16".parse().unwrap(), 24)];
        assert!(of(&pools).iter().any(|line| line.starts_with("10.200.0.0/24 Docker's")));
    }
}
