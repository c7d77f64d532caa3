//! Many at once.

use crate::{
    scenario::Scenario,
    stage::{SOON, Stage},
    views,
};
use serde_json::json;
use std::{net::Ipv4Addr, thread, time::Duration};
use weft_testbed::{Host, until};

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "mass-start",
    fault: "containers start on all hosts at once",
    hosts: HOSTS,
    spared: &[(1, 2)],
    busy: &[],
    play: mass_start,
    ..Scenario::USUAL
}];

const HOSTS: usize = 8;
/// On each host.
const CONTAINERS: usize = 8;
/// What they are started on: big enough for all.
const CROWD: &str = "crowd";
/// Longer than an agent goes on trying for an address.
const PATIENCE: Duration = Duration::from_secs(40);

fn mass_start(stage: &mut Stage<'_>) {
    stage.host(1).run(&["weft", "network", "create", "--subnet", "10.20.0.0/16", CROWD]);
    for host in stage.hosts() {
        (0..CONTAINERS).for_each(|n| drop(host.run(&["ip", "netns", "add", &name(host, n)])));
        until("the network is seen", SOON, || views::get(host, &format!("/networks/{CROWD}")).is_ok());
    }
    let before = transactions(stage);
    let stage_now: &Stage<'_> = stage;
    let wrong: Vec<String> = thread::scope(|scope| {
        let starts = stage_now.hosts().into_iter().flat_map(|host| (0..CONTAINERS).map(move |n| (host, n)));
        let starting: Vec<_> =
            starts.map(|(host, n)| scope.spawn(move || start(stage_now, host, &name(host, n)))).collect();
        starting.into_iter().filter_map(|one| one.join().expect("it does not panic").err()).collect()
    });
    wrong.into_iter().for_each(|what| stage.figures.wrong(what));
    let (after, started) = (transactions(stage), HOSTS * CONTAINERS);
    let (all, conflicts) = (after.0 - before.0, after.1 - before.1);
    println!("{started} containers at once: {all} transactions, {conflicts} of them in vain");
    if all > 3 * started {
        stage.figures.wrong(format!("{all} transactions for {started} containers, and {conflicts} in vain"));
    }
    stage.agree();
}

fn name(host: &Host, number: usize) -> String {
    format!("{}-{number}", host.name())
}

fn start(stage: &Stage<'_>, host: &Host, name: &str) -> Result<(), String> {
    let ticket = stage.history.ask(host.name(), name);
    let body = json!({"network": CROWD, "name": name, "netns": format!("/run/netns/{name}")});
    let answer = host.ask("POST", "/weft/v1/endpoints", Some(&body), PATIENCE);
    let answer = answer.map_err(|error| format!("{name}: {error}"))?;
    if answer.status != 201 {
        stage.history.refused(ticket);
        return Err(format!("{name}: {}", answer.body));
    }
    let address = answer.json()["ipv4"].as_str().and_then(|address| address.parse::<Ipv4Addr>().ok());
    stage.history.granted(ticket, address.expect("an endpoint has an address"));
    Ok(())
}

/// How many transactions the agents have asked the store for, and how many of these were in vain.
fn transactions(stage: &Stage<'_>) -> (usize, usize) {
    let count = |host: &Host, result: &str| {
        let answer = host.ask("GET", "/metrics", None, SOON).expect("the agent answers");
        let lines =
            answer.body.lines().filter(|line| line.contains("call=\"commit\"") && line.contains(result));
        let counts = lines.filter(|line| line.starts_with("weft_store_calls_total"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum::<usize>()
    };
    let sum = |result: &str| stage.hosts().iter().map(|host| count(host, result)).sum();
    (sum(""), sum("conflict"))
}
