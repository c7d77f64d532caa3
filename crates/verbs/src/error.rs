//! Why a request was not carried out.

use weft_model::chain;
use weft_store::StoreError;

/// What a caller can do about an error: the doors turn it into a status of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is not valid: change it.
    Invalid,
    /// What it names does not exist.
    NotFound,
    /// It clashes with something that exists: a name, an address.
    Conflict,
    /// Not allowed as things are: a network in use.
    Forbidden,
    /// The store, or something else that is needed, is out of reach: try again later.
    Unavailable,
    /// A fault of this host, or of weft.
    Internal,
}

/// Why a request was not carried out: what failed, on what, why, and what to do. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What the caller can do.
    pub kind: Kind,
    /// A sentence for a person.
    pub message: String,
    /// The exit status of a process that was not started, as a shell would give it.
    pub exit_code: Option<u8>,
}

impl Error {
    /// An error of `kind`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), exit_code: None }
    }

    /// [`Kind::Invalid`].
    pub fn invalid(message: impl ToString) -> Self {
        Self::new(Kind::Invalid, message.to_string())
    }

    /// [`Kind::NotFound`], worded as Docker words it, since scripts look for it.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(Kind::NotFound, format!("{what} {name} not found"))
    }

    /// [`Kind::Conflict`].
    pub fn conflict(message: impl ToString) -> Self {
        Self::new(Kind::Conflict, message.to_string())
    }

    /// [`Kind::Internal`], with the whole chain of causes.
    pub fn internal(doing: &str, error: impl std::error::Error) -> Self {
        Self::new(Kind::Internal, format!("{doing}: {}", chain(&error)))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = if error.is_transient() { Kind::Unavailable } else { Kind::Internal };
        Self::new(kind, chain(&error))
    }
}
