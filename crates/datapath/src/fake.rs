//! A kernel in memory, for simulations and tests.

use crate::{Datapath, DatapathError, Failure, Report};
use async_trait::async_trait;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use weft_model::IfName;
use weft_plan::{Desired, Link, Namespace, Netns, Observed, Plan, Step, Target};

/// A kernel in memory that behaves as [`Observed::take`] says and fails when told to.
#[derive(Debug)]
pub struct Fake {
    state: Mutex<State>,
}

/// What goes wrong next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many of the next observations fail.
    pub observe: usize,
    /// For each of the next steps, whether it fails.
    pub steps: VecDeque<bool>,
}

#[derive(Debug, Default)]
struct State {
    kernel: Observed,
    faults: Faults,
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// A host with nothing of ours.
    pub fn new() -> Self {
        let mut state = State::default();
        state.kernel.namespaces.insert(Netns::Host, Namespace::default());
        Self { state: Mutex::new(state) }
    }

    /// What is in the kernel, to look at or to meddle with.
    pub fn kernel<T>(&self, f: impl FnOnce(&mut Observed) -> T) -> T {
        f(&mut self.lock().kernel)
    }

    /// Says what goes wrong next.
    pub fn fail(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Makes the namespace of a container.
    pub fn add_container(&self, path: impl Into<std::path::PathBuf>) {
        self.kernel(|kernel| {
            kernel.namespaces.insert(Netns::Container(path.into()), Namespace::of_container())
        });
    }

    /// Ends a container: its namespace goes, and the links in it.
    pub fn remove_container(&self, path: impl Into<std::path::PathBuf>) {
        let netns = Netns::Container(path.into());
        self.kernel(|kernel| {
            let links = kernel.namespaces.get(&netns).map(|n| n.links.keys().cloned().collect::<Vec<_>>());
            for name in links.unwrap_or_default() {
                // To delete a link is never refused.
                let _ = kernel.take(&Step::DeleteLink(netns.clone(), name));
            }
            kernel.namespaces.remove(&netns)
        });
    }

    /// Moves a link to another namespace, which must be there, and renames it, as an engine does that takes its
    /// end of a pair into a container. Says whether there was one.
    pub fn move_link(&self, from: (&Netns, &IfName), to: (&Netns, &IfName)) -> bool {
        self.kernel(|kernel| {
            let link = kernel.namespaces.get_mut(from.0).and_then(|namespace| namespace.links.remove(from.1));
            let netns = kernel.namespaces.get_mut(to.0);
            let moved = link.zip(netns).map(|(link, netns)| netns.links.insert(to.1.clone(), link));
            moved.is_some()
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is as good after a panic of a test's closure as before it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Datapath for Fake {
    async fn observe(&self, desired: &Desired) -> Result<Observed, DatapathError> {
        let mut state = self.lock();
        if state.faults.observe > 0 {
            state.faults.observe -= 1;
            return Err(DatapathError::Timeout(Duration::from_secs(5)));
        }
        let mut observed = state.kernel.clone();
        let wanted = Target::of(desired).namespaces;
        observed
            .namespaces
            .retain(|netns, _| !matches!(netns, Netns::Container(_)) || wanted.contains_key(netns));
        // Of the host's links, those of others are none of ours, unless they are in the way.
        let in_the_way =
            |name: &IfName| wanted.get(&Netns::Host).is_some_and(|wanted| wanted.links.contains_key(name));
        if let Some(host) = observed.namespaces.get_mut(&Netns::Host) {
            host.links.retain(|name, link| Link::is_ours(link.alias.as_deref()) || in_the_way(name));
        }
        Ok(observed)
    }

    async fn apply(&self, plan: &Plan) -> Report {
        let mut state = self.lock();
        let mut report = Report::default();
        for step in &plan.steps {
            let injected = state.faults.steps.pop_front().unwrap_or(false);
            let result = if injected {
                Err("injected failure".to_owned())
            } else {
                state.kernel.take(step).map_err(|refusal| refusal.to_string())
            };
            match result {
                Ok(()) => report.done += 1,
                Err(error) => report.failures.push(Failure { step: step.clone(), error }),
            }
        }
        report
    }
}
