use super::{settings::DockerSocketOption, *};
use std::time::Duration;
use weft_agent::config::DockerConfig;
use weft_store::serve::Certificates;

fn read(toml: &str) -> anyhow::Result<Settings> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    file::read(Some(file.path()))
}

#[test]
fn the_file_has_the_keys_of_the_flags() {
    let settings = read(
        r#"
        cluster-store = "consul://192.0.2.1:8500/prod"
        cluster-advertise = "eth0:2375"
        store-serve = "127.0.0.1:8500"
        node-name = "host1"
        vxlan-port = 4790
        default-address-pool = ["base=10.0.0.0/8,size=24", "base=172.30.0.0/16,size=24"]
        default-network-opt = ["encrypted", "mtu=1300"]
        tunnel-port = 51821
        outside-address = "203.0.113.7"
        behind-nat = true
        node-expiry = "30m"
        docker-socket = "/srv/docker.sock"
        docker-proxy = "/srv/weft.sock"
        data-dir = "/srv/weft"
        log-level = "debug"
        host = ["unix:///run/w.sock", "tcp://0.0.0.0:2376"]
        tlsverify = true
        tlscert = "/etc/weft/server.pem"
        tlskey = "/etc/weft/server-key.pem"
        [cluster-store-opt]
        token-file = "/etc/weft/token"
        "discovery.ttl" = 30
        "#,
    )
    .unwrap();
    let remote = listening(&settings.host, settings.tls().unwrap()).unwrap().1;
    assert_eq!(remote.listen, ["0.0.0.0:2376".parse().unwrap()]);
    assert_eq!(remote.shown, Some(("/etc/weft/server.pem".into(), "/etc/weft/server-key.pem".into())));
    assert_eq!(settings.cluster_store.unwrap().to_string(), "consul://192.0.2.1:8500/prod");
    assert_eq!(settings.vxlan_port, Some(4790));
    assert_eq!(settings.default_address_pool.len(), 2);
    assert_eq!(settings.default_network_opt, ["encrypted", "mtu=1300"]);
    assert_eq!(settings.outside_address.map(|address| address.to_string()).as_deref(), Some("203.0.113.7"));
    assert_eq!((settings.tunnel_port, settings.behind_nat), (Some(51821), true));
    assert_eq!(settings.node_expiry.unwrap().0, Duration::from_secs(1800));
    assert_eq!(settings.cluster_store_opt, ["discovery.ttl=30", "token-file=/etc/weft/token"]);
    assert_eq!(settings.docker_socket, Some("/srv/docker.sock".parse().unwrap()));
    assert_eq!(settings.docker_proxy, Some("/srv/weft.sock".parse().unwrap()));
    assert_eq!(settings.host, ["/run/w.sock".parse().unwrap(), "tcp://0.0.0.0:2376".parse().unwrap()]);
}

#[test]
fn what_other_hosts_are_answered_with_is_whole_and_is_tls() {
    let refused = |toml: &str| {
        let settings = read(toml).unwrap();
        let listening = settings.tls().and_then(|tls| listening(&settings.host, tls));
        format!("{:#}", listening.unwrap_err())
    };
    assert!(refused("tlscert = \"/x\"").contains("belong together"));
    assert!(refused("tlsverify = false").contains("or not at all"));
    assert!(refused("host = [\"/run/a.sock\", \"/run/b.sock\"]").contains("one socket"));
    assert!(refused("host = \"tcp://host1\"").contains("no address of this host"));
    let clear = format!("{:#}", read("host = \"tcp://0.0.0.0:2375\"").unwrap_err());
    assert!(clear.contains("2375"), "{clear}");
}

#[test]
fn the_socket_before_the_engines_has_a_usual_place() {
    let proxy = |toml: &str| read(toml).unwrap().docker_proxy;
    assert_eq!(proxy("docker-proxy = true"), Some("/run/weft/docker.sock".parse().unwrap()));
    assert_eq!(proxy("docker-proxy = false"), None);
    let why = format!("{:#}", read("docker-proxy = \"\"").unwrap_err());
    assert!(why.contains("as /run/weft/docker.sock"), "{why}");
    assert!(format!("{:#}", read("docker-proxy = 7").unwrap_err()).contains("true, false or a path"));
}

#[test]
fn every_flag_is_a_key() {
    // Were one missing in the file, this would be the error that names it.
    let error = format!("{:#}", read("no-such-key = 1").unwrap_err());
    let command = <Agent as clap::Args>::augment_args(clap::Command::new("agent"));
    // But for where the file is, and what is needed once.
    let in_the_file = |flag: &&str| !["config", "moved"].contains(flag);
    for flag in command.get_arguments().filter_map(|arg| arg.get_long()).filter(in_the_file) {
        assert!(error.contains(&format!("`{flag}`")), "{flag}: {error}");
    }
}

#[test]
fn what_makes_no_sense_is_named() {
    let why = |toml: &str| format!("{:#}", read(toml).unwrap_err());
    assert!(why("cluster-stoer = \"x\"").contains("cluster-stoer"));
    assert!(why("cluster-store = \"zk://x\"").contains("consul://HOST:8500"));
    assert!(why("vxlan-port = 0").contains("not a port"));
    assert!(why("vxlan-port = 70000").contains("70000"));
    assert!(why("node-expiry = \"soon\"").contains("30m"));
    assert!(why("default-address-pool = 7").contains("list of texts"));
    assert!(why("docker-socket = \"docker.sock\"").contains("not an absolute path"));
    assert!(why("node-name = \"a b\"").contains("invalid node name"));
    assert!(why("[cluster-store-opt]\nkv.path = \"x\"").contains("\"kv.path\""));
    assert!(why("= nonsense").contains("line 1"));
    assert!(file::read(Some("/nonexistent/weft.toml".as_ref())).is_err());
}

