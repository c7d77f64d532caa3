//! What happens when the host starts.

use crate::setup::{
    facts::Facts,
    finding::{Finding, Mend},
};

const CHECK: &str = "boot";
const DOCKER: &str = "docker.service";

/// The driver must be there when the engine starts containers that are on weft's networks.
pub(in crate::setup) fn boot(facts: &Facts) -> Finding {
    let Some(boot) = &facts.boot else {
        return Finding::warning(
            CHECK,
            "systemd does not run here: whatever starts the engine has to start the agent before it",
            Vec::new(),
        );
    };
    if !boot.weft.loaded {
        return Finding::warning(
            CHECK,
            "there is no weft.service: after the next start of this host no agent runs",
            vec![Mend::by_hand("install weft's package, or its packaging/weft.service")],
        );
    }
    if !boot.weft.enabled {
        return Finding::warning(
            CHECK,
            "weft.service is not enabled: after the next start of this host no agent runs",
            vec![Mend::command("systemctl enable weft.service")],
        );
    }
    if boot.docker.loaded && !boot.weft.before.iter().any(|unit| unit == DOCKER) {
        return Finding::warning(
            CHECK,
            format!(
                "weft.service is not ordered before {DOCKER}: containers that start with the host may not find \
                 their networks"
            ),
            vec![Mend::by_hand(format!("systemctl edit weft.service, and write: [Unit] Before={DOCKER}"))],
        );
    }
    Finding::ok(CHECK, format!("weft.service is enabled, and starts before {DOCKER}"))
}
