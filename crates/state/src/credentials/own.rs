//! By which key others know a node, where no authority vouches for it.

use super::Credentials;
use crate::journal::JournalError;
use std::{
    path::Path,
    sync::{Arc, Mutex, Once, PoisonError},
};
use weft_model::{KeyFingerprint, NodeId, NodeName, chain};
use weft_trust::{NodeKey, SelfSigned, Subject};

/// What this node shows its peers, as its installation: a copy of the data directory, which becomes another one, has another
/// key.
pub struct OwnKey {
    credentials: Credentials,
    name: NodeName,
    last: Mutex<Option<(NodeId, Option<Arc<SelfSigned>>)>>,
}

impl OwnKey {
    /// That of the node `name` in `data_dir`.
    pub fn of(data_dir: &Path, name: &NodeName) -> Self {
        Self { credentials: Credentials::of(data_dir), name: name.clone(), last: Mutex::default() }
    }

    /// What the installation `id` shows. Nothing if it cannot be read or written, which is said once; or where the host has a
    /// certificate of another one.
    pub fn shown(&self, id: NodeId) -> Option<Arc<SelfSigned>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, shown)) = last.as_ref().filter(|(of, _)| *of == id) {
            return shown.clone();
        }
        let own = self.credentials.own(&Subject { name: self.name.clone(), id });
        let own = own.inspect_err(warn).ok()?.map(Arc::new);
        *last = Some((id, own.clone()));
        own
    }

    /// By what others know the installation `id`.
    pub fn fingerprint(&self, id: NodeId) -> Option<KeyFingerprint> {
        self.shown(id).map(|own| own.fingerprint())
    }
}

fn warn(error: &JournalError) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(error = chain(error), "this host has no key by which other agents could know it");
    });
}

/// What is there.
enum Kept {
    /// What is to be shown, if something is.
    Shown(Option<SelfSigned>),
    /// A key without a certificate that says so.
    Key(NodeKey),
    /// Of another installation; or of a key that was to be replaced.
    Another,
}

impl Credentials {
    /// What `subject`, this host, shows others that know it by its key: made the first time. A copy of another installation
    /// makes a key of its own. A member shows that of its certificate; nothing, if that is another node's.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn own(&self, subject: &Subject) -> Result<Option<SelfSigned>, JournalError> {
        if self.has("node.key")
            && let Kept::Shown(own) = self.kept(subject)?
        {
            return Ok(own);
        }
        let _alone = self.exclusively()?;
        let key = match self.kept(subject)? {
            Kept::Shown(own) => return Ok(own),
            Kept::Key(key) => key,
            Kept::Another => {
                let key = NodeKey::generate().map_err(|error| self.invalid("node.key", error))?;
                self.write("node.key", &key.pem())?;
                key
            }
        };
        let own = SelfSigned::new(key, subject).map_err(|error| self.invalid("node.key", error))?;
        self.write("node.pem", &own.pem())?;
        Ok(Some(own))
    }

    fn kept(&self, subject: &Subject) -> Result<Kept, JournalError> {
        if let Some(member) = self.member()? {
            if member.subject().ok().as_ref() != Some(subject) {
                return Ok(Kept::Shown(None));
            }
            let own = SelfSigned::new(self.key()?, subject);
            return own.map(|own| Kept::Shown(Some(own))).map_err(|error| self.invalid("node.key", error));
        }
        let key = self.key()?;
        let Some(certificate) = self.read("node.pem")? else { return Ok(Kept::Key(key)) };
        let Ok(own) = SelfSigned::from_pem(key, &certificate) else { return Ok(Kept::Another) };
        Ok(match own.subject() {
            Ok(known) if known == *subject => Kept::Shown(Some(own)),
            Ok(known) if known.id == subject.id => Kept::Key(own.into_key()),
            _ => Kept::Another,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::{fs, os::unix::fs::PermissionsExt};
    use weft_trust::Authority;

    fn subject(name: &str, digit: &str) -> Subject {
        Subject { name: name.parse().unwrap(), id: digit.repeat(64).parse().unwrap() }
    }

    fn print(credentials: &Credentials, subject: &Subject) -> Option<KeyFingerprint> {
        credentials.own(subject).unwrap().map(|own| own.fingerprint())
    }

    #[test]
    fn a_host_keeps_its_key_and_a_copy_of_it_has_another() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(directory.path());
        let first = print(&credentials, &subject("host1", "1"));
        assert!(first.is_some());
        for name in ["node.key", "node.pem"] {
            let mode = fs::metadata(directory.path().join("credentials").join(name)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
        }
        assert!(credentials.member().unwrap().is_none(), "no authority vouches for it");
        assert_eq!(print(&credentials, &subject("host1", "1")), first);
        assert_eq!(print(&credentials, &subject("renamed", "1")), first);
        let certified = credentials.own(&subject("renamed", "1")).unwrap().unwrap();
        assert_eq!(certified.subject().unwrap(), subject("renamed", "1"));
        let copy = print(&credentials, &subject("host2", "2"));
        assert!(copy.is_some() && copy != first);
        assert_eq!(print(&credentials, &subject("host2", "2")), copy);
    }

    #[test]
    fn a_host_that_joins_keeps_its_key_and_is_a_member_when_it_has_the_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(directory.path());
        let host = subject("host1", "1");
        let before = print(&credentials, &host);
        let authority = Authority::found(Timestamp::now()).unwrap();
        let request = credentials.key().unwrap().request().unwrap();
        let certificate = authority.issue(&host, &request, Timestamp::now()).unwrap();
        // Stopped after the first file of it.
        credentials.write("ca.pem", authority.certificate_pem()).unwrap();
        assert!(credentials.member().unwrap().is_none());
        assert_eq!(print(&credentials, &host), before);
        credentials.admit(&certificate, authority.certificate_pem()).unwrap();
        assert_eq!(print(&credentials, &host), before);
        assert!(credentials.member().unwrap().is_some(), "what it shows as a member is left alone");
        // A copy of it is no member, and does not become one.
        assert_eq!(print(&credentials, &subject("host2", "2")), None);
        assert_eq!(credentials.key().unwrap().fingerprint(), before.unwrap());
    }

    #[test]
    fn what_a_crash_left_is_made_good() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(directory.path());
        let host = subject("host1", "1");
        // A key, and no certificate.
        let key = credentials.key().unwrap().fingerprint();
        assert_eq!(print(&credentials, &host), Some(key));
        // A copy that had made its key, and no certificate of it.
        let another = NodeKey::generate().unwrap();
        credentials.write("node.key", &another.pem()).unwrap();
        let made = print(&credentials, &subject("host2", "2"));
        assert!(made.is_some() && made != Some(key));
        assert_eq!(print(&credentials, &subject("host2", "2")), made);
        // Nonsense is replaced, but for a key: somebody may be able to read that yet.
        credentials.write("node.pem", "half a certifi").unwrap();
        assert!(print(&credentials, &host).is_some());
        credentials.write("node.key", "half a ke").unwrap();
        assert!(credentials.own(&host).is_err());
        let asked = OwnKey::of(directory.path(), &host.name);
        assert_eq!(asked.fingerprint(host.id), None);
    }
}
