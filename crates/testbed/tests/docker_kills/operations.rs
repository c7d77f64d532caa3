//! What people do with containers and networks while something is killed.

use std::time::{Duration, Instant};
use weft_testbed::Host;

/// Scripts for `sh`, each with the host's number as `$0`. They begin without `victim-$0` and `other-$0`.
pub(crate) const OPERATIONS: [&str; 9] = [
    "docker run -itd --net overlay --name victim-$0 busybox",
    "docker run -itd --net overlay --name victim-$0 busybox
     docker rm -f victim-$0",
    "docker run -itd --net overlay --restart always --name victim-$0 busybox
     docker restart victim-$0",
    "docker run -itd --name victim-$0 busybox
     docker network connect overlay victim-$0
     docker network disconnect overlay victim-$0",
    "docker run -itd --net overlay --network-alias all --name victim-$0 busybox
     docker network disconnect overlay victim-$0
     docker network connect --alias all overlay victim-$0",
    "docker network create -d weft --ipam-driver weft other-$0
     docker network rm other-$0",
    "docker network create -d weft --ipam-driver weft other-$0
     docker create -it --net overlay --name victim-$0 busybox
     docker network connect other-$0 victim-$0
     docker start victim-$0
     docker rm -f victim-$0
     docker network rm other-$0",
    "docker run -d --net overlay --name victim-$0 busybox true
     docker wait victim-$0
     docker start victim-$0",
    // The same name on both hosts: whichever is first in the cluster has it.
    "docker network create -d weft --ipam-driver weft shared || true
     docker run -itd --net shared --name victim-$0 busybox || true
     docker rm -f victim-$0
     docker network rm shared || true",
];

/// Makes room for the next operation.
pub(crate) const CLEAR: &str = "docker rm -f victim-$0; docker network rm other-$0; true";

/// Runs an operation unharmed, and says how long it takes here.
#[track_caller]
pub(crate) fn length(operation: &str, host: &Host, number: &str) -> Duration {
    let began = Instant::now();
    host.run(&["sh", "-ec", operation, number]);
    let took = began.elapsed();
    host.run(&["sh", "-c", CLEAR, number]);
    took
}
