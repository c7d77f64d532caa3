//! What anybody can send to a port where hosts speak TLS, and what may answer a host there: whatever it is, no connection comes
//! about without a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection, server::Acceptor};
use std::sync::{Arc, LazyLock};
use weft_trust::{MEMBER, join_client, member_client, server, store_client, store_server};

/// Both sides of both ports, of one host.
static SIDES: LazyLock<([Arc<ServerConfig>; 2], [Arc<ClientConfig>; 3])> = LazyLock::new(|| {
    let (authority, member) = weft_fuzz::host1(jiff::Timestamp::now());
    let barred = Arc::default();
    let servers = [server(&member, &barred), store_server(&member, &barred)];
    let clients = [member_client(&member), store_client(&member, &barred), join_client(authority.id())];
    (servers.map(|config| Arc::new(config.unwrap())), clients.map(|config| Arc::new(config.unwrap())))
});

/// Hears all of it, as far as it goes.
fn hear(connection: &mut Connection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        if !connection.read_tls(&mut bytes).is_ok_and(|read| read > 0) {
            break;
        }
        let heard = connection.process_new_packets();
        while connection.wants_write() {
            connection.write_tls(&mut std::io::sink()).unwrap();
        }
        if heard.is_err() {
            break;
        }
    }
    assert!(connection.is_handshaking(), "a connection without a key");
}

fuzz_target!(|bytes: &[u8]| {
    let (servers, clients) = &*SIDES;
    for config in servers {
        hear(&mut ServerConnection::new(Arc::clone(config)).unwrap().into(), bytes);
    }
    for config in clients {
        let name = MEMBER.try_into().unwrap();
        hear(&mut ClientConnection::new(Arc::clone(config), name).unwrap().into(), bytes);
    }
    // By what it begins with, a host chooses how to go on.
    let (mut acceptor, mut rest) = (Acceptor::default(), bytes);
    while acceptor.read_tls(&mut rest).is_ok_and(|read| read > 0) {
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let _ = (hello.server_name(), hello.alpn().map(Iterator::count));
                break;
            }
            Err(_) => break,
        }
    }
});
