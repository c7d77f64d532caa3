//! Pools and addresses, as the IPAM driver is asked for them.

use super::DRIVER;
use crate::lenient::{if_any, or_default};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr};
use weft_model::IpNet;

/// What a pool is called between the engine and weft: `weft/10.0.0.0/24`. Engines keep it for as long as the
/// network exists, so all there is to know is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PoolId(pub IpNet);

/// Why a text is not a [`PoolId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a pool of weft: expected one such as weft/10.0.0.0/24")]
pub struct InvalidPoolId(String);

/// `RequestPool`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RequestPool {
    /// Where the pool is to be; [`DRIVER`] is the only one we offer.
    #[serde(default, deserialize_with = "or_default")]
    pub address_space: String,
    /// A certain pool, or `None` for any.
    #[serde(default, deserialize_with = "if_any")]
    pub pool: Option<IpNet>,
    /// The part of the pool that addresses are to be handed out from.
    #[serde(default, deserialize_with = "if_any")]
    pub sub_pool: Option<IpNet>,
    /// What was given with `--ipam-opt`.
    #[serde(default, deserialize_with = "or_default")]
    pub options: BTreeMap<String, String>,
    /// Whether any pool means one of IPv6.
    #[serde(default, deserialize_with = "or_default")]
    pub v6: bool,
}

/// `ReleasePool`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ReleasePool {
    /// The pool.
    #[serde(rename = "PoolID")]
    pub pool: PoolId,
}

/// `RequestAddress`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RequestAddress {
    /// The pool.
    #[serde(rename = "PoolID")]
    pub pool: PoolId,
    /// A certain address, or `None` for any.
    #[serde(rename = "Address", default, deserialize_with = "if_any")]
    pub address: Option<IpAddr>,
    #[serde(rename = "Options", default, deserialize_with = "or_default")]
    options: AddressOptions,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct AddressOptions {
    #[serde(rename = "RequestAddressType", default, deserialize_with = "or_default")]
    kind: String,
}

/// `ReleaseAddress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ReleaseAddress {
    /// The pool.
    #[serde(rename = "PoolID")]
    pub pool: PoolId,
    /// The address.
    #[serde(rename = "Address")]
    pub address: IpAddr,
}

impl RequestAddress {
    /// Whether it is for the network's gateway, and not for an endpoint or an auxiliary address.
    pub fn is_gateway(&self) -> bool {
        self.options.kind == "com.docker.network.gateway"
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DRIVER}/{}", self.0)
    }
}

impl FromStr for PoolId {
    type Err = InvalidPoolId;
    fn from_str(text: &str) -> Result<Self, InvalidPoolId> {
        let pool = text.strip_prefix(DRIVER).and_then(|rest| rest.strip_prefix('/'));
        pool.and_then(|pool| pool.parse().ok())
            // A pool has one id.
            .filter(|pool: &IpNet| *pool == pool.trunc())
            .map(Self)
            .ok_or_else(|| InvalidPoolId(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for PoolId {
    type Error = InvalidPoolId;
    fn try_from(text: String) -> Result<Self, InvalidPoolId> {
        text.parse()
    }
}

impl From<PoolId> for String {
    fn from(id: PoolId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_and_back(address: IpAddr, prefix in 0..=128u8) {
            let prefix = if address.is_ipv6() { prefix } else { prefix % 33 };
            let pool = IpNet::new(address, prefix).unwrap().trunc();
            let id = PoolId(pool);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"weft/{pool}\""));
        }

        #[test]
        fn nothing_else_is_an_id(text in "\\PC{0,40}", pool in "weft/?[0-9a-f.:]{0,20}/?[0-9]{0,4}") {
            for text in [&text, &pool] {
                if let Ok(id) = text.parse::<PoolId>() {
                    prop_assert_eq!(id.0, id.0.trunc());
                }
            }
        }
    }

    #[test]
    fn says_what_an_id_looks_like() {
        for bad in ["", "weft", "weft/", "weft10.0.0.0/24", "LocalDefault/10.0.0.0/24", "weft/10.0.0.1/24"] {
            let error = bad.parse::<PoolId>().unwrap_err().to_string();
            assert!(error.ends_with("expected one such as weft/10.0.0.0/24"), "{error}");
        }
    }
}
