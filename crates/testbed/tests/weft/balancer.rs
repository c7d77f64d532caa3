//! A balancer in front of a store: it cuts connections on which nothing happens.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use weft_testbed::Host;

/// How often to look whether something has arrived.
const LOOK: Duration = Duration::from_millis(100);

/// It lasts as long as this does.
pub(crate) struct Balancer {
    ended: Arc<AtomicBool>,
    cut: Arc<AtomicUsize>,
}

impl Balancer {
    /// Listens on `port` of a host, for a server on another port of it, and cuts what was `idle`.
    pub(crate) fn new(host: &Host, port: u16, server: u16, idle: Duration) -> Self {
        let address = SocketAddr::from((host.address(), port));
        let listener = host.inside(None, || TcpListener::bind(address)).expect("the port is free");
        let (ended, cut) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let balancer = Self { ended: Arc::clone(&ended), cut: Arc::clone(&cut) };
        let host = host.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let target = SocketAddr::from((host.address(), server));
                let Ok(server) = host.inside(None, || TcpStream::connect(target)) else { continue };
                let last = Arc::new(Mutex::new(Instant::now()));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let ends = [from, to].map(|end| end.try_clone().expect("it can be shared"));
                    let (last, ended, cut) = (Arc::clone(&last), Arc::clone(&ended), Arc::clone(&cut));
                    thread::spawn(move || pass(ends, idle, (&last, &ended, &cut)));
                }
            }
        });
        balancer
    }

    /// How many connections were cut.
    pub(crate) fn cut(&self) -> usize {
        self.cut.load(Ordering::Relaxed)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn pass(
    [mut from, mut to]: [TcpStream; 2],
    idle: Duration,
    (last, ended, cut): (&Mutex<Instant>, &AtomicBool, &AtomicUsize),
) {
    let mut piece = vec![0; 64 << 10];
    let _ = from.set_read_timeout(Some(LOOK));
    while !ended.load(Ordering::Relaxed) {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                *last.lock().expect("nobody panics") = Instant::now();
                if to.write_all(&piece[..count]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if last.lock().expect("nobody panics").elapsed() > idle {
                    cut.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            }
            Err(_) => break,
        }
    }
    for end in [&from, &to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}
