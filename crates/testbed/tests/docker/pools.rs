//! Where Docker takes its own pools from is nobody else's.

use crate::cluster::{CREATE, Cluster, SOON};
use weft_testbed::{Release, until};

#[test]
fn pools_that_an_engine_was_given_are_its_own() {
    let Some(mut cluster) = Cluster::up(&[Release::Oldest, Release::Newest]) else { return };
    // By flag: no file tells of it. The first is where weft's own would be.
    let pools = ["base=10.0.0.0/16,size=24", "base=10.44.0.0/16,size=24"];
    let flags = pools.map(|pool| format!("--default-address-pool={pool}"));
    cluster.engines[1].restart(&[&flags[0], &flags[1]]);
    let asked = "weft network create --subnet 10.44.7.0/24 there";
    until("every host refuses it", SOON, || {
        let refuses = |host: &weft_testbed::Host| {
            let output = host.output(&asked.split(' ').collect::<Vec<_>>());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() {
                host.run(&["weft", "network", "rm", "there"]);
            }
            said.contains("overlaps 10.44.0.0/16, which node host2 uses: Docker's default-address-pools")
        };
        cluster.world.hosts().iter().all(refuses)
    });
    for engine in &cluster.engines {
        let refused = engine.refused(&format!("{CREATE} --subnet 10.44.7.0/24 there"));
        assert!(refused.contains("Docker's default-address-pools"), "{refused}");
    }
    cluster.create_network("overlay");
    let subnet =
        cluster.engines[0].docker("network inspect -f {{range.IPAM.Config}}{{.Subnet}}{{end}} overlay");
    assert_eq!(subnet, "10.1.0.0/24");
    cluster.engines[0].docker("network rm overlay");
    // What it is not given any more is free.
    cluster.engines[1].restart(&[]);
    until("it is nobody's", SOON, || {
        cluster.engines[0].succeeds(&format!("{CREATE} --subnet 10.44.7.0/24 there"))
    });
    cluster.engines[0].docker("network rm there");
    cluster.is_empty_soon();
}
