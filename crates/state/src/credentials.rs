//! The files by which a node and its peers know each other, and by which it lets others in. Each is its owner's alone to
//! read.
//!
//! | file | what it is |
//! |---|---|
//! | `node.key` | the node's key |
//! | `node.pem`, `ca.pem` | its certificate, and those of the authorities that it believes, the newest first: written last, and first, by a host that joins. A host that never joined has made the first itself, and has none of the second |
//! | `ca.key` | the newest authority's key, on hosts that may let others in |
//! | `next-ca.key`, `next-ca.pem` | an authority that is to follow |
//! | `api.pem` | what the remote API is answered with: a key and its certificate |
//! | `users/ID.json` | whom a certificate for the remote API was made for here |
//! | `tunnel.key` | what this node encrypts with, and which node it was made for |
//! | `told.json` | which nodes are not believed any more, and the numbers of statements that it was told when it joined |
//! | `statement.json` | what the node signed last of itself |
//! | `tokens/ID.json` | a token that lets a host in; `tokens/ID.used`: one that did |

mod authority;
mod own;
mod remote;

pub use own::OwnKey;
pub use remote::KnownUser;

use crate::{
    data_dir,
    journal::{
        JournalError,
        file::{
            make_private_dir, read_json, read_or_set_aside, remove_file, rename_durably, stem,
            write_json_durably, write_text_durably,
        },
    },
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use weft_model::{InvalidTunnelKey, NodeId, SignedStatement};
use weft_trust::{Member, NodeKey, TokenId, TokenSecret, TrustError, TunnelSecret, is_self_signed};

/// How long it is remembered that a token was used, or that there was one.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// The credentials in a data directory.
#[derive(Debug, Clone)]
pub struct Credentials {
    directory: PathBuf,
}

/// A token that this host made.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingToken {
    secret: String,
    /// Until when it lets a host in.
    pub expires: Timestamp,
}

/// What is known of a token.
pub enum KnownToken {
    /// It lets a host in, if it is in time.
    Pending(TokenSecret, Timestamp),
    /// It did already.
    Used,
    /// Nothing.
    Unknown,
}

impl Credentials {
    /// Those in `data_dir`.
    pub fn of(data_dir: &Path) -> Self {
        Self { directory: data_dir.join(data_dir::CREDENTIALS) }
    }

    /// The node's key, which is made the first time.
    ///
    /// # Errors
    /// If it cannot be read or written, or is none.
    pub fn key(&self) -> Result<NodeKey, JournalError> {
        if let Some(text) = self.read("node.key")? {
            return NodeKey::from_pem(&text).map_err(|error| self.invalid("node.key", error));
        }
        let key = NodeKey::generate().map_err(|error| self.invalid("node.key", error))?;
        self.write("node.key", &key.pem())?;
        Ok(key)
    }

