//! Whom a cluster believes who its nodes are: its authority, and while that is being replaced, the one before it, too.

use crate::{Authority, Disbelief, MEMBER, TrustError, member, statement::decoded};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::signature::{ED25519, UnparsedPublicKey};
use rustls::{
    CertificateError, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use weft_model::{AuthorityId, AuthorityRecord};

/// How many can be believed at a time.
const MOST: usize = 4;

/// Of how many certificates it is remembered what came of them: more than a cluster has hosts.
const REMEMBERED: usize = 4096;

/// Comes before the certificate of an authority in what the one before it signs.
const FOLLOWED: &[u8] = b"weft authority 1\0";

/// Comes before the id of an authority in what it signs when it is the only one.
const ALONE: &[u8] = b"weft authority alone 1\0";

/// The authorities that are believed, the newest first.
#[derive(Clone, Default)]
pub struct Authorities(Vec<Believed>);

/// One of them.
#[derive(Clone)]
struct Believed {
    id: AuthorityId,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    verifier: Arc<WebPkiServerVerifier>,
    /// What came of the certificates that were looked at, by their SHA-256: the same is asked on each change of the cluster.
    looked_at: Arc<Mutex<LookedAt>>,
}

type LookedAt = HashMap<[u8; 32], Result<(), Disbelief>>;

impl Authorities {
    pub(crate) fn of_certificates(all: &[CertificateDer<'static>]) -> Result<Self, TrustError> {
        all.iter().map(|certificate| Believed::new(certificate.clone())).collect::<Result<_, _>>().map(Self)
    }

    /// Has another be the newest.
    ///
    /// # Errors
    /// If its certificate is not valid.
    pub fn begin_with(&mut self, newest: &Authority) -> Result<(), TrustError> {
        self.0.insert(0, Believed::new(newest.certificate.clone())?);
        self.0.truncate(MOST);
        Ok(())
    }

    /// The newest, which signs certificates.
    pub fn newest(&self) -> Option<AuthorityId> {
        self.0.first().map(|newest| newest.id)
    }

    /// All of them, the newest first.
    pub fn ids(&self) -> impl Iterator<Item = AuthorityId> {
        self.0.iter().map(|believed| believed.id)
    }

    pub(crate) fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter().map(|believed| &believed.certificate)
    }

    /// The certificate of one of them.
    pub(crate) fn certificate(&self, id: AuthorityId) -> Option<&CertificateDer<'static>> {
        self.0.iter().find(|believed| believed.id == id).map(|believed| &believed.certificate)
    }

    /// Their certificates, as a file has them: PEM, the newest first.
    pub fn pem(&self) -> String {
        self.certificates().map(pem).collect()
    }

    /// Which of them signed a certificate (DER, in base64) of a node, at whatever time.
    pub fn signer_of(&self, certificate: &str) -> Option<AuthorityId> {
        let certificate = CertificateDer::from(decoded("certificate", certificate).ok()?);
        self.verify(&certificate).ok()
    }

    /// Whether one of them signed a node's certificate, at whatever time, and which.
    pub(crate) fn verify(&self, certificate: &CertificateDer<'_>) -> Result<AuthorityId, Disbelief> {
        let mut why = Disbelief::OtherAuthority;
        for believed in &self.0 {
            match believed.verify(certificate) {
                Ok(()) => return Ok(believed.id),
                Err(Disbelief::OtherAuthority) => {}
                Err(other) => why = other,
            }
        }
        Err(why)
    }

    /// Whether one of them signed `what`: base64.
    pub(crate) fn any_signed(&self, what: &[u8], signature: &str) -> bool {
        self.0.iter().any(|believed| believed.signed(what, signature))
    }

    /// Who is believed after what the `records` say: who is named by the newest is the newest from then on, and where one
    /// says that it is alone, those before it are not believed any more. If the newest has named several, it follows none:
    /// somebody else has its key. Nothing if all stays as it is.
    #[must_use]
    pub fn after<'r>(
        &self,
        records: impl Iterator<Item = (&'r AuthorityId, &'r AuthorityRecord)> + Clone,
    ) -> Option<Self> {
        let mut now = self.clone();
        while let [next] = now.named(records.clone()).as_slice() {
            now.0.insert(0, next.clone());
        }
        let is_alone = |believed: &Believed| {
            let record = records.clone().find(|(id, _)| **id == believed.id);
            let alone = record.and_then(|(_, record)| record.alone.as_deref());
            alone.is_some_and(|signature| believed.signed(&alone_text(&believed.id), signature))
        };
        let left = now.0.iter().position(is_alone).map_or(now.0.len(), |position| position + 1);
        now.0.truncate(left.min(MOST));
        (!now.ids().eq(self.ids())).then_some(now)
    }

    /// How much a record of the authority `id` says, if that is one of these, or is named by one: more is better. 0: nothing that
    /// is true.
    pub fn weight(&self, id: &AuthorityId, record: &AuthorityRecord) -> u8 {
        let certificate = decoded("certificate", &record.certificate).map(CertificateDer::from);
        let believed = certificate.ok().and_then(|certificate| Believed::new(certificate).ok());
        let Some(believed) = believed.filter(|believed| believed.id == *id) else { return 0 };
        let alone = record.alone.as_ref().map(|signature| believed.signed(&alone_text(id), signature));
        let named = record.by.as_ref().map(|by| {
            let before = self.0.iter().find(|before| before.id == by.authority);
            before.is_some_and(|before| before.signed(&followed_text(&believed.certificate), &by.signature))
        });
        match (alone, named) {
            (Some(true), _) => 3,
            (Some(false), _) | (None, Some(false)) => 0,
            (None, Some(true)) => 2,
            (None, None) => 1,
        }
    }

    /// Whether the newest has named several to follow it: nobody can tell which is right.
    pub fn is_torn<'r>(&self, records: impl Iterator<Item = (&'r AuthorityId, &'r AuthorityRecord)>) -> bool {
        self.named(records).len() > 1
    }

    /// Those that the newest has named to follow it.
    fn named<'r>(
        &self,
        records: impl Iterator<Item = (&'r AuthorityId, &'r AuthorityRecord)>,
    ) -> Vec<Believed> {
        let Some(newest) = self.0.first() else { return Vec::new() };
        let named = records.filter(|(id, _)| self.ids().all(|known| known != **id));
        let named = named.filter_map(|(id, record)| {
            let by = record.by.as_ref().filter(|by| by.authority == newest.id)?;
            let certificate = decoded("certificate", &record.certificate).ok()?;
            let believed = newest.signed(&followed_text(&certificate), &by.signature);
            let next = believed.then(|| Believed::new(certificate.into()).ok()).flatten()?;
            (next.id == *id).then_some(next)
        });
        named.collect()
    }
}

