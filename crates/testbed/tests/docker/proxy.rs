//! The old commands, literally: everything through the socket on which weft stands before the engine.

use crate::cluster::{SOON, ping, until_known};
use serde_json::Value;
use std::time::Duration;
use weft_testbed::{Agent, Engine, Host, Release, StoreServer, World, until};

const ENGINE: &str = "unix:///var/run/docker.sock";
const PROXY: &str = "unix:///run/weft/docker.sock";

/// How long Consul may take to find out that a host has gone: twice the shortest time it takes for one.
const GONE: Duration = Duration::from_secs(40);

/// What ends soon, in both releases, with the same words each time. `$HOME/work` is there.
const LINES: [&str; 27] = [
    "docker ps --all --format {{.Names}}",
    "docker info --format '{{.ServerVersion}} {{.Driver}} {{.Containers}}'",
    "docker inspect box nowhere",
    "docker top box -o pid | wc -l",
    "docker run --rm busybox sh -c 'echo out; echo err >&2; exit 7'",
    "seq 200000 | docker run --rm --interactive busybox md5sum",
    "seq 200000 | docker run --rm --interactive busybox cat | md5sum",
    "yes | docker run --rm --interactive busybox head -3",
    "docker run --rm busybox sh -c 'head -c 50000000 /dev/zero' | md5sum",
    "docker exec box sh -c 'echo inside; exit 5'",
    "echo input | docker exec --interactive box tr a-z A-Z",
    "script --quiet --return --command \"docker exec -it box sh -c 'test -t 0 && echo a terminal'\" /dev/null < <(sleep 5)",
    "(sleep 0.5; echo exit 4) | script --quiet --return --command 'docker exec -it box sh' /dev/null >/dev/null",
    "docker exec --detach box true",
    "docker logs box",
    "docker cp work/file box:/file && docker cp box:/file - | tar --extract --to-stdout | md5sum",
    "docker cp box:/nowhere .",
    "docker stats --no-stream --format {{.Name}}",
    "docker export box | tar --list | md5sum",
    "docker save busybox | docker load",
    "DOCKER_BUILDKIT=0 docker build --quiet work >image && docker run --rm $(cat image | tail -1)",
    "docker wait box >code & sleep 0.5; docker kill box; wait; cat code; docker start box",
    "docker rename box other; docker rename other box; docker update --memory 64m --memory-swap 64m box",
    "docker volume create v; docker volume ls --quiet; docker volume rm v",
    "docker network create ours >/dev/null; docker network connect ours box; docker network inspect ours \
     --format '{{.Driver}} {{len .Containers}}'; docker network disconnect ours box; docker network rm ours",
    "docker network rm nowhere; docker network inspect nowhere; docker network create bridge; docker network rm host",
    "docker compose --file work/compose.yaml up --no-log-prefix --abort-on-container-exit 2>/dev/null; \
     docker compose --file work/compose.yaml down --timeout 0 2>/dev/null; docker network ls --quiet | wc -l",
];

const COMPOSE: &str = "services:\n  one:\n    image: busybox\n    command: echo composed\n    networks: [n]\n\
                       networks:\n  n: {driver: bridge}\n";

#[track_caller]
fn agent(host: &Host, store: &StoreServer) -> Agent {
    let store = format!("--cluster-store={}", store.url());
    host.agent(&[
        "--cluster-advertise=eth0",
        &store,
        "--cluster-store-opt=discovery.ttl=10",
        "--docker-proxy",
    ])
}

/// Runs a line of docker's as the guide has it.
#[track_caller]
fn docker(engine: &Engine, line: &str) -> String {
    engine.docker(&format!("-H {PROXY} {line}"))
}

#[test]
fn the_guides_own_lines() {
    let Some(world) = World::up(2) else { return };
    let [one, two] =
        [(1, Release::Newest), (2, Release::Oldest)].map(|(n, release)| world.host(n).engine(release));
    let store = world.host(1).consul();
    let _agents = [1, 2].map(|n| agent(world.host(n), &store));

    let id = docker(&one, "network create -d overlay overlay");
    assert_eq!(docker(&one, "network ls --no-trunc --quiet --filter name=overlay"), id);
    assert_eq!(docker(&one, "inspect --type network -f {{.Id}} overlay"), id);
    until("the other engine has the network", SOON, || {
        docker(&two, "network ls -f driver=overlay --format {{.Name}}/{{.Driver}}/{{.Scope}}")
            == "overlay/overlay/global"
    });
    for (engine, name) in [(&one, "nginx_01"), (&two, "nginx_02")] {
        engine.host().write("/data/index.html", &format!("This is {name}"));
        docker(
            engine,
            &format!(
                "run -itd --net overlay --name {name} -v /data:/usr/share/nginx/html:ro -p 8080:80 nginx"
            ),
        );
    }
    for engine in [&one, &two] {
        for name in ["nginx_01", "nginx_02"] {
            until_known(engine.host(), name);
        }
        let shown: Value =
            serde_json::from_str(&docker(engine, "network inspect overlay")).expect("docker prints JSON");
        assert_eq!(shown[0]["IPAM"]["Config"][0]["Subnet"], "10.0.0.0/24");
        let containers = shown[0]["Containers"].as_object().expect("there are containers");
        let mut found: Vec<_> =
            containers.values().map(|c| (c["Name"].as_str(), c["IPv4Address"].as_str())).collect();
        found.sort();
        let [first, second] =
            [(Some("nginx_01"), Some("10.0.0.2/24")), (Some("nginx_02"), Some("10.0.0.3/24"))];
        assert_eq!(found, [first, second]);
    }
    docker(&one, "exec nginx_01 ping -c3 -i0.3 -W2 nginx_02");
    ping(&two, "nginx_02", "nginx_01");
    for host in world.hosts() {
        let page = host.run(&["curl", "-sf", &format!("http://{}:8080/", two.host().address())]);
        assert_eq!(page, "This is nginx_02");
    }

    docker(&two, "rm -f nginx_02");
    let refusal = two.refused(&format!("-H {PROXY} network rm overlay"));
    assert!(refusal.contains("has active endpoints: nginx_01 on host1"), "{refusal}");
    assert!(!docker(&two, "network prune --force").contains("overlay"));
    docker(&one, "network disconnect overlay nginx_01");
    docker(&two, "network rm overlay");
    for engine in [&one, &two] {
        until("the network is gone", SOON, || {
            !docker(engine, "network ls --format {{.Name}}").contains("overlay")
        });
    }
}

