//! What came of a check.

use crate::output::{Out, one_line, word_for};
use serde::Serialize;
use weft_model::{CheckNews, Finding, NodeName, Verdict};

/// All of it, so far.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) network: String,
    pub(super) hosts: Vec<NodeName>,
    /// The hosts that take no part, and why.
    pub(super) unready: Vec<Unready>,
    pub(super) ways: Vec<Way>,
    #[serde(skip)]
    ended: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Unready {
    pub(super) host: NodeName,
    pub(super) why: String,
}

/// From one host to another.
#[derive(Debug, Serialize)]
pub(super) struct Way {
    pub(super) from: NodeName,
    pub(super) to: NodeName,
    pub(super) passes: bool,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(network: &str) -> Self {
        Self {
            network: network.to_owned(),
            hosts: Vec::new(),
            unready: Vec::new(),
            ways: Vec::new(),
            ended: false,
        }
    }

    pub(super) fn take(&mut self, news: CheckNews) {
        match news {
            CheckNews::Begun { hosts } => self.hosts = hosts,
            CheckNews::Unready { host, why } => self.unready.push(Unready { host, why }),
            CheckNews::Way { from, to, findings } => {
                let passes = findings.iter().all(|finding| finding.verdict != Verdict::Problem);
                self.ways.push(Way { from, to, passes, findings });
            }
            CheckNews::Ended => {
                self.ways.sort_by(|one, other| (&one.from, &one.to).cmp(&(&other.from, &other.to)));
                self.ended = true;
            }
        }
    }

    /// Whether it has ended.
    pub(super) fn is_whole(&self) -> bool {
        self.ended
    }

    /// How many ways there are to try.
    pub(super) fn all(&self) -> usize {
        let hosts = self.hosts.len() - self.unready.len().min(self.hosts.len());
        hosts * hosts.saturating_sub(1)
    }

    pub(super) fn passes(&self) -> bool {
        self.hosts.len() > 1
            && self.unready.is_empty()
            && self.ways.len() == self.all()
            && self.ways.iter().all(|way| way.passes)
    }

    /// For people: a line for each way on which something does not pass, and what mends it below.
    pub(super) fn show(&self, out: &mut Out) -> anyhow::Result<()> {
        let line = |out: &mut Out, verdict, text: &str| {
            out.line(format!("{}  {}", word_for(verdict), one_line(text)))
        };
        for Unready { host, why } in &self.unready {
            line(out, Verdict::Problem, &format!("{host} takes no part: {why}"))?;
        }
        for Way { from, to, findings, .. } in &self.ways {
            for Finding { verdict, what, mend, .. } in findings {
                if *verdict == Verdict::Ok {
                    continue;
                }
                line(out, *verdict, &format!("{from} → {to}: {what}"))?;
                if let Some(mend) = mend {
                    out.line(format!("{:9}{}", "", one_line(mend)))?;
                }
            }
        }
        let (passing, all) = (self.ways.iter().filter(|way| way.passes).count(), self.ways.len());
        let Self { network, hosts, .. } = self;
        out.line(match (hosts.len(), all) {
            (0 | 1, _) => format!("network {network}: there is no other host"),
            (hosts, tried) if tried < self.all() => format!(
                "network {network}: {passing} of {tried} ways between {hosts} hosts pass, and {} were not tried: it took too long",
                self.all() - tried
            ),
            (hosts, _) if self.passes() => {
                format!("network {network}: all {hosts} hosts reach each other ({all} ways)")
            }
            (hosts, _) => format!("network {network}: {passing} of {all} ways between {hosts} hosts pass"),
        })
    }
}
