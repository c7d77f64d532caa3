//! Certificates for the remote API: those of its users, and those that it is served with. Neither is one of a node, and a
//! node's is none of them.

use crate::{
    Authority, MEMBER, NodeKey, Subject, TrustError,
    authority::{lasting, named},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType};
use rustls::pki_types::{CertificateDer, DnsName};
use std::{collections::BTreeSet, net::IpAddr};
use weft_model::{NodeId, UserName};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

/// How the name of a user begins in a certificate.
const USER: &str = "weft-user://";
/// How long a certificate to answer the API with is good for.
const SERVER_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

const CERTIFICATE: &str = "the certificate";

/// How an Ed25519 key begins as ring writes it (RFC 5958, with the public half at the end), and as all programs read it
/// (RFC 5208): OpenSSL 3.0, and so curl, does not know the former.
const WRITTEN: [u8; 16] = *b"\x30\x51\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const READ: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

impl NodeKey {
    /// The key as a file for other programs has it (PKCS #8 of RFC 5208 in PEM): a secret.
    ///
    /// # Errors
    /// If the library writes it in another way than it did.
    pub fn pem_for_others(&self) -> Result<String, TrustError> {
        let der = self.0.serialize_der();
        let rest = der.strip_prefix(&WRITTEN).and_then(|rest| rest.get(..32));
        let why = || "it is written in an unknown form".to_owned();
        let seed = rest.ok_or_else(|| TrustError::Make { what: "a key for other programs", why: why() })?;
        // 48 bytes are one line.
        let line = BASE64_STANDARD.encode([&READ, seed].concat());
        Ok(format!("-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"))
    }
}

/// Who may use the remote API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their name.
    pub name: UserName,
    /// Tells this certificate from all others, also of the same user: it is revoked by this, as a node is by its own.
    pub id: NodeId,
}

/// Under which names and addresses an API is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiNames {
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl ApiNames {
    /// Those of a host with this name and these addresses, and of every host for itself. A name that DNS cannot have is
    /// left out, and that of a [`MEMBER`].
    pub fn of(host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let is_dns = |name: &str| !name.eq_ignore_ascii_case(MEMBER) && DnsName::try_from(name).is_ok();
        let names = [host, "localhost"].into_iter().filter(|name| is_dns(name)).map(str::to_owned).collect();
        let own = ["127.0.0.1", "::1"].into_iter().filter_map(|address| address.parse().ok());
        Self { names, addresses: addresses.into_iter().chain(own).collect() }
    }

    /// Those that a certificate is for.
    ///
    /// # Errors
    /// If it is none.
    pub fn in_certificate(der: &CertificateDer<'_>) -> Result<Self, TrustError> {
        let mut found = Self::default();
        for_each_name(der, |name| match name {
            GeneralName::DNSName(name) => drop(found.names.insert((*name).to_owned())),
            GeneralName::IPAddress(bytes) => {
                let address = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                let address = address.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
                found.addresses.extend(address);
            }
            _ => {}
        })?;
        Ok(found)
    }

    /// Whether all of the others are among these.
    pub fn cover(&self, others: &Self) -> bool {
        self.names.is_superset(&others.names) && self.addresses.is_superset(&others.addresses)
    }
}

