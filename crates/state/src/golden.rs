//! Records for tests, of every kind, as the model's golden files have them.

use serde_json::Value;
use weft_model::{EndpointId, Key, NetworkId};

/// How many kinds of keys there are.
pub(crate) const KINDS: usize = 17;

/// One of the keys of a kind, by number.
pub(crate) fn key(kind: usize, number: u8) -> Key {
    let node = || format!("host{number}").parse().unwrap();
    let network: NetworkId = format!("{:064x}", u32::from(number) + 1).parse().unwrap();
    let endpoint: EndpointId = format!("{:064x}", 7).parse().unwrap();
    let pool = format!("10.0.{number}.0/24").parse().unwrap();
    let keys: [Key; KINDS] = [
        Key::Node(node()),
        Key::Live(node()),
        Key::Call(node()),
        Key::Latest(node()),
        Key::Network(network),
        Key::EncryptedNetwork(format!("{:064x}", 1000 + u32::from(number)).parse().unwrap()),
        Key::Name(format!("network{number}").parse().unwrap()),
        Key::Vni((256 + u32::from(number)).try_into().unwrap()),
        // Two in each pool, and two on each network.
        Key::Claim(format!("10.0.{}.0/24", number / 2).parse().unwrap(), [10, 0, number / 2, number].into()),
        Key::Cursor(pool),
        Key::PoolReservation(pool),
        Key::Endpoint(
            network,
            if number.is_multiple_of(2) { endpoint } else { format!("{:064x}", 8).parse().unwrap() },
        ),
        Key::Lineage,
        Key::Rebuilt,
        Key::Cluster,
        Key::Revoked(format!("{:064x}", u32::from(number) + 1).parse().unwrap()),
        Key::Authority(format!("{:064x}", u32::from(number) + 1).parse().unwrap()),
    ];
    keys[kind].clone()
}

/// A value for `key`, another for each `number`. A kind that is added here is added to [`key`], too.
pub(crate) fn record(key: &Key, number: u32) -> Vec<u8> {
    macro_rules! golden {
        ($file:literal) => {
            include_str!(concat!("../../model/tests/golden/", $file))
        };
    }
    let golden = match key {
        Key::Node(_) => golden!("node.json"),
        Key::Live(_) => golden!("live.json"),
        Key::Call(_) => golden!("call.json"),
        Key::Latest(_) => golden!("latest.json"),
        Key::Network(_) => golden!("network.json"),
        Key::EncryptedNetwork(_) => golden!("network-encrypted.json"),
        Key::Name(_) | Key::Vni(_) => return format!("\"{number:064x}\"").into_bytes(),
        Key::Claim(..) => golden!("ipam.json"),
        Key::Cursor(_) => return format!("{{\"last\":\"10.0.0.{}\"}}", number % 256).into_bytes(),
        Key::PoolReservation(_) => golden!("hold.json"),
        Key::Endpoint(..) => golden!("endpoint.json"),
        Key::Lineage => golden!("epoch.json"),
        Key::Rebuilt => golden!("rebuilt.json"),
        Key::Cluster => golden!("cluster.json"),
        Key::Revoked(_) => golden!("revoked.json"),
        Key::Authority(_) => golden!("authority.json"),
    };
    let mut record: Value = serde_json::from_str(golden).unwrap();
    record["of-a-later-version"] = number.into();
    record.to_string().into_bytes()
}
