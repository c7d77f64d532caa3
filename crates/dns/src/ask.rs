//! A question to a name server, as a program in a container asks it.

use crate::wire::{CLASS_IN, HEADER, Reader, encode, flag, rcode, rtype};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

/// Asks `server` for the addresses of `name`, of the family of `like`, from the network namespace that the thread is in. No
/// address: the server says that there is none.
///
/// # Errors
/// If no name can be written so, or nothing that answers comes back `within`, or the server says that it cannot.
pub fn ask(server: SocketAddr, name: &str, like: IpAddr, within: Duration) -> io::Result<Vec<IpAddr>> {
    let kind = if like.is_ipv4() { rtype::A } else { rtype::AAAA };
    let id: u16 = rand::random();
    let question = question(id, name, kind).ok_or(io::ErrorKind::InvalidInput)?;
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    let start = Instant::now();
    socket.send(&question)?;
    let mut answer = [0; 4096];
    while let Some(left) = within.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut answer) {
            Ok(length) => match told(answer.get(..length).unwrap_or_default(), &question, kind) {
                Some(told) => return told,
                None => continue,
            },
            Err(error) if [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted].contains(&error.kind()) => {
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// RFC 1035 section 4.1.
fn question(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let name = encode(name.trim_end_matches('.'))?;
    let header = [id, flag::RECURSION_DESIRED, 1, 0, 0, 0].map(u16::to_be_bytes).concat();
    Some([header, name, vec![0], kind.to_be_bytes().to_vec(), CLASS_IN.to_be_bytes().to_vec()].concat())
}

/// What an answer tells; none if it answers another question, or is no answer.
fn told(answer: &[u8], question: &[u8], kind: u16) -> Option<io::Result<Vec<IpAddr>>> {
    let mut reader = Reader::new(answer);
    let [id, flags, _, records] = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let asked = question.get(HEADER..)?;
    reader.bytes(HEADER - 8)?;
    let is_same =
        id.to_be_bytes() == question.get(..2)? && reader.bytes(asked.len())?.eq_ignore_ascii_case(asked);
    if !is_same || flags & flag::RESPONSE == 0 {
        return None;
    }
    match flags & flag::RCODE {
        rcode::NOERROR => {}
        rcode::NXDOMAIN => return Some(Ok(Vec::new())),
        code => return Some(Err(io::Error::other(format!("the name server answers with code {code}")))),
    }
    let mut addresses = Vec::new();
    for _ in 0..records {
        let Some((found, data)) = record(&mut reader) else { break };
        let address = match data.len() {
            4 => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
            _ => None,
        };
        addresses.extend(address.filter(|_| found == kind));
    }
    Some(Ok(addresses))
}

/// The type and the data of the next record.
fn record<'m>(reader: &mut Reader<'m>) -> Option<(u16, &'m [u8])> {
    reader.skip_name()?;
    let kind = reader.u16()?;
    // The class and how long it is good for.
    reader.bytes(6)?;
    let length = reader.u16()?;
    Some((kind, reader.bytes(length.into())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::{
        op::{Message, MessageType, ResponseCode},
        rr::{RData, Record, rdata::A},
    };
    use proptest::prelude::*;

    fn answered(question: &[u8], change: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = Message::from_vec(question).expect("a question that others can read");
        message.metadata.message_type = MessageType::Response;
        change(&mut message);
        message.to_vec().unwrap()
    }

    #[test]
    fn an_answer_is_read_and_anothers_is_not() {
        let question = question(7, "web.overlay", rtype::A).unwrap();
        let answer = answered(&question, |message| {
            let name = message.queries[0].name().clone();
            message.add_answer(Record::from_rdata(name, 5, RData::A(A::new(10, 0, 0, 2))));
        });
        assert_eq!(
            told(&answer, &question, rtype::A).unwrap().unwrap(),
            ["10.0.0.2".parse::<IpAddr>().unwrap()]
        );
        let none = answered(&question, |message| message.metadata.response_code = ResponseCode::NXDomain);
        assert_eq!(told(&none, &question, rtype::A).unwrap().unwrap(), Vec::<IpAddr>::new());
        let fails = answered(&question, |message| message.metadata.response_code = ResponseCode::ServFail);
        assert!(told(&fails, &question, rtype::A).unwrap().is_err());
        let other = super::question(8, "web.overlay", rtype::A).unwrap();
        assert!(told(&answer, &other, rtype::A).is_none());
        assert!(told(&question, &question, rtype::A).is_none(), "the question itself");
        assert!(super::question(7, "a..b", rtype::A).is_none());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(mut answer: Vec<u8>, like: bool) {
            let question = question(7, "web", rtype::A).unwrap();
            if like {
                answer = [question.clone(), answer].concat();
                answer[2] |= 0x80;
                answer[7] = 9;
            }
            let _ = told(&answer, &question, rtype::A);
        }
    }
}
