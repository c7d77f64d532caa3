//! What a new host joins with.

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};
use weft_model::AuthorityId;

/// How every token begins.
const PREFIX: &str = "weft1.";
/// The longest text taken for one, in bytes.
const MAX: usize = 512;
/// Bytes at its end that tell whether it was copied whole.
const CHECK: usize = 4;

/// A token: where to ask, which authority to believe, and a secret that lets one host in, once.
///
/// As a text it is `weft1.` and, in base32 (RFC 4648, without padding, lower case): 4 or 6; the address; the port (2
/// bytes); SHA-256 of the authority's certificate; the secret (16 bytes); when it ends, in seconds since 1970 (4
/// bytes); the first 4 bytes of SHA-256 of all that. Numbers have their highest byte first.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Where the host that made it listens.
    pub at: SocketAddr,
    /// The authority.
    pub authority: AuthorityId,
    /// What lets in.
    pub secret: TokenSecret,
    /// Until when, to the second.
    pub expires: Timestamp,
}

/// The secret of a token. It is never sent: [`proof`](Self::proof) shows that one has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenSecret([u8; 16]);

/// Who says something: what one side said is no proof of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The host that joins.
    Guest,
    /// The host that made the token.
    Host,
}

impl Side {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Guest => b"weft guest",
            Self::Host => b"weft host ",
        }
    }
}

/// Tells tokens apart, and nothing of their secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId(String);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It is something else.
    #[error(
        "this is no token: `weft node token`, on a host of the cluster, prints one, which begins with {PREFIX}"
    )]
    Else,
    /// It lacks something, or a letter is wrong.
    #[error(
        "the token is not whole, or a letter of it is wrong: copy all of it, or make a new one with `weft node token`"
    )]
    Broken,
    /// A later version made it.
    #[error("the token was made by a later version of weft: install that version here, too")]
    Later,
}

impl TokenSecret {
    /// A new one, from `rng`, which nobody else can foretell.
    pub fn random(rng: &mut (impl rand::Rng + ?Sized)) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Which token it is of.
    pub fn id(&self) -> TokenId {
        let digest = digest::digest(&digest::SHA256, &[b"weft token ".as_slice(), &self.0].concat());
        TokenId(BASE32_NOPAD.encode(&digest.as_ref()[..10]).to_ascii_lowercase())
    }

    /// The secret as a file has it.
    pub fn expose(&self) -> String {
        BASE32_NOPAD.encode(&self.0).to_ascii_lowercase()
    }

    /// Reads what [`expose`](Self::expose) wrote.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Shows on one connection, that `binding` tells from all others, that whoever says `what` there has the secret:
    /// HMAC-SHA256 (RFC 2104).
    pub fn proof(&self, by: Side, binding: &[u8; 32], what: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key(), &[by.label(), binding, what].concat()).as_ref().to_vec()
    }

    /// Whether `proof` is such a proof. How long it takes says nothing.
    pub fn is_proved_by(&self, proof: &[u8], by: Side, binding: &[u8; 32], what: &[u8]) -> bool {
        hmac::verify(&self.key(), &[by.label(), binding, what].concat(), proof).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self.at.ip() {
            IpAddr::V4(address) => [&[4], address.octets().as_slice()].concat(),
            IpAddr::V6(address) => [&[6], address.octets().as_slice()].concat(),
        };
        let seconds = u32::try_from(self.expires.as_second()).unwrap_or(u32::MAX);
        let (port, authority) = (self.at.port().to_be_bytes(), <[u8; 32]>::from(self.authority));
        let all = [&address, port.as_slice(), &authority, &self.secret.0, &seconds.to_be_bytes()].concat();
        let text = BASE32_NOPAD.encode(&[&all, check(&all).as_slice()].concat());
        write!(f, "{PREFIX}{}", text.to_ascii_lowercase())
    }
}

impl FromStr for JoinToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        let Some(rest) = text.strip_prefix(PREFIX) else {
            let version = text.strip_prefix("weft").and_then(|rest| rest.split_once('.'));
            let is_later = version.is_some_and(|(version, _)| version.parse::<u32>().is_ok());
            return Err(if is_later { InvalidToken::Later } else { InvalidToken::Else });
        };
        if rest.len() > MAX {
            return Err(InvalidToken::Broken);
        }
        let bytes = BASE32_NOPAD.decode(rest.to_ascii_uppercase().as_bytes());
        let bytes = bytes.map_err(|_| InvalidToken::Broken)?;
        parse(&bytes).ok_or(InvalidToken::Broken)
    }
}

fn parse(bytes: &[u8]) -> Option<JoinToken> {
    let (all, checked) = bytes.split_last_chunk::<CHECK>()?;
    if check(all) != *checked {
        return None;
    }
    let (ip, rest): (IpAddr, _) = match all.split_first()? {
        (4, rest) => rest.split_first_chunk::<4>().map(|(ip, rest)| ((*ip).into(), rest))?,
        (6, rest) => rest.split_first_chunk::<16>().map(|(ip, rest)| ((*ip).into(), rest))?,
        _ => return None,
    };
    let (port, rest) = rest.split_first_chunk()?;
    let (authority, rest) = rest.split_first_chunk::<32>()?;
    let (secret, rest) = rest.split_first_chunk()?;
    let expires = Timestamp::from_second(u32::from_be_bytes(rest.try_into().ok()?).into()).ok()?;
    let at = SocketAddr::new(ip, u16::from_be_bytes(*port));
    let authority = AuthorityId::from(*authority);
    (at.port() != 0).then_some(JoinToken { at, authority, secret: TokenSecret(*secret), expires })
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest::digest(&digest::SHA256, bytes).as_ref()[..CHECK]);
    check
}

impl TryFrom<String> for TokenId {
    type Error = InvalidToken;
    fn try_from(text: String) -> Result<Self, InvalidToken> {
        // It becomes the name of a file.
        let is_id =
            text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if is_id { Ok(Self(text)) } else { Err(InvalidToken::Broken) }
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nothing of the secret.
impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSecret({})", self.id())
    }
}

/// Nothing of the secret.
impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({} at {}, until {})", self.secret.id(), self.at, self.expires)
    }
}

#[cfg(test)]
mod tests;
