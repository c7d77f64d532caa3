use super::*;
use crate::simulation::histories::{happen, history, network};
use proptest::prelude::*;

/// What is answered of this network, when its endpoints of host1 are this node's.
fn basis(cluster: &Cluster) -> Basis {
    let endpoints = cluster.endpoints.get(&network().0).cloned().unwrap_or_default();
    let me = "host1".parse().unwrap();
    let own = endpoints.iter().filter(|(_, endpoint)| endpoint.node == me);
    let own = own.map(|(id, endpoint)| (*id, (**endpoint).clone())).collect();
    Basis { own, me: [me].into(), endpoints }
}

proptest! {
    #[test]
    fn what_is_kept_up_is_what_would_be_made_anew(history in history(), looks in proptest::collection::vec(any::<bool>(), 60)) {
        let (mut cluster, live) = (Cluster::default(), BTreeSet::from(["host1".parse().unwrap(), "host2".parse().unwrap()]));
        let mut table = Table::new(&network().1, basis(&cluster), &live);
        for (happens, look) in history.iter().zip(looks.iter().cycle()) {
            happen(&mut cluster, happens);
            if *look {
                let afresh = Table::new(&network().1, basis(&cluster), &live);
                table = table.follow(basis(&cluster), &live).unwrap_or_else(|| Table::new(&network().1, basis(&cluster), &live));
                prop_assert_eq!(&table.names, &afresh.names, "after {:?}", happens);
            }
        }
    }
}