    /// What `node` encrypts with, which is made the first time. What another installation had, of which this is a copy, is
    /// not used.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn tunnel_secret(
        &self,
        node: NodeId,
        make: impl FnOnce() -> TunnelSecret,
    ) -> Result<TunnelSecret, JournalError> {
        let known = self.read("tunnel.key")?.and_then(|text| {
            let (owner, secret) = text.trim().split_once(' ')?;
            TunnelSecret::read(secret).filter(|_| owner == node.to_string())
        });
        if let Some(secret) = known {
            return Ok(secret);
        }
        let secret = make();
        self.write("tunnel.key", &format!("{node} {}\n", secret.expose()))?;
        Ok(secret)
    }

    /// That what is in the file for it is no key to encrypt with.
    pub fn not_a_tunnel_key(&self, error: InvalidTunnelKey) -> JournalError {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        JournalError::new("cannot use", &self.directory.join("tunnel.key"))(error)
    }

    /// Where the authorities' certificates, the node's, its key, and what it was told of the nodes are.
    pub fn files(&self) -> [PathBuf; 4] {
        ["ca.pem", "node.pem", "node.key", authority::TOLD].map(|name| self.directory.join(name))
    }

    /// What the node shows its peers, if it has a certificate.
    ///
    /// # Errors
    /// If a file cannot be read, or is not valid.
    pub fn member(&self) -> Result<Option<Member>, JournalError> {
        let (Some(own), Some(authority)) = (self.read("node.pem")?, self.read("ca.pem")?) else {
            return Ok(None);
        };
        if is_self_signed(&own) {
            // It was stopped while it joined.
            return Ok(None);
        }
        let member = Member::new(self.key()?, &own, &authority);
        member.map(Some).map_err(|error| self.invalid("node.pem", error))
    }

    /// Goes on with another certificate by the same authority.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn renew(&self, own: &str) -> Result<(), JournalError> {
        self.write("node.pem", own)
    }

    /// What this node signed last of itself, if it did, and that makes sense.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn statement(&self) -> Result<Option<SignedStatement>, JournalError> {
        self.read_record("statement.json")
    }

    /// Remembers what this node signs of itself.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn keep_statement(&self, signed: &SignedStatement) -> Result<(), JournalError> {
        self.write_record("statement.json", signed)
    }

    /// Remembers a token, and forgets those that ended long ago.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn remember(
        &self,
        secret: TokenSecret,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let path = self.token(&secret.id(), "json");
        let directory = self.directory.join("tokens");
        make_private_dir(&directory).map_err(JournalError::new("cannot make", &directory))?;
        forget_old(&directory, now).map_err(JournalError::new("cannot read", &directory))?;
        let token = PendingToken { secret: secret.expose(), expires };
        write_json_durably(&path, &token).map_err(JournalError::new("cannot write", &path))
    }

    /// What is known of a token.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn known(&self, id: &TokenId) -> Result<KnownToken, JournalError> {
        let path = self.token(id, "json");
        let pending: Option<PendingToken> =
            read_json(&path).map_err(JournalError::new("cannot read", &path))?;
        let pending = pending.and_then(|token| Some((TokenSecret::read(&token.secret)?, token.expires)));
        Ok(match pending {
            Some((secret, expires)) => KnownToken::Pending(secret, expires),
            None if self.token(id, "used").exists() => KnownToken::Used,
            None => KnownToken::Unknown,
        })
    }

    /// Uses a token up, if it is not yet: of several that try at once, one is told `true`, and nobody ever again.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn use_up(&self, id: &TokenId) -> Result<bool, JournalError> {
        let path = self.token(id, "json");
        match rename_durably(&path, &self.token(id, "used")) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(JournalError::new("cannot use up", &path)(error)),
        }
    }

    fn token(&self, id: &TokenId, ending: &str) -> PathBuf {
        self.directory.join("tokens").join(format!("{id}.{ending}"))
    }

    fn has(&self, name: &str) -> bool {
        self.directory.join(name).exists()
    }

    fn read(&self, name: &str) -> Result<Option<String>, JournalError> {
        let path = self.directory.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::new("cannot read", &path)(error)),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), JournalError> {
        let path = self.directory.join(name);
        let written = make_private_dir(&self.directory).and_then(|()| write_text_durably(&path, text));
        written.map_err(JournalError::new("cannot write", &path))
    }

    /// A record in a file, if it is there and is valid. One that is not is set aside.
    fn read_record<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, JournalError> {
        let path = self.directory.join(name);
        read_or_set_aside(&path).map_err(JournalError::new("cannot read", &path))
    }

    fn write_record(&self, name: &str, record: &impl Serialize) -> Result<(), JournalError> {
        let path = self.directory.join(name);
        let directory = path.parent().unwrap_or(&self.directory);
        let written = make_private_dir(directory).and_then(|()| write_json_durably(&path, record));
        written.map_err(JournalError::new("cannot write", &path))
    }

    /// Removes a file that may be gone already.
    fn remove(&self, name: &str) -> Result<(), JournalError> {
        let path = self.directory.join(name);
        remove_file(&path).map_err(JournalError::new("cannot remove", &path))
    }

    fn invalid(&self, name: &str, error: TrustError) -> JournalError {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        JournalError::new("cannot use", &self.directory.join(name))(error)
    }
}