#[test]
fn everything_else_is_the_newest_engines() {
    everything_else_is_the_engines(Release::Newest);
}

#[test]
fn everything_else_is_the_oldest_engines() {
    everything_else_is_the_engines(Release::Oldest);
}

#[track_caller]
fn everything_else_is_the_engines(release: Release) {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let engine = host.engine(release);
    let agent = host.agent(&["--cluster-advertise=eth0", "--docker-proxy"]);
    background(host, "box", "echo started; exec sleep 1000");
    host.run(&["sh", "-c", "mkdir /run/home/work && head -c 20000000 /dev/urandom >/run/home/work/file"]);
    host.write("/run/home/work/Dockerfile", "FROM busybox\nCOPY file /file\nCMD [\"md5sum\", \"/file\"]\n");
    host.write("/run/home/work/compose.yaml", COMPOSE);
    until("the container has begun", SOON, || engine.docker("logs box") == "started");

    let shell = |socket: &str, line: &str| {
        let output =
            host.output(&["env", "-C", "/run/home", &format!("DOCKER_HOST={socket}"), "bash", "-c", line]);
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code(), stdout, stderr)
    };
    let open = || std::fs::read_dir(format!("/proc/{}/fd", agent.pid())).expect("the agent runs").count();
    let open_before = open();
    for line in LINES {
        assert_eq!(
            shell(PROXY, line),
            shell(ENGINE, line),
            "left: through the proxy, right: without it: {line}"
        );
    }
    streams_flow(&engine);
    until("no connection is left", SOON, || open() <= open_before);
    the_same_may_use_it(host);
}

/// Starts a container that does `script`.
#[track_caller]
fn background(host: &Host, name: &str, script: &str) {
    host.run(&["docker", "run", "--detach", "--init", "--name", name, "busybox", "sh", "-c", script]);
}

/// What has no end comes as it happens, and ends with its client.
#[track_caller]
fn streams_flow(engine: &Engine) {
    let host = engine.host();
    let listeners = || engine.docker("info --format {{.NEventsListener}}");
    let before = listeners();
    let events =
        host.spawn(&["docker", "-H", PROXY, "events", "--format", "{{.Action}} {{.Actor.Attributes.name}}"]);
    until("the engine tells events", SOON, || listeners() != before);
    engine.docker("run --rm --name passer-by busybox true");
    events.logs("destroy passer-by", SOON);
    drop(events);
    until("the engine knows that nobody listens", SOON, || listeners() == before);

    background(host, "ticker", "while sleep 0.1; do echo tick; done");
    let mut logs = host.spawn(&["docker", "-H", PROXY, "logs", "--follow", "ticker"]);
    logs.logs("tick\ntick\ntick", SOON);
    engine.docker("rm -f ticker");
    logs.wait(SOON);

    // Its input is open, and it says nothing: only the engine's end is an end.
    let mut attached =
        host.spawn(&["docker", "-H", PROXY, "run", "--rm", "--name", "quiet", "busybox", "sleep", "1000"]);
    until("the container runs", SOON, || engine.succeeds("exec quiet true"));
    engine.docker("kill quiet");
    attached.wait(SOON);
}

#[track_caller]
fn the_same_may_use_it(host: &Host) {
    let access = |path| host.run(&["stat", "--format", "%a %u %g", path]);
    host.run(&["chgrp", "4711", "/var/run/docker.sock"]);
    until("who may use the engine's socket may use this one", SOON, || {
        access("/run/weft/docker.sock") == "660 0 4711\n" && access("/var/run/docker.sock") == "660 0 4711\n"
    });
    host.run(&["chmod", "666", "/var/run/docker.sock"]);
    host.run(&["chgrp", "4712", "/var/run/docker.sock"]);
    until("but not everybody", SOON, || access("/run/weft/docker.sock") == "660 0 4712\n");
}

#[test]
fn a_container_of_a_dead_host_can_be_taken_off() {
    let Some(world) = World::up(2) else { return };
    let one = world.host(1).engine(Release::Newest);
    let two = world.host(2).engine(Release::Oldest);
    let store = world.host(1).consul();
    let _agents = [1, 2].map(|n| agent(world.host(n), &store));
    docker(&one, "network create -d overlay overlay");
    until("the other engine has the network", SOON, || two.succeeds("network inspect overlay"));
    docker(&two, "run -itd --net overlay --name nginx_02 busybox");
    until_known(world.host(1), "nginx_02");
    let refusal = one.refused(&format!("-H {PROXY} network disconnect --force overlay nginx_02"));
    assert!(refusal.contains("nginx_02 is on node host2: disconnect it there"), "{refusal}");
    world.host(2).power_off();
    let down = || {
        world.host(1).run(&["weft", "node", "ls"]).lines().any(|l| l.contains("host2") && l.contains("down"))
    };
    until("the cluster knows that the host is down", GONE, down);
    docker(&one, "network disconnect --force overlay nginx_02");
    docker(&one, "network rm overlay");
}
