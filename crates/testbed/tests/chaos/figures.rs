//! What is measured while something breaks, and what it must not exceed.

use std::collections::BTreeMap;

/// Something that is measured in every scenario, or where it makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    /// Packets lost between containers that the fault is none of the business of.
    Lost,
    /// Connections broken between the same.
    Resets,
    /// Addresses that two owned at once.
    Duplicates,
    /// Addresses that were granted and are gone, or belong to nobody.
    Astray,
    /// Seconds until all agents agree and can decide again, after what was broken works again.
    CaughtUp,
    /// Seconds until a request is refused that cannot be granted.
    Refused,
    /// The part of a core that an agent takes while its store is dead, in percent.
    Cpu,
    /// Seconds until a dead host's names are answered no more.
    Forgotten,
    /// Seconds until `weft explain` says why two containers do not reach each other.
    Explained,
}

impl Measure {
    pub(crate) const ALL: [Self; 9] = [
        Self::Lost,
        Self::Resets,
        Self::Duplicates,
        Self::Astray,
        Self::CaughtUp,
        Self::Refused,
        Self::Cpu,
        Self::Forgotten,
        Self::Explained,
    ];

    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Lost => "lost packets",
            Self::Resets => "resets",
            Self::Duplicates => "duplicates",
            Self::Astray => "astray",
            Self::CaughtUp => "caught up",
            Self::Refused => "refused in",
            Self::Cpu => "CPU",
            Self::Forgotten => "out of names",
            Self::Explained => "explained in",
        }
    }

    /// The most it may be.
    pub(crate) fn bound(self) -> f64 {
        match self {
            Self::Lost | Self::Resets | Self::Duplicates | Self::Astray => 0.0,
            // Where the machine has nothing else to do it is one to three seconds; two scenarios share two cores here.
            Self::CaughtUp => 10.0,
            // A path is told within 10 s, and an agent that does not answer is waited for.
            Self::Explained => 20.0,
            Self::Cpu => 5.0,
            Self::Refused => 3.0,
            Self::Forgotten => 45.0,
        }
    }

    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Lost | Self::Resets | Self::Duplicates | Self::Astray => format!("{value:.0}"),
            Self::CaughtUp | Self::Refused => format!("{value:.2} s"),
            Self::Forgotten | Self::Explained => format!("{value:.1} s"),
            Self::Cpu => format!("{value:.1} %"),
        }
    }
}

/// What was measured in one scenario, and what else was not as it should be.
#[derive(Debug)]
pub(crate) struct Figures {
    scenario: &'static str,
    /// How many addresses were granted meanwhile: a measure of the work done.
    pub(crate) granted: usize,
    worst: BTreeMap<Measure, f64>,
    wrong: Vec<String>,
}

impl Figures {
    pub(crate) fn of_scenario(scenario: &'static str) -> Self {
        Self { scenario, granted: 0, worst: BTreeMap::new(), wrong: Vec::new() }
    }

    /// Of several measurements, the worst counts.
    pub(crate) fn measure(&mut self, what: Measure, value: f64) {
        let worst = self.worst.entry(what).or_insert(value);
        *worst = worst.max(value);
    }

    /// Says what is not as it should be.
    pub(crate) fn wrong(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("{}: WRONG: {what}", self.scenario);
        self.wrong.push(what);
    }

    /// What was measured, if it was.
    pub(crate) fn of(&self, what: Measure) -> Option<f64> {
        self.worst.get(&what).copied()
    }

    /// Everything that is not as it should be, a sentence each.
    pub(crate) fn all_wrong(&self) -> Vec<String> {
        let exceeded = self.worst.iter().filter(|(what, value)| **value > what.bound());
        let sentence = |(what, value): (&Measure, &f64)| {
            format!("{}: {}, and at most {}", what.heading(), what.show(*value), what.show(what.bound()))
        };
        exceeded.map(sentence).chain(self.wrong.iter().cloned()).collect()
    }
}
