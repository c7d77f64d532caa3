//! What is asked is counted by how it was answered.

use crate::{
    common::{Served, framed, query, read_frame, receive},
    forwarding::{refusal, upstream},
};
use hickory_proto::{op::ResponseCode, rr::RecordType};
use std::{collections::BTreeMap, io::Write};

fn counted(served: &Served) -> BTreeMap<&'static str, u64> {
    served.counts.read().into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn each_question_is_counted_once() {
    let served = Served::new(&[]);
    assert_eq!(counted(&served), BTreeMap::new());
    for _ in 0..3 {
        served.ask(&query("nginx_01", RecordType::A, None));
    }
    // It exists, and has no address of this family.
    served.ask(&query("nginx_02", RecordType::AAAA, None));
    served.ask(&query("nobody", RecordType::A, None));
    served.ask(&query("nginx_01", RecordType::AXFR, None));
    let socket = served.udp();
    socket.send(&[0xff; 40]).unwrap();
    let mut stream = served.tcp();
    stream.write_all(&framed(&query("nginx_01", RecordType::A, None).to_vec().unwrap())).unwrap();
    read_frame(&mut stream).unwrap();
    assert_eq!(counted(&served), [("answered", 5), ("ignored", 1), ("nxdomain", 1), ("refused", 1)].into());
}

#[test]
fn a_newer_edns_is_refused() {
    let served = Served::new(&[]);
    let mut newer = query("nginx_01", RecordType::A, Some(1232));
    newer.edns.as_mut().unwrap().set_version(1);
    served.ask(&newer);
    assert_eq!(counted(&served), [("refused", 1)].into());
}

#[test]
fn what_others_answer_is_counted_when_they_do() {
    let other = upstream(|query, _| {
        let is_broken = query.queries[0].name().to_ascii().starts_with("broken");
        vec![refusal(query, if is_broken { ResponseCode::ServFail } else { ResponseCode::NXDomain })]
    });
    let served = Served::new(&[other]);
    let socket = served.udp();
    for name in ["a.example", "b.example", "broken.example"] {
        socket.send(&query(name, RecordType::A, None).to_vec().unwrap()).unwrap();
        receive(&socket);
    }
    assert_eq!(counted(&served), [("failed", 1), ("forwarded", 2)].into());
}
