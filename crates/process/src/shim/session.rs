//! The shim's side of a session ([`crate::session`]).
//!
//! It waits for nobody: all its descriptors are in the shim's one `poll`, and [`Session::turn`] does what can be done
//! now. It holds little: it reads from neither side before the other has taken what was read before, so that a client
//! that does not read stops the command, as the reader of a pipe does.

use super::{door::Door, streams::set_size};
use crate::session::{Frame, Frames, Nonsense};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    net::sockopt::set_socket_send_buffer_size_force,
};
use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

/// How long the client may take to come, which has started the process already. The command's output waits for it.
const ARRIVAL: Duration = Duration::from_secs(10);

/// How long what was said last may take to be under way.
const FAREWELL: Duration = Duration::from_secs(5);

/// More than can be left to say when the command has ended, in bytes: then the kernel keeps it for the client.
const ALL_THAT_IS_LEFT: usize = 4 << 20;

/// How much is read from the client at once, in bytes.
const PIECE: usize = 16 << 10;

/// A session that has a client, or waits for one.
pub(super) struct Session {
    door: Option<(Door, Instant)>,
    client: Option<UnixStream>,
    frames: Frames,
    /// What the client has still to take.
    output: Vec<u8>,
    /// The command's standard input, until it is closed.
    input: Option<File>,
    /// What the command has still to take.
    pending: Vec<u8>,
    /// Whether there is no more input.
    ended: bool,
    terminal: Option<OwnedFd>,
}

impl Session {
    pub(super) fn new(door: Door, input: Option<File>, terminal: Option<OwnedFd>) -> Self {
        Self {
            door: Some((door, Instant::now() + ARRIVAL)),
            client: None,
            frames: Frames::default(),
            output: Vec::new(),
            input,
            pending: Vec::new(),
            ended: false,
            terminal,
        }
    }

    /// Whether the command's output can go on. Without a client it goes to the log alone.
    pub(super) fn takes_output(&self) -> bool {
        self.door.is_none() && self.output.is_empty()
    }

    /// Passes output on to the client, if there is one.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        if self.client.is_some() || self.door.is_some() {
            Frame::data(bytes, &mut self.output);
        }
    }

    /// What to wait for.
    pub(super) fn wants(&self) -> impl Iterator<Item = PollFd<'_>> {
        let door = self.door.as_ref().map(|(door, _)| PollFd::from_borrowed_fd(door.as_fd(), PollFlags::IN));
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.pending.is_empty());
        flags.set(PollFlags::OUT, !self.output.is_empty());
        // One that nothing is wanted of is left out: if it hung up, poll would not wait any more.
        let client = self.client.as_ref().filter(|_| !flags.is_empty());
        let client = client.map(|client| PollFd::from_borrowed_fd(client.as_fd(), flags));
        let input = self.input.as_ref().filter(|_| !self.pending.is_empty());
        let input = input.map(|input| PollFd::from_borrowed_fd(input.as_fd(), PollFlags::OUT));
        door.into_iter().chain(client).chain(input)
    }

    /// How long to wait at most.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.door.as_ref().map(|(_, until)| until.saturating_duration_since(Instant::now()))
    }

    /// Does what can be done now.
    pub(super) fn turn(&mut self) {
        self.let_in();
        if self.pending.is_empty() && self.hear().is_err() {
            self.part();
        }
        if self.speak().is_err() {
            self.part();
        }
        self.feed();
    }

    fn let_in(&mut self) {
        let Some((door, until)) = &self.door else { return };
        if let Some(client) = door.answer() {
            self.client = Some(client);
            self.door = None;
        } else if Instant::now() >= *until {
            self.part();
        }
    }

    /// Reads once from the client.
    fn hear(&mut self) -> io::Result<()> {
        let Some(client) = &mut self.client else { return Ok(()) };
        let mut bytes = [0; PIECE];
        match client.read(&mut bytes) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.frames.take(&bytes[..count]),
            Err(error) if is_later(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        while let Some(frame) = self.frames.frame().map_err(io::Error::other)? {
            self.heed(frame).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn heed(&mut self, frame: Frame) -> Result<(), Nonsense> {
        match frame {
            Frame::Data(bytes) if self.input.is_some() && !self.ended => self.pending.extend(bytes),
            // For a command that does not read any more.
            Frame::Data(_) => {}
            Frame::End => self.ended = true,
            Frame::Size(rows, columns) => {
                if let Some(terminal) = &self.terminal {
                    // A terminal that nobody has open any more needs no size.
                    let _ = set_size(terminal, (rows, columns));
                }
            }
            Frame::Exit(_) => return Err(Nonsense),
        }
        Ok(())
    }

    fn speak(&mut self) -> io::Result<()> {
        let Some(client) = &mut self.client else { return Ok(()) };
        let said = some(client, &self.output)?;
        self.output.drain(..said);
        Ok(())
    }

    /// Gives the command its input.
    fn feed(&mut self) {
        let Some(input) = &mut self.input else { return };
        match some(input, &self.pending) {
            Ok(count) => drop(self.pending.drain(..count)),
            // It does not read any more; from a terminal it may again.
            Err(_) => {
                self.pending.clear();
                self.ended |= self.terminal.is_none();
            }
        }
        // A terminal has no end of input: what was typed says that.
        if self.ended && self.pending.is_empty() && self.terminal.is_none() {
            self.input = None;
        }
    }

    /// The client has gone, or does not come. The command goes on: its output goes to the log.
    fn part(&mut self) {
        (self.client, self.door) = (None, None);
        self.output = Vec::new();
        self.ended = true;
    }

    /// Tells the client how the command ended. What it does not take now the kernel keeps for it.
    pub(super) fn finish(mut self, code: i32) {
        Frame::Exit(code).write(&mut self.output);
        (self.input, self.pending, self.terminal) = (None, Vec::new(), None);
        let mut until = Instant::now() + FAREWELL;
        let mut ready = false;
        while self.door.is_some() || (self.client.is_some() && !self.output.is_empty()) {
            if let (Some(client), false) = (&self.client, ready) {
                // Where that is refused, what fits into less has to do.
                let _ = set_socket_send_buffer_size_force(client, ALL_THAT_IS_LEFT);
                (ready, until) = (true, Instant::now() + FAREWELL);
            }
            self.turn();
            let left = self.patience().unwrap_or_else(|| until.saturating_duration_since(Instant::now()));
            if self.output.is_empty() || (self.door.is_none() && left.is_zero()) {
                return;
            }
            let mut fds: Vec<_> = self.wants().collect();
            let _ = Timespec::try_from(left).map(|left| poll(&mut fds, Some(&left)));
        }
    }
}

/// Writes what fits; says how much.
fn some(to: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    match to.write(bytes) {
        Err(error) if is_later(&error) => Ok(0),
        written => written,
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
