//! What is on a host that is not weft's, and must stay as it is.

use crate::simulation::Node;
use weft_model::IfName;
use weft_plan::{Kind, Link, Netns};

impl Node {
    /// Somebody else has a bridge here.
    pub(super) fn have_others(&self) {
        self.kernel.kernel(|kernel| {
            let host = kernel.namespaces.entry(Netns::Host).or_default();
            host.links.insert(name(), theirs());
        });
    }

    pub(super) fn spares_others(&self) -> Result<(), String> {
        let there = self.kernel.kernel(|kernel| kernel.namespaces[&Netns::Host].links.get(&name()).cloned());
        if there.as_ref() == Some(&theirs()) {
            return Ok(());
        }
        Err(format!("{}: somebody else's bridge is now {there:?}", self.config.node_name))
    }
}

fn name() -> IfName {
    "br-theirs".parse().unwrap()
}

fn theirs() -> Link {
    let mut link = Link { alias: None, ..Link::new(Kind::Bridge, String::new(), None, 1500) };
    link.up = true;
    link.addresses.insert("172.30.0.1/16".parse().unwrap());
    link
}
