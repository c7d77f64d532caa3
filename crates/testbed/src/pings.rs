//! Numbered datagrams from one container to another and back, none of which should be lost.

use crate::container::Container;
use std::{
    collections::BTreeMap,
    io,
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How often one is sent.
const INTERVAL: Duration = Duration::from_millis(10);
/// How long after the last one an answer may take.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// Datagrams under way, until they are counted. UDP rather than ICMP, since it takes no program: what is
/// measured costs less than what measures it.
#[derive(Debug)]
pub struct Pings {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Counted>,
}

/// What became of them.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// How many were sent.
    pub sent: usize,
    /// When those were sent that nothing came back for, since the first.
    pub lost: Vec<Duration>,
}

impl Pings {
    /// Starts, and returns when the first answers have come.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn start(from: &Container, to: &Container) -> Self {
        let far = socket(to);
        let near = socket(from);
        let target = (to.address(), far.local_addr().expect("it is bound").port());
        near.connect(target).expect("UDP asks nobody");
        let ends = Ends { near, far };
        assert!(ends.answers(), "{} does not reach {}", from.name(), to.name());
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        Self { stop, thread: thread::spawn(move || ends.go_on(&told)) }
    }

    /// Ends, and counts.
    #[track_caller]
    pub fn count(self) -> Counted {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it only counts")
    }
}

#[track_caller]
fn socket(container: &Container) -> UdpSocket {
    let bound = container.inside(|| UdpSocket::bind((container.address(), 0)));
    let socket = bound.unwrap_or_else(|error| panic!("{}: {error}", container.name()));
    socket.set_nonblocking(true).expect("a socket can be");
    socket
}

/// One thread has both ends: it sends and answers.
struct Ends {
    near: UdpSocket,
    far: UdpSocket,
}

impl Ends {
    /// Whether an answer comes at all. The first may not: the other host may not know of the sender yet.
    fn answers(&self) -> bool {
        let start = Instant::now();
        let mut answered = false;
        while !answered && start.elapsed() < LAST_ANSWER {
            self.send(u32::MAX);
            thread::sleep(INTERVAL);
            self.answer_all();
            self.receive_all(|_| answered = true);
        }
        answered
    }

    fn go_on(self, stop: &AtomicBool) -> Counted {
        let start = Instant::now();
        let mut waiting = BTreeMap::new();
        let mut sent: u32 = 0;
        while !stop.load(Ordering::Relaxed) {
            waiting.insert(sent, start.elapsed());
            self.send(sent);
            sent += 1;
            thread::sleep(INTERVAL);
            self.pass_on(&mut waiting);
        }
        let stopped = Instant::now();
        while !waiting.is_empty() && stopped.elapsed() < LAST_ANSWER {
            thread::sleep(INTERVAL);
            self.pass_on(&mut waiting);
        }
        Counted { sent: sent as usize, lost: waiting.into_values().collect() }
    }

    fn pass_on(&self, waiting: &mut BTreeMap<u32, Duration>) {
        self.answer_all();
        self.receive_all(|number| {
            waiting.remove(&number);
        });
    }

    fn send(&self, number: u32) {
        // What cannot be sent is not answered, and counts as lost.
        let _ = self.near.send(&number.to_be_bytes());
    }

    fn answer_all(&self) {
        let mut number = [0; 4];
        while let Some((length, from)) = received(|| self.far.recv_from(&mut number)) {
            let _ = self.far.send_to(&number[..length], from);
        }
    }

    fn receive_all(&self, mut each: impl FnMut(u32)) {
        let mut number = [0; 4];
        while received(|| self.near.recv(&mut number)).is_some() {
            each(u32::from_be_bytes(number));
        }
    }
}

/// What there is to receive. Errors of earlier packets are told here, too, and are no end (udp(7)).
fn received<T>(mut receive: impl FnMut() -> io::Result<T>) -> Option<T> {
    loop {
        match receive() {
            Ok(received) => return Some(received),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => {}
        }
    }
}
