//! The cluster's authority, on hosts that have its key; and whom a host believes.
//!
//! An authority that is to follow waits in `next-ca.key` and `next-ca.pem` until the store has it: whoever tries again goes
//! on with the same one.

use super::Credentials;
use crate::journal::{JournalError, file::make_private_dir};
use jiff::Timestamp;
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
};
use weft_model::AuthorityId;
use weft_trust::{Authorities, Authority, Subject, Told, TrustError};

/// What this host was told of the nodes.
pub(super) const TOLD: &str = "told.json";

impl Credentials {
    /// The certificates of the authorities that this host believes, the newest first, if there are some: PEM.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn authority_certificates(&self) -> Result<Option<String>, JournalError> {
        self.read("ca.pem")
    }

    /// Whether this host may let others in.
    pub fn has_authority(&self) -> bool {
        matches!(self.authority(), Ok(Some(_)))
    }

    /// The newest authority, if this host has its key, and so may let others in.
    ///
    /// # Errors
    /// If a file cannot be read, or is not valid.
    pub fn authority(&self) -> Result<Option<Authority>, JournalError> {
        let (Some(key), Some(certificates)) = (self.read("ca.key")?, self.read("ca.pem")?) else {
            return Ok(None);
        };
        self.belonging(&certificates, &key, "ca.key")
    }

    /// Becomes a host that may let others in, with the key of the newest authority that it believes; or of its first.
    ///
    /// # Errors
    /// If it believes another, or that cannot be written down.
    pub fn hold(&self, authority: &Authority) -> Result<(), JournalError> {
        let _alone = self.exclusively()?;
        let (believed, key) = (self.read("ca.pem")?, authority.key_pem());
        let Some(believed) = believed else {
            self.write("ca.key", &key)?;
            return self.write("ca.pem", authority.certificate_pem());
        };
        if self.belonging(&believed, &key, "ca.pem")?.is_none() {
            return Err(self.invalid("ca.pem", TrustError::OtherKey));
        }
        self.write("ca.key", &key)
    }

    /// Becomes a member: with a certificate of its key, by the first of the authorities with those certificates. A host that
    /// held the key of another authority does so no longer.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn admit(&self, own: &str, authorities: &str) -> Result<(), JournalError> {
        let _alone = self.exclusively()?;
        self.write("ca.pem", authorities)?;
        self.drop_old_key()?;
        self.write("node.pem", own)
    }

    /// Goes on as `subject` with a certificate by an authority that this host has the key of.
    ///
    /// # Errors
    /// If there is no key for it, or that cannot be written down.
    pub fn certify(
        &self,
        authority: &Authority,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let key = self.key()?;
        let own = key.request().and_then(|request| authority.issue(subject, &request, now));
        self.renew(&own.map_err(|error| self.invalid("node.key", error))?)
    }

    /// Believes these authorities from now on, and has the key of the newest if it waits here. Returns whether it believed
    /// others before.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn believe(&self, authorities: &Authorities) -> Result<bool, JournalError> {
        let _alone = self.exclusively()?;
        let all = authorities.pem();
        let next = self.next_authority()?.filter(|next| Some(next.id()) == authorities.newest());
        if let Some(next) = next {
            self.write("ca.key", &next.key_pem())?;
        }
        let is_new = self.read("ca.pem")?.is_none_or(|before| before != all);
        if is_new {
            self.write("ca.pem", &all)?;
        }
        for name in ["next-ca.pem", "next-ca.key"] {
            self.remove(name)?;
        }
        self.drop_old_key()?;
        Ok(is_new)
    }

    /// The authority that waits to follow, if there is one.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn next_authority(&self) -> Result<Option<Authority>, JournalError> {
        let (Some(key), Some(certificate)) = (self.read("next-ca.key")?, self.read("next-ca.pem")?) else {
            return Ok(None);
        };
        self.belonging(&certificate, &key, "next-ca.key")
    }

    /// Has an authority wait until hosts know that it follows.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn keep_next_authority(&self, next: &Authority) -> Result<(), JournalError> {
        let _alone = self.exclusively()?;
        self.write("next-ca.key", &next.key_pem())?;
        self.write("next-ca.pem", next.certificate_pem())
    }

    /// Which authority is the newest here.
    ///
    /// # Errors
    /// If a file cannot be read, or is not valid.
    pub fn newest_authority(&self) -> Result<Option<AuthorityId>, JournalError> {
        Ok(self.member()?.and_then(|member| member.authorities().newest()))
    }

    /// What this host was told of the nodes, if it was, and that makes sense.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn told(&self) -> Result<Told, JournalError> {
        Ok(self.read_record(TOLD)?.unwrap_or_default())
    }

    /// Remembers what this host was told of the nodes.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn keep_told(&self, told: &Told) -> Result<(), JournalError> {
        self.write_record(TOLD, told)
    }

    /// The authority with the first of these certificates, if that is the one of the key.
    fn belonging(
        &self,
        certificates: &str,
        key: &str,
        name: &str,
    ) -> Result<Option<Authority>, JournalError> {
        match Authority::from_pem(certificates, key) {
            Ok(authority) => Ok(Some(authority)),
            Err(TrustError::OtherKey) => Ok(None),
            Err(error) => Err(self.invalid(name, error)),
        }
    }

    /// The key of an authority that another has followed is of no use.
    fn drop_old_key(&self) -> Result<(), JournalError> {
        if self.authority()?.is_some() { Ok(()) } else { self.remove("ca.key") }
    }

    /// Nobody else, in this process or another, changes who is believed until that is dropped.
    pub(super) fn exclusively(&self) -> Result<File, JournalError> {
        let path = self.directory.join("lock");
        let lock = make_private_dir(&self.directory).and_then(|()| {
            let lock = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&path)?;
            lock.lock()?;
            Ok(lock)
        });
        lock.map_err(JournalError::new("cannot lock", &path))
    }
}
