//! Where Docker's engine takes the subnets of its own networks from.

use weft_datapath::underlay::{By, Routed};
use weft_model::{InUse, IpNet};

/// Of a large pool the first few subnets are enough to pass over.
const FIRST: usize = 256;

/// A range that an engine takes subnets from, and the length of their prefix.
pub(crate) type EnginePool = (IpNet, u8);

/// The `default-address-pools` of an engine's settings, as they are in `daemon.json`.
pub(super) fn of_settings(daemon_json: &str) -> Vec<EnginePool> {
    let settings: serde_json::Value = serde_json::from_str(daemon_json).unwrap_or_default();
    let pool = |pool: &serde_json::Value| {
        let base: IpNet = pool["base"].as_str()?.parse().ok()?;
        Some((base, u8::try_from(pool["size"].as_u64()?).ok()?))
    };
    settings["default-address-pools"].as_array().into_iter().flatten().filter_map(pool).collect()
}

/// A pool as wide as this is all that there is of private addresses (RFC 1918, RFC 4193): to keep clear of it would leave
/// nothing to anybody.
fn is_all(pool: IpNet) -> bool {
    pool.prefix_len() <= if pool.addr().is_ipv4() { 8 } else { 16 }
}

/// The pools that somebody has given the engine: its next network is there. Those that it has by itself are not kept from
/// anybody, since the engine passes over what is routed.
pub(super) fn given(pools: &[EnginePool]) -> Vec<InUse> {
    let built_in = built_in();
    let own = |pool: &&EnginePool| {
        !is_all(pool.0) && !subnets(&[**pool]).iter().all(|subnet| built_in.contains(subnet))
    };
    let given = pools.iter().filter(own);
    given.map(|(base, _)| InUse::new(*base, "Docker's default-address-pools")).collect()
}

/// Where an engine will have its bridge `docker_gwbridge`, which it makes with the first container that needs a way out:
/// in the first of its pools that nothing uses.
pub(super) fn gateway(routes: &[Routed], pools: &[EnginePool]) -> Option<InUse> {
    if routes.iter().any(|route| route.by == By::Route("docker_gwbridge".to_owned())) {
        return None;
    }
    let is_free = |pool: &IpNet| !routes.iter().any(|r| r.net.contains(pool) || pool.contains(&r.net));
    let given = subnets(pools);
    let pools = if given.is_empty() { built_in() } else { given };
    let pool = pools.into_iter().find(is_free)?;
    Some(InUse::new(pool, "Docker's docker_gwbridge, which the engine is yet to make"))
}

fn subnets(pools: &[EnginePool]) -> Vec<IpNet> {
    let subnets = |(base, size): &EnginePool| base.subnets(*size).ok();
    pools.iter().filter_map(subnets).flat_map(|subnets| subnets.take(FIRST)).collect()
}

/// Those that an engine has by itself for local networks, in order (moby, `daemon/libnetwork/ipamutils/utils.go`:
/// 172.17.0.0/16 to 172.31.0.0/16, 192.168.0.0/20 and so on).
fn built_in() -> Vec<IpNet> {
    let large = (17..32).filter_map(|n| IpNet::new([172, n, 0, 0].into(), 16).ok());
    let small = (0..16).filter_map(|n| IpNet::new([192, 168, n * 16, 0].into(), 20).ok());
    large.chain(small).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_were_given() {
        let given = |text: &str| -> Vec<String> {
            given(&of_settings(text)).iter().map(|used| used.net.to_string()).collect()
        };
        let own = r#"{"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}, {"base": "fd00:9::/48", "size": 64}]}"#;
        assert_eq!(given(own), ["10.200.0.0/16", "fd00:9::/48"]);
        // An engine may also tell of those that it has by itself.
        let built_in = r#"{"default-address-pools": [{"base": "172.17.0.0/16", "size": 16}, {"base": "172.28.0.0/14", "size": 16},
            {"base": "192.168.0.0/16", "size": 20}]}"#;
        assert!(given(built_in).is_empty());
        let all = r#"{"default-address-pools": [{"base": "10.0.0.0/8", "size": 24}]}"#;
        assert!(given(all).is_empty(), "nothing would be left");
        for nonsense in
            ["{ not json", "{}", r#"{"default-address-pools": [{"base": "10.0.0.0/24", "size": 8}, 7]}"#]
        {
            assert!(given(nonsense).is_empty(), "{nonsense}");
        }
    }
}
