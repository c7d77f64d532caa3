use super::*;
use crate::{env::Env, fingerprint::Fingerprint};
use weft_store::SessionId;

fn endpoint(name: &str) -> LocalEndpoint {
    let pool = "10.0.0.0/24".parse().unwrap();
    let subnet = Subnet {
        pool,
        gateway: Subnet::default_gateway(pool),
        vni: Vni::FIRST_AUTOMATIC,
        ip_range: None,
        aux_addresses: BTreeMap::new(),
        extra: Default::default(),
    };
    LocalEndpoint {
        network_id: NetworkId::random(&mut rand::rng()),
        network: Network {
            name: "overlay".parse().unwrap(),
            subnets: vec![subnet],
            internal: false,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
            removing: false,
            extra: Default::default(),
        },
        endpoint: Endpoint {
            name: name.parse().unwrap(),
            aliases: Vec::new(),
            ipv4: Some([10, 0, 0, 2].into()),
            ipv6: None,
            mac: "02:42:0a:00:00:02".parse().unwrap(),
            node: "host1".parse().unwrap(),
            container: None,
            created: jiff::Timestamp::UNIX_EPOCH,
            extra: Default::default(),
        },
        netns: "/run/netns/x".into(),
        ifname: IfName::container(0),
        default_route: true,
        ports: Vec::new(),
        links: Vec::new(),
        owner: Owner::Attached,
        fenced: None,
        removed: false,
    }
}

#[test]
fn what_was_put_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, removed) = (EndpointId::random(&mut rand::rng()), EndpointId::random(&mut rand::rng()));
    {
        let journal = Journal::open(dir.path()).unwrap();
        journal.put(kept, endpoint("kept")).unwrap();
        journal.put(removed, endpoint("removed")).unwrap();
        journal.remove(&removed).unwrap();
        journal.remove(&removed).unwrap();
        journal.update(&kept, |e| e.fenced = Some("why".into())).unwrap();
        journal.update(&removed, |e| e.fenced = Some("why".into())).unwrap();
    }
    let endpoints = Journal::open(dir.path()).unwrap().endpoints();
    assert_eq!(endpoints.keys().collect::<Vec<_>>(), [&kept]);
    assert_eq!(endpoints[&kept].fenced.as_deref(), Some("why"));
    assert_eq!(endpoints[&kept].vni(), Some(Vni::FIRST_AUTOMATIC));
}

#[test]
fn a_damaged_file_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let id = EndpointId::random(&mut rand::rng());
    Journal::open(dir.path()).unwrap().put(id, endpoint("a")).unwrap();
    let path = dir.path().join(format!("endpoints/{id}.json"));
    std::fs::write(&path, "{\"name\":").unwrap();
    assert!(Journal::open(dir.path()).unwrap().endpoints().is_empty());
    assert!(path.with_extension("unreadable").exists());
}

#[test]
fn what_a_crash_left_half_written_goes() {
    let dir = tempfile::tempdir().unwrap();
    Journal::open(dir.path()).unwrap();
    let path = dir.path().join("endpoints/x.tmp");
    std::fs::write(&path, "{").unwrap();
    Journal::open(dir.path()).unwrap();
    assert!(!path.exists());
}

#[test]
fn what_cannot_be_read_now_is_not_taken_for_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let id = EndpointId::random(&mut rand::rng());
    // What read(2) refuses also to root.
    let path = dir.path().join(format!("endpoints/{id}.json"));
    std::fs::create_dir_all(&path).unwrap();
    let error = Journal::open(dir.path()).err().unwrap().to_string();
    assert!(error.starts_with("cannot read /"), "{error}");
    assert!(path.exists());
}

#[test]
fn nothing_changes_when_the_disk_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    std::fs::remove_dir_all(dir.path()).unwrap();
    let error = journal.put(EndpointId::random(&mut rand::rng()), endpoint("a")).unwrap_err();
    assert!(error.to_string().starts_with("cannot write /"), "{error}");
    assert!(journal.endpoints().is_empty());
}

#[test]
fn an_installation_stays_itself_and_alone() {
    let dir = tempfile::tempdir().unwrap();
    let env = Env::system();
    let first = Identity::open(dir.path(), &env, Fingerprint::of_this_machine).unwrap();
    let taken = Identity::open(dir.path(), &env, Fingerprint::of_this_machine).err().unwrap().to_string();
    assert!(taken.contains("another agent uses this data directory"), "{taken}");
    let (id, session) = (first.id(), Some(SessionId("s".into())));
    first.set_session(session.clone());
    drop(first);
    let second = Identity::open(dir.path(), &env, Fingerprint::of_this_machine).unwrap();
    assert_eq!((second.id(), second.session()), (id, session));
}

/// What an agent finds that is started in the place of another version: the files here must go on to be read.
mod golden {
    use super::*;
    use serde_json::Value;

    const ID: &str = "5f0c1e2d3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5";

    #[test]
    fn an_endpoint() {
        let of_netns = include_str!("golden/endpoint.json");
        let of_engine = include_str!("golden/endpoint_of_engine.json");
        let of_runtime = include_str!("golden/endpoint_of_runtime.json");
        for golden in [of_netns, of_engine, of_runtime] {
            let endpoint: LocalEndpoint = serde_json::from_str(golden).unwrap();
            let again = serde_json::to_value(&endpoint).unwrap();
            assert_eq!(again, serde_json::from_str::<Value>(golden).unwrap());
        }
    }

    #[test]
    fn a_node() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("node.json"), include_str!("golden/node.json")).unwrap();
        let identity = Identity::open(dir.path(), &Env::system(), Fingerprint::of_this_machine).unwrap();
        assert_eq!(identity.id().to_string(), ID);
        assert_eq!(identity.session().unwrap().0, "6a1c9f0e-0000-4000-8000-000000000000");
    }
}
