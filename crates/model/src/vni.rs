//! VXLAN network identifiers.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A VXLAN network identifier: 24 bits (RFC 7348 section 5), zero excluded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vni(u32);

/// Options that name the VNIs of a network, one for each segment, separated by commas: ours, and Docker's.
pub const VNI_OPTIONS: [&str; 2] = ["vni", "com.docker.network.driver.overlay.vxlanid_list"];

/// Why a number is not a VNI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid VNI {0:?}: expected a number from 1 to 16777215")]
pub struct InvalidVni(String);

impl Vni {
    /// The first identifier weft hands out by itself, as Docker did; smaller ones can be asked for.
    pub const FIRST_AUTOMATIC: Vni = Vni(256);
    /// The one that paths between hosts are measured on: no network gets it.
    pub const PROBES: Vni = Self::MAX;
    /// The largest.
    pub const MAX: Vni = Vni((1 << 24) - 1);

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The identifier after this one, if there is one.
    pub fn next(self) -> Option<Vni> {
        (self < Self::MAX).then_some(Vni(self.0 + 1))
    }
}

impl TryFrom<u32> for Vni {
    type Error = InvalidVni;
    fn try_from(number: u32) -> Result<Self, InvalidVni> {
        if (1..=Self::MAX.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(InvalidVni(number.to_string()))
        }
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> u32 {
        vni.0
    }
}

impl FromStr for Vni {
    type Err = InvalidVni;
    fn from_str(text: &str) -> Result<Self, InvalidVni> {
        let invalid = || InvalidVni(text.chars().take(40).collect());
        // `u32::from_str` takes a leading '+'; a key such as "+256" must not be a second name of 256.
        if !text.bytes().all(|b| b.is_ascii_digit()) || text.starts_with('0') {
            return Err(invalid());
        }
        text.parse::<u32>().map_err(|_| invalid())?.try_into()
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_24_bits_and_no_zero() {
        assert_eq!("256".parse::<Vni>().unwrap(), Vni::FIRST_AUTOMATIC);
        assert_eq!("16777215".parse::<Vni>().unwrap(), Vni::MAX);
        assert_eq!(Vni::MAX.next(), None);
        for bad in ["", "0", "16777216", "-1", "+1", "1e3", "0256", "99999999999"] {
            assert!(bad.parse::<Vni>().is_err(), "{bad}");
        }
    }
}
