//! The agent, the engine, the store, and what systemd makes of them.

use crate::setup::{
    doctor::facts::{Config, More},
    facts::{Facts, Reach, Unit},
    finding::{CheckState, Finding, Mend},
    judge::{boot as of_boot, doors},
};

const BOOT: &str = "boot";
const AGENT: &str = "agent";
const ENGINE: &str = "engine";
const STORE: &str = "store";

pub(super) fn boot(facts: &Facts) -> Finding {
    let Some(boot) = &facts.boot else {
        return Finding::ok(
            BOOT,
            "systemd does not run here: whatever starts this host has to start the agent",
        );
    };
    if boot.weft.failed {
        return Finding::missing(
            BOOT,
            "weft.service failed",
            vec![
                Mend::by_hand("journalctl --unit weft.service --lines 20, which says why"),
                Mend::command("systemctl restart weft.service"),
            ],
        );
    }
    if !boot.weft.loaded && facts.agent.here().is_none() {
        return Finding::ok(BOOT, "there is no weft.service, and no agent that it could start again");
    }
    if !boot.docker.loaded && boot.weft.loaded && boot.weft.enabled {
        return Finding::ok(BOOT, "weft.service is enabled");
    }
    of_boot::boot(facts)
}

/// A host need not have an agent, unless it was set up to have one.
pub(super) fn agent(facts: &Facts, more: &More) -> Finding {
    const UNSEEN: &str = "what it knows (store, nodes, networks) could not be looked at";
    match &facts.agent {
        Reach::Here(agent) => {
            let status = &agent.status;
            let found = doors::agent(facts);
            if status.store.error.is_some() {
                // The store has a line of its own.
                return Finding::ok(AGENT, format!("weft {} is node {}", status.version, status.node));
            }
            if !status.joined {
                return Finding::warning(
                    AGENT,
                    format!("{}, and is not in the cluster yet", found.what),
                    vec![Mend::by_hand("weft status")],
                );
            }
            found
        }
        Reach::Absent if more.config == Config::Absent && !more.data.used => Finding::ok(
            AGENT,
            format!("no agent runs here, and none is set up (weft init, weft join): {UNSEEN}"),
        ),
        Reach::Absent => {
            let ran = if more.data.used { ", though one did" } else { "" };
            Finding { what: format!("no agent runs here{ran}: {UNSEEN}"), ..milder(doors::agent(facts)) }
        }
        Reach::Denied if !facts.root => milder(doors::agent(facts)),
        _ => doors::agent(facts),
    }
}

/// What the agent itself says, a line each.
pub(super) fn problems(facts: &Facts) -> impl Iterator<Item = Finding> {
    let problems = facts.agent.here().map(|agent| agent.status.problems.as_slice()).unwrap_or_default();
    let mend = || vec![Mend::by_hand("weft status, which says more")];
    problems.iter().map(move |problem| Finding::missing("status", problem.clone(), mend()))
}

/// A host need not have an engine, unless its system starts one.
pub(super) fn engine(facts: &Facts) -> Finding {
    let found = doors::engine(facts);
    match &facts.engine {
        Reach::Absent => match facts.boot.as_ref().map(|boot| &boot.docker) {
            Some(Unit { loaded: true, enabled: true, .. }) => milder(found),
            _ => Finding::ok(ENGINE, format!("{}: weft run and weft attach need none", found.what)),
        },
        Reach::Denied if !facts.root => milder(found),
        // One that cannot have drivers of ours may be there for other things.
        Reach::Here(_) => milder(found),
        _ => found,
    }
}

/// Where the engine and the agent meet, if there are both.
pub(super) fn plugin(facts: &Facts) -> Option<Finding> {
    let (_, agent) = facts.engine.here().zip(facts.agent.here())?;
    // An agent that leaves the engine alone does not speak of it.
    let ours = agent.status.engine.is_some() || facts.plugin.here().is_some();
    (ours && doors::engine(facts).state == CheckState::Ok).then(|| doors::plugin(facts))
}

pub(super) fn store(facts: &Facts, more: &More) -> Finding {
    const MEND: &str =
        "see that it runs there, and that its port is open to this host: a firewall, a security group";
    if let Some(agent) = facts.agent.here() {
        let store = &agent.status.store;
        return match &store.error {
            Some(error) => {
                let what = format!("{} is out of reach: {error}", store.url);
                Finding::missing(STORE, what, vec![Mend::by_hand(MEND)])
            }
            None if store.lost => Finding::warning(
                STORE,
                format!("{} lost what it had, which is being put back", store.url),
                vec![Mend::by_hand("weft status")],
            ),
            None => Finding::ok(STORE, format!("{} answers", store.url)),
        };
    }
    match &more.store {
        Some((url, Err(why))) => {
            Finding::missing(STORE, format!("{url} cannot be connected to: {why}"), vec![Mend::by_hand(MEND)])
        }
        Some((url, Ok(()))) => Finding::ok(STORE, format!("{url} can be connected to")),
        None => Finding::ok(STORE, "which one it is, and whether it answers, an agent would say"),
    }
}

/// What is worth a look, where it would keep Docker's containers from weft's networks.
fn milder(mut finding: Finding) -> Finding {
    finding.state = finding.state.min(CheckState::Warning);
    finding
}
