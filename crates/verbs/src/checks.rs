//! What is refused before a verb is called, and what a user is warned of: the same through every door.

use crate::{Error, Kind};
use ipnet::IpNet;
use std::collections::BTreeMap;
use weft_model::{ENCRYPTED_OPTION, KEEP_LABEL, KEEP_OPTION, MTU_OPTIONS, Network, VNI_OPTIONS, is_public};

/// An option that is misspelt has no effect, and nobody would notice.
pub fn refuse_unknown_options(options: &BTreeMap<String, String>) -> Result<(), Error> {
    let known = |option: &&String| {
        let option = option.as_str();
        let ours = MTU_OPTIONS.contains(&option) || VNI_OPTIONS.contains(&option);
        ours || matches!(option, KEEP_OPTION | ENCRYPTED_OPTION)
    };
    let Some(odd) = options.keys().find(|option| !known(option)) else { return Ok(()) };
    let odd: String = odd.chars().take(80).collect();
    Err(Error::invalid(format!(
        "weft's networks have no option {odd:?}: leave it out, or give one of {}, {}, {ENCRYPTED_OPTION} and {KEEP_OPTION}",
        MTU_OPTIONS[0], VNI_OPTIONS[0]
    )))
}

/// A warning for the user, if `subnet` is a public one.
pub fn warning_if_public(subnet: IpNet) -> Option<String> {
    is_public(subnet).then(|| {
        format!(
            "subnet {subnet} is a public one: from its containers, the hosts on the Internet with these addresses are out \
             of reach"
        )
    })
}

/// A clean-up on one host must not take a network from all.
pub fn refuse_if_kept(network: &Network) -> Result<(), Error> {
    if network.is_kept() {
        let message = format!(
            "network {0} is kept, since it was created with the option {KEEP_OPTION} or the label {KEEP_LABEL}: \
             remove it with `weft network rm {0}`",
            network.name
        );
        return Err(Error::new(Kind::Forbidden, message));
    }
    Ok(())
}
