//! Rounds of kills, decided by a seed: `WEFT_SEED=7 WEFT_ROUNDS=200` tries more of them, and others.

use crate::{
    COMES_RIGHT,
    cluster::{Cluster, SOON, address, ping, resolves, waiter},
    operations::{CLEAR, OPERATIONS, length},
    views::agree_soon,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{
    env, fmt, thread,
    time::{Duration, Instant},
};
use weft_testbed::{Agent, Engine, Release, until};

/// How many rounds there are on each host, unless told.
const ROUNDS: u64 = 12;
/// How many there are before everything is looked at, and removed.
const TURN: u64 = 3;
/// How long a docker command may take while its engine, or the driver, is killed.
const OPERATION: Duration = Duration::from_secs(60);
/// How long what was killed stays away at most, in milliseconds.
const AWAY: u64 = 300;

#[test]
fn kills_at_any_moment_leave_nothing() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    let (seed, rounds) =
        (number("WEFT_SEED").unwrap_or(0x5eed), number("WEFT_ROUNDS").map(|all| all.div_ceil(2)));
    eprintln!("WEFT_SEED={seed}");
    let mut chances = [0, 1].map(|host| StdRng::seed_from_u64(seed.wrapping_add(host)));
    let lengths = unharmed(&cluster);
    let began = Instant::now();
    let mut left = rounds.unwrap_or(ROUNDS);
    while left > 0 {
        let turn = left.min(TURN);
        left -= turn;
        cluster.create_network("overlay");
        on_both(&mut cluster, &mut chances, |place, chance| {
            let always = format!("always-{}", place.number);
            waiter(place.engine, "overlay", &always, "--restart always");
            for _ in 0..turn {
                place.round(&lengths, chance);
            }
        });
        let killed = Instant::now();
        everything_works(&cluster);
        let works = killed.elapsed();
        agree_soon(&cluster);
        cluster.remove_all(COMES_RIGHT);
        cluster.is_empty_within(COMES_RIGHT);
        eprintln!(
            "everything works {works:.1?} after the last kill, and nothing is left after {:.1?}",
            killed.elapsed()
        );
    }
    eprintln!("{:?} for {} rounds", began.elapsed(), 2 * rounds.unwrap_or(ROUNDS));
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// How long each operation takes if nobody is killed. Half of them are done on one host, half on the other.
#[track_caller]
fn unharmed(cluster: &Cluster) -> Vec<Duration> {
    cluster.create_network("overlay");
    let [one, two] = [cluster.world.host(1), cluster.world.host(2)];
    let (first, second) = OPERATIONS.split_at(OPERATIONS.len() / 2);
    let lengths = thread::scope(|scope| {
        let first = scope.spawn(|| first.iter().map(|operation| length(operation, one, "1")).collect());
        let mut second: Vec<_> = second.iter().map(|operation| length(operation, two, "2")).collect();
        let mut lengths: Vec<_> = first.join().expect("every operation succeeds");
        lengths.append(&mut second);
        lengths
    });
    cluster.remove_all(COMES_RIGHT);
    cluster.is_empty_within(COMES_RIGHT);
    lengths
}

/// A host, with what can be killed on it.
struct Place<'c> {
    number: usize,
    engine: &'c mut Engine,
    agent: &'c mut Agent,
}

