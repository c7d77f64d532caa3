//! The measurement of one path.

use crate::{
    Path, Peer, Reach,
    frame::{Frame, Kind, LEAST},
    receipt::Receipt,
    size::Size,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// How long an answer may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many frames in a row have to be lost before it is said: single ones are lost everywhere.
const PROOF: usize = 3;
/// Of how many round trips the shortest counts.
const TIMES: usize = 8;
/// How long a ping may be on its way.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// How many frames of this end are remembered.
const REMEMBERED: usize = 64;

/// What is known of one path, and what is awaited.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) peer: Peer,
    /// Whether this end is the one that asks.
    asks: bool,
    /// The number of the last frame sent.
    number: u64,
    /// The last frames sent, and when.
    sent: VecDeque<(u64, Instant)>,
    /// What has arrived from there.
    received: Receipt,
    /// What has arrived there, as the other end says.
    arrived: Receipt,
    /// When something arrived; before, when this began.
    heard: Instant,
    has_heard: bool,
    /// Whether the other end has said that it is silent from now on.
    is_gone: bool,
    /// The probe that is not answered yet.
    awaited: Option<(u64, Instant)>,
    /// How many probes in a row brought nothing at all.
    unanswered: usize,
    round_trip: Option<Duration>,
    /// The last times that it took: a program that had to wait for its turn makes some of them longer.
    took: VecDeque<Duration>,
    /// How soon the other end sends something by itself.
    their_interval: Duration,
    receives: Option<u16>,
    /// The last number of frames that the other end has measured what passes with.
    sizes_heard: u64,
    /// Of the last frames, how many the other end lacked when it last said so.
    unconfirmed: usize,
    size: Size,
    /// The frames that somebody waits for, and when they were sent.
    pings: BTreeMap<u64, Instant>,
    due: Instant,
    reach: Reach,
}

/// How often things are done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// From probe to probe.
    pub(crate) interval: Duration,
    /// From one look at what passes to the next.
    pub(crate) sizes: Duration,
}

impl Track {
    /// Begins. Frames get the numbers after `number`.
    pub(crate) fn new(peer: Peer, asks: bool, now: Instant, number: u64) -> Self {
        let size = Size::new(peer.full, now, number);
        Self {
            peer,
            asks,
            number,
            sent: VecDeque::new(),
            received: Receipt::default(),
            arrived: Receipt::default(),
            heard: now,
            has_heard: false,
            is_gone: false,
            awaited: None,
            unanswered: 0,
            round_trip: None,
            took: VecDeque::new(),
            their_interval: Duration::from_secs(3),
            receives: None,
            sizes_heard: 0,
            unconfirmed: 0,
            size,
            pings: BTreeMap::new(),
            due: now,
            reach: Reach::Unknown,
        }
    }

    /// The highest number that a frame was sent with.
    pub(crate) fn number(&self) -> u64 {
        self.number.max(self.size.number())
    }

    /// Whether it goes on where `peer` is from now on, or begins anew.
    pub(crate) fn is_of(&self, peer: &Peer) -> bool {
        self.peer.place == peer.place && self.peer.public == peer.public
    }

    /// Goes on with what is known of the node now. Other packets may fit: what passes is looked for anew.
    pub(crate) fn go_on(&mut self, peer: Peer, now: Instant) {
        if self.peer.full != peer.full {
            (self.size, self.receives) = (Size::new(peer.full, now, self.number()), None);
        }
        self.peer = peer;
    }

    pub(crate) fn path(&self) -> Path {
        let lost = match self.reach {
            Reach::Unknown | Reach::Both => self.received.lost().max(self.arrived.lost()),
            Reach::OnlyFromThere | Reach::Nothing => 1000,
        };
        Path {
            reach: self.reach,
            round_trip: self.round_trip,
            lost,
            sends: self.size.passes(),
            receives: self.receives,
            full: self.size.full(),
        }
    }

