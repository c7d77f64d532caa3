//! Endpoints that come and go on a host all the time, as fast as a busy one has them, each of them remembered.

use serde_json::json;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use weft_testbed::{Answer, History, Host, Ticket};

/// What the names of these endpoints begin with.
pub(crate) const PREFIX: &str = "load-";
/// How many there are at most on a host.
const SLOTS: usize = 3;
/// How long a worker waits for an answer when it attaches, and the pause between two requests.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(60);
/// How long it may take in the end until it is known of each whether it is there.
const SETTLES: Duration = Duration::from_secs(60);

/// What the threads are to do.
#[derive(Default)]
struct Orders {
    /// To come to rest.
    stop: AtomicBool,
    /// To drop everything: the scenario has failed.
    drop: AtomicBool,
}

/// Threads that attach and detach, until they are stopped.
pub(crate) struct Load {
    orders: Arc<Orders>,
    threads: Vec<JoinHandle<Result<(), String>>>,
}

impl Load {
    /// Begins on `hosts`.
    pub(crate) fn start(hosts: &[&Host], network: &'static str, history: &History) -> Self {
        let orders = Arc::new(Orders::default());
        let start = |host: &&Host| {
            let worker = Worker::new(host, network, history);
            let orders = Arc::clone(&orders);
            thread::spawn(move || worker.work(&orders))
        };
        let threads = hosts.iter().map(start).collect();
        Self { orders, threads }
    }

