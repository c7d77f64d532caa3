//! A page of a cluster that is not there: `big [HOSTS [CONTAINERS [ADDRESS]]]`. For looking at the page, and for measuring it:
//! a container comes and another goes every second, and the paths change as paths do.

#![allow(clippy::unwrap_used, reason = "it is for those who look at the page")]

use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    env,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;
use weft_api::v1;
use weft_model::Event;
use weft_web::{Picture, Pool, Source};

/// Networks that the containers are on.
const NETWORKS: usize = 20;
/// Of so many hosts, one is down, and one's packets are lost.
const DOWN_OF: usize = 97;
const LOST_OF: usize = 211;

struct Big {
    hosts: usize,
    containers: usize,
    /// Counted up each second.
    second: AtomicUsize,
    /// What runs. An agent has it at hand; making all of it up anew would take longer than all else.
    running: Mutex<VecDeque<v1::Endpoint>>,
}

fn host(number: usize) -> String {
    format!("node-{number:04}")
}

fn address(first: usize, number: usize) -> String {
    format!("10.{first}.{}.{}", number / 250, number % 250 + 2)
}

fn is_lost(number: usize) -> bool {
    number % LOST_OF == LOST_OF - 1
}

fn is_down(number: usize) -> bool {
    number % DOWN_OF == DOWN_OF - 1
}

impl Big {
    fn node(&self, number: usize, second: usize) -> Value {
        let round_trip = 180 + (number * 7919 + second / 5 * 31) % 900;
        let path = json!({"state": if is_lost(number) { "lost" } else { "works" }, "round_trip_us": round_trip,
                          "lost_permille": 0, "mtu": 1450, "full_mtu": 1450});
        json!({"name": host(number), "id": format!("{number:064x}"), "up": !is_down(number), "since": "2026-11-30T09:00:00Z",
               "advertise": address(200, number), "vtep": address(200, number), "vxlan_port": 4789, "underlay_mtu": 1500,
               "version": "0.2.0", "endpoints": self.containers / self.hosts, "this": number == 0,
               "path": if number == 0 || is_down(number) { Value::Null } else { path }})
    }

    fn endpoint(&self, number: usize) -> Value {
        let network = number % NETWORKS;
        json!({"id": format!("{number:064x}"), "name": format!("web-{number}"), "network": network_id(network),
               "network_name": format!("team-{network}"), "ipv4": address(network, number / NETWORKS),
               "mac": format!("02:42:0a:{network:02x}:{:02x}:{:02x}", number / 256 % 256, number % 256),
               "node": host(number % self.hosts), "container": format!("{:064x}", number * 7_777_777),
               "created": "2026-11-30T10:00:00Z"})
    }

    fn status(&self) -> Value {
        let lost: Vec<_> = (1..self.hosts).filter(|number| is_lost(*number)).collect();
        let what = |number: &usize| {
            format!("no packets from {} arrive here by VXLAN: is 4789/udp closed there?", host(*number))
        };
        let path = |number: &usize| json!({"node": host(*number), "vtep": address(200, *number), "blocked": true, "what": what(number)});
        json!({"node": host(0), "id": format!("{:064x}", 0), "version": "0.2.0", "started": "2026-11-30T09:00:00Z",
               "advertise": "10.200.0.2", "vtep": "10.200.0.2", "vxlan_port": 4789, "data_dir": "/var/lib/weft", "joined": true,
               "store": {"url": "consul://10.200.0.2:8500", "since": "2026-11-30T09:00:00Z", "latency_us": 2100}, "counts": {},
               "down": (1..self.hosts).filter(|number| is_down(*number))
                   .map(|number| json!({"node": host(number), "since": "2026-11-30T11:00:00Z", "expired": false})).collect::<Vec<_>>(),
               "problems": lost.iter().map(what).collect::<Vec<_>>(), "paths": lost.iter().map(path).collect::<Vec<_>>()})
    }
}

fn network_id(number: usize) -> String {
    format!("{number:064x}")
}

fn network(number: usize) -> Value {
    json!({"Name": format!("team-{number}"), "Id": network_id(number), "Created": "2026-11-30T09:30:00Z", "Scope": "global",
           "Driver": "weft", "IPAM": {"Config": [{"Subnet": format!("10.{number}.0.0/16"), "Gateway": format!("10.{number}.0.1")}]},
           "Options": if number.is_multiple_of(4) { json!({"encrypted": ""}) } else { json!({}) }})
}

impl Source for Big {
    async fn look(&self) -> Result<Picture, String> {
        let second = self.second.load(Ordering::Relaxed);
        let parse = |all: Vec<Value>| Value::Array(all);
        let read = |error: serde_json::Error| error.to_string();
        let on_one = u64::try_from(self.containers / NETWORKS).unwrap();
        let pool = |number| Pool {
            network: network_id(number),
            subnet: format!("10.{number}.0.0/16"),
            used: on_one + 3,
            free: 65_533 - on_one,
        };
        Ok(Picture {
            status: serde_json::from_value(self.status()).map_err(read)?,
            nodes: serde_json::from_value(parse((0..self.hosts).map(|one| self.node(one, second)).collect()))
                .map_err(read)?,
            networks: serde_json::from_value(parse((0..NETWORKS).map(network).collect())).map_err(read)?,
            endpoints: self.running.lock().unwrap().iter().cloned().collect(),
            room: (0..NETWORKS).map(pool).collect(),
            rates: Vec::new(),
        })
    }

    async fn remembered(&self) -> Result<Vec<Event>, String> {
        Ok((0..self.second.load(Ordering::Relaxed)).map(|one| self.event(one)).collect())
    }

    async fn follow(&self, mut each: impl FnMut(Event) + Send) -> Result<(), String> {
        loop {
            sleep(Duration::from_secs(1)).await;
            let second = self.second.fetch_add(1, Ordering::Relaxed);
            {
                let mut running = self.running.lock().unwrap();
                running.pop_front();
                running.push_back(serde_json::from_value(self.endpoint(second + self.containers)).unwrap());
            }
            each(self.event(second));
        }
    }
}

impl Big {
    fn event(&self, second: usize) -> Event {
        let one = self.endpoint(second + self.containers);
        let event = json!({"time": weft_model::Timestamp::now(), "type": "endpoint", "action": "attached", "name": one["name"],
                           "id": one["id"], "network": one["network_name"], "node": one["node"], "addresses": [one["ipv4"]]});
        serde_json::from_value(event).unwrap()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut given = env::args().skip(1);
    let mut number = |usual: usize| given.next().map_or(usual, |text| text.parse().unwrap());
    let big = Big {
        hosts: number(1000),
        containers: number(10_000),
        second: AtomicUsize::new(0),
        running: Mutex::default(),
    };
    let running = (0..big.containers).map(|one| serde_json::from_value(big.endpoint(one)).unwrap());
    *big.running.lock().unwrap() = running.collect();
    let listener = TcpListener::bind(given.next().as_deref().unwrap_or("127.0.0.1:4781")).await.unwrap();
    weft_web::serve(listener, big, CancellationToken::new()).await;
}
