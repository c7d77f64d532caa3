use super::{Claimed, History, Verdict};
use std::net::Ipv4Addr;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

fn claimed(host: &str, name: &str, address: Ipv4Addr) -> Claimed {
    Claimed { host: host.to_owned(), name: name.to_owned(), address }
}

#[test]
fn what_is_granted_released_and_granted_again_is_well() {
    let history = History::default();
    let first = history.ask("host1", "a");
    history.granted(first, ADDRESS);
    history.letting_go(first);
    let second = history.ask("host2", "b");
    history.granted(second, ADDRESS);
    history.gone(first);
    assert_eq!(history.judge(&[claimed("host2", "b", ADDRESS)]), Verdict::default());
    assert_eq!(history.grants(), 2);
}

#[test]
fn what_ends_by_its_name_is_granted_again_under_it() {
    let history = History::default();
    let [first, other] = [history.ask("host1", "a"), history.ask("host2", "a")];
    history.granted(first, ADDRESS);
    history.granted(other, OTHER);
    history.letting_go_of("host1", "a");
    let again = history.ask("host1", "a");
    history.granted(again, ADDRESS);
    let stored = [claimed("host1", "a", ADDRESS), claimed("host2", "a", OTHER)];
    assert_eq!(history.judge(&stored), Verdict::default());
    assert_eq!(history.judge(&stored[..1]).lost.len(), 1);
}

#[test]
fn one_address_granted_twice_is_a_duplicate() {
    let history = History::default();
    let [first, second] = [history.ask("host1", "a"), history.ask("host2", "b")];
    history.granted(first, ADDRESS);
    history.granted(second, ADDRESS);
    // Released in the end, and too late.
    history.letting_go(first);
    history.gone(first);
    let verdict = history.judge(&[claimed("host2", "b", ADDRESS)]);
    assert_eq!(verdict.duplicates, ["10.0.0.2 belonged to a of host1 and to b of host2 at once"]);
    assert!(verdict.lost.is_empty() && verdict.left_over.is_empty());
}

#[test]
fn a_host_that_was_given_up_owns_nothing_any_more() {
    let history = History::default();
    let first = history.ask("host1", "a");
    history.granted(first, ADDRESS);
    history.given_up("host1");
    let second = history.ask("host2", "b");
    history.granted(second, ADDRESS);
    assert_eq!(history.judge(&[claimed("host2", "b", ADDRESS)]), Verdict::default());
}

#[test]
fn what_was_granted_and_is_not_in_the_store_is_lost() {
    let history = History::default();
    let ticket = history.ask("host1", "a");
    history.granted(ticket, ADDRESS);
    assert_eq!(history.judge(&[]).lost.len(), 1);
    // With another address, it is lost and somebody else's.
    let verdict = history.judge(&[claimed("host1", "a", OTHER)]);
    assert_eq!((verdict.lost.len(), verdict.left_over.len()), (1, 1));
}

#[test]
fn an_owner_that_is_told_another_address_has_lost_the_first() {
    let history = History::default();
    let ticket = history.ask("host1", "a");
    history.granted(ticket, ADDRESS);
    history.granted(ticket, ADDRESS);
    assert_eq!(history.judge(&[claimed("host1", "a", ADDRESS)]), Verdict::default());
    history.granted(ticket, OTHER);
    assert_eq!(history.judge(&[claimed("host1", "a", ADDRESS)]).lost.len(), 1);
}

#[test]
fn what_timed_out_may_be_there_or_not() {
    let history = History::default();
    let _ = history.ask("host1", "a");
    assert_eq!(history.judge(&[]), Verdict::default());
    assert_eq!(history.judge(&[claimed("host1", "a", ADDRESS)]), Verdict::default());
}

#[test]
fn what_was_refused_or_abandoned_must_not_be_there() {
    let history = History::default();
    let [refused, abandoned] = [history.ask("host1", "a"), history.ask("host1", "b")];
    history.refused(refused);
    history.gone(abandoned);
    assert_eq!(history.judge(&[]), Verdict::default());
    let stored = [claimed("host1", "a", ADDRESS), claimed("host1", "b", OTHER)];
    assert_eq!(history.judge(&stored).left_over.len(), 2);
}

#[test]
fn what_nobody_asked_for_is_left_over() {
    let stored = [claimed("host3", "ghost", ADDRESS)];
    assert_eq!(History::default().judge(&stored).left_over.len(), 1);
}