    /// When there is something to do, if nothing arrives before.
    pub(crate) fn due(&self) -> Instant {
        let awaited = self.awaited.map(|(_, at)| at + PATIENCE);
        let size = (self.reach == Reach::Both).then(|| self.size.due(self.round_trip));
        [awaited, size].into_iter().flatten().fold(self.next_probe(), Instant::min)
    }

    /// When this end asks: where it is not to, once it has not been asked for longer than it should.
    fn next_probe(&self) -> Instant {
        if self.asks { self.due } else { self.due.max(self.heard + self.their_interval * 3 / 2) }
    }

    /// What to send now.
    pub(crate) fn poll(&mut self, now: Instant, pace: Pace) -> Vec<Frame> {
        let mut frames = Vec::new();
        if let Some((_, at)) = self.awaited.take_if(|(_, at)| *at + PATIENCE <= now) {
            if self.heard < at || !self.has_heard {
                self.unanswered += 1;
                // Whether it is one frame or all shows at once.
                self.due = if self.unanswered <= PROOF { now } else { self.due };
            }
            self.judge(now);
        }
        if self.next_probe() <= now && self.awaited.is_none() {
            let frame = self.frame(Kind::Probe, 0, pace);
            self.sent(frame.number, now);
            self.awaited = Some((frame.number, now));
            self.due = now + wavering(pace.interval, frame.number);
            frames.push(frame);
        }
        if self.reach == Reach::Both
            && let Some((number, size)) = self.size.poll(now, self.round_trip, pace.sizes)
        {
            frames.push(Frame { number, size, ..self.frame(Kind::Size, 0, pace) });
        }
        frames
    }

    /// A frame of `size` bytes that the other end answers.
    pub(crate) fn ping(&mut self, size: u16, now: Instant, pace: Pace) -> Frame {
        self.pings.retain(|_, sent| *sent + FORGOTTEN > now);
        let number = self.size.take_number();
        self.pings.insert(number, now);
        Frame { number, size, ..self.frame(Kind::Size, 0, pace) }
    }

    /// How long the answer took that this frame is, if it is one to a ping, and which.
    pub(crate) fn pong(&mut self, frame: &Frame, now: Instant) -> Option<(u64, Duration)> {
        let about = Some(frame.about).filter(|_| frame.kind == Kind::SizeAnswer)?;
        let sent = self.pings.remove(&about)?;
        Some((about, now.saturating_duration_since(sent)))
    }

    /// Takes what arrived. Says what to answer.
    pub(crate) fn hear(&mut self, frame: &Frame, now: Instant, pace: Pace) -> Option<Frame> {
        if frame.kind == Kind::Size {
            // Anybody can send one again that was sent before.
            if frame.number <= self.sizes_heard {
                return None;
            }
            self.sizes_heard = frame.number;
            // There may be many of them: of those that are lost, the path is not said to be.
            let answer = self.frame(Kind::SizeAnswer, frame.number, pace);
            self.number = answer.number;
            return Some(answer);
        }
        let of_now = self.awaited.filter(|(number, _)| frame.kind == Kind::Answer && *number == frame.about);
        if !self.received.take(frame.number) {
            // An answer to what was asked just now cannot be an old one: the other end has begun anew, with its clock set
            // back.
            of_now?;
            self.received.begin(frame.number);
        }
        if self.received.span == 1 {
            // The other end has begun just now, and knows nothing of what was sent before.
            self.sent.clear();
            self.arrived = Receipt::default();
            self.sizes_heard = 0;
        }
        (self.heard, self.has_heard, self.unanswered) = (now, true, 0);
        self.is_gone = frame.kind == Kind::Bye;
        self.their_interval = Duration::from_millis(100 * u64::from(frame.interval.max(10)));
        // Who tries less does not know of more: each end hears of the other's devices in its own time.
        let is_all = |passes: u16| passes < self.size.full() && passes == frame.full;
        self.receives =
            Some(frame.passes).filter(|passes| self.size.is_credible(*passes) && !is_all(*passes));
        self.confirm(frame, now);
        if let Some((_, at)) = of_now {
            self.awaited = None;
            self.took.push_front(now.saturating_duration_since(at));
            self.took.truncate(TIMES);
            self.round_trip = self.took.iter().min().copied();
        } else if self.round_trip.is_none() || !self.asks {
            let told = Duration::from_micros(frame.round_trip.into());
            self.round_trip = Some(told).filter(|told| !told.is_zero()).or(self.round_trip);
        }
        if frame.kind == Kind::SizeAnswer {
            self.size.passed(frame.about);
        }
        self.judge(now);
        (frame.kind == Kind::Probe).then(|| self.answer(Kind::Answer, frame.number, now, pace))
    }

