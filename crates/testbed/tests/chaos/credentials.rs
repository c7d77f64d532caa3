//! A Consul with access control: tokens that are replaced, and rules that are lost.

use crate::{
    scenario::{Kept, Scenario},
    stage::{SOON, Stage},
};
use std::time::{Duration, Instant};
use weft_testbed::{Host, until};

/// Where each host keeps its token.
const FILE: &str = "/etc/weft/token";
/// The token that may create the others. Consul is started with it.
const MASTER: &str = "11111111-2222-3333-4444-555555555555";
const OLD: &str = "aaaaaaaa-2222-3333-4444-555555555555";
const NEW: &str = "bbbbbbbb-2222-3333-4444-555555555555";

const SESSIONS: &str = r#"session_prefix "" { policy = "write" }"#;
const KEYS: &str = r#"key_prefix "weft/" { policy = "write" }"#;

/// How long a token that was replaced may still be in use.
const TAKEN_UP: Duration = Duration::from_secs(5);
/// How long the rule is lost.
const LOST: Duration = Duration::from_secs(15);

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "credentials-rotated",
    fault: "the token replaced and the old one deleted; its key rule lost for 15 s",
    store: Kept::GuardedConsul,
    arguments: &["--cluster-store-opt=token-file=/etc/weft/token"],
    says: &["changed, and taken up", "store out of reach, retrying", "Permission denied", "store reached"],
    play: rotated,
    ..Scenario::USUAL
}];

/// The rules that Consul is to have from the beginning, and the token on each host.
#[track_caller]
pub(crate) fn prepare(consul: &Host, hosts: &[Host]) {
    let rules = format!("{KEYS} {SESSIONS}");
    let policy = ["policy", "create", "-name=agents", "-rules", &rules];
    until("Consul knows of rules", SOON, || try_acl(consul, &policy));
    create_token(consul, OLD);
    // Lets clients without a token list the keys.
    acl(consul, &["policy", "create", "-name=readers", "-rules", r#"key_prefix "" { policy = "list" }"#]);
    acl(consul, &["token", "update", "-id=anonymous", "-policy-name=readers"]);
    hosts.iter().for_each(|host| host.write(FILE, OLD));
}

fn rotated(stage: &mut Stage<'_>) {
    let consul = stage.servers[0].host().clone();
    create_token(&consul, NEW);
    for number in 1..=stage.agents.len() {
        // An agent that reads the file now finds half a token.
        stage.host(number).write(FILE, "bbbb");
        stage.host(number).write(FILE, NEW);
    }
    stage.lasts(TAKEN_UP);
    acl(&consul, &["token", "delete", "-id", &accessor(OLD)]);
    stage.all_decide();
    stage.names_are_answered();

    set_rules(&consul, SESSIONS);
    until("it is told of", SOON, || {
        let status = stage.host(1).output(&["weft", "status"]);
        !status.status.success() && String::from_utf8_lossy(&status.stdout).contains("Permission denied")
    });
    stage.names_are_answered();
    stage.lasts(LOST);
    stage.names_are_answered();
    set_rules(&consul, &format!("{KEYS} {SESSIONS}"));
    let back = Instant::now();
    stage.catches_up(back);
    let rebuilt = consul.output(&["consul", "kv", "get", "weft/v1/rebuilt"]);
    assert!(!rebuilt.status.success(), "nothing was lost, and it was put back");
}

fn set_rules(consul: &Host, rules: &str) {
    acl(consul, &["policy", "update", "-name=agents", "-rules", rules]);
}

fn create_token(consul: &Host, secret: &str) {
    let (secret, accessor) = (format!("-secret={secret}"), format!("-accessor={}", accessor(secret)));
    acl(consul, &["token", "create", &secret, &accessor, "-policy-name=agents"]);
}

/// What the token is called.
fn accessor(secret: &str) -> String {
    secret.replacen("2222", "9999", 1)
}

#[track_caller]
fn acl(consul: &Host, arguments: &[&str]) {
    let output = consul.output(&command(arguments).iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn try_acl(consul: &Host, arguments: &[&str]) -> bool {
    consul.output(&command(arguments).iter().map(String::as_str).collect::<Vec<_>>()).status.success()
}

fn command(arguments: &[&str]) -> Vec<String> {
    let (what, rest) = arguments.split_at(2);
    let token = format!("-token={MASTER}");
    [&["consul", "acl"], what, &[token.as_str()], rest].concat().into_iter().map(str::to_owned).collect()
}
