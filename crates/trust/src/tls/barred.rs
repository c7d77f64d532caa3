//! Members that were revoked are refused in the handshake.

use rustls::{CertificateError, pki_types::CertificateDer};
use std::collections::BTreeSet;
use tokio::sync::watch;
use weft_model::NodeId;

/// The nodes that the authority revoked, as far as is known at the moment.
#[derive(Debug, Default)]
pub struct Barred(watch::Sender<BTreeSet<NodeId>>);

impl Barred {
    /// These are, from now on.
    pub fn set(&self, all: BTreeSet<NodeId>) {
        self.0.send_if_modified(|before| {
            let differs = *before != all;
            *before = all;
            differs
        });
    }

    /// Whether this one is.
    pub fn has(&self, id: &NodeId) -> bool {
        self.0.borrow().contains(id)
    }

    /// Returns once this one is: what was begun with it is to end then. Cancel-safe.
    pub async fn until_barred(&self, id: &NodeId) {
        // The sender is this, so it is there as long as this waits.
        let _ = self.0.subscribe().wait_for(|all| all.contains(id)).await;
    }

    /// Refuses a certificate of one, and one that is of no node.
    pub(super) fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        match crate::Subject::of(certificate) {
            Ok(subject) if !self.has(&subject.id) => Ok(()),
            Ok(_) => Err(CertificateError::Revoked.into()),
            Err(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }
}
