//! Of the remote API: what this host answers it with, and the users whose certificates it made.

use super::Credentials;
use crate::journal::{JournalError, file::read_all};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use weft_model::{NodeId, UserName};

/// The file with the key and the certificate: one, so that they belong together.
const SERVER: &str = "api.pem";

/// A user's certificate that was made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownUser {
    /// Their name.
    pub name: UserName,
    /// Which certificate it is.
    pub id: NodeId,
    /// When it was made.
    pub made: Timestamp,
    /// Until when it is good.
    pub until: Timestamp,
}

impl Credentials {
    /// What this host answers the API with: a certificate and its key, PEM.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn api(&self) -> Result<Option<String>, JournalError> {
        self.read(SERVER)
    }

    /// Keeps that.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn keep_api(&self, pem: &str) -> Result<(), JournalError> {
        self.write(SERVER, pem)
    }

    /// Writes down that a certificate was made.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn note_user(&self, user: &KnownUser) -> Result<(), JournalError> {
        self.write_record(&file_of(user.id), user)
    }

    /// The certificates that were made here, in order of the users' names.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn users(&self) -> Result<Vec<KnownUser>, JournalError> {
        let directory = self.directory.join("users");
        if !directory.exists() {
            return Ok(Vec::new());
        }
        let read: Vec<(String, KnownUser)> = read_all(&directory)?;
        let mut users: Vec<_> = read.into_iter().map(|(_, user)| user).collect();
        users.sort_by(|a, b| (&a.name, a.made, a.id).cmp(&(&b.name, b.made, b.id)));
        Ok(users)
    }

    /// Forgets one, which need not be there.
    ///
    /// # Errors
    /// If its file cannot be removed.
    pub fn forget_user(&self, id: NodeId) -> Result<(), JournalError> {
        self.remove(&file_of(id))
    }
}

fn file_of(id: NodeId) -> String {
    format!("users/{id}.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn users_are_listed_until_they_are_forgotten_and_nobody_else_reads_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let credentials = Credentials::of(directory.path());
        assert_eq!(credentials.users().unwrap(), []);
        let user = |name: &str, digit: &str, second| KnownUser {
            name: name.parse().unwrap(),
            id: digit.repeat(64).parse().unwrap(),
            made: Timestamp::from_second(second).unwrap(),
            until: Timestamp::from_second(second + 10).unwrap(),
        };
        let all = [user("alice", "2", 5), user("alice", "1", 9), user("bob", "3", 1)];
        all.iter().rev().for_each(|user| credentials.note_user(user).unwrap());
        assert_eq!(credentials.users().unwrap(), all);
        credentials.forget_user(all[0].id).unwrap();
        credentials.forget_user(all[0].id).unwrap();
        assert_eq!(credentials.users().unwrap(), all[1..]);
        credentials.keep_api("secret").unwrap();
        assert_eq!(credentials.api().unwrap().as_deref(), Some("secret"));
        let mode = |name: &str| {
            let path = directory.path().join("credentials").join(name);
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(
            ["api.pem", "users", &format!("users/{}.json", all[2].id)].map(mode),
            [0o600, 0o700, 0o600]
        );
    }
}
