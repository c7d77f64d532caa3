//! TLS between nodes of a cluster without an authority: each knows the keys of the others, from the cluster's store.

use super::{
    MembersAlone, Whom,
    clients::Checked,
    config::{self, Own},
};
use crate::{SelfSigned, Subject, TrustError, self_signed::fingerprint};
use rustls::{CertificateError, ClientConfig, ServerConfig, pki_types::CertificateDer};
use std::{fmt, sync::Arc};
use weft_model::KeyFingerprint;

/// What is spoken between nodes that know each other by their keys (RFC 7301). It is another protocol than
/// [`MEMBERS`](super::MEMBERS), so that nobody who is let in by the one is taken for who is let in by the other.
pub const PINNED: &[u8] = b"weft-pinned/1";

const OWN: &str = "the node's own certificate, or its key";

/// Which node has the key with a fingerprint.
type Lookup = dyn Fn(&KeyFingerprint) -> Option<Subject> + Send + Sync;

/// Which nodes there are, by their keys, each time as it is by then.
pub struct Pins(Box<Lookup>);

impl Pins {
    /// Those that `lookup` finds.
    pub fn new(lookup: impl Fn(&KeyFingerprint) -> Option<Subject> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self(Box::new(lookup)))
    }

    /// The node whose key a certificate is for, whatever else it says.
    pub fn who(&self, shown: &CertificateDer<'_>) -> Option<Subject> {
        (self.0)(&fingerprint(shown).ok()?)
    }

    pub(super) fn check(&self, shown: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        // That it has the key is seen by its signature of the handshake.
        self.who(shown).map(drop).ok_or_else(|| CertificateError::UnknownIssuer.into())
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pins")
    }
}

/// The server's side: lets nodes in that are among `pins`.
///
/// # Errors
/// If key and certificate do not belong together.
pub fn pinned_server(own: &SelfSigned, pins: Arc<Pins>) -> Result<ServerConfig, TrustError> {
    let clients = Checked::new(None, move |certificate| pins.check(certificate));
    config::server(shown(own), clients, &[PINNED])
}

/// The client's side: believes nodes that are among `pins`.
///
/// # Errors
/// If key and certificate do not belong together.
pub fn pinned_client(own: &SelfSigned, pins: Arc<Pins>) -> Result<ClientConfig, TrustError> {
    let verifier = Arc::new(MembersAlone::new(Whom::Pinned(pins), Arc::default()));
    config::client_that(shown(own), PINNED, |config| {
        config.dangerous().with_custom_certificate_verifier(verifier)
    })
}

fn shown(own: &SelfSigned) -> Own {
    Own { chain: vec![own.certificate.clone()], key: own.private_key(), what: OWN }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{member_client, server, tests::handshake},
        *,
    };
    use crate::{Authority, MEMBER, Member, NodeKey};
    use jiff::Timestamp;
    use rustls::{ClientConnection, ServerConnection};

    fn subject(digit: &str) -> Subject {
        Subject { name: format!("host{digit}").parse().unwrap(), id: digit.repeat(64).parse().unwrap() }
    }

    fn own(digit: &str) -> SelfSigned {
        SelfSigned::new(NodeKey::generate().unwrap(), &subject(digit)).unwrap()
    }

    /// Those that have these keys, by the name that the first says.
    fn pins(of: &[&SelfSigned]) -> Arc<Pins> {
        let known: Vec<_> = of.iter().map(|own| (own.fingerprint(), own.subject().unwrap())).collect();
        Pins::new(move |print| known.iter().find(|(known, _)| known == print).map(|(_, who)| who.clone()))
    }

    fn shake(client: ClientConfig, server: ServerConfig) -> Result<(), rustls::Error> {
        let mut client = ClientConnection::new(client.into(), MEMBER.try_into().unwrap()).unwrap();
        handshake(&mut client, &mut ServerConnection::new(server.into()).unwrap())
    }

    #[test]
    fn nodes_that_know_each_others_keys_speak_and_others_do_not() {
        let [one, two, stranger] = ["1", "2", "3"].map(own);
        let both = || pins(&[&one, &two]);
        let speak =
            |client: ClientConfig, at: &SelfSigned, known| shake(client, pinned_server(at, known).unwrap());
        let good = speak(pinned_client(&one, both()).unwrap(), &two, both());
        assert_eq!(good, Ok(()));
        // A stranger asks; a stranger answers.
        let is_unknown =
            |result: Result<(), rustls::Error>| result == Err(CertificateError::UnknownIssuer.into());
        assert!(is_unknown(speak(pinned_client(&stranger, both()).unwrap(), &two, both())));
        assert!(is_unknown(speak(pinned_client(&one, both()).unwrap(), &stranger, both())));
        // Who is asked has to be the one that is meant.
        assert!(is_unknown(speak(pinned_client(&one, pins(&[&one])).unwrap(), &two, both())));
    }

    #[test]
    fn who_has_anothers_certificate_and_not_its_key_is_not_let_in() {
        let [one, two] = ["1", "2"].map(own);
        let thief = own("3");
        let mut client = config::client_that(
            Own { chain: vec![one.certificate.clone()], key: thief.private_key(), what: OWN },
            PINNED,
            |config| {
                let whom = MembersAlone::new(Whom::Pinned(pins(&[&two])), Arc::default());
                config.dangerous().with_custom_certificate_verifier(Arc::new(whom))
            },
        );
        // The library does not even let it try.
        assert!(client.is_err());
        client = pinned_client(&thief, pins(&[&two]));
        assert!(shake(client.unwrap(), pinned_server(&two, pins(&[&one])).unwrap()).is_err());
    }

    /// Neither is taken for the other: what an authority vouches for is never given to who is known by a record.
    #[test]
    fn members_and_nodes_that_are_known_by_their_keys_do_not_speak() {
        let authority = Authority::found(Timestamp::now()).unwrap();
        let key = NodeKey::generate().unwrap();
        let own = SelfSigned::new(NodeKey::from_pem(&key.pem()).unwrap(), &subject("1")).unwrap();
        let certificate = authority.issue(&subject("1"), &key.request().unwrap(), Timestamp::now()).unwrap();
        let member = Member::new(key, &certificate, authority.certificate_pem()).unwrap();
        let known = || pins(&[&own]);
        let by_members = || server(&member, &Arc::default()).unwrap();
        assert!(shake(member_client(&member).unwrap(), by_members()).is_ok());
        assert!(shake(pinned_client(&own, known()).unwrap(), by_members()).is_err());
        assert!(shake(member_client(&member).unwrap(), pinned_server(&own, known()).unwrap()).is_err());
        // Nor where it says that it speaks the other's protocol.
        let mut client = pinned_client(&own, known()).unwrap();
        client.alpn_protocols = vec![super::super::MEMBERS.to_vec()];
        assert_eq!(shake(client, by_members()), Err(CertificateError::UnknownIssuer.into()));
        let mut client = member_client(&member).unwrap();
        client.alpn_protocols = vec![PINNED.to_vec()];
        assert!(shake(client, pinned_server(&own, known()).unwrap()).is_err());
    }
}
