//! The stock docker command line on the agent's socket.

use crate::socket;
use std::process::{Command, Output};
use tokio_util::sync::CancellationToken;

fn installed() -> bool {
    let found = Command::new("docker").arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "the docker command line is not installed");
    if !found {
        eprintln!("SKIPPED: the docker command line is not installed");
    }
    found
}

struct Docker(String);

impl Docker {
    fn output(&self, line: &str) -> Output {
        let args = line.split_whitespace();
        let mut command = Command::new("timeout");
        command.args(["20", "docker", "-H", &self.0]).args(args).env_remove("DOCKER_CONTEXT");
        command.output().unwrap()
    }

    fn ok(&self, line: &str) -> String {
        let output = self.output(line);
        assert!(output.status.success(), "docker {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn fails(&self, line: &str) -> String {
        let output = self.output(line);
        assert!(!output.status.success(), "docker {line}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_commands() {
    if !installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weft.sock");
    let shutdown = CancellationToken::new();
    let server = socket::start(&path, &shutdown);
    let docker = Docker(format!("unix://{}", path.display()));
    tokio::task::spawn_blocking(move || walk(&docker)).await.unwrap();
    shutdown.cancel();
    server.await.unwrap();
}

fn walk(docker: &Docker) {
    assert!(docker.ok("version").contains("weft"));
    assert!(docker.ok("info").contains("Cluster store: embedded"));
    let id = docker
        .ok("network create -d overlay --subnet 10.0.0.0/24 --gateway 10.0.0.1 --ip-range 10.0.0.128/25 \
         --aux-address router=10.0.0.5 --internal --label team=blue -o mtu=1400 overlay");
    assert_eq!(id.len(), 64);
    docker.ok("network create -d overlay --ipv6 --subnet 10.1.0.0/24 --subnet fd00::/64 other");
    assert_eq!(docker.ok("network ls -q --no-trunc -f name=^overlay$"), id);
    assert_eq!(docker.ok("network ls -f label=team=blue --format {{.Name}}/{{.Driver}}"), "overlay/weft");
    let format = "{{range.IPAM.Config}}{{.IPRange}}{{end}},{{.Internal}},{{.Options.mtu}}";
    assert_eq!(docker.ok(&format!("network inspect -f {format} overlay")), "10.0.0.128/25,true,1400");
    docker.ok("network connect --ip 10.0.0.9 --alias www overlay nginx_01");
    let format = "{{range.Containers}}{{.Name}}={{.IPv4Address}}{{end}}";
    assert_eq!(docker.ok(&format!("network inspect -f {format} overlay")), "nginx_01=10.0.0.9/24");
    assert!(docker.fails("network rm overlay").contains("has active endpoints"));
    docker.ok("network disconnect overlay nginx_01");
    assert_eq!(docker.ok("network rm overlay"), "overlay");
    assert!(docker.fails("network inspect overlay").contains("network overlay not found"));
    assert!(docker.ok("network prune --force").contains("other"));
    assert_eq!(docker.ok("network ls -q"), "");
    assert!(docker.fails("ps").contains("weft serves networks only"));
    assert!(docker.fails("network create -d macvlan m").contains("-d overlay"));
}
