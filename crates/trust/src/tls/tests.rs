//! Who is believed in a handshake.

use super::{server as server_config, *};
use crate::{Authority, MEMBER, NodeKey, Subject};
use jiff::SignedDuration;
use rustls::{ClientConnection, ServerConnection};

fn subject() -> Subject {
    let id = "0".repeat(64).parse().unwrap();
    Subject { name: "host1".parse().unwrap(), id }
}

fn member(authority: &Authority, at: Timestamp) -> Member {
    let key = NodeKey::generate().unwrap();
    let certificate = authority.issue(&subject(), &key.request().unwrap(), at).unwrap();
    Member::new(key, &certificate, authority.certificate_pem()).unwrap()
}

/// Shakes hands, in memory, until one gives up.
pub(super) fn handshake(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
) -> Result<(), rustls::Error> {
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

/// What tells the connection apart, at both ends, or why it did not come about.
fn shake(authority: AuthorityId, server: &Member) -> Result<[[u8; 32]; 2], rustls::Error> {
    let name = MEMBER.try_into().unwrap();
    let mut client = ClientConnection::new(join_client(authority).unwrap().into(), name).unwrap();
    let mut server = ServerConnection::new(server_config(server, &Arc::default()).unwrap().into()).unwrap();
    handshake(&mut client, &mut server)?;
    Ok([binding(&client)?, binding(&server)?])
}

fn unbelieved(authority: AuthorityId, server: &Member) -> Option<Unbelieved> {
    Unbelieved::of(&shake(authority, server).unwrap_err())
}

#[test]
fn a_member_of_the_cluster_is_believed_and_the_connection_is_the_only_one_of_its_kind() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    let member = member(&authority, Timestamp::now());
    let [[client, server], [again, _]] = [(); 2].map(|()| shake(authority.id(), &member).unwrap());
    assert_eq!(client, server);
    assert_ne!(client, again);
    assert_eq!(member.issuer(), Some(authority.id()));
}

#[test]
fn what_a_host_keeps_is_read_again() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    let again = Authority::from_pem(authority.certificate_pem(), &authority.key_pem()).unwrap();
    assert_eq!(again.id(), authority.id());
    let key = NodeKey::from_pem(&NodeKey::generate().unwrap().pem()).unwrap();
    let certificate = again.issue(&subject(), &key.request().unwrap(), Timestamp::now()).unwrap();
    shake(authority.id(), &Member::new(key, &certificate, again.certificate_pem()).unwrap()).unwrap();
}

#[test]
fn another_clusters_host_is_not_believed() {
    let [ours, other] = [(); 2].map(|()| Authority::found(Timestamp::now()).unwrap());
    assert_eq!(unbelieved(ours.id(), &member(&other, Timestamp::now())), Some(Unbelieved::OtherAuthority));
}

/// It shows the authority's certificate beside its own, which that did not sign.
#[test]
fn who_only_shows_the_authoritys_certificate_is_not_believed() {
    let [ours, other] = [(); 2].map(|()| Authority::found(Timestamp::now()).unwrap());
    let key = NodeKey::generate().unwrap();
    let certificate = other.issue(&subject(), &key.request().unwrap(), Timestamp::now()).unwrap();
    let liar = Member::new(key, &certificate, ours.certificate_pem()).unwrap();
    assert_eq!(unbelieved(ours.id(), &liar), Some(Unbelieved::OtherAuthority));
}

#[test]
fn a_certificate_of_another_time_is_told_apart() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    for hours in [-400 * 24, 48] {
        let at = Timestamp::now() + SignedDuration::from_hours(hours);
        assert_eq!(unbelieved(authority.id(), &member(&authority, at)), Some(Unbelieved::Time), "{hours}");
    }
}

/// A request that was signed by another key, or that somebody changed, gets no certificate.
#[test]
fn a_request_proves_that_one_has_the_key() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    let request = NodeKey::generate().unwrap().request().unwrap();
    // What is signed, and the signature of 64 bytes; between them, in 10 bytes, is how it is signed.
    let signature = request.len() - 64;
    for at in (0..signature - 10).chain(signature..request.len()) {
        let mut changed = request.clone();
        changed[at] ^= 1;
        assert!(authority.issue(&subject(), &changed, Timestamp::now()).is_err(), "byte {at}");
    }
}

