//! Flows to published UDP ports that do not go where they should.

use std::net::SocketAddr;
use weft_plan::Publish;

/// Flows to published UDP ports that do not go where they should. UDP has no end of a connection, and a client that
/// goes on sending keeps its flow alive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaleFlows {
    /// UDP ports that are published now: what does not go to their target is stale.
    pub published: Vec<Publish>,
    /// Those that no longer are, and those that have just been: what goes to their target is stale. It did so by rules
    /// that are gone, or while the rest of the way was not there yet.
    pub changed: Vec<Publish>,
}

impl StaleFlows {
    /// Whether packets for `to`, an address of this host, should not go to `target` any more.
    pub fn has(&self, to: SocketAddr, target: SocketAddr) -> bool {
        let is_for = |publish: &&Publish| {
            publish.host_port == to.port()
                && publish.target.is_ipv4() == to.is_ipv4()
                && publish.host_ip.is_none_or(|ip| ip == to.ip())
        };
        // The first rule that fits decides.
        self.published.iter().find(is_for).is_some_and(|publish| publish.target != target)
            || self.changed.iter().filter(is_for).any(|publish| publish.target == target)
    }

    /// The families that there is something to look for in: IPv4 if true.
    pub fn families(&self) -> impl Iterator<Item = bool> {
        let all = || self.published.iter().chain(&self.changed);
        [true, false].into_iter().filter(move |ipv4| all().any(|publish| publish.target.is_ipv4() == *ipv4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_model::Protocol;

    fn publish(host_ip: Option<&str>, target: &str) -> Publish {
        let host_ip = host_ip.map(|ip| ip.parse().unwrap());
        Publish { protocol: Protocol::Udp, host_ip, host_port: 53, target: target.parse().unwrap() }
    }

    #[test]
    fn what_goes_elsewhere_than_its_port_is_stale() {
        let published = vec![publish(Some("192.0.2.1"), "10.0.0.2:5353"), publish(None, "[fd00::2]:5353")];
        let flows = StaleFlows { published, changed: vec![publish(None, "10.0.0.9:5353")] };
        let stale = |to: &str, target: &str| flows.has(to.parse().unwrap(), target.parse().unwrap());
        // Where it leads now; to nobody, from before it was published; to the one before.
        assert!(!stale("192.0.2.1:53", "10.0.0.2:5353"));
        assert!(stale("192.0.2.1:53", "192.0.2.1:53"));
        assert!(stale("192.0.2.1:53", "10.0.0.9:5353"));
        // An address and a port that it is not published on.
        assert!(!stale("192.0.2.7:53", "192.0.2.7:53"));
        assert!(!stale("192.0.2.1:54", "192.0.2.1:54"));
        assert!(stale("192.0.2.7:53", "10.0.0.9:5353"), "that one was published on all");
        assert!(stale("[2001:db8::1]:53", "[2001:db8::1]:53"));
        assert!(!stale("[2001:db8::1]:53", "[fd00::2]:5353"));
        assert!(flows.families().eq([true, false]));
        let flows = StaleFlows { changed: vec![publish(None, "[fd00::9]:1")], ..StaleFlows::default() };
        assert!(flows.families().eq([false]));
    }

    #[test]
    fn what_came_before_the_way_was_there_is_stale() {
        let now = publish(None, "10.0.0.2:5353");
        let flows = StaleFlows { published: vec![now.clone()], changed: vec![now.clone()] };
        assert!(flows.has("192.0.2.1:53".parse().unwrap(), now.target));
    }
}
