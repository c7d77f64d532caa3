//! The packet filter of a host, read as far as it takes to say what becomes of a packet of weft's.
//!
//! Rules can ask more than can be known here (what a set contains, which mark another rule left), so an answer to "does
//! this rule match" is yes, no or perhaps, and so is what follows from it.

mod iptables;
mod nft;
mod obstacle;

pub(super) use obstacle::Obstacle;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::RangeInclusive,
};
use weft_model::IpNet;

/// Every table that was read, of every program that makes them.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    tables: Vec<Table>,
}

/// A table: its chains know each other, and no other's.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// The tool that made the table, and changes it.
    pub(super) tool: Tool,
    /// `ip`, `ip6`, `inet`, as nft has it.
    pub(super) family: String,
    pub(super) name: String,
    pub(super) chains: BTreeMap<String, Chain>,
}

/// The program that rules are added with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Nft,
    Iptables,
    Ip6tables,
    IptablesLegacy,
    Ip6tablesLegacy,
}

/// A chain.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// Where the kernel enters it; nothing for chains that rules jump to.
    pub(super) hook: Option<Hook>,
    /// Whether what falls through it is dropped.
    pub(super) drops: bool,
    pub(super) rules: Vec<Rule>,
}

/// Where packets meet a chain (netfilter's five hooks; nothing of ours passes any other).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

/// A rule: its conditions, all of which a packet must meet, and the verdict then.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) matches: Vec<Match>,
    pub(super) verdict: Verdict,
}

/// What a rule does with a packet that it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    /// Rejecting is dropping, with a word.
    Drop,
    Jump(String),
    Goto(String),
    Return,
    /// Counts it, logs it, marks it.
    Continue,
}

/// What is asked of a packet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Match {
    pub(super) asks: Asks,
    pub(super) negated: bool,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asks {
    /// Comes in by one of these. A name that ends in `*` stands for all that start so.
    InputInterface(Vec<String>),
    /// Goes out by one of these.
    OutputInterface(Vec<String>),
    /// Is of one of these protocols, by name.
    Protocol(Vec<String>),
    /// Goes to one of these ports.
    Port(Vec<RangeInclusive<u16>>),
    /// Comes from one of these.
    Source(Vec<IpNet>),
    /// Goes to one of these.
    Destination(Vec<IpNet>),
    /// Is in one of these states of connection tracking.
    State(BTreeSet<String>),
    /// Goes to an address of one of these kinds: `local`, `broadcast` …
    DestinationKind(Vec<String>),
    /// Had its destination translated.
    Translated,
    /// Is IPv4, or is not.
    Ipv4(bool),
    /// Something else.
    Other,
}

/// A packet, as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct Packet<'a> {
    pub(super) ipv4: bool,
    pub(super) protocol: &'static str,
    pub(super) port: u16,
    pub(super) from_interface: Option<&'a str>,
    pub(super) to_interface: Option<&'a str>,
    pub(super) source: Option<IpAddr>,
    pub(super) destination: Option<IpAddr>,
    /// `local` if it is for this host, `unicast` if it is for another.
    pub(super) destination_kind: &'static str,
    /// What connection tracking may say of it.
    pub(super) states: &'static [&'static str],
    /// Whether a published port brought it here.
    pub(super) translated: bool,
}

/// Where a packet is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tool: Tool,
    pub(super) family: String,
    pub(super) table: String,
    /// The chain that the kernel enters, which is where a rule against it belongs.
    pub(super) base: String,
    /// Where that is.
    pub(super) hook: Hook,
    /// The chain that drops it.
    pub(super) chain: String,
}

impl Filter {
    /// Adds what `nft --json list ruleset` printed.
    pub(super) fn add_nft(&mut self, printed: &str) -> Result<(), String> {
        let known: Vec<_> =
            self.tables.iter().map(|table| (table.family.clone(), table.name.clone())).collect();
        let tables = nft::parse(printed)?;
        // What iptables keeps in nftables was read from iptables itself, which says more.
        self.tables
            .extend(tables.into_iter().filter(|t| !known.contains(&(t.family.clone(), t.name.clone()))));
        Ok(())
    }

    /// Adds what `iptables-save` and its likes printed.
    pub(super) fn add_iptables(&mut self, tool: Tool, printed: &str) {
        self.tables.extend(iptables::parse(tool, printed));
    }

    /// Whether a table that `tool` looks after has a chain of this name.
    pub(super) fn has_chain(&self, tool: Tool, chain: &str) -> bool {
        self.tables.iter().any(|table| table.tool == tool && table.chains.contains_key(chain))
    }
}

impl Asks {
    pub(super) fn is(self) -> Match {
        Match { asks: self, negated: false }
    }
}

impl Tool {
    /// The program's name.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Iptables => "iptables",
            Self::Ip6tables => "ip6tables",
            Self::IptablesLegacy => "iptables-legacy",
            Self::Ip6tablesLegacy => "ip6tables-legacy",
        }
    }

    fn family(self) -> &'static str {
        match self {
            Self::Nft | Self::Iptables | Self::IptablesLegacy => "ip",
            Self::Ip6tables | Self::Ip6tablesLegacy => "ip6",
        }
    }
}

#[cfg(test)]
mod tests;
