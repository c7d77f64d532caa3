//! No agent runs, and systemd keeps its sockets: a client waits until systemd has started the agent. The units are
//! those in `packaging/`, with systemd's own tool in place of systemd.

use crate::cluster::{CREATE, SOON, has_network, ping};
use std::{
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};
use weft_testbed::{Host, Release, Service, World, need, tool, until};

/// What the engine waits for a socket that is not there, for each call (moby, `pkg/plugins`).
const MISSING: Duration = Duration::from_secs(15);

/// Keeps the sockets, and starts an agent whenever somebody asks and none runs: the inner tool waits for that, on what
/// the outer one opened. While `/run/hold` is there, the agent does not get far.
fn keep_sockets(host: &Host, arguments: &str) -> Service {
    host.write(
        "/run/one",
        "echo $$ >/run/agent.pid; while [ -e /run/hold ]; do sleep 0.1; done; exec weft agent \"$@\"",
    );
    host.write(
        "/run/again",
        "while :; do (export LISTEN_PID=$BASHPID; exec systemd-socket-activate bash /run/one \"$@\"); done",
    );
    host.run(&["mkdir", "-p", "/run/weft", "/run/docker/plugins"]);
    let listen = "--listen=/run/weft/weft.sock --listen=/run/docker/plugins/weft.sock";
    let line = format!("systemd-socket-activate {listen} bash /run/again {arguments}");
    let service = host.spawn(&line.split_whitespace().collect::<Vec<_>>());
    until("systemd listens", SOON, || {
        host.output(&["test", "-S", "/run/docker/plugins/weft.sock"]).status.success()
    });
    service
}

/// Ends the agent that runs, as a crash would.
fn kill_agent(host: &Host) {
    let pid = host.run(&["cat", "/run/agent.pid"]);
    host.run(&["kill", "-9", pid.trim()]);
}

#[test]
fn who_asks_waits_for_the_agent() {
    if !need("systemd-socket-activate, of the package systemd", tool("systemd-socket-activate").is_some()) {
        return;
    }
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let store = host.consul();
    let _keeper = keep_sockets(host, &format!("--cluster-advertise=eth0 --cluster-store={}", store.url()));
    let mut engine = host.engine(Release::Newest);

    // None has ever run.
    for network in ["overlay", "second", "third"] {
        engine.docker(&format!("{CREATE} {network}"));
    }
    for name in ["stopped", "removed", "restarted", "pinged"] {
        engine.docker(&format!("run -itd --net overlay --name {name} busybox"));
    }

    // It is away for a while: nothing fails, and nothing takes longer than that.
    host.write("/run/hold", "");
    kill_agent(host);
    let began = Instant::now();
    thread::scope(|scope| {
        let lines = [
            "run -itd --net overlay --name new busybox",
            "stop -t 0 stopped",
            "rm -f removed",
            "restart -t 0 restarted",
        ];
        let asking: Vec<_> = lines.map(|line| scope.spawn(|| engine.docker(line))).into_iter().collect();
        let away = Duration::from_secs(2);
        until("the agent is away for a while", SOON, || began.elapsed() > away);
        assert!(asking.iter().all(|one| !one.is_finished()), "they wait");
        host.run(&["rm", "/run/hold"]);
        for (one, line) in asking.into_iter().zip(lines) {
            one.join().unwrap_or_else(|_| panic!("{line}"));
        }
    });
    assert!(began.elapsed() < MISSING, "took {:?}", began.elapsed());
    for name in ["new", "restarted"] {
        ping(&engine, "pinged", name);
    }
    assert!(!engine.succeeds("inspect removed"));

    // An engine that starts asks about each network, and each endpoint that it left behind.
    kill_agent(host);
    engine.kill9();
    let began = Instant::now();
    engine.restart(&[]);
    assert!(began.elapsed() < MISSING, "took {:?}", began.elapsed());
    assert!(has_network(&engine, "third"));
    engine.docker("start pinged new");
    ping(&engine, "pinged", "new");

    // One that cannot start says why, at once.
    kill_agent(host);
    host.write("/etc/weft/weft.toml", "cluster-stoer = \"\"\n");
    let began = Instant::now();
    let refusal = engine.refused("run --rm --net overlay busybox true");
    assert!(refusal.contains("weft.toml") && refusal.contains("cluster-stoer"), "{refusal}");
    let refusal = host.refused(&["weft", "network", "ls"]);
    assert!(refusal.contains("cluster-stoer"), "{refusal}");
    assert!(began.elapsed() < MISSING, "took {:?}", began.elapsed());
    host.run(&["rm", "/etc/weft/weft.toml"]);
    ping(&engine, "pinged", "new");

    silent_connections_hold_up_nobody(host, || {
        engine.docker("run --rm --net overlay busybox true");
    });
    engine.docker("rm -f pinged new stopped restarted");
}

/// Hundreds that connect and ask nothing, to both sockets.
fn silent_connections_hold_up_nobody(host: &Host, ask: impl Fn()) {
    let plugin = host.socket().with_file_name("../docker/plugins/weft.sock");
    let silent: Vec<_> = [plugin, host.socket()]
        .iter()
        .flat_map(|path| (0..600).map(move |_| UnixStream::connect(path).expect("somebody listens")))
        .collect();
    let began = Instant::now();
    ask();
    host.run(&["weft", "network", "ls"]);
    assert!(began.elapsed() < Duration::from_secs(10), "took {:?}", began.elapsed());
    drop(silent);
}
