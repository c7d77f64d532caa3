//! Reading `nft --json --terse list ruleset` (libnftables-json(5)).

use super::{Asks, Chain, Hook, Match, Rule, Table, Tool, Verdict};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, net::IpAddr, ops::RangeInclusive};
use weft_model::IpNet;

/// The tables that were printed.
pub(super) fn parse(printed: &str) -> Result<Vec<Table>, String> {
    let printed: Value = serde_json::from_str(printed).map_err(|error| error.to_string())?;
    let objects = printed.get("nftables").and_then(Value::as_array).ok_or("it is not a list of objects")?;
    let mut tables = Vec::new();
    for object in objects.iter().filter_map(Value::as_object) {
        for (kind, object) in object {
            match kind.as_str() {
                "table" => tables.extend(table(object)),
                "chain" => add_chain(&mut tables, object),
                "rule" => add_rule(&mut tables, object),
                _ => {}
            }
        }
    }
    Ok(tables)
}

fn table(object: &Value) -> Option<Table> {
    let (family, name) = (text(object, "family")?.to_owned(), text(object, "name")?.to_owned());
    Some(Table { tool: Tool::Nft, family, name, chains: BTreeMap::new() })
}

/// The table that a chain or a rule says it is in.
fn table_of<'a>(tables: &'a mut [Table], object: &Value) -> Option<&'a mut Table> {
    let (family, name) = (text(object, "family")?, text(object, "table")?);
    tables.iter_mut().find(|table| table.family == family && table.name == name)
}

fn add_chain(tables: &mut [Table], object: &Value) {
    let (Some(table), Some(name)) = (table_of(tables, object), text(object, "name")) else { return };
    let hook = text(object, "hook").and_then(|hook| match hook {
        "prerouting" => Some(Hook::Prerouting),
        "input" => Some(Hook::Input),
        "forward" => Some(Hook::Forward),
        "output" => Some(Hook::Output),
        "postrouting" => Some(Hook::Postrouting),
        _ => None,
    });
    let drops = text(object, "policy") == Some("drop");
    table.chains.insert(name.to_owned(), Chain { hook, drops, rules: Vec::new() });
}

fn add_rule(tables: &mut [Table], object: &Value) {
    let (Some(table), Some(chain)) = (table_of(tables, object), text(object, "chain")) else { return };
    let Some(chain) = table.chains.get_mut(chain) else { return };
    let statements = object.get("expr").and_then(Value::as_array);
    let mut matches = Vec::new();
    for (kind, statement) in statements.into_iter().flatten().filter_map(Value::as_object).flatten() {
        match kind.as_str() {
            "match" => matches.extend(questions(statement)),
            "vmap" => chain.rules.extend(mapped(&matches, statement)),
            "xt" if text(statement, "name") == Some("REJECT") => {
                chain.rules.push(Rule { matches: matches.clone(), verdict: Verdict::Drop });
            }
            "xt" if text(statement, "type") == Some("target") => {}
            "limit" | "quota" | "xt" | "queue" => matches.push(Asks::Other.is()),
            _ => {
                let verdict = verdict(kind, statement);
                chain.rules.extend(verdict.map(|verdict| Rule { matches: matches.clone(), verdict }));
            }
        }
    }
}

/// What a statement does with a packet; nothing if it only counts, logs, marks or translates it.
fn verdict(kind: &str, statement: &Value) -> Option<Verdict> {
    let target = || text(statement, "target").map(str::to_owned);
    match kind {
        "accept" => Some(Verdict::Accept),
        "drop" | "reject" => Some(Verdict::Drop),
        "return" => Some(Verdict::Return),
        "jump" => target().map(Verdict::Jump),
        "goto" => target().map(Verdict::Goto),
        _ => None,
    }
}

/// A map from what a packet has to a verdict: a rule for each entry.
fn mapped(matches: &[Match], statement: &Value) -> Vec<Rule> {
    let (key, entries) = (statement.get("key"), statement.pointer("/data/set").and_then(Value::as_array));
    let (Some(key), Some(entries)) = (key, entries) else {
        // A map with a name, whose entries are not printed: it may accept.
        let matches = [matches, &[Asks::Other.is()]].concat();
        return vec![Rule { matches, verdict: Verdict::Accept }];
    };
    let rule = |entry: &Value| {
        let [value, statement] = entry.as_array()?.as_slice() else { return None };
        let (kind, statement) = statement.as_object()?.iter().next()?;
        let own = ask(key, value, false);
        Some(Rule { matches: [matches, &own].concat(), verdict: verdict(kind, statement)? })
    };
    entries.iter().filter_map(rule).collect()
}