#[test]
fn networks_do_not_have_by_default_what_none_or_only_one_can_have() {
    let options =
        |text: &str| super::network_options(&[text.to_owned()]).map_err(|error| format!("{error:#}"));
    assert_eq!(options("encrypted").unwrap()["encrypted"], "");
    assert!(options("vni=300").unwrap_err().contains("a VNI of its own"));
    assert!(options("mut=1400").unwrap_err().contains("no option \"mut\""));
    assert!(options("mtu").unwrap_err().contains("KEY=VALUE"));
}

#[test]
fn flags_win() {
    let flags =
        Settings { vxlan_port: Some(1), cluster_store_opt: vec!["user=b".into()], ..Settings::default() };
    let file = read("vxlan-port = 2\ndata-dir = \"/d\"\n[cluster-store-opt]\nuser = \"a\"").unwrap();
    let both = flags.or(file);
    assert_eq!((both.vxlan_port, both.data_dir), (Some(1), Some("/d".into())));
    assert_eq!(both.cluster_store_opt, ["user=a", "user=b"], "the last one counts");
}

#[test]
fn serving_needs_the_embedded_store() {
    let settings = read("cluster-store = \"consul://h\"\nstore-serve = \"127.0.0.1:8500\"").unwrap();
    assert!(config(settings).unwrap_err().to_string().contains("leave out one of them"));
}

#[test]
fn the_token_of_the_served_store_is_its_servers() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "s3cret\n").unwrap();
    let options = StoreOptions::parse([format!("token-file={}", token.path().display())]).unwrap();
    let address = "192.0.2.1:8500".parse().unwrap();
    let (served, left) = serving(vec![address], &StoreUrl::Embedded(None), options, None).unwrap();
    served.unwrap().check(false, Certificates::None).expect("it has the token");
    assert_eq!(left.token_file, None, "the embedded store itself has no use for it");
}

#[test]
fn a_store_is_not_served_to_everybody() {
    let address = "192.0.2.1:8500".parse().unwrap();
    let served = serving(vec![address], &StoreUrl::Embedded(None), StoreOptions::default(), None);
    let served = served.unwrap().0.unwrap();
    assert!(served.check(false, Certificates::None).unwrap_err().to_string().contains("without a token"));
    // Members show their certificates.
    served.check(false, Certificates::Known).unwrap();
}

#[test]
fn a_store_is_served_on_a_port_and_on_a_socket() {
    let served = |text: &str| config(read(text).unwrap()).unwrap().store_serve.unwrap();
    let both = served("store-serve = [\"127.0.0.1:8500\", \"unix:///run/weft/store.sock\"]");
    assert_eq!(both.listen(), Some("127.0.0.1:8500".parse().unwrap()));
    assert_eq!(both.socket(), Some("/run/weft/store.sock".as_ref()));
    assert!(both.openness().unwrap().contains("without a token"));
    let one = served("store-serve = \"unix:///run/weft/store.sock\"");
    assert_eq!((one.listen(), one.openness()), (None, None));
    let why = read("store-serve = \"/run/weft/store.sock\"").unwrap_err();
    assert!(format!("{why:#}").contains("unix://"), "{why:#}");
}

#[test]
fn docker_is_found_where_it_usually_is_unless_it_is_to_be_left_alone() {
    let engine = |text: &str| text.parse::<DockerSocketOption>().unwrap().engine(None).unwrap();
    let socket = |docker: Option<DockerConfig>| docker.map(|engine| engine.socket);
    assert_eq!(socket(engine("none")), None);
    assert_eq!(socket(engine("unix:///srv/docker.sock")), Some("/srv/docker.sock".into()));
    let usual = DockerSocketOption::default().engine(None).unwrap();
    assert_eq!(socket(usual), Some("/var/run/docker.sock".into()));
}

#[test]
#[cfg(not(feature = "proxy"))]
fn what_this_build_lacks_is_refused() {
    let error = DockerSocketOption::default().engine(Some("/srv/weft.sock".parse().unwrap())).unwrap_err();
    assert!(error.to_string().contains("built without the Docker proxy"));
}

#[test]
#[cfg(feature = "proxy")]
fn what_stands_before_the_engine_is_asked_for_and_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("run")).unwrap();
    std::os::unix::fs::symlink("run", dir.path().join("var-run")).unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let engine = |proxy: Option<String>| {
        let socket = at("var-run/docker.sock").parse::<DockerSocketOption>().unwrap();
        socket.engine(proxy.map(|path| path.parse().unwrap()))
    };
    assert_eq!(engine(None).unwrap().unwrap().proxy(), None);
    let config = engine(Some(at("run/weft.sock"))).unwrap().unwrap();
    assert_eq!(config.proxy(), Some(at("run/weft.sock").as_ref()));
    assert!(engine(Some(at("run/docker.sock"))).unwrap_err().to_string().contains("engine's own socket"));
    let error = DockerSocketOption::None.engine(Some("/srv/weft.sock".parse().unwrap())).unwrap_err();
    assert!(error.to_string().contains("--docker-socket=none"));
}
