//! What drops a packet.

use super::{Asks, Chain, Filter, Hook, Match, Packet, Place, Rule, Table, Verdict};
use std::{net::IpAddr, ops::BitAnd};
use weft_model::IpNet;

/// Something that drops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Obstacle {
    pub(in super::super) place: Place,
    /// If not, a rule that cannot be judged from here may let it pass before.
    pub(in super::super) certain: bool,
}

/// How far chains may lead to each other: nft's own limit (`NFT_JUMP_STACK_SIZE`, `nf_tables.h`).
const DEPTH: usize = 16;
/// How many rules are looked at, again and again where chains lead to each other: more than any host has.
const PATIENCE: usize = 1_000_000;

/// Whether something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum So {
    No,
    Perhaps,
    Yes,
}

impl BitAnd for So {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.min(other)
    }
}

impl From<bool> for So {
    fn from(so: bool) -> Self {
        if so { Self::Yes } else { Self::No }
    }
}

impl Filter {
    /// What drops `packet` on its way through `hooks`. Tables do not know of each other: that one accepts it does
    /// not help where another drops it.
    pub(in super::super) fn obstacles(&self, hooks: &[Hook], packet: &Packet<'_>) -> Vec<Obstacle> {
        let tables = self.tables.iter().filter(|table| table.sees(packet.ipv4));
        tables.flat_map(|table| table.obstacles(hooks, packet)).collect()
    }
}

impl Table {
    fn sees(&self, ipv4: bool) -> bool {
        self.family == "inet" || self.family == if ipv4 { "ip" } else { "ip6" }
    }

    fn obstacles(&self, hooks: &[Hook], packet: &Packet<'_>) -> impl Iterator<Item = Obstacle> {
        let entered = self.chains.iter().filter_map(|(name, chain)| {
            let hook = chain.hook.filter(|hook| hooks.contains(hook))?;
            Some((name, chain, hook))
        });
        entered.filter_map(|(name, chain, hook)| {
            let mut walk = Walk { table: self, packet, perhaps_accepted: false, patience: PATIENCE };
            let dropped_in = match walk.chain(chain, name, So::Yes, DEPTH) {
                End::Dropped(chain) => chain,
                End::FellThrough if chain.drops => name.clone(),
                End::FellThrough | End::Accepted => return None,
            };
            let place = Place {
                tool: self.tool,
                family: self.family.clone(),
                table: self.name.clone(),
                base: name.clone(),
                hook,
                chain: dropped_in,
            };
            Some(Obstacle { place, certain: !walk.perhaps_accepted })
        })
    }
}

/// How the way through a chain ends.
enum End {
    Accepted,
    /// In this chain.
    Dropped(String),
    /// Or by returning.
    FellThrough,
}

struct Walk<'a> {
    table: &'a Table,
    packet: &'a Packet<'a>,
    /// Whether a rule was met that may let it pass.
    perhaps_accepted: bool,
    /// How many more rules are looked at.
    patience: usize,
}

impl Walk<'_> {
    /// The way through a chain that is entered for certain, or perhaps: then nothing ends in it, and all there is
    /// to find out is whether something may be accepted.
    fn chain(&mut self, chain: &Chain, name: &str, entered: So, depth: usize) -> End {
        for rule in &chain.rules {
            let Some(patience) = self.patience.checked_sub(1) else {
                self.perhaps_accepted = true;
                break;
            };
            self.patience = patience;
            let so = matches(rule, self.packet);
            match (&rule.verdict, so) {
                (_, So::No) | (Verdict::Continue, _) => {}
                (Verdict::Accept | Verdict::Drop | Verdict::Return, So::Yes) => {
                    return self.ends(&rule.verdict, name, entered);
                }
                // It may leave before what drops it.
                (Verdict::Accept | Verdict::Return, So::Perhaps) => self.perhaps_accepted = true,
                // Rules are about somebody: that this one is about us is less likely than not.
                (Verdict::Drop, So::Perhaps) => {}
                (Verdict::Jump(to), _) => match self.follow(to, entered & so, depth) {
                    End::FellThrough => {}
                    end => return end,
                },
                (Verdict::Goto(to), _) => match (self.follow(to, entered & so, depth), so) {
                    (End::FellThrough, So::Perhaps) => {}
                    (end, _) => return end,
                },
            }
        }
        End::FellThrough
    }

    /// The end of the way through a chain, by a rule that matches.
    fn ends(&mut self, verdict: &Verdict, chain: &str, entered: So) -> End {
        match verdict {
            Verdict::Accept if entered == So::Yes => return End::Accepted,
            Verdict::Drop if entered == So::Yes => return End::Dropped(chain.to_owned()),
            Verdict::Accept => self.perhaps_accepted = true,
            _ => {}
        }
        End::FellThrough
    }

    fn follow(&mut self, to: &str, entered: So, depth: usize) -> End {
        match (self.table.chains.get(to), depth.checked_sub(1)) {
            (Some(chain), Some(depth)) => self.chain(chain, to, entered, depth),
            _ => End::FellThrough,
        }
    }
}

fn matches(rule: &Rule, packet: &Packet<'_>) -> So {
    rule.matches.iter().fold(So::Yes, |so, question| so & answer(question, packet))
}

fn answer(question: &Match, packet: &Packet<'_>) -> So {
    let so = match &question.asks {
        Asks::InputInterface(names) => interface(names, packet.from_interface),
        Asks::OutputInterface(names) => interface(names, packet.to_interface),
        Asks::Protocol(names) => names.iter().any(|name| name == packet.protocol).into(),
        Asks::Port(ranges) => ranges.iter().any(|range| range.contains(&packet.port)).into(),
        Asks::Source(nets) => address(nets, packet.source),
        Asks::Destination(nets) => address(nets, packet.destination),
        Asks::DestinationKind(kinds) => kinds.iter().any(|kind| kind == packet.destination_kind).into(),
        Asks::State(states) => {
            let found = packet.states.iter().filter(|state| states.contains(**state)).count();
            if found == packet.states.len() { So::Yes } else { So::from(found > 0) & So::Perhaps }
        }
        Asks::Translated => packet.translated.into(),
        Asks::Ipv4(ipv4) => (*ipv4 == packet.ipv4).into(),
        Asks::Other => So::Perhaps,
    };
    match (question.negated, so) {
        (true, So::Yes) => So::No,
        (true, So::No) => So::Yes,
        (_, so) => so,
    }
}

fn interface(names: &[String], packet: Option<&str>) -> So {
    let Some(packet) = packet else { return So::Perhaps };
    let is = |name: &String| name.strip_suffix('*').map_or(name == packet, |start| packet.starts_with(start));
    names.iter().any(is).into()
}

fn address(nets: &[IpNet], packet: Option<IpAddr>) -> So {
    if nets.iter().any(|net| net.prefix_len() == 0) {
        return So::Yes;
    }
    packet.map_or(So::Perhaps, |address| nets.iter().any(|net| net.contains(&address)).into())
}
