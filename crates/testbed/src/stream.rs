//! A TCP connection between two containers, which should last.

use crate::container::Container;
use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How often each end writes.
const INTERVAL: Duration = Duration::from_millis(20);
/// How long it may take to connect, and what was written last to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection on which both ends write and read numbers, until it is ended.
#[derive(Debug)]
pub struct Stream {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Carried>,
}

/// What became of it.
#[derive(Debug, Clone, Default)]
pub struct Carried {
    /// How it broke; absent: it lasted, and everything arrived in order.
    pub broke: Option<String>,
    /// How long, at most, nothing arrived.
    pub silence: Duration,
}

impl Stream {
    /// Connects.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn start(from: &Container, to: &Container) -> Self {
        let listener = to.inside(|| TcpListener::bind((to.address(), 0)));
        let listener = listener.unwrap_or_else(|error| panic!("{}: {error}", to.name()));
        let target = listener.local_addr().expect("it is bound");
        let near = from.inside(|| TcpStream::connect_timeout(&target, PATIENCE));
        let near = near.unwrap_or_else(|error| panic!("{} to {}: {error}", from.name(), to.name()));
        let (far, _) = listener.accept().expect("somebody connected");
        let ends = [near, far].map(End::new);
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        Self { stop, thread: thread::spawn(move || go_on(ends, &told)) }
    }

    /// Ends it, when everything that was written has arrived.
    #[track_caller]
    pub fn end(self) -> Carried {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it only counts")
    }
}

/// One end of a connection.
struct End {
    stream: TcpStream,
    written: u64,
    read: u64,
    /// What the kernel has not taken, and what is no whole number yet.
    unsent: Vec<u8>,
    unread: Vec<u8>,
    heard: Instant,
    silence: Duration,
}

impl End {
    fn new(stream: TcpStream) -> Self {
        stream.set_nonblocking(true).expect("a socket can be");
        stream.set_nodelay(true).expect("a connection can be");
        let (unsent, unread, heard) = (Vec::new(), Vec::new(), Instant::now());
        Self { stream, written: 0, read: 0, unsent, unread, heard, silence: Duration::ZERO }
    }

    fn write_next(&mut self) {
        self.unsent.extend(self.written.to_be_bytes());
        self.written += 1;
    }

    /// Writes and reads what is possible now.
    fn go_on(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let mut buffer = [0; 4096];
        self.silence = self.silence.max(self.heard.elapsed());
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.heard = Instant::now();
                    self.unread.extend(&buffer[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.check()
    }

    /// Each number is the one after the last.
    fn check(&mut self) -> io::Result<()> {
        let (numbers, rest) = self.unread.as_chunks::<8>();
        for number in numbers {
            let (expected, number) = (self.read, u64::from_be_bytes(*number));
            if number != expected {
                return Err(io::Error::other(format!("{number} arrived in place of {expected}")));
            }
            self.read += 1;
        }
        self.unread = rest.to_vec();
        Ok(())
    }
}

fn go_on(mut ends: [End; 2], stop: &AtomicBool) -> Carried {
    let mut broke = None;
    while broke.is_none() && !stop.load(Ordering::Relaxed) {
        ends.iter_mut().for_each(End::write_next);
        broke = ends.iter_mut().find_map(|end| end.go_on().err());
        thread::sleep(INTERVAL);
    }
    let all_arrived = |[one, other]: &[End; 2]| one.written == other.read && other.written == one.read;
    let stopped = Instant::now();
    while broke.is_none() && !all_arrived(&ends) {
        broke = ends.iter_mut().find_map(|end| end.go_on().err());
        if stopped.elapsed() > PATIENCE {
            broke =
                Some(io::Error::other(format!("what was written last has not arrived after {PATIENCE:?}")));
        }
        thread::sleep(INTERVAL);
    }
    let silence = ends.iter().map(|end| end.silence).max().unwrap_or_default();
    Carried { broke: broke.map(|error| error.to_string()), silence }
}
