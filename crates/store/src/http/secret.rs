//! Tokens and passwords.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The longest secret a file may hold, in bytes.
const MAX: u64 = 4096;

/// A token or password. Shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("cannot read the secret in {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is none.
    #[error("{origin} holds no secret: one line of printable ASCII, at most {MAX} bytes, is expected")]
    Content {
        /// Where it came from.
        origin: String,
    },
}

impl Secret {
    /// A secret that came from `origin`, which errors name; white space around it does not count.
    ///
    /// # Errors
    /// [`SecretError::Content`] for what cannot be sent in an HTTP header.
    pub fn new(text: &str, origin: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if text.is_empty() || !printable || text.len() as u64 > MAX {
            return Err(SecretError::Content { origin: origin.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret in a file.
    ///
    /// # Errors
    /// [`SecretError`] if it cannot be read or holds none.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let mut text = String::new();
        let file = fs::File::open(path).and_then(|file| file.take(MAX + 2).read_to_string(&mut text));
        file.map_err(|source| SecretError::Read { path: path.to_owned(), source })?;
        Self::new(&text, &path.display().to_string())
    }

    /// The text with this in none of it.
    pub fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, "(secret)")
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_printable_line_and_never_shown() {
        let secret = Secret::new(" b1gs33cr3t\n", "here").unwrap();
        assert_eq!(secret.expose(), "b1gs33cr3t");
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(secret.hide_in("token b1gs33cr3t, b1gs33cr3t!"), "token (secret), (secret)!");
        for bad in ["", " \n", "two\nlines", "ü", &"x".repeat(5000)] {
            assert!(Secret::new(bad, "here").is_err());
        }
    }
}
