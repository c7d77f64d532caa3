//! Reading what `iptables-save` and `ip6tables-save` print.

use super::{Asks, Chain, Hook, Match, Rule, Table, Tool, Verdict};
use std::{collections::BTreeMap, net::IpAddr, ops::RangeInclusive};
use weft_model::IpNet;

/// The tables that were printed.
pub(super) fn parse(tool: Tool, printed: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for line in printed.lines() {
        if let Some(name) = line.strip_prefix('*') {
            let (family, name) = (tool.family().to_owned(), name.trim().to_owned());
            tables.push(Table { tool, family, name, chains: BTreeMap::new() });
        } else if let Some(table) = tables.last_mut() {
            if let Some(chain) = line.strip_prefix(':') {
                add_chain(table, chain);
            } else if let Some(rule) = line.strip_prefix("-A ") {
                add_rule(table, rule);
            }
        }
    }
    tables
}

/// `INPUT DROP [0:0]`; a policy of `-` is that of a chain which rules jump to.
fn add_chain(table: &mut Table, line: &str) {
    let mut words = line.split_whitespace();
    let (Some(name), Some(policy)) = (words.next(), words.next()) else { return };
    let hook = match name {
        "PREROUTING" => Some(Hook::Prerouting),
        "INPUT" => Some(Hook::Input),
        "FORWARD" => Some(Hook::Forward),
        "OUTPUT" => Some(Hook::Output),
        "POSTROUTING" => Some(Hook::Postrouting),
        _ => None,
    };
    table.chains.insert(name.to_owned(), Chain { hook, drops: policy == "DROP", rules: Vec::new() });
}

/// `INPUT -i eth0 -p udp -m udp --dport 4789 -j ACCEPT`
fn add_rule(table: &mut Table, line: &str) {
    let words = words(line);
    let Some((chain, mut rest)) = words.split_first() else { return };
    let (mut matches, mut verdict) = (Vec::new(), Verdict::Continue);
    let mut negated = false;
    while let Some((option, after)) = rest.split_first() {
        let value = after.first().map(String::as_str).unwrap_or_default();
        let taken = match option.as_str() {
            "!" => {
                negated = true;
                rest = after;
                continue;
            }
            // Names the extension whose options follow; it asks nothing itself, but for those that do.
            "-m" if ASKS_NOTHING.contains(&value) => 1,
            // Nothing is asked by a comment, and nothing more by what follows `-j`.
            "--comment" => 1,
            "-j" => {
                verdict = target(value);
                after.len()
            }
            "-g" => {
                verdict = Verdict::Goto(value.to_owned());
                after.len()
            }
            _ => {
                matches.push(Match { asks: asks(option, value), negated });
                after.iter().take_while(|word| *word != "!" && !word.starts_with('-')).count()
            }
        };
        negated = false;
        rest = after.get(taken..).unwrap_or_default();
    }
    if let Some(chain) = table.chains.get_mut(chain) {
        chain.rules.push(Rule { matches, verdict });
    }
}

/// Extensions that ask nothing but by their options.
const ASKS_NOTHING: [&str; 7] = ["addrtype", "comment", "conntrack", "multiport", "state", "tcp", "udp"];

fn target(name: &str) -> Verdict {
    match name {
        "ACCEPT" => Verdict::Accept,
        "DROP" | "REJECT" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        // Of extensions, which iptables writes in capitals; chains of that look are in the table, and others are
        // nowhere to be followed to.
        name => Verdict::Jump(name.to_owned()),
    }
}

fn asks(option: &str, value: &str) -> Asks {
    // `+` stands here for what `*` does in nft.
    let interface = || vec![value.strip_suffix('+').map_or(value.to_owned(), |start| format!("{start}*"))];
    let list = || value.split(',').map(str::to_lowercase);
    match option {
        "-i" => Asks::InputInterface(interface()),
        "-o" => Asks::OutputInterface(interface()),
        "-p" => Asks::Protocol(vec![value.to_owned()]),
        "-s" => net(value).map_or(Asks::Other, |net| Asks::Source(vec![net])),
        "-d" => net(value).map_or(Asks::Other, |net| Asks::Destination(vec![net])),
        "--dport" | "--dports" => ports(value).map_or(Asks::Other, Asks::Port),
        "--ctstate" | "--state" => state(list().collect()),
        "--dst-type" => Asks::DestinationKind(list().collect()),
        _ => Asks::Other,
    }
}

/// `DNAT` is no state of its own in nft, and never stands with others where it matters.
fn state(states: Vec<String>) -> Asks {
    if states.iter().any(|state| state == "dnat") {
        return Asks::Translated;
    }
    Asks::State(states.into_iter().collect())
}

fn net(value: &str) -> Option<IpNet> {
    value.parse().ok().or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from))
}

/// `80`, `80,443,8000:8100`
fn ports(value: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let range = |part: &str| match part.split_once(':') {
        Some((first, last)) => Some(first.parse().ok()?..=last.parse().ok()?),
        None => part.parse().ok().map(|port| port..=port),
    };
    value.split(',').map(range).collect()
}

/// The words of a line; those in quotation marks are one.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for character in line.chars().chain([' ']) {
        match character {
            _ if escaped => {
                word.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(character),
        }
    }
    words
}
