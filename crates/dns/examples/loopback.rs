//! A name server on loopback for dnsperf, with 1,000 containers on one network:
//!
//! ```sh
//! cargo run --release -p weft-dns --example loopback -- 127.0.0.1:5300 &
//! seq -f 'c%g A' 0 999 > queries && dnsperf -s 127.0.0.1 -p 5300 -d queries -l 10 -q 200
//! ```

use arc_swap::ArcSwap;
use std::{
    error::Error,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    sync::Arc,
    thread,
};
use weft_dns::{DnsClient, NamedEndpoint, Names, NetworkNames, Resolver, Upstream};
use weft_model::NetworkId;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5300".to_owned());
    let hosts = (0..1000_u32).map(|n| {
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 2)) + n);
        let name = format!("c{n}").parse()?;
        Ok(NamedEndpoint { name, aliases: Vec::new(), short_id: None, addresses: vec![address.into()] })
    });
    let hosts = hosts.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let network = NetworkNames::new(&"overlay".parse()?, ["10.0.0.0/16".parse()?], hosts);
    let id = NetworkId::random(&mut rand::rng());
    let client =
        DnsClient { networks: vec![id], links: weft_dns::Links::default(), upstream: Upstream::default() };
    let names = Names::new([(id, Arc::new(network))]);
    let resolver = Resolver::start(Arc::new(ArcSwap::from_pointee(names)), Arc::default())?;
    let _server = resolver.serve(
        UdpSocket::bind(&address)?,
        TcpListener::bind(&address)?,
        Arc::new(ArcSwap::from_pointee(client)),
    )?;
    loop {
        thread::park();
    }
}
