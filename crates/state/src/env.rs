//! What comes in from outside besides the store and the kernel: the time of day, and chance. A simulation
//! gives its own.

use jiff::Timestamp;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Clock and randomness.
pub struct Env {
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    rng: Mutex<StdRng>,
}

impl Env {
    /// This machine's clock and randomness.
    pub fn system() -> Self {
        Self::new(Timestamp::now, StdRng::from_rng(&mut rand::rng()))
    }

    /// A clock and a seed of one's own.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static, rng: StdRng) -> Self {
        Self { clock: Box::new(clock), rng: Mutex::new(rng) }
    }

    /// The time of day. It may jump: nothing is decided by it that a jump could make wrong.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Something random.
    pub fn random<T>(&self, draw: impl FnOnce(&mut dyn Rng) -> T) -> T {
        // A panic while drawing leaves numbers that are as random as before.
        draw(&mut *self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Between half of `duration` and all of it, so that nodes that failed together do not retry together.
    pub fn jitter(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.random(|rng| rng.random_range(0.5..=1.0)))
    }
}
