use super::*;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    time::Duration,
};

const ASKED: &str = "127.0.0.11:53";
const OURS: &str = "127.0.0.11:30053";
const THEIRS: &str = "127.0.0.11:40000";

const REDIRECT: Redirect<'_> = Redirect {
    table: "weft-test",
    address: Ipv4Addr::new(127, 0, 0, 11),
    from: 53,
    to: 30053,
    except: Ipv4Addr::new(127, 0, 0, 12),
};

/// Runs `test` in a network namespace with a translation such as Docker makes; skips it, loudly, without root.
fn in_sandbox(test: impl FnOnce() + Send + 'static) {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        eprintln!("SKIPPED: this test needs root");
        return;
    }
    let thread = std::thread::spawn(|| {
        // SAFETY: the descriptor table stays shared.
        #[allow(unsafe_code)]
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }.unwrap();
        nft(&format!(
            "add table ip docker
             add chain ip docker output {{ type nat hook output priority -100; }}
             add rule ip docker output ip daddr 127.0.0.11 udp dport 53 dnat to {THEIRS}
             add rule ip docker output ip daddr 127.0.0.11 tcp dport 53 dnat to {THEIRS}\n"
        ));
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        test();
    });
    thread.join().unwrap();
}

fn nft(script: &str) {
    let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    nft.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(nft.wait().unwrap().success(), "{script}");
}

/// A server at `at` that answers every question with its own address.
struct Answering {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Answering {
    fn at(at: &str) -> Self {
        let udp = UdpSocket::bind(at).unwrap();
        let tcp = TcpListener::bind(at).unwrap();
        let (this, that) = (udp.try_clone().unwrap(), tcp.try_clone().unwrap());
        std::thread::spawn(move || {
            while let Ok((_, peer)) = this.recv_from(&mut [0; 16]) {
                let _ = this.send_to(this.local_addr().unwrap().to_string().as_bytes(), peer);
            }
        });
        std::thread::spawn(move || {
            for stream in that.incoming() {
                let mut stream = stream.unwrap();
                stream.write_all(stream.local_addr().unwrap().to_string().as_bytes()).unwrap();
            }
        });
        Self { udp, tcp }
    }

    fn is_at(&self) -> String {
        assert_eq!(self.udp.local_addr().unwrap(), self.tcp.local_addr().unwrap());
        self.udp.local_addr().unwrap().to_string()
    }
}

fn asking(from: &str) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.connect(ASKED).unwrap();
    socket
}

fn answer(socket: &UdpSocket) -> String {
    socket.send(b"who?").unwrap();
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// Which server answers over UDP and over TCP when a client asks from the address `from`.
fn who_answers(from: &str) -> [String; 2] {
    let over_udp = answer(&asking(from));
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let stream = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
    let stream = stream.unwrap();
    rustix::net::bind(&stream, &address(&format!("{from}:0"))).unwrap();
    rustix::net::connect(&stream, &address(ASKED)).unwrap();
    let mut text = String::new();
    TcpStream::from(stream).read_to_string(&mut text).unwrap();
    [over_udp, text]
}

#[test]
fn it_comes_before_other_translations_until_it_is_dropped() {
    // As newer kernels do it, and as older ones have to.
    for flags in [NFT_TABLE_F_OWNER, 0] {
        in_sandbox(move || {
            let (ours, theirs) = (Answering::at(OURS), Answering::at(THEIRS));
            assert_eq!(who_answers("127.0.0.1"), [theirs.is_at(), theirs.is_at()]);
            let first = REDIRECT.put_as(flags).unwrap();
            assert_eq!(who_answers("127.0.0.1"), [ours.is_at(), ours.is_at()]);
            assert_eq!(who_answers("127.0.0.12"), [theirs.is_at(), theirs.is_at()]);
            if flags == 0 {
                // What a killed process leaves stays, and is replaced.
                std::mem::forget(first);
            } else {
                drop(first);
                assert_eq!(who_answers("127.0.0.1"), [theirs.is_at(), theirs.is_at()]);
            }
            let second = REDIRECT.put_as(flags).unwrap();
            assert_eq!(who_answers("127.0.0.1"), [ours.is_at(), ours.is_at()]);
            drop(second);
            assert_eq!(who_answers("127.0.0.1"), [theirs.is_at(), theirs.is_at()]);
        });
    }
}

#[test]
fn who_goes_on_asking_is_redirected_at_once_too() {
    in_sandbox(|| {
        let (ours, theirs) = (Answering::at(OURS), Answering::at(THEIRS));
        let socket = asking("127.0.0.1");
        assert_eq!(answer(&socket), theirs.is_at());
        let redirected = REDIRECT.put().unwrap();
        assert_eq!(answer(&socket), ours.is_at());
        drop(redirected);
        assert_eq!(answer(&socket), theirs.is_at());
    });
}
