//! What this host uses of the address space.

use super::Underlay;
use std::net::IpAddr;
use tokio::{sync::watch, time::timeout};
use weft_datapath::underlay::{Routed, routed};
use weft_dns::upstream::ResolvConf;
use weft_model::InUse;
use weft_store::StoreUrl;

/// Where Docker's engine finds its settings.
const DAEMON_JSON: &str = "/etc/docker/daemon.json";

/// What is known of it from the start.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    /// The addresses of the store's servers, as far as they are given as such.
    stores: Vec<IpAddr>,
    /// Whether there may be an engine.
    docker: bool,
}

impl Usage {
    pub(crate) fn new(store: &StoreUrl, docker: bool) -> Self {
        let (StoreUrl::Consul(remote) | StoreUrl::Etcd(remote)) = store else {
            return Self { stores: Vec::new(), docker };
        };
        let host = |server: &String| {
            server.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned())
        };
        let stores = remote.servers.iter().filter_map(host).filter_map(|host| host.parse().ok()).collect();
        Self { stores, docker }
    }

    /// Looks, and says so where it has changed. What cannot be seen now stays as it was.
    pub(crate) async fn look(&self, underlay: &watch::Sender<Underlay>) {
        let Ok(Ok(routes)) = timeout(weft_netlink::DEADLINE, routed()).await else { return };
        let text = |path: &'static str| tokio::task::spawn_blocking(move || std::fs::read_to_string(path));
        let resolv_conf = text("/etc/resolv.conf").await.ok().and_then(Result::ok).unwrap_or_default();
        let daemon_json = text(DAEMON_JSON).await.ok().and_then(Result::ok);
        let Underlay { address, engine, .. } = underlay.borrow().clone();
        let mut uses = self.of(address, &routes, &resolv_conf, daemon_json.as_deref());
        uses.extend(engine);
        let uses = InUse::as_recorded(uses);
        underlay.send_if_modified(|underlay| {
            let changed = underlay.uses != uses;
            underlay.uses = uses;
            changed
        });
    }

    fn of(
        &self,
        address: IpAddr,
        routes: &[Routed],
        resolv_conf: &str,
        daemon_json: Option<&str>,
    ) -> Vec<InUse> {
        let far = |address: &IpAddr| !address.is_loopback() && !address.is_unspecified();
        let stores =
            self.stores.iter().filter(|a| far(a)).map(|a| InUse::vital((*a).into(), "a server of its store"));
        let servers = ResolvConf::parse(resolv_conf).nameservers.into_iter().map(|server| server.address);
        let servers = servers.filter(far).map(|address| InUse::vital(address.into(), "its name server"));
        let is_underlay = |route: &Routed| route.direct && route.net.contains(&address);
        let routes_used = routes.iter().map(|route| {
            if is_underlay(route) {
                InUse::vital(route.net, "the hosts' network")
            } else {
                InUse::new(route.net, &format!("a route through {}", route.dev))
            }
        });
        let own = InUse::vital(address.into(), "its own address");
        let all: Vec<_> = routes_used.chain([own]).chain(stores).chain(servers).collect();
        let gateway = self.docker.then(|| engines_gateway(routes, daemon_json)).flatten();
        all.into_iter().chain(gateway).collect()
    }
}

/// Where a Docker engine will have its bridge `docker_gwbridge`, which it makes with the first container that needs a way
/// out: in the first of its pools that nothing uses.
fn engines_gateway(routes: &[Routed], daemon_json: Option<&str>) -> Option<InUse> {
    if routes.iter().any(|route| route.dev == "docker_gwbridge") {
        return None;
    }
    let is_free =
        |pool: &weft_model::IpNet| !routes.iter().any(|r| r.net.contains(pool) || pool.contains(&r.net));
    let pool = engine_pools(daemon_json).into_iter().find(is_free)?;
    Some(InUse::new(pool, "Docker's docker_gwbridge, which the engine is yet to make"))
}

/// Docker's pools for local networks, in order: `default-address-pools` of its settings, or those it has by itself
/// (moby, `daemon/libnetwork/ipamutils/utils.go`: 172.17.0.0/16 to 172.31.0.0/16, 192.168.0.0/20 and so on).
fn engine_pools(daemon_json: Option<&str>) -> Vec<weft_model::IpNet> {
    let settings: serde_json::Value =
        daemon_json.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let pool = |pool: &serde_json::Value| {
        let base: weft_model::IpNet = pool["base"].as_str()?.parse().ok()?;
        let size = u8::try_from(pool["size"].as_u64()?).ok()?;
        // Of a large base the first few are enough to pass over.
        base.subnets(size).ok().map(|subnets| subnets.take(256).collect::<Vec<_>>())
    };
    let given = settings["default-address-pools"].as_array();
    let given: Vec<_> = given.into_iter().flatten().filter_map(pool).flatten().collect();
    if !given.is_empty() {
        return given;
    }
    let large = (17..32).filter_map(|n| weft_model::IpNet::new([172, n, 0, 0].into(), 16).ok());
    let small = (0..16).filter_map(|n| weft_model::IpNet::new([192, 168, n * 16, 0].into(), 20).ok());
    large.chain(small).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(net: &str, dev: &str, direct: bool) -> Routed {
        Routed { net: net.parse().unwrap(), dev: dev.to_owned(), direct }
    }

    #[test]
    fn what_a_host_uses() {
        let usage =
            Usage::new(&"consul://10.1.2.3:8500,[fd00::3]:8500,consul.example".parse().unwrap(), true);
        let routes = [
            route("10.0.1.0/24", "eth0", true),
            route("10.8.0.0/16", "tun0", false),
            route("172.17.0.0/16", "docker0", true),
        ];
        let of = |daemon: Option<&str>| {
            let uses = usage.of(
                "10.0.1.12".parse().unwrap(),
                &routes,
                "nameserver 10.9.9.9\nnameserver 127.0.0.53\n",
                daemon,
            );
            let told = |one: &InUse| format!("{} {}{}", one.net, one.what, if one.vital { "!" } else { "" });
            InUse::as_recorded(uses).iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(
            of(None),
            [
                "10.0.1.0/24 the hosts' network!",
                "10.0.1.12/32 its own address!",
                "10.1.2.3/32 a server of its store!",
                "10.9.9.9/32 its name server!",
                "fd00::3/128 a server of its store!",
                "10.8.0.0/16 a route through tun0",
                "172.17.0.0/16 a route through docker0",
                "172.18.0.0/16 Docker's docker_gwbridge, which the engine is yet to make",
            ]
        );
        let pools = r#"{"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}"#;
        assert!(of(Some(pools)).iter().any(|line| line.starts_with("10.200.0.0/24 Docker's")));
        assert!(of(Some("{ not json")).iter().any(|line| line.starts_with("172.18.0.0/16 Docker's")));
    }
}
