//! Who is believed after another.

use super::*;
use crate::{Authority, Member, NodeKey, Subject};
use jiff::Timestamp;
use std::collections::BTreeMap;
use weft_model::{Endorsement, NodeId};

fn found() -> Authority {
    Authority::found(Timestamp::now()).unwrap()
}

fn of(all: &[&Authority]) -> Authorities {
    let pem: String = all.iter().map(|authority| authority.certificate_pem()).collect();
    Authorities::of_certificates(&member::certificates(member::AUTHORITY, &pem).unwrap()).unwrap()
}

type Records = BTreeMap<AuthorityId, AuthorityRecord>;

fn records(all: &[(&Authority, Option<&Authority>)]) -> Records {
    all.iter().map(|(authority, by)| (authority.id(), authority.record(*by).unwrap())).collect()
}

/// The ids that are believed after what the records say.
fn after(now: &Authorities, records: &Records) -> Vec<AuthorityId> {
    now.after(records.iter()).unwrap_or_else(|| now.clone()).ids().collect()
}

#[test]
fn who_is_named_by_the_newest_comes_first_and_the_one_before_stays_until_it_is_alone() {
    let [first, second, third] = [(); 3].map(|()| found());
    let now = of(&[&first]);
    assert!(now.after(Records::new().iter()).is_none());
    let mut all = records(&[(&second, Some(&first))]);
    assert_eq!(after(&now, &all), [second.id(), first.id()]);
    all.get_mut(&second.id()).unwrap().alone = Some(second.alone().unwrap());
    assert_eq!(after(&now, &all), [second.id()]);
    // Who was away for two of them, and who believes the latest already.
    all.extend(records(&[(&third, Some(&second))]));
    assert_eq!(after(&now, &all), [third.id(), second.id()]);
    assert_eq!(after(&of(&[&third]), &all), [third.id()]);
    assert!(of(&[&third]).after(all.iter()).is_none());
}

#[test]
fn nobody_names_an_authority_but_the_newest() {
    let [first, second, stranger] = [(); 3].map(|()| found());
    let believed = |all: &Records| after(&of(&[&first]), all);
    assert_eq!(believed(&records(&[(&stranger, None)])), [first.id()]);
    assert_eq!(believed(&records(&[(&second, Some(&stranger))])), [first.id()]);
    // One that was followed already names another: somebody has its old key.
    let all = records(&[(&stranger, Some(&first))]);
    assert_eq!(after(&of(&[&second, &first]), &all), [second.id(), first.id()]);
    // Another's signature, or another's name.
    let mut all = records(&[(&second, Some(&stranger))]);
    let by = all[&second.id()].by.clone().unwrap();
    all.get_mut(&second.id()).unwrap().by = Some(Endorsement { authority: first.id(), ..by });
    assert_eq!(believed(&all), [first.id()]);
    let record = records(&[(&second, Some(&first))]).remove(&second.id()).unwrap();
    assert_eq!(believed(&BTreeMap::from([(stranger.id(), record)])), [first.id()]);
}

#[test]
fn of_two_that_one_names_none_is_believed() {
    let [first, second, other] = [(); 3].map(|()| found());
    let all = records(&[(&second, Some(&first)), (&other, Some(&first))]);
    let now = of(&[&first]);
    assert!(now.after(all.iter()).is_none() && now.is_torn(all.iter()));
    // Who followed one before the other came goes on.
    let now = of(&[&second, &first]);
    assert!(now.after(all.iter()).is_none() && !now.is_torn(all.iter()));
}

#[test]
fn only_an_authority_itself_says_that_it_is_alone() {
    let [first, second] = [(); 2].map(|()| found());
    let mut all = records(&[(&second, Some(&first))]);
    for signature in [first.alone().unwrap(), "c2lnbmF0dXJl".to_owned(), "?".repeat(9999)] {
        all.get_mut(&second.id()).unwrap().alone = Some(signature);
        assert_eq!(after(&of(&[&first]), &all), [second.id(), first.id()]);
    }
}

#[test]
fn a_record_is_worth_what_its_signatures_are() {
    let [first, second, stranger] = [(); 3].map(|()| found());
    let (now, id) = (of(&[&second, &first]), second.id());
    let [named, unnamed, by_stranger] =
        [Some(&first), None, Some(&stranger)].map(|by| second.record(by).unwrap());
    let alone = |record: &AuthorityRecord, signature: &str| AuthorityRecord {
        alone: Some(signature.to_owned()),
        ..record.clone()
    };
    let own = second.alone().unwrap();
    for (record, weight) in [
        (&unnamed, 1),
        (&named, 2),
        (&alone(&unnamed, &own), 3),
        (&alone(&named, "AAAA"), 0),
        (&alone(&named, &first.alone().unwrap()), 0),
        (&by_stranger, 0),
        (&AuthorityRecord { certificate: "AAAA".to_owned(), ..named.clone() }, 0),
        (&stranger.record(Some(&first)).unwrap(), 0),
    ] {
        assert_eq!(now.weight(&id, record), weight, "{record:?}");
    }
}

#[test]
fn certificates_of_each_are_believed_and_told_apart() {
    let [first, second, stranger] = [(); 3].map(|()| found());
    let both = of(&[&second, &first]);
    for (authority, signer) in [(&first, Some(first.id())), (&second, Some(second.id())), (&stranger, None)] {
        let subject = Subject { name: "host1".parse().unwrap(), id: NodeId::LEAST };
        let key = NodeKey::generate().unwrap();
        let own = authority.issue(&subject, &key.request().unwrap(), Timestamp::now()).unwrap();
        let member = Member::new(key, &own, &both.pem()).unwrap();
        assert_eq!(both.signer_of(&member.certificate()), signer);
        assert_eq!((member.issuer(), member.is_up_to_date()), (signer, signer == Some(second.id())));
        assert_eq!(member.check(&subject, Timestamp::now()).is_ok(), signer.is_some());
        assert_eq!(member.authorities().clone(), both);
    }
}

#[test]
fn it_is_remembered_who_signed_a_certificate_of_so_many_alone() {
    let [first, other] = [(); 2].map(|()| found());
    let now = of(&[&first]);
    let subject = Subject { name: "host1".parse().unwrap(), id: NodeId::LEAST };
    let request = NodeKey::generate().unwrap().request().unwrap();
    let by = |authority: &Authority| {
        let pem = authority.issue(&subject, &request, Timestamp::now()).unwrap();
        member::certificates(member::AUTHORITY, &pem).unwrap().swap_remove(0)
    };
    let [good, bad] = [by(&first), by(&other)];
    let remembered = || now.0[0].looked_at.lock().unwrap().len();
    for _ in 0..2 {
        assert_eq!(now.clone().verify(&good), Ok(first.id()));
        assert_eq!(now.clone().verify(&bad), Err(Disbelief::OtherAuthority));
        assert_eq!(remembered(), 2);
    }
    for nonsense in 0..5000u32 {
        let _ = now.verify(&nonsense.to_be_bytes().to_vec().into());
    }
    assert!(remembered() <= REMEMBERED);
    assert_eq!(now.verify(&good), Ok(first.id()));
    // Another that is believed as well looks for itself.
    assert_eq!(of(&[&other, &first]).verify(&good), Ok(first.id()));
}
