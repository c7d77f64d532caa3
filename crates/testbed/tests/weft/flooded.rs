//! Connections that begin to say something and never end it, on every port that is open.

use crate::{
    cluster::{SOON, has_network, sleeper},
    remote::{AT, add_user, with_files},
    tokens::{init, let_in},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    collections::VecDeque,
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use weft_testbed::{Host, World, eventually, until};

/// How many there are on a port at a time.
const CONNECTIONS: usize = 1_100;
/// Half of a handshake (RFC 8446, section 5.1), and half of a request.
const HALVES: [&[u8]; 2] = [&[22, 3, 1, 2, 0, 1], b"GET /metrics HTTP/1.1\r\nHost: 127"];
/// For those to be closed that a port does not keep.
const PACE: Duration = Duration::from_millis(2);

/// Opens connections to a port, for as long as it is not dropped.
struct Flood {
    end: Arc<AtomicBool>,
    opened: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    fn of(from: &Host, to: &str) -> Self {
        let to: SocketAddr = to.parse().expect("an address and a port");
        let (end, opened) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let thread = thread::spawn({
            let (from, end, opened) = (from.clone(), Arc::clone(&end), Arc::clone(&opened));
            move || from.inside(None, || flood(to, &end, &opened))
        });
        Self { end, opened, thread: Some(thread) }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn flood(to: SocketAddr, end: &AtomicBool, opened: &AtomicUsize) {
    let mut open = VecDeque::new();
    for half in HALVES.into_iter().cycle().take_while(|_| !end.load(Ordering::Relaxed)) {
        // One that is closed at once, or is not let in, is followed by the next.
        if let Ok(mut stream) = TcpStream::connect_timeout(&to, Duration::from_secs(1))
            && stream.write_all(half).is_ok()
        {
            open.push_back(stream);
            opened.fetch_add(1, Ordering::Relaxed);
        }
        if open.len() > CONNECTIONS {
            open.pop_front();
            thread::sleep(PACE);
        }
    }
}

#[test]
fn who_opens_connections_and_ends_no_request_keeps_nobody_out() {
    let Some(world) = World::up(3) else { return };
    let [one, two, stranger] = [1, 2, 3].map(|number| world.host(number));
    one.run(&["mkdir", "-p", "/etc/weft"]);
    one.write("/etc/weft/weft.toml", "metrics-listen = \"127.0.0.1:9476\"\n");
    let _first = init(one, &["--host", "tcp://0.0.0.0:2376"]);
    let mut second = let_in(one, two);
    add_user(one, "alice", two, "/run/alice");
    one.run(&["weft", "network", "create", "overlay"]);
    until("both know the network", SOON, || has_network(two, "overlay"));
    sleeper(one, "overlay", "one", &[]);
    sleeper(two, "overlay", "two", &[]);

    let files = getrlimit(Resource::Nofile);
    let most = Rlimit { current: files.maximum, ..files };
    setrlimit(Resource::Nofile, most).expect("a process may use what it has");
    let address = one.address();
    let of_strangers = [2376, 7946, 8500].map(|port| Flood::of(stranger, &format!("{address}:{port}")));
    let of_users = Flood::of(one, "127.0.0.1:9476");
    let floods = || of_strangers.iter().chain([&of_users]);
    until("all ports are flooded", SOON * 3, || {
        floods().all(|flood| flood.opened.load(Ordering::Relaxed) > CONNECTIONS)
    });

    // A member, on the connections that it has, and on new ones.
    two.run(&["weft", "network", "create", "during"]);
    until("the store is told", SOON, || has_network(one, "during"));
    second.stop();
    let _second = two.spawn(&["weft", "agent"]);
    until("it is back", SOON * 2, || two.output(&["weft", "status"]).status.success());
    // The other agent is asked over 7946.
    eventually(SOON, || {
        let said = two.output(&["weft", "explain", "two", "one"]);
        if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said.stdout).into_owned()) }
    });
    // A user, and who scrapes.
    let listed =
        eventually(SOON, || with_files(two, "/run/alice", &format!("docker -H {AT} --tlsverify network ls")));
    assert!(listed.contains("during"), "{listed}");
    let metrics = one.run(&["curl", "-sS", "-m", "10", "http://127.0.0.1:9476/metrics"]);
    assert!(metrics.contains("weft_"), "{metrics}");
}
