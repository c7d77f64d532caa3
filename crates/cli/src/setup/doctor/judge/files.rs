//! Files: who may read and change them, and whether there is room for more.

use crate::setup::{
    doctor::facts::{Config, Found, KnownFile, More, Room},
    facts::Facts,
    finding::{Finding, Mend},
    judge::as_root,
};
use std::path::Path;

const CONFIG: &str = "config";
const DATA: &str = "data";
const DISK: &str = "disk";
/// Below this many bytes nothing can be relied on to be written.
const FULL: u64 = 8 << 20;
/// Below this many it is time to look.
const NARROW: u64 = 64 << 20;
/// Below this many more files nothing can be relied on to be made.
const FEW_FILES: u64 = 64;

pub(super) fn all(facts: &Facts, more: &More) -> Vec<Finding> {
    let mut findings = vec![config(facts, &more.config)];
    findings.extend(more.files.iter().filter_map(|file| mode(facts, file)));
    findings.push(data_dir(facts, more));
    findings.extend(more.data.room.map(|room| disk(&more.data.path, room)));
    findings
}

fn config(facts: &Facts, config: &Config) -> Finding {
    match config {
        Config::Read => Finding::ok(CONFIG, "/etc/weft/weft.toml is valid"),
        Config::Absent => {
            Finding::ok(CONFIG, "there is no /etc/weft/weft.toml: an agent here has its flags alone")
        }
        Config::Denied => Finding::warning(CONFIG, "only root may read /etc/weft/weft.toml", as_root(facts)),
        Config::Invalid(why) => Finding::missing(
            CONFIG,
            format!("with /etc/weft/weft.toml no agent starts: {}", why.trim().replace('\n', " ")),
            vec![Mend::by_hand("edit /etc/weft/weft.toml, then systemctl restart weft.service")],
        ),
    }
}

/// What is wrong with who may do what with a file, if something is.
fn mode(facts: &Facts, file: &KnownFile) -> Option<Finding> {
    let path = file.path.display();
    let Some(Found { owner, mode }) = file.found else {
        return facts.root.then(|| {
            Finding::missing(
                "secrets",
                format!("weft.toml names {path}, which is not there"),
                vec![Mend::by_hand(format!(
                    "install -m 600 -D /dev/stdin {path}, and give it what belongs there; or take it out of weft.toml"
                ))],
            )
        });
    };
    let check = if file.secret { "secrets" } else { CONFIG };
    if mode & 0o022 != 0 {
        let what = format!("others than root may change {path} ({mode:04o})");
        return Some(Finding::missing(check, what, vec![Mend::words(["chmod", "go-w", &path.to_string()])]));
    }
    if file.secret && mode & 0o007 != 0 {
        let what = format!("everybody on this host may read {path}, which is secret ({mode:04o})");
        return Some(Finding::missing(check, what, vec![Mend::words(["chmod", "o=", &path.to_string()])]));
    }
    if owner != 0 {
        let what = format!("{path} belongs to the user {owner}, who may change it");
        return Some(Finding::missing(check, what, vec![Mend::words(["chown", "root", &path.to_string()])]));
    }
    None
}

fn data_dir(facts: &Facts, more: &More) -> Finding {
    let path = more.data.path.display();
    match more.data.found {
        None if facts.agent.here().is_some() && facts.root => Finding::missing(
            DATA,
            format!("{path} is gone, where the agent keeps what it must remember"),
            vec![Mend::by_hand(format!("bring {path} back, then systemctl restart weft.service"))],
        ),
        None => Finding::ok(DATA, format!("{path} is not there yet, or not to be seen")),
        Some(Found { owner, mode }) if owner != 0 => Finding::missing(
            DATA,
            format!("{path} belongs to the user {owner} ({mode:04o}), who may change what the agent knows"),
            vec![Mend::words(["chown", "root", &path.to_string()])],
        ),
        Some(Found { mode, .. }) if mode & 0o022 != 0 => Finding::missing(
            DATA,
            format!("others than root may write to {path} ({mode:04o})"),
            vec![Mend::words(["chmod", "700", &path.to_string()])],
        ),
        Some(Found { mode, .. }) if mode & 0o077 != 0 => Finding::warning(
            DATA,
            format!("others than root may enter {path} ({mode:04o}), and keep the agent from its start"),
            vec![Mend::words(["chmod", "700", &path.to_string()])],
        ),
        Some(_) => Finding::ok(DATA, format!("{path} is root's alone")),
    }
}

fn disk(path: &Path, room: Room) -> Finding {
    let path = path.display();
    let look = || vec![Mend::by_hand(format!("df -h {path}; df -i {path}; then remove what is not needed"))];
    let free = room.free >> 20;
    if room.files.is_some_and(|files| files < FEW_FILES) {
        let what = format!("there can be hardly any more files where {path} is: nothing new can be attached");
        return Finding::missing(DISK, what, look());
    }
    let what = format!("{free} MiB are free where {path} is");
    if room.free < FULL {
        return Finding::missing(
            DISK,
            format!("{what}: nothing new can be attached when it is full"),
            look(),
        );
    }
    if room.free < NARROW { Finding::warning(DISK, what, look()) } else { Finding::ok(DISK, what) }
}
