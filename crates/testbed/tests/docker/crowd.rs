//! Many containers at once.

use crate::cluster::{Cluster, SOON, address, resolves, waiter};
use std::{collections::BTreeSet, thread};
use weft_testbed::{Release, eventually};

const CONTAINERS: usize = 60;
/// How many `docker run` wait for one engine at once.
const AT_ONCE: usize = 10;

#[test]
fn sixty_started_at_once_on_three_engines() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    let engine_of = |number: usize| &cluster.engines[number % 3];
    let name = |number: usize| format!("c{number}");
    thread::scope(|scope| {
        for lane in 0..3 * AT_ONCE {
            scope.spawn(move || {
                for number in (lane..CONTAINERS).step_by(3 * AT_ONCE) {
                    waiter(engine_of(number), "overlay", &name(number), "");
                }
            });
        }
    });
    let addresses: Vec<_> =
        (0..CONTAINERS).map(|number| address(engine_of(number), "overlay", &name(number))).collect();
    let distinct: BTreeSet<_> = addresses.iter().collect();
    assert_eq!(distinct.len(), CONTAINERS, "{addresses:?}");
    // Every name, from a container on every host.
    thread::scope(|scope| {
        for observer in 0..3 {
            let (name, addresses) = (&name, &addresses);
            scope.spawn(move || {
                for (number, address) in addresses.iter().enumerate() {
                    let answer = || resolves(engine_of(observer), &name(observer), &name(number));
                    eventually(SOON, || match answer() {
                        answer if answer == [address.clone()] => Ok(()),
                        answer => Err(format!("c{observer}: c{number} is {answer:?}, not {address}")),
                    });
                }
            });
        }
    });
    for engine in &cluster.engines {
        let all = engine.docker("ps -aq");
        engine.docker(&format!("rm -f {all}"));
    }
    cluster.engines[2].docker("network rm overlay");
    cluster.is_empty_soon();
}
