//! What nodes say of themselves in the store, signed: whoever writes there cannot say it in their place.

use crate::{Authorities, Authority, Member, Subject, TrustError, member};
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::SigningKey;
use ring::signature::{ED25519, UnparsedPublicKey};
use rustls::pki_types::CertificateDer;
use weft_model::{Extra, Node, NodeId, NodeName, NodeStatement, Revocation, SignedStatement};

/// Comes before a statement in what is signed, so that a signature of something else is never one of a statement.
const TAG: &[u8] = b"weft node record 1\0";

/// Comes before the id of a node in what is signed to revoke it.
const REVOKES: &[u8] = b"weft revocation 1\0";

/// The longest text of each kind that is looked at.
const LONGEST: usize = 8192;

/// Why a node's record is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    /// Its node has no certificate, or its version signs nothing.
    #[error("it is not signed")]
    Unsigned,
    /// It makes no sense.
    #[error("its {what} cannot be read: {why}")]
    Nonsense {
        /// Which part.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A certificate that this cluster's authority did not sign.
    #[error("its certificate is not by this cluster's authority")]
    OtherAuthority,
    /// One that the authority signed for something else than a node.
    #[error("its certificate is not one of a node: {0}")]
    NoNode(String),
    /// Somebody changed the statement, or made it without the key.
    #[error("it was not signed with the key of its certificate")]
    Signature,
    /// A member speaks for another.
    #[error("{0} signed it, which is another node")]
    Other(NodeName),
    /// A member speaks for another installation under its name.
    #[error("it says the id of another host than its certificate does")]
    OtherId,
    /// Somebody changed what versions go by that do not read statements.
    #[error("what it says beside its signed statement is not the same")]
    Beside,
    /// A holder of the authority's key said so.
    #[error("its certificate was revoked")]
    Revoked,
    /// It was good once.
    #[error("it is an old one (number {serial}, and {known} was seen already)")]
    Old {
        /// Its number.
        serial: u64,
        /// The highest that was seen.
        known: u64,
    },
}

impl Authorities {
    /// Whether an authority revokes the node `id` with that.
    pub fn is_revoked(&self, id: &NodeId, by: &Revocation) -> bool {
        self.any_signed(&revoking(id), &by.signature)
    }

    /// What the node `name` says of itself in its record, if it is the node that says so. That its certificate has
    /// expired is no reason not to believe it: its packets go on until somebody revokes it.
    ///
    /// # Errors
    /// [`Disbelief`].
    pub fn believe(&self, name: &NodeName, signed: &SignedStatement) -> Result<NodeStatement, Disbelief> {
        let certificate = CertificateDer::from(decoded("certificate", &signed.certificate)?);
        let signature = decoded("signature", &signed.signature)?;
        let no_node = |error: TrustError| Disbelief::NoNode(error.to_string());
        let subject = Subject::of(&certificate).map_err(no_node)?;
        self.verify(&certificate)?;
        let key = member::public_key(&certificate).map_err(no_node)?;
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(&tagged(&signed.statement), &signature).map_err(|_| Disbelief::Signature)?;
        let statement: NodeStatement = serde_json::from_str(&signed.statement)
            .map_err(|error| Disbelief::Nonsense { what: "statement", why: error.to_string() })?;
        if statement.name != *name || subject.name != *name {
            return Err(Disbelief::Other(if subject.name == *name { statement.name } else { subject.name }));
        }
        if statement.id != subject.id {
            return Err(Disbelief::OtherId);
        }
        Ok(statement)
    }
}

impl Member {
    /// Signs what the record of this node says, as a statement with this number.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn sign(&self, name: &NodeName, node: &Node, serial: u64) -> Result<SignedStatement, TrustError> {
        let make = |why: String| TrustError::Make { what: "a statement", why };
        let statement = serde_json::to_string(&NodeStatement::of(name, node, serial));
        let statement = statement.map_err(|error| make(error.to_string()))?;
        let signature = self.key.0.sign(&tagged(&statement)).map_err(|error| make(error.to_string()))?;
        Ok(SignedStatement {
            statement,
            signature: BASE64_STANDARD.encode(signature),
            certificate: self.certificate(),
            extra: Extra::new(),
        })
    }

    /// Its certificate, as a signed statement has it.
    pub fn certificate(&self) -> String {
        BASE64_STANDARD.encode(&self.chain[0])
    }
}

impl Authority {
    /// Says that nobody is to believe a node any more.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn revoke(&self, subject: &Subject) -> Result<Revocation, TrustError> {
        let signature = self.key().sign(&revoking(&subject.id)).map_err(TrustError::make("a revocation"))?;
        let (name, signature) = (subject.name.clone(), BASE64_STANDARD.encode(signature));
        Ok(Revocation { name, signature, extra: Extra::new() })
    }
}

/// Whether a certificate request ([`NodeKey::request`](crate::NodeKey::request)) is for the key that made a statement.
pub fn signed_with(request: &[u8], signed: &SignedStatement) -> bool {
    let certificate = decoded("certificate", &signed.certificate).map(CertificateDer::from);
    certificate.is_ok_and(|certificate| crate::same_key(request, &certificate).unwrap_or_default())
}

fn revoking(id: &NodeId) -> Vec<u8> {
    [REVOKES, id.to_string().as_bytes()].concat()
}

fn tagged(statement: &str) -> Vec<u8> {
    [TAG, statement.as_bytes()].concat()
}

pub(crate) fn decoded(what: &'static str, text: &str) -> Result<Vec<u8>, Disbelief> {
    let nonsense = |why: String| Disbelief::Nonsense { what, why };
    if text.len() > LONGEST {
        return Err(nonsense("it is too long".to_owned()));
    }
    BASE64_STANDARD.decode(text).map_err(|error| nonsense(error.to_string()))
}

#[cfg(test)]
mod tests;