fn questions(statement: &Value) -> Vec<Match> {
    let (Some(left), Some(right)) = (statement.get("left"), statement.get("right")) else {
        return vec![Asks::Other.is()];
    };
    match text(statement, "op") {
        Some("==" | "in") => ask(left, right, false),
        Some("!=") => ask(left, right, true),
        _ => vec![Asks::Other.is()],
    }
}

/// What `left == right` asks, or `left != right`.
fn ask(left: &Value, right: &Value, negated: bool) -> Vec<Match> {
    let values = values(right);
    let left = left.as_object().and_then(|left| left.iter().next());
    let asked = left.and_then(|(kind, of)| match kind.as_str() {
        "meta" => meta(text(of, "key")?, &values),
        "ct" => tracked(text(of, "key")?, &values),
        "payload" => payload(text(of, "protocol")?, text(of, "field")?, &values),
        "fib" if text(of, "result") == Some("type") => Some((None, Asks::DestinationKind(texts(&values)?))),
        _ => None,
    });
    let (also, asks) = asked.unwrap_or((None, Asks::Other));
    also.into_iter().map(Asks::is).chain([Match { asks, negated }]).collect()
}

/// What is asked; before it, which is never negated, what must be so for it to be asked at all.
type Asked = (Option<Asks>, Asks);

fn meta(key: &str, values: &[&Value]) -> Option<Asked> {
    let asks = match key {
        "iif" | "iifname" => Asks::InputInterface(texts(values)?),
        "oif" | "oifname" => Asks::OutputInterface(texts(values)?),
        "l4proto" => Asks::Protocol(texts(values)?),
        "nfproto" => Asks::Ipv4(matches!(values, [value] if *value == "ipv4")),
        _ => return None,
    };
    Some((None, asks))
}

fn tracked(key: &str, values: &[&Value]) -> Option<Asked> {
    let texts = texts(values)?;
    match key {
        "state" => Some((None, Asks::State(texts.into_iter().collect()))),
        "status" if texts.iter().all(|status| status == "dnat") => Some((None, Asks::Translated)),
        _ => None,
    }
}

fn payload(protocol: &str, field: &str, values: &[&Value]) -> Option<Asked> {
    let of_protocol = |asks| Some((Some(Asks::Protocol(vec![protocol.to_owned()])), asks));
    let of_family = |asks| Some((Some(Asks::Ipv4(protocol == "ip")), asks));
    match (protocol, field) {
        ("tcp" | "udp", "dport") => of_protocol(Asks::Port(ports(values)?)),
        ("th", "dport") => Some((None, Asks::Port(ports(values)?))),
        ("tcp" | "udp" | "icmp" | "icmpv6" | "sctp" | "dccp" | "esp" | "ah", _) => of_protocol(Asks::Other),
        ("ip" | "ip6", "saddr") => of_family(Asks::Source(nets(values)?)),
        ("ip" | "ip6", "daddr") => of_family(Asks::Destination(nets(values)?)),
        ("ip", "protocol") | ("ip6", "nexthdr") => of_family(Asks::Protocol(texts(values)?)),
        ("ip" | "ip6", _) => of_family(Asks::Other),
        _ => None,
    }
}

/// The values on the right: one, or those of a set.
fn values(right: &Value) -> Vec<&Value> {
    match right.get("set").unwrap_or(right) {
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}

/// `None` where one of the values is not a text, or names a set, whose members are not printed.
fn texts(values: &[&Value]) -> Option<Vec<String>> {
    let text = |value: &&Value| value.as_str().filter(|text| !text.starts_with('@')).map(str::to_owned);
    values.iter().map(text).collect()
}

fn ports(values: &[&Value]) -> Option<Vec<RangeInclusive<u16>>> {
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    let range = |value: &&Value| match value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        Some([first, last]) => Some(port(first)?..=port(last)?),
        _ => port(value).map(|port| port..=port),
    };
    values.iter().map(range).collect()
}

fn nets(values: &[&Value]) -> Option<Vec<IpNet>> {
    let net = |value: &&Value| match value.get("prefix").and_then(Value::as_object) {
        Some(prefix) => prefixed(prefix),
        None => value.as_str()?.parse::<IpAddr>().ok().map(IpNet::from),
    };
    values.iter().map(net).collect()
}

fn prefixed(prefix: &Map<String, Value>) -> Option<IpNet> {
    let length = prefix.get("len")?.as_u64()?;
    IpNet::new(prefix.get("addr")?.as_str()?.parse().ok()?, u8::try_from(length).ok()?).ok()
}

fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}