/// Does `work` on both hosts at once.
#[track_caller]
fn on_both(
    cluster: &mut Cluster,
    chances: &mut [StdRng; 2],
    work: impl Fn(&mut Place<'_>, &mut StdRng) + Sync,
) {
    let places = cluster.engines.iter_mut().zip(&mut cluster.agents).enumerate();
    thread::scope(|scope| {
        for ((index, (engine, agent)), chance) in places.zip(chances) {
            let mut place = Place { number: index + 1, engine, agent };
            let work = &work;
            scope.spawn(move || work(&mut place, chance));
        }
    });
}

/// What is killed.
#[derive(Debug, Clone, Copy)]
enum Victims {
    Agent,
    Engine,
    Both,
}

const VICTIMS: [Victims; 3] = [Victims::Agent, Victims::Engine, Victims::Both];

/// What happens in a round.
struct Fate {
    operation: usize,
    victims: Victims,
    /// When they are killed.
    moment: Duration,
    /// How long they stay away.
    away: Duration,
    /// Whether the engine finds its containers alive when it is back.
    live_restore: bool,
}

impl Fate {
    fn of(lengths: &[Duration], chance: &mut StdRng) -> Self {
        let operation = chance.random_range(0..OPERATIONS.len());
        Self {
            operation,
            victims: *VICTIMS.choose(chance).expect("there are some"),
            moment: lengths[operation].mul_f64(chance.random_range(0.0..1.0)),
            away: Duration::from_millis(chance.random_range(0..AWAY)),
            live_restore: chance.random(),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, victims, moment, away, live_restore } = self;
        let restores = if *live_restore { ", with live restore" } else { "" };
        write!(
            f,
            "{victims:?} after {moment:.3?}, for {away:?}{restores}, in\n     {}",
            OPERATIONS[*operation]
        )
    }
}

impl Place<'_> {
    #[track_caller]
    fn round(&mut self, lengths: &[Duration], chance: &mut StdRng) {
        let number = self.number.to_string();
        let host = self.engine.host().clone();
        host.run(&["sh", "-c", CLEAR, &number]);
        let fate = Fate::of(lengths, chance);
        eprintln!("{}: {fate}", host.name());
        // What fails does so since somebody was killed.
        let mut operation = host.spawn(&["sh", "-c", OPERATIONS[fate.operation], &number]);
        thread::sleep(fate.moment);
        self.strike(&fate);
        thread::sleep(fate.away);
        self.raise(&fate);
        operation.wait(OPERATION);
    }

    #[track_caller]
    fn strike(&mut self, fate: &Fate) {
        if !matches!(fate.victims, Victims::Engine) {
            self.agent.kill9();
        }
        if !matches!(fate.victims, Victims::Agent) {
            self.engine.kill9();
        }
    }

    /// The agent first, as systemd does it.
    #[track_caller]
    fn raise(&mut self, fate: &Fate) {
        if !matches!(fate.victims, Victims::Engine) {
            self.agent.restart();
        }
        if !matches!(fate.victims, Victims::Agent) {
            self.engine.restart(if fate.live_restore { &["--live-restore"] } else { &[] });
        }
    }
}

/// A fresh container works at once, even while agents still clean up; one that is to run always does.
#[track_caller]
fn everything_works(cluster: &Cluster) {
    let places = [(&cluster.engines[0], "1", "2"), (&cluster.engines[1], "2", "1")];
    on_each(places, |(engine, own, _)| waiter(engine, "overlay", &format!("fresh-{own}"), ""));
    on_each(places, |(engine, own, other)| ping(engine, &format!("fresh-{own}"), &format!("fresh-{other}")));
    on_each(places, |(engine, own, _)| {
        let always = format!("always-{own}");
        until(&format!("{always} runs again"), SOON, || {
            engine.docker(&format!("inspect -f {{{{.State.Running}}}} {always}")) == "true"
        });
    });
    on_each(places, |(engine, own, other)| {
        let (fresh, always) = (format!("fresh-{own}"), format!("always-{other}"));
        let there = &cluster.engines[usize::from(own == "1")];
        let now = [address(there, "overlay", &always)];
        until(&format!("{always} is at {now:?}"), SOON, || resolves(engine, &fresh, &always) == now);
        ping(engine, &fresh, &always);
    });
}

/// Does `work` in both places at once.
#[track_caller]
fn on_each<T: Copy + Send>(places: [T; 2], work: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for place in places {
            let work = &work;
            scope.spawn(move || work(place));
        }
    });
}
