#![allow(clippy::unwrap_used, clippy::panic)]

mod devices;

use crate::{
    BadFrame, Frame, Kind, LEAST, NoPing, Path, Peer, Prober, Reach, SMALL,
    frame::{Ends, sender},
};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use std::time::{Duration, Instant};
use weft_model::NodeId;
use weft_trust::{PairKey, TunnelSecret};

const FULL: u16 = 1450;
const START: u64 = 1_800_000_000_000_000;

/// Two nodes and what is between them, under a clock of its own.
struct World {
    ids: [NodeId; 2],
    secrets: [TunnelSecret; 2],
    probers: [Prober; 2],
    now: Instant,
    /// How large packets may be from the first to the second, and back.
    limits: [u16; 2],
    /// Every so many frames, one is lost.
    lossy: Option<usize>,
    frames: usize,
    bytes: usize,
    delay: Duration,
    under_way: Vec<(Instant, usize, Vec<u8>)>,
}

impl World {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(5);
        let mut ids = [NodeId::random(&mut rng), NodeId::random(&mut rng)];
        ids.sort();
        let secrets = [TunnelSecret::random(&mut rng), TunnelSecret::random(&mut rng)];
        let probers = ids.map(|id| Prober::new(id, START));
        let mut world = Self {
            ids,
            secrets,
            probers,
            now: Instant::now(),
            limits: [u16::MAX; 2],
            lossy: None,
            frames: 0,
            bytes: 0,
            delay: Duration::from_micros(150),
            under_way: Vec::new(),
        };
        world.acquaint(0);
        world.acquaint(1);
        world
    }

    fn peer(&self, own: usize) -> Peer {
        let other = 1 - own;
        let public = self.secrets[other].public().unwrap();
        let key = PairKey::new((&self.ids[own], &self.secrets[own]), (&self.ids[other], &public)).unwrap();
        let place = "192.0.2.1:4789".parse().unwrap();
        Peer { id: self.ids[other], public, key, place, full: FULL, close: true }
    }

    fn acquaint(&mut self, own: usize) {
        let peer = self.peer(own);
        self.probers[own].follow(vec![peer], self.now);
    }

    fn restart(&mut self, own: usize, first: u64) {
        self.probers[own] = Prober::new(self.ids[own], first);
        self.acquaint(own);
    }

    fn send(&mut self, from: usize, frames: Vec<Vec<u8>>) {
        for frame in frames {
            self.frames += 1;
            self.bytes += frame.len();
            let lost = self.lossy.is_some_and(|every| self.frames.is_multiple_of(every));
            if frame.len() - 14 <= usize::from(self.limits[from]) && !lost {
                self.under_way.push((self.now + self.delay, 1 - from, frame));
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let due = self.probers.iter().filter_map(Prober::due).min().unwrap();
            let arrives = self.under_way.iter().map(|(at, ..)| *at).min();
            let next = arrives.map_or(due, |at| at.min(due));
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            let arrived = self.under_way.iter().position(|(at, ..)| *at <= self.now);
            if let Some(arrived) = arrived {
                let (_, to, frame) = self.under_way.remove(arrived);
                let answer = self.probers[to].hear(&frame, self.now).unwrap();
                self.send(to, answer.into_iter().collect());
            } else {
                for own in 0..2 {
                    let frames = self.probers[own].poll(self.now);
                    self.send(own, frames);
                }
            }
        }
    }

    fn seconds(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    fn path(&self, own: usize) -> Path {
        self.probers[own].paths()[&self.ids[1 - own]]
    }

    fn reach(&self) -> [Reach; 2] {
        [self.path(0).reach, self.path(1).reach]
    }
}

#[test]
fn both_ends_know_a_path_that_works() {
    let mut world = World::new();
    assert_eq!(world.reach(), [Reach::Unknown; 2]);
    world.seconds(4);
    assert_eq!(world.reach(), [Reach::Both; 2]);
    for own in 0..2 {
        let path = world.path(own);
        assert_eq!((path.passes(), path.lost, path.is_narrow()), (Some(FULL), 0, false));
        assert_eq!(path.round_trip, Some(world.delay * 2));
    }
}

#[test]
fn whatever_is_lost_is_known_within_nine_seconds_and_so_is_that_it_is_mended() {
    use Reach::{Both, Nothing, OnlyFromThere};
    let cases = [
        ([0, 0], [Nothing, Nothing]),
        ([0, u16::MAX], [OnlyFromThere, Nothing]),
        ([u16::MAX, 0], [Nothing, OnlyFromThere]),
    ];
    for offset in 0..13 {
        for (limits, reach) in cases {
            let mut world = World::new();
            world.run(Duration::from_millis(20_000 + 250 * offset));
            world.limits = limits;
            world.seconds(9);
            assert_eq!(world.reach(), reach, "{limits:?}");
            assert_eq!([world.path(0).lost, world.path(1).lost], [1000; 2]);
            world.seconds(60);
            assert_eq!(world.reach(), reach, "{limits:?}, later");
            world.limits = [u16::MAX; 2];
            world.seconds(9);
            assert_eq!(world.reach(), [Both; 2], "{limits:?}, mended");
            assert_eq!([world.path(0).lost, world.path(1).lost], [0; 2]);
        }
    }
}

#[test]
fn what_never_worked_is_known_too() {
    let mut world = World::new();
    world.limits = [0, 0];
    world.seconds(9);
    assert_eq!(world.reach(), [Reach::Nothing; 2]);
}

#[test]
fn small_packets_alone_are_known_with_their_size_within_ten_seconds() {
    for (limits, sends) in
        [([1300, 1300], [1300, 1300]), ([1450, 600], [1450, 600]), ([900, 1450], [900, 1450])]
    {
        let mut world = World::new();
        world.seconds(20);
        world.limits = limits;
        world.seconds(10);
        for (own, sends) in sends.into_iter().enumerate() {
            let path = world.path(own);
            assert_eq!((path.reach, path.sends), (Reach::Both, Some(sends)));
            assert!(path.is_narrow());
        }
        // The other end's is told with the next frame.
        world.seconds(4);
        assert_eq!([world.path(0).receives, world.path(1).receives], [Some(sends[1]), Some(sends[0])]);
        world.limits = [u16::MAX; 2];
        world.seconds(10);
        assert!(!world.path(0).is_narrow() && !world.path(1).is_narrow());
    }
}

#[test]
fn single_losses_are_counted_and_are_no_reason_to_call_a_path_lost() {
    let mut world = World::new();
    world.seconds(10);
    world.lossy = Some(5);
    for _ in 0..300 {
        world.seconds(1);
        assert_eq!(world.reach(), [Reach::Both; 2]);
        assert!(!world.path(0).is_narrow() && !world.path(1).is_narrow());
    }
    assert!((50..=500).contains(&world.path(0).lost), "{:?}", world.path(0));
}

#[test]
fn an_agent_that_begins_anew_is_known_at_once_even_with_its_clock_set_back() {
    for own in 0..2 {
        for first in [START + 60_000_000, START - 1_000_000_000] {
            let mut world = World::new();
            world.seconds(60);
            world.restart(own, first);
            for _ in 0..12 {
                world.seconds(1);
                let reach = world.path(1 - own).reach;
                assert!(matches!(reach, Reach::Both | Reach::Unknown), "{reach:?}");
            }
            assert_eq!(world.reach(), [Reach::Both; 2]);
        }
    }
}

#[test]
fn an_agent_that_says_that_it_stops_is_nobody_to_measure_to_until_there_is_another() {
    for own in 0..2 {
        let mut world = World::new();
        world.seconds(20);
        let bye = world.probers[own].bye(world.now);
        world.send(own, bye);
        // It neither asks nor answers from now on.
        world.probers[own].follow(Vec::new(), world.now);
        for _ in 0..30 {
            world.now += Duration::from_secs(1);
            world.under_way.retain(|(_, to, _)| *to != own);
            for (_, _, frame) in std::mem::take(&mut world.under_way) {
                world.probers[1 - own].hear(&frame, world.now).unwrap();
            }
            world.probers[1 - own].poll(world.now);
            assert_eq!(world.path(1 - own).reach, Reach::Unknown);
        }
        world.restart(own, START + 60_000_000);
        world.seconds(8);
        assert_eq!(world.reach(), [Reach::Both; 2]);
    }
}

#[test]
fn a_path_at_rest_costs_a_few_frames_a_period() {
    let mut world = World::new();
    world.seconds(60);
    (world.frames, world.bytes) = (0, 0);
    world.seconds(300);
    // A probe and its answer, and a large packet each way and their answers.
    assert!(world.frames < 300 / 3 * 2 * 4, "{}", world.frames);
}

#[test]
fn what_was_sent_before_is_not_taken_again() {
    let mut world = World::new();
    world.seconds(1);
    let frame = loop {
        if let Some(frame) = world.probers[0].poll(world.now).pop().filter(|frame| frame.len() == SMALL) {
            break frame;
        }
        world.now += Duration::from_millis(100);
    };
    assert!(world.probers[1].hear(&frame, world.now).unwrap().is_some());
    assert!(world.probers[1].hear(&frame, world.now).unwrap().is_none(), "no answer to an old frame");
}

#[test]
fn frames_of_others_are_not_taken() {
    let mut world = World::new();
    let frame = world.probers[0].poll(world.now).remove(0);
    let mut hear = |frame: &[u8]| world.probers[1].hear(frame, world.now);
    for place in 14..frame.len() {
        let mut other = frame.clone();
        other[place] ^= 1;
        assert!(hear(&other).is_err(), "byte {place} is of no account");
    }
    assert_eq!(hear(&frame[..SMALL - 1]), Err(BadFrame::Other));
    assert_eq!(hear(&[&frame[..], &[0]].concat()), Err(BadFrame::Forged));
    assert_eq!(sender(&frame[1..]), Err(BadFrame::Other));
    assert!(hear(&frame).is_ok());
    // Its own frame, sent back.
    assert!(world.probers[0].hear(&frame, world.now).is_err());
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let kinds = prop_oneof![Just(Kind::Probe), Just(Kind::Answer), Just(Kind::Size), Just(Kind::SizeAnswer)];
    let numbers = (any::<[u64; 3]>(), any::<[u32; 2]>(), any::<[u16; 3]>(), 0..=32u8, LEAST..3000);
    (kinds, numbers).prop_map(
        |(kind, ([number, seen, about], [window, round_trip], [interval, passes, full], span, size))| Frame {
            kind,
            span,
            interval,
            number,
            seen,
            window,
            passes,
            full,
            about,
            round_trip,
            size,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(frame in any_frame()) {
        let world = World::new();
        let [there, here] = [world.peer(0), world.peer(1)];
        let bytes = frame.write(&Ends { own: &world.ids[0], other: &world.ids[1], key: &there.key });
        prop_assert_eq!(bytes.len(), 14 + usize::from(frame.size));
        let read = Frame::read(&bytes, &Ends { own: &world.ids[1], other: &world.ids[0], key: &here.key });
        prop_assert_eq!(read, Ok(frame));
    }

    #[test]
    fn whatever_a_member_says_is_survived(frames in proptest::collection::vec((any_frame(), 0..5000u64), 1..40)) {
        let mut world = World::new();
        let there = world.peer(0);
        for (frame, pause) in frames {
            world.now += Duration::from_millis(pause);
            let bytes = frame.write(&Ends { own: &world.ids[0], other: &world.ids[1], key: &there.key });
            prop_assert!(world.probers[1].hear(&bytes, world.now).is_ok());
            world.probers[1].poll(world.now);
        }
        prop_assert!(world.path(1).lost <= 1000);
    }

    #[test]
    fn reading_anything_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::new();
        prop_assert!(world.probers[0].hear(&bytes, world.now).is_err());
    }
}

#[test]
fn a_ping_is_answered_once_and_changes_nothing_that_is_measured() {
    let mut world = World::new();
    world.seconds(10);
    let before = world.probers[1].paths();
    let ping = |world: &mut World, size| {
        let to = world.ids[0];
        let ping = world.probers[1].ping(&to, Some(size), world.now).unwrap();
        assert_eq!((ping.size, ping.frame.len()), (size, 14 + usize::from(size)));
        world.send(1, vec![ping.frame]);
        ping.number
    };
    let (small, full) = (ping(&mut world, LEAST), ping(&mut world, FULL));
    world.seconds(1);
    let pongs: Vec<_> = world.probers[1].pongs().iter().map(|pong| (pong.number, pong.took)).collect();
    assert_eq!(pongs, [(small, 2 * world.delay), (full, 2 * world.delay)]);
    assert_eq!(world.probers[1].pongs(), []);
    // Of a size that does not pass nothing comes back. That is measured, too, but not by this.
    world.limits[1] = 1000;
    ping(&mut world, FULL);
    world.seconds(1);
    assert_eq!(world.probers[1].pongs(), []);
    assert_eq!(world.probers[1].paths(), before);
    // Nor are answers that are lost a sign that the path is.
    (world.limits, world.lossy) = ([u16::MAX; 2], None);
    for _ in 0..10 {
        ping(&mut world, LEAST);
        // The frame, and its answer.
        world.lossy = Some(world.frames + 1);
        world.run(Duration::from_millis(10));
        world.lossy = None;
    }
    assert_eq!(
        world.probers.each_ref().map(|prober| prober.paths().values().next().unwrap().reach),
        [Reach::Both; 2]
    );
    let nobody = NodeId::random(&mut StdRng::seed_from_u64(9));
    assert_eq!(world.probers[1].ping(&nobody, None, world.now), Err(NoPing::NoPath));
    let (to, size) = (world.ids[0], Some(FULL + 1));
    let most = NoPing::Size { least: LEAST, most: FULL };
    assert_eq!(world.probers[1].ping(&to, size, world.now), Err(most));
}
