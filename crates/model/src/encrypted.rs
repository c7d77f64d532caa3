//! Networks whose packets are encrypted between hosts.

use crate::{Key, Network, NetworkId};
use std::collections::BTreeMap;

/// The driver option that says so, as Docker's own overlay has it.
pub const ENCRYPTED_OPTION: &str = "encrypted";
/// What is understood as yes, and as no: given alone, it means yes.
const YES: [&str; 7] = ["", "true", "True", "TRUE", "1", "t", "T"];
const NO: [&str; 6] = ["false", "False", "FALSE", "0", "f", "F"];

/// Why a network cannot be encrypted, or it is not known whether it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEncrypted {
    /// The option is not understood.
    #[error("invalid option {ENCRYPTED_OPTION} {0:?}: it is true or false, and given alone it is true")]
    Option(String),
    /// Its segments would reach each other through the host, in clear when one of them is not there.
    #[error(
        "an encrypted network has one segment: one subnet of IPv4 and one of IPv6 at most. This one has {0}: give it a larger \
         subnet, or make several networks"
    )]
    Segments(usize),
}

/// Whether options of a network ask for it. What is not understood counts as yes: a user who asks for a secret network must
/// not get an open one.
pub fn asks_for_encryption(options: &BTreeMap<String, String>) -> bool {
    options.get(ENCRYPTED_OPTION).is_some_and(|value| !NO.contains(&value.as_str()))
}

/// Checks that the option is understood.
///
/// # Errors
/// If it is neither yes nor no.
pub fn check_encryption_option(options: &BTreeMap<String, String>) -> Result<(), InvalidEncrypted> {
    match options.get(ENCRYPTED_OPTION) {
        Some(value) if !YES.contains(&value.as_str()) && !NO.contains(&value.as_str()) => {
            Err(InvalidEncrypted::Option(value.chars().take(80).collect()))
        }
        _ => Ok(()),
    }
}

impl Network {
    /// Whether its packets are encrypted between hosts.
    pub fn is_encrypted(&self) -> bool {
        asks_for_encryption(&self.options)
    }

    /// Checks that the option is understood, and that it can be had.
    ///
    /// # Errors
    /// Why not.
    pub fn check_encrypted(&self) -> Result<(), InvalidEncrypted> {
        check_encryption_option(&self.options)?;
        match self.segments().len() {
            0 | 1 => Ok(()),
            _ if !self.is_encrypted() => Ok(()),
            segments => Err(InvalidEncrypted::Segments(segments)),
        }
    }

    /// Where its record is kept: that of an encrypted network under a key of another kind. Agents that cannot encrypt do
    /// not know that kind, and so do not serve the network in clear.
    pub fn key(&self, id: NetworkId) -> Key {
        if self.is_encrypted() { Key::EncryptedNetwork(id) } else { Key::Network(id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(options: &str) -> Network {
        let json =
            format!(r#"{{"name":"n","subnets":[],"options":{options},"created":"2026-11-30T00:00:00Z"}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn all_of_dockers_spellings_are_understood() {
        for yes in ["", "true", "1", "T"] {
            let network = network(&format!(r#"{{"encrypted":"{yes}"}}"#));
            assert!(network.is_encrypted() && network.check_encrypted().is_ok(), "{yes:?}");
            assert_eq!(network.key(NetworkId::LEAST), Key::EncryptedNetwork(NetworkId::LEAST));
        }
        for no in [r#"{"encrypted":"false"}"#, r#"{"encrypted":"0"}"#, "{}"] {
            assert!(!network(no).is_encrypted() && network(no).check_encrypted().is_ok(), "{no}");
            assert_eq!(network(no).key(NetworkId::LEAST), Key::Network(NetworkId::LEAST));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_not_served_in_clear() {
        let odd = network(r#"{"encrypted":"no"}"#);
        assert!(odd.is_encrypted());
        assert!(odd.check_encrypted().unwrap_err().to_string().contains("\"no\": it is true or false"));
    }

    #[test]
    fn an_encrypted_network_has_one_segment() {
        let of = |options: &str, vni: u32| -> Network {
            let json = format!(
                r#"{{"name":"n","options":{options},"created":"2026-11-30T00:00:00Z","subnets":[
                    {{"pool":"10.0.0.0/24","gateway":"10.0.0.1","vni":256}},
                    {{"pool":"fd00::/64","gateway":"fd00::1","vni":{vni}}}]}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let yes = r#"{"encrypted":""}"#;
        assert_eq!(of(yes, 256).check_encrypted(), Ok(()));
        assert_eq!(of("{}", 257).check_encrypted(), Ok(()));
        assert_eq!(of(yes, 257).check_encrypted(), Err(InvalidEncrypted::Segments(2)));
    }
}