    /// Takes what the other end says that it has received. What has been sent a moment ago it cannot know of.
    fn confirm(&mut self, frame: &Frame, now: Instant) {
        let says_more = frame.seen >= self.arrived.seen || frame.seen == 0;
        if says_more {
            self.arrived = Receipt { seen: frame.seen, window: frame.window, span: frame.span };
        }
        let moment =
            self.round_trip.map_or(PATIENCE, |round_trip| round_trip * 2).clamp(PATIENCE / 2, PATIENCE);
        let lacks = |(number, at): &&(u64, Instant)| *number > self.arrived.seen && *at + moment <= now;
        self.unconfirmed = self.sent.iter().filter(lacks).count();
    }

    fn judge(&mut self, now: Instant) {
        let before = self.reach;
        self.reach = if self.is_gone {
            Reach::Unknown
        } else if self.unanswered >= PROOF {
            Reach::Nothing
        } else if !self.has_heard || before == Reach::Nothing && self.unanswered > 0 {
            before
        } else if self.unconfirmed >= PROOF {
            Reach::OnlyFromThere
        } else if self.arrived.seen > 0 && self.unconfirmed == 0 {
            Reach::Both
        } else {
            before
        };
        if self.reach != before {
            self.size.doubt(now);
        }
        if self.reach == Reach::Both && before != Reach::Both {
            // What was lost is over.
            (self.received.span, self.arrived.span) = (1.min(self.received.span), 1.min(self.arrived.span));
        }
    }

    /// That nothing more comes from here.
    pub(crate) fn bye(&mut self, now: Instant, pace: Pace) -> Frame {
        self.answer(Kind::Bye, 0, now, pace)
    }

    fn answer(&mut self, kind: Kind, about: u64, now: Instant, pace: Pace) -> Frame {
        let frame = self.frame(kind, about, pace);
        self.sent(frame.number, now);
        frame
    }

    /// The next frame.
    fn frame(&self, kind: Kind, about: u64, pace: Pace) -> Frame {
        let tenths = u16::try_from(pace.interval.as_millis() / 100).unwrap_or(u16::MAX);
        let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        Frame {
            kind,
            span: self.received.span,
            interval: tenths,
            number: self.number + 1,
            seen: self.received.seen,
            window: self.received.window,
            passes: self.size.passes().unwrap_or(0),
            full: self.size.full(),
            about,
            round_trip: self.round_trip.map_or(0, micros),
            size: LEAST,
        }
    }

    fn sent(&mut self, number: u64, now: Instant) {
        self.number = number;
        self.sent.push_back((number, now));
        if self.sent.len() > REMEMBERED {
            self.sent.pop_front();
        }
    }
}

/// An interval that is a little shorter or longer each time, so that those of many nodes do not fall together.
fn wavering(interval: Duration, number: u64) -> Duration {
    // Of the golden ratio: numbers next to each other are far apart (Knuth, volume 3, section 6.4).
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
    interval * (256 - u32::try_from(spread).unwrap_or(0) / 4) / 256
}
