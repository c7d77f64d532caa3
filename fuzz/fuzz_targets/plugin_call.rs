//! Whatever is posted to the plugin's socket: a call, or an answer that says no in the protocol's own shape.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_docker::plugin::{CreateNetwork, IpamCall, NetworkCall, PluginCall, PoolId};

/// The first line is the method, the rest is the body.
fn split(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))
}

fn check_pools(create: &CreateNetwork) {
    let families = create.pools.iter().map(|data| data.pool.addr().is_ipv6());
    assert!(families.is_sorted(), "those of IPv4 come first");
}

fn check_id(pool: PoolId) {
    assert_eq!(pool.to_string().parse(), Ok(pool));
}

fuzz_target!(|input: &[u8]| {
    let Some((method, body)) = split(input) else { return };
    match PluginCall::parse(method, body) {
        Ok(PluginCall::Network(NetworkCall::CreateNetwork(create))) => check_pools(&create),
        Ok(PluginCall::Ipam(IpamCall::ReleasePool(release))) => check_id(release.pool),
        Ok(PluginCall::Ipam(IpamCall::RequestAddress(request))) => check_id(request.pool),
        Ok(_) => {}
        Err(error) => {
            let refusal = serde_json::to_value(error.refusal()).expect("it can be written");
            let said = refusal.get("Err").or(refusal.get("Error")).and_then(|said| said.as_str());
            let said = said.expect("the protocol's shape");
            assert!(!said.is_empty() && said.len() < 2000);
            assert!(matches!(error.status(), 200 | 404));
        }
    }
});
