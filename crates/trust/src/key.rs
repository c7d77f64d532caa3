//! The key of a node.

use crate::TrustError;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use std::fmt;

/// The key that a node proves with who it is: Ed25519 (RFC 8032). It never leaves its host.
pub struct NodeKey(pub(crate) KeyPair);

impl NodeKey {
    /// A new one.
    ///
    /// # Errors
    /// If the machine has no randomness.
    pub fn generate() -> Result<Self, TrustError> {
        KeyPair::generate_for(&PKCS_ED25519).map(Self).map_err(TrustError::make("a key"))
    }

    /// Reads what [`pem`](Self::pem) wrote.
    ///
    /// # Errors
    /// If it is no Ed25519 key.
    pub fn from_pem(text: &str) -> Result<Self, TrustError> {
        let key = KeyPair::from_pem_and_sign_algo(text, &PKCS_ED25519);
        key.map(Self).map_err(TrustError::invalid("the node's key"))
    }

    /// The key as a file has it (PKCS #8 in PEM): a secret.
    pub fn pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// Asks an authority for a certificate: a request (PKCS #10, RFC 2986) in DER, which proves that whoever asks has the
    /// key. All that it says of its node is said beside it.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn request(&self) -> Result<Vec<u8>, TrustError> {
        let request = CertificateParams::default().serialize_request(&self.0);
        Ok(request.map_err(TrustError::make("a certificate request"))?.der().to_vec())
    }
}

/// Nothing of the secret.
impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey")
    }
}
