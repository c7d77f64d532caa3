//! What engines ask of their drivers, as two of them asked it. `examples/record` wrote it down.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod stub;

use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs, net::IpAddr, path::Path};
use stub::Stub;
use weft_docker::plugin::{
    CreateEndpoint, CreateNetwork, IpamCall, Join, NetworkCall, PluginCall, PluginProtocol, PluginRefusal,
    PoolId, RequestAddress, RequestPool,
};

const ENGINES: [&str; 2] = ["20.10.24", "28.5.2"];

#[derive(Deserialize)]
struct Scenario {
    commands: Vec<Command>,
    calls: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Command {
    succeeds: bool,
    says: String,
}

#[derive(Deserialize)]
struct Recorded {
    method: String,
    request: Value,
    reply: Value,
}

/// The scenarios of an engine, in the order in which they were recorded.
fn scenarios(engine: &str) -> BTreeMap<String, Scenario> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(engine).join("calls");
    let read = |path: &Path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

fn scenario(engine: &str, name: &str) -> Scenario {
    let found = scenarios(engine).into_iter().find(|(file, _)| &file[3..] == name);
    found.unwrap_or_else(|| panic!("no {name} of {engine}")).1
}

impl Recorded {
    fn call(&self) -> PluginCall {
        // The engine's body is empty where there is nothing to say.
        let body = if self.request.is_null() { String::new() } else { self.request.to_string() };
        PluginCall::parse(&self.method, body.as_bytes()).unwrap()
    }
}

impl Scenario {
    fn find<T>(&self, which: impl Fn(PluginCall) -> Option<T>) -> Vec<T> {
        self.calls.iter().map(Recorded::call).filter_map(which).collect()
    }

    fn create_network(&self) -> CreateNetwork {
        let found = self.find(|call| match call {
            PluginCall::Network(NetworkCall::CreateNetwork(create)) => Some(create),
            _ => None,
        });
        found.into_iter().next().unwrap()
    }

    fn create_endpoint(&self) -> CreateEndpoint {
        let found = self.find(|call| match call {
            PluginCall::Network(NetworkCall::CreateEndpoint(create)) => Some(create),
            _ => None,
        });
        found.into_iter().next().unwrap()
    }

    fn join(&self) -> Join {
        let found = self.find(|call| match call {
            PluginCall::Network(NetworkCall::Join(join)) => Some(join),
            _ => None,
        });
        found.into_iter().next().unwrap()
    }

    fn pools(&self) -> Vec<RequestPool> {
        self.find(|call| match call {
            PluginCall::Ipam(IpamCall::RequestPool(request)) => Some(request),
            _ => None,
        })
    }

    fn addresses(&self) -> Vec<RequestAddress> {
        self.find(|call| match call {
            PluginCall::Ipam(IpamCall::RequestAddress(request)) => Some(request),
            _ => None,
        })
    }