impl Believed {
    fn new(certificate: CertificateDer<'static>) -> Result<Self, TrustError> {
        let invalid = |why: String| TrustError::Invalid { what: member::AUTHORITY, why };
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).map_err(|error| invalid(error.to_string()))?;
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
        let verifier = verifier.map_err(|error| invalid(error.to_string()))?;
        let (id, key) = (crate::tls::digest(&certificate).into(), member::public_key(&certificate)?);
        Ok(Self { id, key, verifier, certificate, looked_at: Arc::default() })
    }

    fn signed(&self, what: &[u8], signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.key);
        decoded("signature", signature).is_ok_and(|signature| key.verify(what, &signature).is_ok())
    }

    fn verify(&self, certificate: &CertificateDer<'_>) -> Result<(), Disbelief> {
        let digest = crate::tls::digest(certificate);
        let known = || self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(came) = known().get(&digest) {
            return came.clone();
        }
        let came = self.look_at(certificate);
        let mut known = known();
        if known.len() >= REMEMBERED {
            // Whoever writes to the store could make it grow for ever.
            known.clear();
        }
        known.insert(digest, came.clone());
        came
    }

    fn look_at(&self, certificate: &CertificateDer<'_>) -> Result<(), Disbelief> {
        let no_node = |why: String| Disbelief::NoNode(why);
        let at = member::begins(certificate).map_err(|error| no_node(error.to_string()))?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or_default()));
        let name = ServerName::try_from(MEMBER).map_err(|error| no_node(error.to_string()))?;
        match self.verifier.verify_server_cert(certificate, &[], &name, &[], at) {
            Ok(_) => Ok(()),
            Err(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            )) => Err(Disbelief::OtherAuthority),
            Err(error) => Err(no_node(error.to_string())),
        }
    }
}

/// What an authority signs so that the one with this certificate (DER) is believed after it.
pub(crate) fn followed_text(certificate: &[u8]) -> Vec<u8> {
    [FOLLOWED, certificate].concat()
}

/// What an authority signs so that none before it is believed.
pub(crate) fn alone_text(id: &AuthorityId) -> Vec<u8> {
    [ALONE, id.to_string().as_bytes()].concat()
}

/// A certificate as a file has it (RFC 7468).
pub(crate) fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = BASE64_STANDARD.encode(certificate);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Equal if the same are believed.
impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.ids().eq(other.ids())
    }
}

/// No secret, and nothing to read but which.
impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

#[cfg(test)]
mod tests;
