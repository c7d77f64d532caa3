//! The devices at the ends of a path change.

use super::{FULL, World};
use crate::Peer;
use std::time::Duration;

/// Where a device carries less for a while, or more, the other end hears of it later.
#[test]
fn what_an_end_does_not_try_is_not_in_between() {
    for (before, after) in [(1250, FULL), (FULL, 1250)] {
        for first in 0..2 {
            let mut world = World::new();
            let knows = |world: &mut World, own: usize, full: u16| {
                let peer = Peer { full, ..world.peer(own) };
                world.probers[own].follow(vec![peer], world.now);
            };
            (0..2).for_each(|own| knows(&mut world, own, before));
            world.seconds(20);
            for own in [first, 1 - first] {
                knows(&mut world, own, after);
                for _ in 0..20 {
                    world.run(Duration::from_millis(500));
                    assert!(
                        [0, 1].iter().all(|own| !world.path(*own).is_narrow()),
                        "{before}, {after}, {first}"
                    );
                }
            }
            assert_eq!([0, 1].map(|own| world.path(own).passes()), [Some(after); 2]);
        }
    }
}