/// What cannot be read may be of somebody who is writing it just now.
fn forget_old(directory: &Path, now: Timestamp) -> io::Result<()> {
    for item in fs::read_dir(directory)? {
        let path = item?.path();
        let is_token = ["json", "used"].iter().any(|ending| stem(&path, ending).is_some());
        let token = read_json::<PendingToken>(&path).ok().flatten().filter(|_| is_token);
        let ended = |token: PendingToken| token.expires.saturating_add(REMEMBERED).is_ok_and(|end| end < now);
        if token.is_some_and(ended) {
            remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};
    use std::os::unix::fs::PermissionsExt;
    use weft_trust::Authority;

    fn secret(seed: u64) -> TokenSecret {
        TokenSecret::random(&mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn a_token_is_used_up_once() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(directory.path());
        let (now, token) = (Timestamp::now(), secret(1));
        assert!(matches!(credentials.known(&token.id()).unwrap(), KnownToken::Unknown));
        assert!(!credentials.use_up(&token.id()).unwrap());
        credentials.remember(token, now, now).unwrap();
        assert!(
            matches!(credentials.known(&token.id()).unwrap(), KnownToken::Pending(known, at) if known == token && at == now)
        );
        assert_eq!([(); 3].map(|()| credentials.use_up(&token.id()).unwrap()), [true, false, false]);
        assert!(matches!(credentials.known(&token.id()).unwrap(), KnownToken::Used));
    }

    #[test]
    fn each_installation_encrypts_with_a_secret_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(directory.path());
        let mut rng = StdRng::seed_from_u64(1);
        let (first, copy) = (NodeId::random(&mut rng), NodeId::random(&mut rng));
        let mut of =
            |node| credentials.tunnel_secret(node, || TunnelSecret::random(&mut rng)).unwrap().expose();
        let secret = of(first);
        assert_eq!(of(first), secret);
        let other = of(copy);
        assert_ne!(other, secret);
        assert_eq!(of(copy), other);
        let path = directory.path().join("credentials/tunnel.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "nonsense").unwrap();
        assert_ne!(of(copy), other, "what is not valid is replaced");
    }

    #[test]
    fn what_ended_long_ago_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(directory.path());
        let day = SignedDuration::from_hours(25);
        let now = Timestamp::now();
        credentials.remember(secret(1), now, now).unwrap();
        credentials.remember(secret(2), now, now).unwrap();
        credentials.use_up(&secret(2).id()).unwrap();
        credentials.remember(secret(3), now + day * 2, now + day).unwrap();
        let left = fs::read_dir(directory.path().join("credentials/tokens")).unwrap().count();
        assert_eq!(left, 1);
    }

    #[test]
    fn everything_is_its_owners_alone_to_read() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(directory.path());
        let authority = Authority::found(Timestamp::now()).unwrap();
        credentials.hold(&authority).unwrap();
        credentials.key().unwrap();
        credentials.admit("own", authority.certificate_pem()).unwrap();
        credentials.remember(secret(1), Timestamp::now(), Timestamp::now()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let inside = directory.path().join("credentials");
        assert_eq!([&inside, &inside.join("tokens")].map(|path| mode(path)), [0o700; 2]);
        for name in ["ca.key", "ca.pem", "node.key", "node.pem"] {
            assert_eq!(mode(&inside.join(name)), 0o600, "{name}");
        }
        let token = inside.join(format!("tokens/{}.json", secret(1).id()));
        assert_eq!(mode(&token), 0o600);
        assert_eq!(credentials.authority().unwrap().unwrap().id(), authority.id());
        assert!(credentials.member().is_err(), "`own` is no certificate");
    }
}
