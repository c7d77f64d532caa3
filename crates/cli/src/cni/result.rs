//! What a runtime is told of an interface (CNI specification, section 5, "Success").

use serde_json::{Value, json};
use std::path::Path;
use weft_api::v1;

/// The result of an ADD, in the words of a version; what came before in the chain stays in it.
pub(super) fn result(version: &str, netns: &Path, attached: &v1::Attached, before: Option<&Value>) -> Value {
    let list =
        |key: &str| before.and_then(|it| it.get(key)).and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut interfaces, mut ips, mut routes) = (list("interfaces"), list("ips"), list("routes"));
    let index = interfaces.len();
    let mut interface = json!({
        "name": attached.interface, "mac": attached.endpoint.mac, "sandbox": netns,
    });
    if let (Some(mtu), "1.1.0") = (attached.mtu, version) {
        interface["mtu"] = mtu.into();
    }
    interfaces.push(interface);
    for subnet in &attached.subnets {
        let ipv4 = subnet.address.addr().is_ipv4();
        let mut ip = json!({ "address": subnet.address, "interface": index });
        if let Some(gateway) = subnet.gateway {
            ip["gateway"] = gateway.to_string().into();
            if attached.default_route {
                routes.push(json!({ "dst": if ipv4 { "0.0.0.0/0" } else { "::/0" }, "gw": gateway }));
            }
        }
        if version.starts_with("0.") {
            ip["version"] = if ipv4 { "4" } else { "6" }.into();
        }
        ips.push(ip);
    }
    let network = &attached.endpoint.network_name;
    json!({
        "cniVersion": version, "interfaces": interfaces, "ips": ips, "routes": routes,
        "dns": { "nameservers": ["127.0.0.11"], "search": [network], "options": ["ndots:0"] },
    })
}
