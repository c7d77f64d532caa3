//! A fault, and what is looked at while it happens.

use crate::{figures::Figures, stage::Stage, table::Table};
use libtest_mimic::{Failed, Trial};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use weft_testbed::Release;

/// A fault that happens to a cluster which is at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// What it is called, here and in docs/failure.md.
    pub(crate) name: &'static str,
    /// What happens, in words.
    pub(crate) fault: &'static str,
    /// Whether `make test` runs it, too.
    pub(crate) always: bool,
    /// How many hosts have an agent.
    pub(crate) hosts: usize,
    /// The hosts with Docker, whose containers are an engine's.
    pub(crate) engines: &'static [(usize, Release)],
    /// Where the truth of the cluster is: on hosts of its own.
    pub(crate) store: Kept,
    /// More arguments for the agents.
    pub(crate) arguments: &'static [&'static str],
    /// The hosts between which no packet may be lost.
    pub(crate) spared: &'static [(usize, usize)],
    /// The hosts on which endpoints come and go all the time.
    pub(crate) busy: &'static [usize],
    /// What is to be read meanwhile in logs, in `weft status` or in refusals. docs/failure.md has it, too.
    pub(crate) says: &'static [&'static str],
    /// Has it happen.
    pub(crate) play: fn(&mut Stage<'_>),
}

/// What a store is kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// One Consul server.
    Consul,
    /// One Consul server with rules and tokens, as `credentials` says.
    GuardedConsul,
    /// Three Consul servers.
    Consuls,
    /// One etcd server.
    Etcd,
}

/// Three hosts, all of which have something to say to each other all the time.
pub(crate) const ALL_OF_THREE: &[(usize, usize)] = &[(1, 2), (1, 3), (2, 3)];

impl Scenario {
    /// What most have in common.
    pub(crate) const USUAL: Self = Self {
        name: "",
        fault: "",
        always: true,
        hosts: 3,
        engines: &[],
        store: Kept::Consul,
        arguments: &[],
        spared: ALL_OF_THREE,
        busy: &[1, 2, 3],
        says: &[],
        play: |_| {},
    };

    /// As a test, which writes a line into `table`.
    pub(crate) fn trial(self, table: &Arc<Table>) -> Trial {
        let table = Arc::clone(table);
        Trial::test(self.name, move || self.run(&table)).with_ignored_flag(!self.always)
    }

    fn run(&self, table: &Table) -> Result<(), Failed> {
        let mut figures = Figures::of_scenario(self.name);
        let played = catch_unwind(AssertUnwindSafe(|| self.play(&mut figures)));
        // What all that is wrong together is, was thrown only for the logs to be shown.
        let mut wrong = figures.all_wrong();
        match played {
            Ok(false) => return Ok(()),
            Err(thrown) if wrong.is_empty() => wrong.push(message(&*thrown)),
            _ => {}
        }
        table.add(self, &figures, &wrong);
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
    }

    /// Whether this machine can play it; that it cannot was said then.
    fn play(&self, figures: &mut Figures) -> bool {
        let Some(mut stage) = Stage::set(self, figures) else { return false };
        (self.play)(&mut stage);
        stage.end();
        let wrong = stage.figures.all_wrong();
        assert!(wrong.is_empty(), "{}:\n{}", self.name, wrong.join("\n"));
        true
    }
}

/// What a panic said.
fn message(thrown: &(dyn Any + Send)) -> String {
    let said = thrown.downcast_ref::<String>().map(String::as_str);
    said.or_else(|| thrown.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
