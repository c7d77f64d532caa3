//! Each kind of certificate is refused where another is wanted.

use super::*;
use crate::{
    Authority, Member, NodeKey,
    tls::{join_client, member_client, server, store_server, tests::handshake},
};
use jiff::SignedDuration;
use rustls::{ClientConnection, ServerConnection, version::TLS13};
use weft_model::NodeId;

const AT: &str = "192.0.2.1";

struct Lab {
    authority: Authority,
    now: Timestamp,
}

/// A key and its certificate, PEM each.
struct Pair {
    certificate: String,
    key: NodeKey,
}

impl Lab {
    fn new() -> Self {
        let now = Timestamp::now();
        Self { authority: Authority::found(now).unwrap(), now }
    }

    fn pair(&self, issue: impl FnOnce(&[u8]) -> Result<String, TrustError>) -> Pair {
        let key = NodeKey::generate().unwrap();
        Pair { certificate: issue(&key.request().unwrap()).unwrap(), key }
    }

    fn user_from(&self, now: Timestamp) -> Pair {
        let user = User { name: "alice".parse().unwrap(), id: id() };
        self.pair(|request| self.authority.issue_user(&user, request, (now, SignedDuration::from_hours(24))))
    }

    fn user(&self) -> Pair {
        self.user_from(self.now)
    }

    fn node(&self) -> Pair {
        self.pair(|request| self.authority.issue(&subject(), request, self.now))
    }

    fn api(&self) -> Pair {
        self.pair(|request| self.authority.issue_api(&subject(), &names(), request, self.now))
    }

    fn server(&self, shown: &Pair, barred: &Arc<Barred>) -> ServerConfig {
        let who = WhoMayAsk::Users(self.authority.certificate_pem());
        api_server(&ApiServer { certificate: &shown.certificate, key: &shown.key.pem(), who }, barred)
            .unwrap()
    }

    fn client(&self, shown: &Pair) -> ClientConfig {
        api_client(self.authority.certificate_pem(), (&shown.certificate, &shown.key.pem())).unwrap()
    }

    fn member(&self, pair: Pair) -> Member {
        Member::new(pair.key, &pair.certificate, self.authority.certificate_pem()).unwrap()
    }
}

fn id() -> NodeId {
    "1".repeat(64).parse().unwrap()
}

fn subject() -> Subject {
    Subject { name: "host1".parse().unwrap(), id: "0".repeat(64).parse().unwrap() }
}

fn names() -> ApiNames {
    ApiNames::of("host1", [AT.parse().unwrap()])
}

/// Whether a client under this name and a server have a connection in the end.
fn meet(client: ClientConfig, server: ServerConfig, name: &str) -> Result<(), rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client.into(), name).unwrap();
    let mut server = ServerConnection::new(server.into()).unwrap();
    handshake(&mut client, &mut server)
}

#[test]
fn a_user_is_let_in_and_sees_the_host_it_asked() {
    let lab = Lab::new();
    let at = |name| meet(lab.client(&lab.user()), lab.server(&lab.api(), &Arc::default()), name);
    for name in [AT, "host1", "127.0.0.1", "::1", "localhost"] {
        assert_eq!(at(name), Ok(()), "{name}");
    }
    for name in ["192.0.2.2", "host2", crate::MEMBER] {
        assert!(at(name).is_err(), "{name}");
    }
}

#[test]
fn who_is_no_user_or_no_longer_one_is_not_let_in() {
    let (lab, other) = (Lab::new(), Lab::new());
    let ask = |shown: &Pair| meet(lab.client(shown), lab.server(&lab.api(), &Arc::default()), AT);
    let purpose = rustls::Error::InvalidCertificate(CertificateError::InvalidPurpose);
    assert_eq!(ask(&lab.node()), Err(purpose));
    let long_ago = lab.now - SignedDuration::from_hours(72);
    for refused in [lab.api(), other.user(), other.node(), lab.user_from(long_ago)] {
        assert!(ask(&refused).is_err());
    }
    let barred = Arc::<Barred>::default();
    barred.set([id()].into());
    let revoked = rustls::Error::InvalidCertificate(CertificateError::Revoked);
    assert_eq!(meet(lab.client(&lab.user()), lab.server(&lab.api(), &barred), AT), Err(revoked));
    // With nothing to show.
    let none = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let none = none.with_protocol_versions(&[&TLS13]).unwrap();
    let none =
        none.with_root_certificates(roots(lab.authority.certificate_pem()).unwrap()).with_no_client_auth();
    let nothing = rustls::Error::NoCertificatesPresented;
    assert_eq!(meet(none, lab.server(&lab.api(), &Arc::default()), AT), Err(nothing));
}

