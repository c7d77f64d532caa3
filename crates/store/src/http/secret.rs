//! Tokens and passwords.

use super::followed::Followed;
use std::{
    fmt, fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use subtle::ConstantTimeEq;

/// The longest secret a file may hold, in bytes.
const MAX: u64 = 4096;

/// The shortest secret that cannot be guessed, in bytes.
const SHORTEST: usize = 16;
/// How long a replaced secret is still accepted: clients do not all get the new one at the same moment.
const GRACE: Duration = Duration::from_secs(300);

/// A token or password. Shows itself to nobody. One in a file is what the file says: it may be replaced.
#[derive(Clone)]
pub struct Secret {
    text: Arc<Followed<String>>,
    file: Option<PathBuf>,
}

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
        Ok(Self { text: Arc::new(Followed::fixed(checked(text, origin)?)), file: None })
    }

    /// The secret in a file, now and later.
    ///
    /// # Errors
    /// [`SecretError`] if it cannot be read or holds none.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let file = path.to_owned();
        let text = Followed::files(vec![file.clone()], move || content(&file))?;
        Ok(Self { text: Arc::new(text), file: Some(path.to_owned()) })
    }

    /// The text with this in none of it, nor what it was before.
    pub fn hide_in(&self, text: &str) -> String {
        let hidden = text.replace(&*self.expose(), "(secret)");
        self.text.before(Duration::MAX).map_or(hidden.clone(), |before| hidden.replace(&*before, "(secret)"))
    }

    /// Whether it is `given`, or was until a moment ago. How long it takes does not tell how much of a guess was
    /// right.
    pub fn is(&self, given: &[u8]) -> bool {
        let same = |text: Arc<String>| bool::from(given.ct_eq(text.as_bytes()));
        same(self.expose()) || self.text.before(GRACE).is_some_and(same)
    }

    /// Why others could have it, or guess it.
    pub fn weakness(&self) -> Option<String> {
        if let Some(file) = &self.file
            && let Ok(of) = fs::metadata(file)
            && of.permissions().mode() & 0o007 != 0
        {
            let path = file.display();
            return Some(format!(
                "every user of this machine can get at the token in {path}: chmod 600 {path}"
            ));
        }
        let length = self.expose().len();
        let where_from = self.file.as_ref().map(|file| format!(" in {}", file.display())).unwrap_or_default();
        (length < SHORTEST).then(|| {
            format!(
                "the token{where_from} has {length} bytes, and could be guessed: use at least {SHORTEST}, as from \
                 `openssl rand -hex 32`"
            )
        })
    }

    /// The secret itself, as it is now: for who may have it, and never for a log.
    pub fn expose(&self) -> Arc<String> {
        self.text.get()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

fn content(path: &Path) -> Result<String, SecretError> {
    let mut text = String::new();
    let file = fs::File::open(path).and_then(|file| file.take(MAX + 2).read_to_string(&mut text));
    file.map_err(|source| SecretError::Read { path: path.to_owned(), source })?;
    checked(&text, &path.display().to_string())
}

fn checked(text: &str, origin: &str) -> Result<String, SecretError> {
    let text = text.trim();
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if text.is_empty() || !printable || text.len() as u64 > MAX {
        return Err(SecretError::Content { origin: origin.to_owned() });
    }
    Ok(text.to_owned())
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
        assert_eq!(*secret.expose(), "b1gs33cr3t");
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(secret.hide_in("token b1gs33cr3t, b1gs33cr3t!"), "token (secret), (secret)!");
        for bad in ["", " \n", "two\nlines", "ü", &"x".repeat(5000)] {
            assert!(Secret::new(bad, "here").is_err());
        }
    }

    #[test]
    fn what_others_could_have_or_guess_is_weak() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let weakness = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Secret::read(&path).unwrap().weakness()
        };
        assert_eq!(weakness("0123456789abcdef", 0o640), None);
        assert!(weakness("0123456789abcde", 0o600).unwrap().contains("15 bytes"));
        assert!(weakness("0123456789abcdef", 0o644).unwrap().contains("every user of this machine"));
        assert!(Secret::new("short", "here").unwrap().weakness().unwrap().contains("5 bytes"));
    }
}
