//! What the agents say of the cluster, each by itself.

use crate::load;
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};
use weft_testbed::Host;

/// How long an agent may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Networks, nodes and endpoints, a line each.
pub(crate) type View = BTreeSet<String>;

/// Which endpoints to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Without those that come and go all the time.
    Lasting,
    /// All, and the kernels have to hold them, too.
    All,
}

/// What `hosts` agree on.
///
/// # Errors
/// Why they do not: one of them is not well, or sees something else than another.
pub(crate) fn agreed(hosts: &[&Host], which: Which) -> Result<View, String> {
    let mut views = Vec::new();
    for host in hosts {
        views.push((host.name(), view(host, which)?));
    }
    for pair in views.windows(2) {
        let [(one, seen), (other, seen_there)] = pair else { continue };
        if seen != seen_there {
            let here: Vec<_> = seen.difference(seen_there).collect();
            let there: Vec<_> = seen_there.difference(seen).collect();
            return Err(format!("only {one} sees {here:?}, and only {other} {there:?}"));
        }
    }
    views.pop().map(|(_, view)| view).ok_or_else(|| "no host was asked".to_owned())
}

/// What a host's agent answers.
///
/// # Errors
/// If it does not.
pub(crate) fn get(host: &Host, path: &str) -> Result<Value, String> {
    let failed = |why: String| format!("{}: {path}: {why}", host.name());
    let answer = host.ask("GET", path, None, PATIENCE).map_err(|error| failed(error.to_string()))?;
    if answer.status != 200 {
        return Err(failed(answer.body));
    }
    serde_json::from_str(&answer.body).map_err(|error| failed(error.to_string()))
}

fn view(host: &Host, which: Which) -> Result<View, String> {
    is_well(host)?;
    let mut view = View::new();
    for network in list(&get(host, "/networks")?) {
        view.insert(format!("network {} {}", text(&network["Name"]), text(&network["Id"])));
    }
    for node in list(&get(host, "/weft/v1/nodes")?) {
        let state = if node["up"] == true { "up" } else { "down" };
        view.insert(format!("node {} {state}", text(&node["name"])));
    }
    for endpoint in list(&get(host, "/weft/v1/endpoints")?) {
        let name = text(&endpoint["name"]);
        if which == Which::All || !name.starts_with(load::PREFIX) {
            let (node, address) = (text(&endpoint["node"]), text(&endpoint["ipv4"]));
            view.insert(format!("endpoint {name} {address} on {node}"));
        }
    }
    if which == Which::All {
        let plan = get(host, "/weft/v1/plan")?;
        let steps = list(&plan["steps"]);
        if !steps.is_empty() {
            return Err(format!("{}: the kernel is to be changed: {steps:?}", host.name()));
        }
        kernel_agrees(host)?;
    }
    Ok(view)
}

/// The agent reaches its store, and has nothing that somebody should look at.
fn is_well(host: &Host) -> Result<(), String> {
    let status = get(host, "/weft/v1/status")?;
    if let Some(error) = status["store"]["error"].as_str() {
        return Err(format!("{}: {error}", host.name()));
    }
    let problems = list(&status["problems"]);
    if problems.is_empty() { Ok(()) } else { Err(format!("{}: {problems:?}", host.name())) }
}

/// The kernel was found to hold exactly what the cluster says.
fn kernel_agrees(host: &Host) -> Result<(), String> {
    let agreement = &get(host, "/weft/v1/status")?["agreement"];
    let mut all = list(&agreement["networks"]);
    all.push(agreement["host"].clone());
    match all.iter().find(|one| one["agrees"] != true) {
        None => Ok(()),
        Some(one) => Err(format!("{}: the kernel differs: {one}", host.name())),
    }
}

pub(crate) fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