#[test]
fn a_user_is_no_node() {
    let lab = Lab::new();
    let node = || lab.member(lab.node());
    let barred = Arc::default();
    for wrong in [Lab::user, Lab::api] {
        let wrong = || lab.member(wrong(&lab));
        for server in [server(&node(), &barred).unwrap(), store_server(&node(), &barred).unwrap()] {
            let mut client = member_client(&wrong()).unwrap();
            client.alpn_protocols = server.alpn_protocols.clone();
            assert!(meet(client, server, crate::MEMBER).is_err());
        }
        // Nor as a server.
        let client = member_client(&node()).unwrap();
        assert!(meet(client, server(&wrong(), &barred).unwrap(), crate::MEMBER).is_err());
        let client = join_client(lab.authority.id()).unwrap();
        assert!(meet(client, server(&wrong(), &barred).unwrap(), crate::MEMBER).is_err());
        assert!(wrong().check(&subject(), lab.now).is_err());
    }
    let mut client = member_client(&node()).unwrap();
    client.alpn_protocols = vec![HTTP.to_vec()];
    assert!(meet(client, store_server(&node(), &barred).unwrap(), crate::MEMBER).is_ok());
}

/// Neither a node's nor a user's certificate is good to be taken for the API.
#[test]
fn an_api_is_answered_with_the_certificate_for_that() {
    let lab = Lab::new();
    for wrong in [lab.node(), lab.user()] {
        for name in [AT, "host1", crate::MEMBER] {
            let server = lab.server(&wrong, &Arc::default());
            let asked = meet(lab.client(&lab.user()), server, name);
            assert!(asked.is_err() || name == crate::MEMBER, "{name}");
        }
    }
}

/// An authority of one's own, and, by mistake, that of the cluster.
#[test]
fn nodes_are_refused_whatever_authority_is_believed() {
    let (lab, other) = (Lab::new(), Lab::new());
    let both = format!("{}{}", lab.authority.certificate_pem(), other.authority.certificate_pem());
    let ask = |shown: &Pair| {
        let own = lab.api();
        let who = WhoMayAsk::Anyone(&both);
        let with = ApiServer { certificate: &own.certificate, key: &own.key.pem(), who };
        meet(lab.client(shown), api_server(&with, &Arc::default()).unwrap(), AT)
    };
    assert!(ask(&lab.user()).is_ok() && ask(&other.user()).is_ok());
    assert!(ask(&lab.node()).is_err() && ask(&other.node()).is_err());
}

#[test]
fn a_certificate_is_fresh_for_half_of_its_life_and_for_its_own_names() {
    let (lab, other) = (Lab::new(), Lab::new());
    let (own, authority) = (lab.api().certificate, lab.authority.certificate_pem());
    let later = |days: i64| lab.now + SignedDuration::from_hours(24 * days);
    assert!(api_is_fresh(&own, authority, &names(), lab.now));
    assert!(api_is_fresh(&own, authority, &ApiNames::of("host1", []), later(180)));
    assert!(!api_is_fresh(&own, authority, &names(), later(190)));
    assert!(!api_is_fresh(&own, authority, &ApiNames::of("host2", []), lab.now));
    assert!(!api_is_fresh(&own, other.authority.certificate_pem(), &names(), lab.now));
    assert!(!api_is_fresh("nonsense", authority, &names(), lab.now));
}

#[test]
fn what_is_wrong_with_a_file_is_said_and_nothing_of_the_key() {
    let lab = Lab::new();
    let (own, other) = (lab.api(), lab.api());
    let who = WhoMayAsk::Users(lab.authority.certificate_pem());
    let refused = |certificate: &str, key: &str, who| {
        api_server(&ApiServer { certificate, key, who }, &Arc::default()).unwrap_err().to_string()
    };
    let key = own.key.pem();
    assert!(
        refused(&own.certificate, &other.key.pem(), who)
            .contains("the certificate for the remote API, or its key")
    );
    assert!(refused("", &key, who).contains("no certificate (PEM)"));
    assert!(refused(&own.certificate, "secret", who).contains("no private key (PEM)"));
    assert!(refused(&own.certificate, &key, WhoMayAsk::Anyone("x")).contains("certificate of the authority"));
}
