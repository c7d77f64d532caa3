//! Values in the store, as any program may have written them: what can be read survives being written again,
//! fields of later versions included.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::fmt::Debug;
use weft_model::{
    Claim, Cursor, Endpoint, Latest, Lineage, Liveness, Network, Node, PoolReservation, Rebuilt, Record,
    Revocation,
};

fn check<R: Record + PartialEq + Debug>(json: &[u8]) {
    if let Ok(record) = R::from_json(json) {
        let again = R::from_json(&record.to_json()).expect("what was written can be read");
        assert_eq!(again, record);
    }
}

fuzz_target!(|json: &[u8]| {
    check::<Node>(json);
    check::<Liveness>(json);
    check::<Network>(json);
    check::<Claim>(json);
    check::<Cursor>(json);
    check::<Lineage>(json);
    check::<PoolReservation>(json);
    check::<Latest>(json);
    check::<Rebuilt>(json);
    check::<Endpoint>(json);
    check::<Revocation>(json);
    if let Ok(network) = Network::from_json(json) {
        // What follows from a network's subnets, whatever they are.
        let subnets: usize = network.segments().iter().map(|segment| segment.subnets().count()).sum();
        assert!(subnets <= network.subnets.len());
        for subnet in &network.subnets {
            assert!(subnet.pool.contains(&subnet.gateway));
        }
    }
});