    /// Stops, and asks about what is not clear until it is. What is there stays. Returns what did not become
    /// clear.
    pub(crate) fn settle(mut self) -> Vec<String> {
        self.orders.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        threads.into_iter().filter_map(|thread| thread.join().expect("it does not panic").err()).collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.orders.drop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// Attaches and detaches containers on one host.
struct Worker {
    host: Host,
    network: &'static str,
    history: History,
    chance: Chance,
    slots: Vec<Slot>,
    made: usize,
    granted: usize,
}

/// A network namespace, and what is known of its endpoint.
struct Slot {
    name: String,
    state: State,
}

enum State {
    Free,
    Attached(Ticket),
    /// No answer came: it may be attached.
    Unclear(Ticket),
    /// It is to go, and no answer came.
    Leaving(Ticket),
}

/// How a request ended.
enum Outcome {
    Done(Answer),
    /// With the reason.
    Refused(String),
    /// Nobody knows.
    Unclear,
}

impl Worker {
    fn new(host: &Host, network: &'static str, history: &History) -> Self {
        let seed = host.name().bytes().fold(0x5eed, |seed: u64, byte| seed * 31 + u64::from(byte));
        let (host, history, chance) = (host.clone(), history.clone(), Chance(seed));
        let mut worker = Self { host, network, history, chance, slots: Vec::new(), made: 0, granted: 0 };
        worker.slots = (0..SLOTS).map(|_| worker.new_slot()).collect();
        worker
    }

    fn new_slot(&mut self) -> Slot {
        self.made += 1;
        let name = format!("{PREFIX}{}-{}", self.host.name(), self.made);
        self.host.run(&["ip", "netns", "add", &name]);
        Slot { name, state: State::Free }
    }

    fn work(mut self, orders: &Orders) -> Result<(), String> {
        let is = |order: &AtomicBool| order.load(Ordering::Relaxed);
        while !is(&orders.stop) && !is(&orders.drop) {
            let index = self.chance.below(SLOTS);
            self.go_on_with(index);
            thread::sleep(PAUSE);
        }
        let start = Instant::now();
        for index in 0..SLOTS {
            while let Some(what) = self.unsettled(index) {
                if start.elapsed() > SETTLES || is(&orders.drop) {
                    return Err(what);
                }
                thread::sleep(PAUSE);
            }
            // A container that is not attached ends. Its attachment may have been under way when it was told to
            // go, and goes with it.
            if matches!(self.slots[index].state, State::Free) {
                self.host.output(&["ip", "netns", "delete", &self.slots[index].name]);
            }
        }
        // What is never granted can be granted to nobody else.
        (self.granted > 0).then_some(()).ok_or_else(|| format!("{}: nothing was granted", self.host.name()))
    }

    fn go_on_with(&mut self, index: usize) {
        match self.slots[index].state {
            State::Free => {
                // What it is called is used once: what comes back is told from what is new.
                let slot = self.new_slot();
                let old = std::mem::replace(&mut self.slots[index], slot);
                self.host.output(&["ip", "netns", "delete", &old.name]);
                let ticket = self.history.ask(self.host.name(), &self.slots[index].name);
                drop(self.attach(index, ticket));
            }
            State::Attached(ticket) => drop(self.detach(index, ticket)),
            State::Unclear(ticket) => match self.chance.below(3) {
                0 => drop(self.attach(index, ticket)),
                1 => drop(self.detach(index, ticket)),
                _ => self.walk_away(index, ticket),
            },
            State::Leaving(ticket) => drop(self.detach(index, ticket)),
        }
    }

    /// Asks once more about what is not clear. Returns what still is not.
    fn unsettled(&mut self, index: usize) -> Option<String> {
        match self.slots[index].state {
            State::Free | State::Attached(_) => None,
            State::Unclear(ticket) => self.attach(index, ticket),
            State::Leaving(ticket) => self.detach(index, ticket),
        }
    }

    /// Attaches, once more perhaps. Returns what the trouble is, if it is not clear whether it was.
    fn attach(&mut self, index: usize, ticket: Ticket) -> Option<String> {
        let name = self.slots[index].name.clone();
        let body = json!({"network": self.network, "name": name, "netns": format!("/run/netns/{name}")});
        let again = matches!(self.slots[index].state, State::Unclear(_));
        let (state, trouble) = match self.ask("POST", "/weft/v1/endpoints", Some(&body)) {
            Outcome::Done(answer) => {
                let address = answer.json()["ipv4"].as_str().and_then(|address| address.parse().ok());
                self.history.granted(ticket, address.expect("an endpoint has an address"));
                self.granted += 1;
                (State::Attached(ticket), None)
            }
            // The agent may have it from before, and refuse for another reason now.
            Outcome::Refused(why) if again => (State::Unclear(ticket), Some(format!("attach {name}: {why}"))),
            Outcome::Refused(_) => {
                self.history.refused(ticket);
                (State::Free, None)
            }
            Outcome::Unclear => (State::Unclear(ticket), Some(format!("attach {name} is not answered"))),
        };
        self.slots[index].state = state;
        trouble
    }

    /// Detaches, once more perhaps. Returns what the trouble is, if it is not clear whether it was.
    fn detach(&mut self, index: usize, ticket: Ticket) -> Option<String> {
        let name = &self.slots[index].name;
        self.history.letting_go(ticket);
        let path = format!("/weft/v1/endpoints/{}/{name}", self.network);
        let (state, trouble) = match self.ask("DELETE", &path, None) {
            Outcome::Done(_) => {
                self.history.gone(ticket);
                (State::Free, None)
            }
            Outcome::Refused(why) => (State::Leaving(ticket), Some(format!("detach {name}: {why}"))),
            Outcome::Unclear => (State::Leaving(ticket), Some(format!("detach {name} is not answered"))),
        };
        self.slots[index].state = state;
        trouble
    }

    /// The container dies, and nobody asks about it again: what it may have been granted is to be cleaned up.
    fn walk_away(&mut self, index: usize, ticket: Ticket) {
        self.host.output(&["ip", "netns", "delete", &self.slots[index].name]);
        self.history.gone(ticket);
        self.slots[index] = self.new_slot();
    }

    fn ask(&self, method: &str, path: &str, body: Option<&serde_json::Value>) -> Outcome {
        match self.host.ask(method, path, body, PATIENCE) {
            Ok(answer) if (200..300).contains(&answer.status) => Outcome::Done(answer),
            // There is no such endpoint: as good as done.
            Ok(answer) if method == "DELETE" && answer.status == 404 => Outcome::Done(answer),
            // The agent goes on with what it does not answer in time.
            Ok(answer) if answer.status == 504 => Outcome::Unclear,
            Ok(answer) => Outcome::Refused(answer.body),
            Err(error) if error.kind() == io::ErrorKind::NotConnected && method == "POST" => {
                Outcome::Refused(error.to_string())
            }
            Err(_) => Outcome::Unclear,
        }
    }
}

/// Numbers that a seed decides (xorshift, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }
}
