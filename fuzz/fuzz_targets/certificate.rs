//! What a certificate may say that somebody made: names of any kind, any times, for any purpose. It is read as a node's, or as
//! a user's, or as nobody's; and with none that the authority did not sign does anybody get in, or is taken for a host.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType,
};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, pki_types::CertificateDer};
use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::{Duration, UNIX_EPOCH},
};
use weft_trust::{
    ApiNames, Authority, Barred, MEMBER, Member, NodeKey, Subject, TrustError, User, is_self_signed,
    join_client, member_client, server, store_client, store_server,
};

#[derive(Debug, Arbitrary)]
struct Fields<'a> {
    common: &'a str,
    uris: Vec<&'a str>,
    names: Vec<&'a str>,
    addresses: Vec<IpAddr>,
    is_authority: bool,
    purposes: [bool; 2],
    /// In seconds since 1970.
    times: [u32; 2],
    raw: &'a [u8],
}

static HOST1: LazyLock<(Authority, Member)> = LazyLock::new(|| weft_fuzz::host1(jiff::Timestamp::now()));
static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());

/// The certificate of these fields, as far as there can be one.
fn made(fields: &Fields<'_>) -> Option<rcgen::Certificate> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, fields.common);
    let uris = fields.uris.iter().filter_map(|uri| Some(SanType::URI((*uri).try_into().ok()?)));
    let names = fields.names.iter().filter_map(|name| Some(SanType::DnsName((*name).try_into().ok()?)));
    let addresses = fields.addresses.iter().map(|address| SanType::IpAddress(*address));
    params.subject_alt_names = uris.chain(names).chain(addresses).collect();
    if fields.is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let purposes = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.extended_key_usages =
        purposes.into_iter().zip(fields.purposes).filter_map(|(p, is)| is.then_some(p)).collect();
    let [from, until] = fields.times.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds.into()));
    (params.not_before, params.not_after) = (from.into(), until.into());
    params.self_signed(&*KEY).ok()
}

type Client = fn(&Member) -> Result<ClientConfig, TrustError>;
type Server = fn(&Member, &Arc<Barred>) -> Result<ServerConfig, TrustError>;

/// Who a certificate is for: nobody, or one.
fn read(der: &CertificateDer<'_>) {
    let (node, user) = (Subject::of(der), User::of(der));
    assert!(node.is_err() || user.is_err());
    let _ = ApiNames::in_certificate(der);
}

/// Whether both ends of a connection take each other for what they say.
fn meet(client: ClientConfig, server: ServerConfig) -> bool {
    let name = MEMBER.try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        if server.process_new_packets().is_err() {
            return false;
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        if client.process_new_packets().is_err() {
            return false;
        }
    }
    true
}

fuzz_target!(|fields: Fields<'_>| {
    let (authority, honest) = &*HOST1;
    read(&CertificateDer::from(fields.raw));
    let Some(made) = made(&fields) else { return };
    read(made.der());
    let (pem, ours, barred) = (made.pem(), authority.certificate_pem(), Arc::default());
    let _ = is_self_signed(&pem);
    assert_eq!(honest.authorities().signer_of(&pem), None);
    let key = NodeKey::from_pem(&KEY.serialize_pem()).unwrap();
    let Ok(liar) = Member::new(key, &pem, ours) else { return };
    assert!(liar.check(&weft_fuzz::subject(), jiff::Timestamp::now()).is_err());
    let _ = (liar.subject(), liar.validity(), liar.issuer());
    // 7946, and 8500.
    let members: [(Client, Server); 2] =
        [(member_client, server), (|member| store_client(member, &Arc::default()), store_server)];
    for (client, server) in members {
        assert!(meet(client(honest).unwrap(), server(honest, &barred).unwrap()));
        if let Ok(client) = client(&liar) {
            assert!(
                !meet(client, server(honest, &barred).unwrap()),
                "who has no certificate of ours gets in"
            );
        }
        if let Ok(server) = server(&liar, &barred) {
            assert!(!meet(client(honest).unwrap(), server), "it is taken for a host");
        }
    }
    if let Ok(server) = server(&liar, &barred) {
        assert!(!meet(join_client(authority.id()).unwrap(), server), "a host joins with a liar");
    }
});