impl Authority {
    /// A certificate (PEM) for the key that signed `request`, with which `user` may use the remote API for that long. It
    /// opens nothing else.
    ///
    /// # Errors
    /// If the request is not valid, or its signature is not.
    pub fn issue_user(
        &self,
        user: &User,
        request: &[u8],
        (now, life): (Timestamp, SignedDuration),
    ) -> Result<String, TrustError> {
        let mut params = lasting(now, life);
        params.distinguished_name = named(user.name.as_str());
        let own = format!("{USER}{}/{}", user.id, user.name);
        params.subject_alt_names = vec![SanType::URI(ia5(&own)?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.certify(params, request)
    }

    /// A certificate (PEM) for the key that signed `request`, to answer the remote API with on the host `whom` under
    /// `names`. It opens nothing, and no node is believed by it.
    ///
    /// # Errors
    /// If the request is not valid, or its signature is not.
    pub fn issue_api(
        &self,
        whom: &Subject,
        names: &ApiNames,
        request: &[u8],
        now: Timestamp,
    ) -> Result<String, TrustError> {
        let mut params = lasting(now, SERVER_LIFE);
        params.distinguished_name = named(whom.name.as_str());
        let dns = names.names.iter().map(|name| Ok(SanType::DnsName(ia5(name)?)));
        let addresses = names.addresses.iter().map(|address| Ok(SanType::IpAddress(*address)));
        params.subject_alt_names = dns.chain(addresses).collect::<Result<_, TrustError>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.certify(params, request)
    }
}

impl User {
    /// Whose a certificate is that an authority signed ([`Authority::issue_user`]): whether it did is found out in the
    /// handshake.
    ///
    /// # Errors
    /// If it names no user, or something besides.
    pub fn of(der: &CertificateDer<'_>) -> Result<Self, TrustError> {
        let mut users = Vec::new();
        let mut others = 0;
        for_each_name(der, |name| match name {
            GeneralName::URI(uri) if uri.starts_with(USER) => users.push(uri[USER.len()..].to_owned()),
            _ => others += 1,
        })?;
        let [user] = users.as_slice() else { return Err(invalid("it is not one of a user")) };
        if others > 0 {
            return Err(invalid("it names something besides its user"));
        }
        let (id, name) = user.split_once('/').ok_or_else(|| invalid("it has no user's name"))?;
        Ok(Self { name: name.parse().map_err(invalid)?, id: id.parse().map_err(invalid)? })
    }
}

fn for_each_name(der: &CertificateDer<'_>, mut each: impl FnMut(&GeneralName<'_>)) -> Result<(), TrustError> {
    let (_, read) = X509Certificate::from_der(der).map_err(invalid)?;
    let names = read.subject_alternative_name().map_err(invalid)?;
    names.iter().flat_map(|names| &names.value.general_names).for_each(&mut each);
    Ok(())
}

fn ia5<T: for<'a> TryFrom<&'a str, Error = rcgen::Error>>(text: &str) -> Result<T, TrustError> {
    text.try_into().map_err(TrustError::make("a name in a certificate"))
}

fn invalid(why: impl ToString) -> TrustError {
    TrustError::Invalid { what: CERTIFICATE, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn subject(name: &str) -> Subject {
        Subject { name: name.parse().unwrap(), id: "0".repeat(64).parse().unwrap() }
    }

    #[test]
    fn a_key_for_other_programs_is_the_same_key() {
        let key = NodeKey::generate().unwrap();
        let again = NodeKey::from_pem(&key.pem_for_others().unwrap()).unwrap();
        assert_eq!(again.0.public_key_raw(), key.0.public_key_raw());
    }

    #[test]
    fn each_certificate_is_of_one_purpose() {
        let (now, authority) = (Timestamp::now(), Authority::found(Timestamp::now()).unwrap());
        let request = NodeKey::generate().unwrap().request().unwrap();
        let user = User { name: "alice".parse().unwrap(), id: "1".repeat(64).parse().unwrap() };
        let life = SignedDuration::from_hours(24);
        let of_user = der(&authority.issue_user(&user, &request, (now, life)).unwrap());
        let of_node = der(&authority.issue(&subject("host1"), &request, now).unwrap());
        let names = ApiNames::of("host1", ["192.0.2.1".parse().unwrap()]);
        let of_api = der(&authority.issue_api(&subject("host1"), &names, &request, now).unwrap());
        assert_eq!(User::of(&of_user).unwrap(), user);
        assert!(Subject::of(&of_user).is_err() && Subject::of(&of_api).is_err());
        assert!(User::of(&of_node).is_err() && User::of(&of_api).is_err());
        assert_eq!(ApiNames::in_certificate(&of_api).unwrap(), names);
        assert!(authority.issue_user(&user, b"nonsense", (now, life)).is_err());
    }

    #[test]
    fn a_certificate_with_the_names_of_two_kinds_is_no_users() {
        let (now, authority) = (Timestamp::now(), Authority::found(Timestamp::now()).unwrap());
        let request = NodeKey::generate().unwrap().request().unwrap();
        let uri = |text: String| SanType::URI(ia5(&text).unwrap());
        let user = uri(format!("{USER}{}/alice", "1".repeat(64)));
        for other in [
            uri(format!("weft://{}/host1", "0".repeat(64))),
            SanType::DnsName(ia5(MEMBER).unwrap()),
            user.clone(),
        ] {
            let mut params = lasting(now, SERVER_LIFE);
            params.subject_alt_names = vec![user.clone(), other];
            assert!(User::of(&der(&authority.certify(params, &request).unwrap())).is_err());
        }
    }

    /// A host may be called as all certificates of nodes are, or as nothing in DNS can be.
    #[test]
    fn the_name_of_a_host_gets_it_no_more_than_its_name() {
        for name in [MEMBER, "NODE.weft.internal", "-x", "a..b"] {
            let names = ApiNames::of(name, []);
            assert_eq!(names, ApiNames::of("localhost", []), "{name}");
        }
        let wide = ApiNames::of("host1", ["192.0.2.1".parse().unwrap()]);
        assert!(wide.cover(&ApiNames::of("host1", [])) && !ApiNames::of("host1", []).cover(&wide));
    }
}