/// A client with a certificate, and a server; who the server saw, or why it gave up.
fn meet(client: &Member, server: &Member) -> Result<Option<Subject>, rustls::Error> {
    meet_barred(client, server, &Arc::default())
}

fn meet_barred(
    client: &Member,
    server: &Member,
    barred: &Arc<Barred>,
) -> Result<Option<Subject>, rustls::Error> {
    let name = MEMBER.try_into().unwrap();
    let mut client = ClientConnection::new(member_client(client).unwrap().into(), name).unwrap();
    let mut server = ServerConnection::new(server_config(server, barred).unwrap().into()).unwrap();
    handshake(&mut client, &mut server)?;
    assert_eq!(server.alpn_protocol(), Some(MEMBERS));
    Ok(server.peer_certificates().map(|chain| Subject::of(&chain[0]).unwrap()))
}

#[test]
fn members_know_each_other_by_name() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    let [one, two] = [(); 2].map(|()| member(&authority, Timestamp::now()));
    assert_eq!(meet(&one, &two), Ok(Some(subject())));
}

#[test]
fn who_was_revoked_is_refused_from_then_on() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    let [one, two] = [(); 2].map(|()| member(&authority, Timestamp::now()));
    let barred = Arc::<Barred>::default();
    barred.set([weft_model::NodeId::random(&mut rand::rng())].into());
    assert!(meet_barred(&one, &two, &barred).is_ok());
    barred.set([subject().id].into());
    let revoked = rustls::Error::InvalidCertificate(CertificateError::Revoked);
    assert_eq!(meet_barred(&one, &two, &barred), Err(revoked));
}

#[test]
fn a_certificate_of_another_cluster_or_another_time_is_refused() {
    let [ours, other] = [(); 2].map(|()| Authority::found(Timestamp::now()).unwrap());
    let long_ago = Timestamp::now() - SignedDuration::from_hours(400 * 24);
    let here = member(&ours, Timestamp::now());
    // It shows the right authority beside its own certificate, and so gets as far as the server's look at it.
    let key = NodeKey::generate().unwrap();
    let forged = other.issue(&subject(), &key.request().unwrap(), Timestamp::now()).unwrap();
    let liar = Member::new(key, &forged, ours.certificate_pem()).unwrap();
    for client in [member(&other, Timestamp::now()), member(&ours, long_ago), liar] {
        assert!(meet(&client, &here).is_err());
    }
    assert!(meet(&here, &member(&ours, long_ago)).is_err());
}

#[test]
fn a_certificate_says_how_long_it_is_good() {
    let (now, authority) = (Timestamp::now(), Authority::found(Timestamp::now()).unwrap());
    let (from, until) = member(&authority, now).validity().unwrap();
    assert!(from < now && until > now + SignedDuration::from_hours(364 * 24));
}

#[test]
fn an_authority_has_its_own_key() {
    let [one, other] = [(); 2].map(|()| Authority::found(Timestamp::now()).unwrap());
    assert!(Authority::from_pem(one.certificate_pem(), &other.key_pem()).is_err());
}

#[test]
fn a_certificate_is_looked_at_before_it_is_kept() {
    let [ours, other] = [(); 2].map(|()| Authority::found(Timestamp::now()).unwrap());
    let now = Timestamp::now();
    let long_ago = now - SignedDuration::from_hours(400 * 24);
    assert!(member(&ours, now).check(&subject(), now).is_ok());
    assert!(member(&ours, long_ago).check(&subject(), now).is_err());
    let name = "host2".parse().unwrap();
    assert!(member(&ours, now).check(&Subject { name, ..subject() }, now).is_err());
    // Of another authority, and of another key.
    let key = NodeKey::generate().unwrap();
    let forged = other.issue(&subject(), &key.request().unwrap(), now).unwrap();
    assert!(Member::new(key, &forged, ours.certificate_pem()).unwrap().check(&subject(), now).is_err());
    let request = NodeKey::generate().unwrap().request().unwrap();
    let foreign = ours.issue(&subject(), &request, now).unwrap();
    let member = Member::new(NodeKey::generate().unwrap(), &foreign, ours.certificate_pem()).unwrap();
    assert!(member.check(&subject(), now).is_err());
    assert!(crate::same_key(&request, &member.chain[0]).unwrap());
    assert!(!crate::same_key(&NodeKey::generate().unwrap().request().unwrap(), &member.chain[0]).unwrap());
}
