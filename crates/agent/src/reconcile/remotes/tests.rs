use super::*;
use crate::simulation::histories::{happen, history, network};
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_kept_up_is_what_would_be_worked_out(history in history(), looks in proptest::collection::vec(any::<bool>(), 60)) {
        let (me, (id, network)) = ("host1".parse().unwrap(), network());
        let vni = network.subnets[0].vni;
        let (mut kept, mut cluster) = (RemotesBySegment::default(), Cluster::default());
        for (happens, look) in history.iter().zip(looks.iter().cycle()) {
            happen(&mut cluster, happens);
            // Also several changes at once.
            if *look {
                let afresh = RemotesBySegment::default().of(&me, &cluster, (&id, &network), vni);
                prop_assert_eq!(kept.of(&me, &cluster, (&id, &network), vni), afresh, "after {:?}", happens);
            }
        }
    }
}
