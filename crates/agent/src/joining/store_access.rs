//! How a new host reaches the store.

use crate::config::AgentConfig;
use std::net::{IpAddr, SocketAddr};
use weft_store::{Secret, StoreOptions, StoreUrl};
use weft_trust::StoreAccess;

const ALONE: &str = "this host keeps the store for itself alone: `weft init` makes it serve the others";

/// How a host that joins reaches the store of an agent that is configured like that and has this address.
///
/// # Errors
/// If no other host does.
pub(crate) fn of(config: &AgentConfig, address: IpAddr) -> Result<StoreAccess, String> {
    let options = &config.store_options;
    let token = || match &options.token_file {
        Some(path) => Secret::read(path).map(Some).map_err(|error| weft_model::chain(&error)),
        None => Ok(config.store_token.clone()),
    };
    let (url, token) = match &config.store {
        StoreUrl::Embedded(_) => {
            // Its own certificate does for a member.
            let listen = config.serves_at().ok_or(ALONE)?;
            (format!("weft://{}", reached_at(listen, address, config.reached_at(address))?), None)
        }
        url => (url.to_string(), token()?),
    };
    let (options, files) = to_be_said(options);
    Ok(StoreAccess { url, options, token: token.map(|token| token.expose().to_string()), files })
}

/// Where others reach what listens there, on a host that has the address `own` and is reached at `outside`.
fn reached_at(listen: SocketAddr, own: IpAddr, outside: IpAddr) -> Result<SocketAddr, String> {
    match listen.ip() {
        ip if ip.is_unspecified() || ip == own => Ok(SocketAddr::new(outside, listen.port())),
        ip if ip.to_canonical().is_loopback() => Err(format!(
            "the store is served to this host alone: let store-serve in /etc/weft/weft.toml be {}",
            SocketAddr::new(outside, listen.port())
        )),
        _ => Ok(listen),
    }
}

/// The options that are the same on the other host, and those that name a file.
fn to_be_said(options: &StoreOptions) -> (Vec<String>, Vec<String>) {
    let StoreOptions { tls, prefix, session_ttl, token_file: _, user, password_file, member: _ } = options;
    let ttl = *session_ttl != StoreOptions::default().session_ttl;
    let said = [
        prefix.as_ref().map(|prefix| format!("kv.path={prefix}")),
        ttl.then(|| format!("discovery.ttl={}", session_ttl.as_secs())),
        user.as_ref().map(|user| format!("user={user}")),
    ];
    let files = [
        ("kv.cacertfile", &tls.ca),
        ("kv.certfile", &tls.cert),
        ("kv.keyfile", &tls.key),
        ("password-file", password_file),
    ];
    let files = files.into_iter().filter(|(_, path)| path.is_some()).map(|(name, _)| name.to_owned());
    (said.into_iter().flatten().collect(), files.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_an_address_that_they_reach() {
        let own = [192, 0, 2, 1].into();
        let reached = |listen: &str| reached_at(listen.parse().unwrap(), own, own);
        assert_eq!(reached("192.0.2.9:8500").unwrap().to_string(), "192.0.2.9:8500");
        for any in ["0.0.0.0:8501", "[::]:8501"] {
            assert_eq!(reached(any).unwrap().to_string(), "192.0.2.1:8501");
        }
        assert!(reached("127.0.0.1:8500").unwrap_err().contains("192.0.2.1:8500"));
    }

    #[test]
    fn what_names_a_file_is_told_and_not_sent() {
        let options = ["kv.cacertfile=/ca", "user=root", "password-file=/p", "kv.path=x", "token-file=/t"];
        let (said, files) = to_be_said(&StoreOptions::parse(options).unwrap());
        assert_eq!(said, ["kv.path=x", "user=root"]);
        assert_eq!(files, ["kv.cacertfile", "password-file"]);
        assert_eq!(to_be_said(&StoreOptions::default()), (vec![], vec![]));
    }
}
