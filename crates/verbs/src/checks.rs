//! What is refused before a verb is called, and what a user is warned of: the same through every door.

use crate::{Error, Kind};
use ipnet::IpNet;
use std::collections::BTreeMap;
use weft_model::{KEEP_LABEL, KEEP_OPTION, MTU_OPTIONS, Network, VNI_OPTIONS, is_public};

/// The option of Docker's own overlay that has it encrypted.
const ENCRYPTION_OPTION: &str = "encrypted";

/// A user who asks for a secret network must not get an open one.
pub fn refuse_encryption(options: &BTreeMap<String, String>) -> Result<(), Error> {
    // Given alone, it means yes.
    if options.get(ENCRYPTION_OPTION).is_some_and(|value| value != "false") {
        return Err(Error::invalid(format!(
            "weft does not encrypt: leave out the option {ENCRYPTION_OPTION:?}, and run it on a network that you trust"
        )));
    }
    Ok(())
}

/// An option that is misspelt has no effect, and nobody would notice.
pub fn refuse_unknown_options(options: &BTreeMap<String, String>) -> Result<(), Error> {
    let known = |option: &&String| {
        let option = option.as_str();
        let ours = MTU_OPTIONS.contains(&option) || VNI_OPTIONS.contains(&option);
        ours || matches!(option, KEEP_OPTION | ENCRYPTION_OPTION)
    };
    let Some(odd) = options.keys().find(|option| !known(option)) else { return Ok(()) };
    let odd: String = odd.chars().take(80).collect();
    Err(Error::invalid(format!(
        "weft's networks have no option {odd:?}: leave it out, or give one of {}, {} and {KEEP_OPTION}",
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
