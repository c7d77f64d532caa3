//! One authority of a cluster follows another.

use crate::{
    Authority, TrustError,
    authorities::{alone_text, followed_text},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::SigningKey;
use weft_model::{AuthorityId, AuthorityRecord, Endorsement, Extra};

impl Authority {
    /// What a token and the store name it by: SHA-256 of its certificate.
    pub fn id(&self) -> AuthorityId {
        crate::tls::digest(&self.certificate).into()
    }

    /// What the store says of it: that it is to be believed because `before` says so; without that, by hosts that join anew.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn record(&self, before: Option<&Self>) -> Result<AuthorityRecord, TrustError> {
        let by = before.map(|before| {
            let signature = before.signed(&followed_text(&self.certificate))?;
            Ok(Endorsement { authority: before.id(), signature })
        });
        let certificate = BASE64_STANDARD.encode(&self.certificate);
        Ok(AuthorityRecord { certificate, by: by.transpose()?, alone: None, extra: Extra::new() })
    }

    /// Says that no authority before this one is to be believed any more.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn alone(&self) -> Result<String, TrustError> {
        self.signed(&alone_text(&self.id()))
    }

    fn signed(&self, what: &[u8]) -> Result<String, TrustError> {
        let signature = self.key().sign(what).map_err(TrustError::make("a signature"))?;
        Ok(BASE64_STANDARD.encode(signature))
    }
}
