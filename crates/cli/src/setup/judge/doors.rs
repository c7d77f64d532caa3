//! What must be there: the engine, the agent, and the socket on which they meet.

use super::{as_root, install};
use crate::setup::{
    facts::{Engine, Facts, Reach, Unit},
    finding::{Finding, Mend},
};
use weft_docker::plugin::DRIVER;

pub(in crate::setup) fn engine(facts: &Facts) -> Finding {
    const CHECK: &str = "engine";
    let socket = &facts.docker_socket;
    match &facts.engine {
        Reach::Absent => {
            let unit = facts.boot.as_ref().map(|boot| &boot.docker);
            Finding::missing(
                CHECK,
                format!("no engine listens on {socket}"),
                vec![match unit {
                    Some(Unit { loaded: true, .. }) => Mend::command("systemctl enable --now docker.service"),
                    _ => install(facts, "docker.io, or docker-ce"),
                }],
            )
        }
        Reach::Denied => Finding::missing(CHECK, format!("you may not open {socket}"), as_root(facts)),
        Reach::Failed(why) => {
            let look = Mend::by_hand("journalctl --unit docker.service");
            Finding::missing(
                CHECK,
                format!("what listens on {socket} gives no good answer: {why}"),
                vec![look],
            )
        }
        Reach::Here(engine) => match unsuitable(engine) {
            Some((why, mend)) => Finding::missing(CHECK, why, vec![Mend::by_hand(mend)]),
            None => Finding::ok(CHECK, format!("Docker {} answers on {socket}", engine.version)),
        },
    }
}

/// Why an engine cannot have drivers of ours, and what to do.
fn unsuitable(engine: &Engine) -> Option<(&'static str, &'static str)> {
    let has = |part: &str| engine.components.iter().any(|component| component.contains(part));
    if has("Podman") {
        return Some((
            "this is Podman, which has no drivers of Docker's kind",
            "give --docker-socket, if Docker runs here, too",
        ));
    }
    if engine.operating_system.contains("Docker Desktop") {
        return Some((
            "Docker Desktop runs its engine in a virtual machine, where weft does not reach",
            "run the engine on this host itself: the package docker.io or docker-ce",
        ));
    }
    if has("rootlesskit") {
        return Some((
            "this engine runs without root: its containers' network namespaces are not this host's to change",
            "run the engine as root, and give its socket with --docker-socket",
        ));
    }
    None
}

pub(in crate::setup) fn agent(facts: &Facts) -> Finding {
    const CHECK: &str = "agent";
    match &facts.agent {
        Reach::Absent => Finding::missing(CHECK, "no weft agent runs on this host", vec![start(facts)]),
        Reach::Denied => Finding::missing(
            CHECK,
            "you may not talk to the agent: it is for root and the group weft",
            as_root(facts),
        ),
        Reach::Failed(why) => Finding::missing(
            CHECK,
            format!("the agent gives no good answer: {why}"),
            vec![
                Mend::by_hand("journalctl --unit weft.service"),
                Mend::by_hand("systemctl restart weft.service: what runs goes on"),
            ],
        ),
        Reach::Here(agent) => {
            let status = &agent.status;
            let beside = match agent.peers.len() {
                0 => "alone so far".to_owned(),
                others => format!("of {} in the cluster", others + 1),
            };
            match &status.store.error {
                None => {
                    Finding::ok(CHECK, format!("weft {} is node {}, {beside}", status.version, status.node))
                }
                Some(error) => Finding::warning(
                    CHECK,
                    format!("its store {} is out of reach: {error}", status.store.url),
                    vec![Mend::by_hand("weft status")],
                ),
            }
        }
    }
}

fn start(facts: &Facts) -> Mend {
    match &facts.boot {
        Some(boot) if boot.weft.loaded => Mend::command("systemctl enable --now weft.service"),
        _ => Mend::by_hand("weft agent --cluster-store=… --cluster-advertise=…, as root"),
    }
}

pub(in crate::setup) fn plugin(facts: &Facts) -> Finding {
    const CHECK: &str = "plugin";
    const SOCKET: &str = crate::setup::look::PLUGIN_SOCKET;
    if matches!(facts.agent, Reach::Absent) {
        return Finding::missing(CHECK, format!("{SOCKET} comes with the agent"), Vec::new());
    }
    match &facts.plugin {
        Reach::Absent => Finding::missing(
            CHECK,
            format!("nobody listens on {SOCKET}, so the engine has no driver weft"),
            vec![Mend::by_hand(
                "an agent that was told `docker-socket = \"none\"` does without: see /etc/weft/weft.toml",
            )],
        ),
        Reach::Denied if facts.root => {
            Finding::missing(CHECK, format!("{SOCKET} cannot be opened, even by root"), Vec::new())
        }
        Reach::Denied => Finding::warning(CHECK, format!("only root may open {SOCKET}"), as_root(facts)),
        Reach::Failed(why) => Finding::missing(
            CHECK,
            format!("what listens on {SOCKET} gives no good answer: {why}"),
            vec![Mend::by_hand("journalctl --unit weft.service")],
        ),
        Reach::Here(space) if space == DRIVER => {
            Finding::ok(CHECK, format!("the drivers answer on {SOCKET}"))
        }
        Reach::Here(space) => Finding::missing(
            CHECK,
            format!("what listens on {SOCKET} has addresses of \"{space}\": it is not weft"),
            Vec::new(),
        ),
    }
}
