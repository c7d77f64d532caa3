use super::*;
use clap::{CommandFactory, error::ErrorKind};
use proptest::prelude::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_commands_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_guides_lines_are_understood() {
    for line in [
        "weft agent --cluster-store=consul://192.168.77.11:8500 --cluster-advertise=eth0:2375",
        "weft agent --store-serve=192.168.77.11:8500 --cluster-store-opt token-file=/etc/weft/token",
        "weft agent --default-address-pool base=10.0.0.0/8,size=24 --default-address-pool base=10.9.0.0/16,size=24",
        "weft network create -d overlay --subnet 10.0.0.0/24 --subnet fd00::/64 --gateway 10.0.0.1 overlay",
        "weft network create --internal --ipv6 --label a=b --label c -o mtu=1400 --opt vni=300 overlay",
        "weft network create --ip-range 10.0.0.128/25 --aux-address r=10.0.0.5 --subnet 10.0.0.0/24 n",
        "weft network ls -q --no-trunc -f name=web -f label=a=b",
        "weft net ls --format json",
        "weft network prune -f --filter until=24h --filter label!=keep",
        "weft network rm -f a b",
        "weft network connect --ip 10.0.0.9 --ip6 fd00::9 --alias www overlay web",
        "weft run -d --net overlay --name nginx_01 -p 8080:80 -v /data:/var/www:ro -- nginx -g daemon",
        "weft run --rm --network overlay -p 127.0.0.1:53:53/udp -e A=B -e PATH -w /srv nginx -g daemon",
        "weft run -it --rm --net overlay -- sh",
        "weft run --interactive --tty --net overlay sh",
        "weft exec nginx_01 -- ping -c 3 nginx_02",
        "weft exec nginx_01 ping -c 3 nginx_02",
        "weft logs -f --tail 10 nginx_01",
        "weft stop -t 1 a b",
        "weft rm --force a",
        "weft attach --netns /run/netns/lab --net overlay --name lab",
        "weft detach --net overlay --name lab",
        "weft node rm host2 -H unix:///run/other.sock",
        "weft -H /run/other.sock status --format json",
        "weft --host tcp://192.0.2.1:2376 --tlsverify --tlscacert ca.pem --tlscert cert.pem --tlskey key.pem network ls",
        "weft agent --host tcp://0.0.0.0:2376 -H unix:///run/weft/weft.sock --tlscert a --tlskey b",
        "weft user add --days 30 --directory /root/.weft alice",
        "weft user ls --format json",
        "weft user rm alice bob",
        "weft store copy embedded consul://192.168.77.11:8500 --to-opt token-file=/t",
        "weft store serve --listen 127.0.0.1:8501",
        "weft setup docker --apply --format json --docker-socket /run/docker.sock",
        "weft doctor --apply --format json --docker-socket /run/docker.sock",
        "weft whois 10.0.0.2 --format json",
        "weft resolve nginx_02 --as nginx_01",
        "weft network inspect overlay --format table",
        "weft events -f --since 10m --until 2026-11-30T14:00:00Z --filter type=node --format json",
        "weft history --at 24h --network overlay --node host1 --format json",
        "weft web --listen 127.0.0.1:4781",
        "weft network ls --format {{.Name}}",
        "weft network inspect -f {{.Id}} overlay",
        "weft node inspect -f {{.version}} host1",
        "weft completion bash",
        "weft manual /usr/share/man/man1",
        "weft shim --dir /var/lib/weft/processes/x",
    ] {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn mistakes_are_usage_errors() {
    for line in [
        "weft network create",
        "weft network create -d bridge n",
        "weft network create --subnet 10.0.0.0/33 n",
        "weft network create --gateway x n",
        "weft network create -o mtu n",
        "weft network create --aux-address 10.0.0.5 n",
        "weft network ls -q --format json",
        "weft network ls -f name",
        "weft network ls --format yaml",
        "weft network ls --format {{.Name",
        "weft network rm",
        "weft agent --vxlan-port 0",
        "weft agent --cluster-store zk://x",
        "weft agent --cluster-advertise 10.0.0",
        "weft agent --node-name a/b",
        "weft agent --node-expiry soon",
        "weft agent --default-address-pool 10.0.0.0/8",
        "weft run --net n --name x",
        "weft run --name x true",
        "weft run --net n --name a/b true",
        "weft run --net n --detatch true",
        "weft run --net n -p 80 true",
        "weft run --net n -v data:/x true",
        "weft run --net n --ip fd00::1 true",
        "weft run --net n --mac-address ff:ff:ff:ff:ff:ff true",
        "weft -H tcp://192.0.2.1:2375 status",
        "weft agent -H tcp://0.0.0.0:2375",
        "weft user add a/b",
        "weft user add --days 0 alice",
        "weft exec web",
        "weft store copy embedded",
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(!matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion), "{line}");
    }
}

#[test]
fn what_follows_the_command_is_the_commands() {
    let Ok(Cli { command: Command::Run(run), place }) =
        parse("weft run --net n sh -c true -H x --net m -- y")
    else {
        panic!("not parsed");
    };
    assert_eq!(format!("{run:?}").matches("--net").count(), 1, "only the command has it");
    assert_eq!(place.host, []);
}

proptest! {
    #[test]
    fn no_line_panics(words in prop::collection::vec(
        prop_oneof![
            "(agent|network|create|ls|run|exec|store|copy|attach|node|rm|logs)",
            "--?(subnet|gateway|net|name|ip|p|v|e|o|opt|H|host|filter|format|cluster-store|aux-address|n)(=\\PC{0,8})?",
            "\\PC{0,12}",
        ],
        0..8,
    )) {
        let _ = Cli::try_parse_from(std::iter::once("weft".to_owned()).chain(words));
    }
}
