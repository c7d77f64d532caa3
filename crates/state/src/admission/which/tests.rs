use super::*;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

fn cluster(number: u64) -> ClusterId {
    ClusterId::random(&mut StdRng::seed_from_u64(number))
}

fn place(server: &str) -> StoreLocation {
    StoreLocation::new(&format!("consul://{server}"), "weft/v1/")
}

const FRESH: u64 = 99;

/// What is remembered, where, what this host has, and what it is shown.
#[derive(Debug, Clone)]
struct Case {
    home: Option<(Option<u64>, &'static str)>,
    at: &'static str,
    networks: u64,
    endpoints: usize,
    shown: Shown,
}

impl Case {
    fn decide(&self) -> Decision {
        let home = self.home.map(|(id, at)| Home {
            cluster: id.map(cluster),
            store: place(at),
            extra: Default::default(),
        });
        let mut rng = StdRng::seed_from_u64(0);
        let networks = (0..self.networks).map(|_| NetworkId::random(&mut rng)).collect();
        decide(&Situation {
            home: home.as_ref(),
            store: &place(self.at),
            endpoints: self.endpoints,
            networks: &networks,
            shown: self.shown,
            fresh: cluster(FRESH),
        })
    }

    fn has_nothing(&self) -> bool {
        self.networks == 0 && self.endpoints == 0
    }
}

const EMPTY: Shown = Shown { id: Shows::Nothing, empty: true, shares_network: false, knows_node: false };

fn shown(id: Option<u64>) -> Shown {
    Shown { id: id.map_or(Shows::Nothing, |id| Shows::Cluster(cluster(id))), empty: false, ..EMPTY }
}

/// A host with one network of cluster 1, which is in store "a".
fn settled() -> Case {
    Case { home: Some((Some(1), "a")), at: "a", networks: 1, endpoints: 0, shown: shown(Some(1)) }
}

fn entry(decision: Decision) -> Entrance {
    let Decision::Enter(entry) = decision else { panic!("{decision:?}") };
    entry
}

fn refused(case: &Case) -> String {
    let Decision::Refuse(why) = case.decide() else { panic!("{case:?}: {:?}", case.decide()) };
    why
}

#[test]
fn one_goes_where_the_cluster_is_wherever_that_is() {
    assert_eq!(entry(settled().decide()), Entrance { cluster: cluster(1), afresh: false, moved: false });
    let moved = Case { at: "b", ..settled() };
    assert_eq!(entry(moved.decide()), Entrance { cluster: cluster(1), afresh: false, moved: true });
}

#[test]
fn another_cluster_is_refused_and_so_is_an_empty_store_elsewhere() {
    let why = refused(&Case { at: "b", shown: shown(Some(2)), ..settled() });
    for part in [
        "consul://b/weft",
        "another cluster",
        "consul://a/weft",
        "1 network",
        "weft store copy",
        "weft leave",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(refused(&Case { shown: shown(Some(2)), ..settled() }).contains("another cluster"));
    assert!(refused(&Case { at: "b", shown: EMPTY, ..settled() }).contains("is empty"));
    refused(&Case { at: "b", networks: 0, endpoints: 1, shown: EMPTY, ..settled() });
}

#[test]
fn who_has_nothing_is_free_to_go() {
    let free = Case { at: "b", networks: 0, ..settled() };
    let there = Case { shown: shown(Some(2)), ..free };
    assert_eq!(entry(there.decide()), Entrance { cluster: cluster(2), afresh: true, moved: true });
    // Not as the cluster it was in: that may go on elsewhere.
    let empty = Case { shown: EMPTY, ..free };
    assert_eq!(empty.decide(), Decision::Found { id: cluster(FRESH), instead_of: None });
    let first = Case { home: None, shown: EMPTY, ..empty };
    assert_eq!(first.decide(), Decision::Found { id: cluster(FRESH), instead_of: None });
}

#[test]
fn a_wiped_store_gets_its_id_back() {
    let wiped = Case { shown: EMPTY, ..settled() };
    assert_eq!(wiped.decide(), Decision::Found { id: cluster(1), instead_of: None });
    let faster = Case { shown: Shown { empty: true, ..shown(Some(2)) }, ..settled() };
    assert_eq!(faster.decide(), Decision::Found { id: cluster(1), instead_of: Some(cluster(2)) });
    let nonsense = Case { shown: Shown { id: Shows::Nonsense, ..shown(None) }, ..settled() };
    assert_eq!(nonsense.decide(), Decision::Found { id: cluster(1), instead_of: None });
}

#[test]
fn an_upgrade_goes_where_it_is_known() {
    let upgraded = Case { home: None, ..settled() };
    refused(&Case { shown: shown(Some(1)), ..upgraded });
    refused(&Case { shown: shown(None), ..upgraded });
    refused(&Case { shown: EMPTY, ..upgraded });
    for id in [None, Some(1)] {
        for known in [Shown { knows_node: true, ..shown(id) }, Shown { shares_network: true, ..shown(id) }] {
            let case = Case { shown: known, ..upgraded.clone() };
            match case.decide() {
                Decision::Enter(entry) => assert_eq!((entry.cluster, entry.afresh), (cluster(1), false)),
                decision => assert_eq!(decision, Decision::Found { id: cluster(FRESH), instead_of: None }),
            }
        }
    }
    // Wiped meanwhile: the memory says that this is where it was.
    let wiped = Case { home: Some((None, "a")), shown: EMPTY, ..upgraded };
    assert_eq!(wiped.decide(), Decision::Found { id: cluster(FRESH), instead_of: None });
    refused(&Case { at: "b", ..wiped });
    refused(&Case { home: Some((None, "a")), shown: Shown { id: Shows::Nonsense, ..EMPTY }, ..upgraded });
}

fn cases() -> impl Strategy<Value = Case> {
    let homes = prop::option::of((prop::option::of(1..4u64), prop::sample::select(vec!["a", "b"])));
    let ids = prop_oneof![
        Just(Shows::Nothing),
        Just(Shows::Nonsense),
        (1..4u64).prop_map(|id| Shows::Cluster(cluster(id))),
    ];
    let shown = (ids, any::<[bool; 3]>()).prop_map(|(id, [empty, shares, knows])| Shown {
        id,
        empty,
        shares_network: shares && !empty,
        knows_node: knows,
    });
    (homes, prop::sample::select(vec!["a", "b"]), 0..3u64, 0..3usize, shown)
        .prop_map(|(home, at, networks, endpoints, shown)| Case { home, at, networks, endpoints, shown })
        // Of no networks, none is there.
        .prop_map(|case| Case {
            shown: Shown { shares_network: case.shown.shares_network && case.networks > 0, ..case.shown },
            ..case
        })
}

proptest! {
    #[test]
    fn who_has_something_never_enters_another_cluster(case in cases()) {
        let ours = case.home.and_then(|(id, _)| id).map(cluster);
        match case.decide() {
            Decision::Enter(entry) => {
                prop_assert_eq!(Shows::Cluster(entry.cluster), case.shown.id);
                if let Some(ours) = ours && !case.has_nothing() {
                    prop_assert!(entry.cluster == ours && !entry.afresh);
                }
            }
            Decision::Found { id, instead_of } => {
                let known = case.shown.knows_node || case.shown.shares_network || case.home.is_some_and(|(_, at)| at == case.at);
                prop_assert!(case.has_nothing() || known);
                prop_assert!(instead_of.is_none() || case.shown.empty);
                prop_assert!(ours.is_none() || id == ours.unwrap() || case.has_nothing());
            }
            Decision::Refuse(why) => {
                prop_assert!(why.contains("--cluster-store"));
                prop_assert!(!case.has_nothing() || case.shown.id == Shows::Nonsense);
            }
        }
    }

    /// Otherwise it would write the id and stay out.
    #[test]
    fn what_is_found_is_entered(case in cases()) {
        if let Decision::Found { id, .. } = case.decide() {
            let then = Case { shown: Shown { id: Shows::Cluster(id), ..case.shown }, ..case };
            // `cluster` has no number for it.
            let ours = then.home.and_then(|(id, _)| id);
            let number = [1, 2, 3, FRESH].into_iter().find(|number| cluster(*number) == id).unwrap();
            prop_assert!(ours.is_none_or(|ours| ours == number || then.has_nothing()));
            prop_assert_eq!(entry(then.decide()).cluster, id);
        }
    }
}
