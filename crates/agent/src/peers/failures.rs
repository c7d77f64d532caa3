//! Who failed to get in, and how often: nobody guesses on and on.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// So many failures
const ALLOWED: usize = 5;
/// in this time.
const WITHIN: Duration = Duration::from_secs(60);
/// Addresses that are remembered. An attacker with more of them has five attempts from each.
const REMEMBERED: usize = 1024;

/// Failures, by the address that they came from.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<BTreeMap<IpAddr, Vec<Instant>>>);

impl Failures {
    /// Whether a host at this address may try.
    pub(super) fn may_try(&self, from: IpAddr, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_it) = all.get_mut(&network(from)) else { return true };
        of_it.retain(|then| now.duration_since(*then) < WITHIN);
        of_it.len() < ALLOWED
    }

    /// Notes that one failed.
    pub(super) fn note(&self, from: IpAddr, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.retain(|_, of_it| of_it.iter().any(|then| now.duration_since(*then) < WITHIN));
        }
        if all.len() < REMEMBERED || all.contains_key(&network(from)) {
            all.entry(network(from)).or_default().push(now);
        }
    }
}

/// A host has as many IPv6 addresses as it likes, in one /64 (RFC 4291, section 2.5.1).
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_failures_in_a_minute_one_waits() {
        let (failures, began) = (Failures::default(), Instant::now());
        let [one, other]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        for second in 0..5 {
            assert!(failures.may_try(one, began));
            failures.note(one, began + Duration::from_secs(second));
        }
        let at = |second| began + Duration::from_secs(second);
        assert!(!failures.may_try(one, at(59)) && failures.may_try(other, at(59)));
        assert!(failures.may_try(one, at(61)));
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let (failures, now) = (Failures::default(), Instant::now());
        for host in 1..=5 {
            failures.note(format!("2001:db8::{host}").parse().unwrap(), now);
        }
        let may = |text: &str| failures.may_try(text.parse().unwrap(), now);
        assert!(!may("2001:db8::9") && may("2001:db8:0:1::1"));
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let (failures, now) = (Failures::default(), Instant::now());
        for address in 0..5000u32 {
            failures.note(IpAddr::from(address.to_be_bytes()), now);
        }
        assert_eq!(failures.0.lock().unwrap().len(), REMEMBERED);
    }
}