    /// What was asked, but for what only some engines ask.
    fn order(&self) -> Vec<&str> {
        let verbs = self.calls.iter().map(|call| call.method.split_once('.').unwrap().1);
        verbs.filter(|verb| !matches!(*verb, "GetDefaultAddressSpaces" | "EndpointOperInfo")).collect()
    }
}

#[test]
fn the_stub_answers_as_it_did_when_engines_took_it() {
    for engine in ENGINES {
        let mut stub = Stub::default();
        for (name, scenario) in scenarios(engine) {
            for recorded in scenario.calls {
                let reply = match stub.answer(&recorded.call()) {
                    Ok(reply) => serde_json::to_value(reply),
                    Err(message) => serde_json::to_value(PluginRefusal::new(
                        PluginProtocol::of(&recorded.method),
                        message,
                    )),
                };
                assert_eq!(reply.unwrap(), recorded.reply, "{engine}, {name}: {}", recorded.method);
            }
        }
    }
}

#[test]
fn users_read_our_words() {
    for engine in ENGINES {
        for name in ["create-refused", "run-refused"] {
            let scenario = scenario(engine, name);
            let refusals = scenario.calls.iter().filter_map(|call| {
                let field = if call.method.starts_with("Ipam") { "Error" } else { "Err" };
                call.reply.get(field)?.as_str()
            });
            let refusals: Vec<&str> = refusals.collect();
            assert_eq!(refusals.len(), scenario.commands.len());
            for (command, refusal) in scenario.commands.iter().zip(refusals) {
                assert!(!command.succeeds);
                assert!(command.says.contains(&format!("remote: {refusal}")), "{}", command.says);
            }
        }
    }
}

#[test]
fn a_network_with_everything() {
    for engine in ENGINES {
        let scenario = scenario(engine, "create-everything");
        let create = scenario.create_network();
        assert!(!create.internal);
        let given = [("com.docker.network.driver.mtu", "1400"), ("vni", "300")];
        assert_eq!(create.options, given.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        let [four, six] = &create.pools[..] else { panic!("{create:?}") };
        assert_eq!(four.address_space, "weft");
        assert_eq!(four.pool, "10.20.0.0/24".parse().unwrap());
        assert_eq!(four.gateway, Some("10.20.0.1".parse().unwrap()));
        let router: IpAddr = "10.20.0.9".parse().unwrap();
        assert_eq!(four.aux_addresses, [("router".to_owned(), router)].into());
        assert_eq!(six.pool, "fd20::/64".parse().unwrap());
        assert_eq!(six.gateway, Some("fd20::1".parse().unwrap()));

        let [four, six] = &scenario.pools()[..] else { panic!("two pools") };
        assert_eq!(four.pool, Some("10.20.0.0/24".parse().unwrap()));
        assert_eq!(four.sub_pool, Some("10.20.0.128/25".parse().unwrap()));
        assert_eq!(four.options, [("color".to_owned(), "red".to_owned())].into());
        assert!(!four.v6 && six.v6);

        let addresses = scenario.addresses();
        let gateways: Vec<bool> = addresses.iter().map(RequestAddress::is_gateway).collect();
        assert_eq!(gateways, [true, false, true], "gateway, router, gateway");
        assert_eq!(addresses[0].pool, PoolId("10.20.0.0/24".parse().unwrap()));
        assert_eq!(addresses[1].address, Some(router));
    }
}

#[test]
fn networks_of_other_kinds() {
    for engine in ENGINES {
        let plain = scenario(engine, "create");
        assert_eq!(plain.pools()[0].pool, None);
        assert_eq!(plain.addresses()[0].address, None);
        assert!(scenario(engine, "create-internal").create_network().internal);
        let other = scenario(engine, "create-other-ipam");
        assert_eq!(other.order(), ["CreateNetwork"], "nobody asks us for its pool");
        assert_ne!(other.create_network().pools[0].address_space, "weft");
    }
}

#[test]
fn containers() {
    for engine in ENGINES {
        let run = scenario(engine, "run");
        let interface = run.create_endpoint().interface;
        assert_eq!(interface.ipv4, Some("10.20.0.2/24".parse().unwrap()));
        assert_eq!(interface.ipv6, Some("fd20::2/64".parse().unwrap()));
        assert_eq!(interface.mac, None, "we choose");
        assert!(run.join().sandbox.starts_with("/var/run/docker/netns"));
        assert_eq!(run.join().endpoint, run.create_endpoint().endpoint);

        let certain = scenario(engine, "run-certain-addresses");
        assert_eq!(certain.addresses()[0].address, Some("10.20.0.200".parse().unwrap()));
        assert_eq!(certain.addresses()[1].address, Some("fd20::200".parse().unwrap()));
        let mac = certain.create_endpoint().interface.mac;
        assert_eq!(mac, Some("02:42:aa:bb:cc:dd".parse().unwrap()));
    }
}

#[test]
fn the_order_of_things() {
    let create = ["RequestPool", "RequestAddress", "CreateNetwork"];
    let start = ["RequestAddress", "RequestAddress", "CreateEndpoint", "Join"];
    let connect = ["RequestAddress", "CreateEndpoint", "Join"];
    let end = ["Leave", "DeleteEndpoint", "ReleaseAddress", "ReleaseAddress"];
    for engine in ENGINES {
        let order = |name: &str| scenario(engine, name).order().join(" ");
        assert_eq!(order("create-internal"), create.join(" "));
        assert_eq!(order("run"), start.join(" "));
        assert_eq!(order("connect"), [connect, connect].concat().join(" "));
        assert_eq!(order("rename"), "");
        assert_eq!(order("disconnect"), end.join(" "));
        assert_eq!(order("stop"), end.join(" "));
        // The pool is gone before anybody can refuse to remove the network.
        let removal = "ReleaseAddress ReleasePool DeleteNetwork";
        assert!(order("network-remove").contains(removal));
    }
    // Newer engines make the process first.
    assert_eq!(scenario("28.5.2", "run-that-fails").order(), [""; 0]);
    let undone = [start, end].concat();
    assert_eq!(scenario("20.10.24", "run-that-fails").order(), undone);
}
