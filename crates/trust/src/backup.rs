//! A copy of an authority off its hosts, encrypted with a passphrase.

use crate::{Authority, TrustError};
use pkcs8::{
    EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo, SecretDocument,
    pkcs5::{pbes2, scrypt::Params},
};

/// What the encrypted key is called in the file (RFC 7468, section 11).
const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// How much work a guess of the passphrase is: scrypt (RFC 7914) with N = 2^17, r = 8, p = 1: 128 MiB, about half a second.
const COST: (u8, u32, u32) = (17, 8, 1);

impl Authority {
    /// Certificate and key as PEM, the key encrypted (PKCS #8, RFC 5958; PBES2 with scrypt and AES-256-CBC, RFC 8018).
    ///
    /// # Errors
    /// If the library refuses.
    pub fn backup(&self, passphrase: &str) -> Result<String, TrustError> {
        let make = |why: &dyn std::fmt::Display| TrustError::Make { what: "a backup", why: why.to_string() };
        let (log_n, r, p) = COST;
        let cost = Params::new(log_n, r, p, 32).map_err(|error| make(&error))?;
        let (salt, iv) = (rand::random::<[u8; 16]>(), rand::random::<[u8; 16]>());
        let scheme = pbes2::Parameters::scrypt_aes256cbc(cost, &salt, &iv).map_err(|error| make(&error))?;
        let key = self.key().serialize_der();
        let key = PrivateKeyInfo::try_from(key.as_slice()).map_err(|error| make(&error))?;
        let encrypted = key.encrypt_with_params(scheme, passphrase).map_err(|error| make(&error))?;
        let key = encrypted.to_pem(LABEL, LineEnding::LF).map_err(|error| make(&error))?;
        Ok(format!("{}{}", self.certificate_pem(), *key))
    }

    /// Reads what [`backup`](Self::backup) wrote.
    ///
    /// # Errors
    /// If it is none; [`TrustError::Passphrase`] if the passphrase is another.
    pub fn from_backup(text: &str, passphrase: &str) -> Result<Self, TrustError> {
        let invalid = |why: String| TrustError::Invalid { what: "the backup", why };
        let begin = format!("-----BEGIN {LABEL}-----");
        let at = text.find(&begin).ok_or_else(|| invalid("there is no encrypted key in it".to_owned()))?;
        let (certificate, key) = text.split_at(at);
        let (_, key) = SecretDocument::from_pem(key.trim()).map_err(|error| invalid(error.to_string()))?;
        let key =
            EncryptedPrivateKeyInfo::try_from(key.as_bytes()).map_err(|error| invalid(error.to_string()))?;
        refuse_costly(&key).map_err(|why| invalid(why.to_owned()))?;
        let key = key.decrypt(passphrase).map_err(|_| TrustError::Passphrase)?;
        let key = key.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|_| TrustError::Passphrase)?;
        Self::from_pem(certificate, &key)
    }
}

/// Somebody's file is not to take all memory.
fn refuse_costly(key: &EncryptedPrivateKeyInfo<'_>) -> Result<(), &'static str> {
    let scrypt = key.encryption_algorithm.pbes2().and_then(|scheme| scheme.kdf.scrypt());
    let scrypt = scrypt.ok_or("it is not encrypted as weft does it")?;
    let most = (1_u64 << COST.0, u32::from(u16::try_from(COST.1).unwrap_or_default()), COST.2);
    let is_as_ours = scrypt.cost_parameter <= most.0
        && u32::from(scrypt.block_size) <= most.1
        && u32::from(scrypt.parallelization) <= most.2;
    if is_as_ours { Ok(()) } else { Err("it takes more work to decrypt than weft's own do") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_backup_is_read_with_its_passphrase_alone() {
        let authority = Authority::found(Timestamp::now()).unwrap();
        let backup = authority.backup("correct horse").unwrap();
        assert!(!backup.contains(authority.key_pem().lines().nth(1).unwrap()));
        let read = Authority::from_backup(&backup, "correct horse").unwrap();
        assert_eq!((read.id(), read.key_pem()), (authority.id(), authority.key_pem()));
        let wrong = Authority::from_backup(&backup, "correct horsf").unwrap_err();
        assert!(matches!(wrong, TrustError::Passphrase), "{wrong}");
        let another = Authority::found(Timestamp::now()).unwrap();
        let mixed = backup.replace(authority.certificate_pem(), another.certificate_pem());
        assert!(matches!(Authority::from_backup(&mixed, "correct horse"), Err(TrustError::OtherKey)));
        for none in ["", authority.certificate_pem(), &authority.key_pem(), &backup[..backup.len() - 60]] {
            assert!(Authority::from_backup(none, "correct horse").is_err());
        }
    }
}
