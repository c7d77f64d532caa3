//! The client's side of a session: standard input goes to the process, its output comes back.
//!
//! The shim is at the other end (`weft_process::session`), so that this goes on without the agent.

use super::terminal::{self, Raw};
use crate::{failure::Exit, output::Out};
use anyhow::Context;
use std::{
    future::{Future, pending},
    io::{self, ErrorKind, Read},
    path::Path,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use weft_api::v1;
use weft_process::session::{Frame, Frames};

/// How much is read at once, in bytes.
const PIECE: usize = 32 << 10;

/// The size of a terminal that does not say it: that of the first ones.
const USUAL_SIZE: (u16, u16) = (24, 80);

/// What `-i` and `-t` ask for; none: nothing.
///
/// # Errors
/// If there is no terminal to speak through, or nobody to speak.
pub(super) fn wanted(detach: bool, stdin: bool, tty: bool) -> Result<Option<v1::Session>, Exit> {
    if !stdin && !tty {
        return Ok(None);
    }
    if detach {
        let message = "-d cannot be given with -i or -t: weft has no way to speak with a process later; leave out -d, or \
                       -i and -t";
        return Err(Exit { code: 125, message: message.to_owned() });
    }
    if stdin && tty && !terminal::is_there() {
        let message = "the input device is not a TTY: leave out -t where standard input is no terminal";
        return Err(Exit { code: 1, message: message.to_owned() });
    }
    let terminal = tty.then(|| terminal::size().unwrap_or(USUAL_SIZE));
    Ok(Some(v1::Session { stdin, terminal }))
}

/// Speaks with a process until it has ended: its exit status, if the shim said it.
///
/// # Errors
/// If the session cannot be had, or output cannot be written, or the terminal hung up.
pub(super) async fn carry(socket: &Path, session: v1::Session, mut out: Out) -> anyhow::Result<Option<i32>> {
    let stream = UnixStream::connect(socket).await;
    let stream = stream.with_context(|| format!("cannot connect to the process at {}", socket.display()))?;
    let (from, to) = stream.into_split();
    let raw = session.stdin && session.terminal.is_some();
    // Before the terminal is another: then its end cannot come in between.
    let hung_up = hung_up(raw)?;
    let _restored_when_left = raw.then(Raw::set).transpose().context("cannot set the terminal")?;
    tokio::select! {
        ended = listen(from, &mut out) => ended,
        error = speak(to, session) => Err(error),
        signal = hung_up => {
            let message = "its terminal hung up".to_owned();
            Err(Exit { code: 128 + signal, message }.into())
        }
    }
}

/// Returns when the terminal has hung up, or this command is asked to go (SIGQUIT): with the signal. Those end it at once
/// otherwise, and the terminal would stay as it is.
fn hung_up(raw: bool) -> io::Result<impl Future<Output = u8>> {
    let signals = raw.then(|| Ok((signal(SignalKind::hangup())?, signal(SignalKind::quit())?)));
    let signals = signals.transpose().map_err(|error: io::Error| error)?;
    Ok(async {
        let Some((mut hangup, mut quit)) = signals else { return pending().await };
        tokio::select! {
            _ = hangup.recv() => 1,
            _ = quit.recv() => 3,
        }
    })
}

async fn listen(mut from: OwnedReadHalf, out: &mut Out) -> anyhow::Result<Option<i32>> {
    let (mut frames, mut bytes) = (Frames::default(), vec![0; PIECE]);
    loop {
        let count = match from.read(&mut bytes).await {
            // The shim did not wait for input that came as the command ended (ECONNRESET).
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            count => count.context("cannot hear the process")?,
        };
        if count == 0 {
            return Ok(None);
        }
        frames.take(&bytes[..count]);
        while let Some(frame) = frames.frame()? {
            match frame {
                Frame::Data(data) => out.bytes(&data)?,
                Frame::Exit(code) => return Ok(Some(code)),
                Frame::End | Frame::Size(..) => {}
            }
        }
    }
}

/// Passes input on. Returns on failure only: the end is heard, not said.
async fn speak(mut to: OwnedWriteHalf, session: v1::Session) -> anyhow::Error {
    let mut input = session.stdin.then(input);
    let mut resized = match signal(SignalKind::window_change()) {
        Ok(resized) => resized,
        Err(error) => return error.into(),
    };
    // It may have changed since the process was asked for.
    let mut said = size_of(session);
    loop {
        if to.write_all(&said).await.is_err() {
            // The shim is gone, or going: what it said last is still to be heard.
            return pending().await;
        }
        said.clear();
        tokio::select! {
            piece = next(&mut input) => match piece {
                Some(bytes) => Frame::data(&bytes, &mut said),
                None => {
                    Frame::End.write(&mut said);
                    input = None;
                }
            },
            _ = resized.recv() => said = size_of(session),
        }
    }
}

fn size_of(session: v1::Session) -> Vec<u8> {
    let mut said = Vec::new();
    if session.terminal.is_some()
        && let Some((rows, columns)) = terminal::size()
    {
        Frame::Size(rows, columns).write(&mut said);
    }
    said
}

/// The next piece of input; `None` once, at its end.
async fn next(input: &mut Option<mpsc::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match input {
        Some(input) => input.recv().await,
        None => pending().await,
    }
}

/// Standard input, piece by piece. On a thread that is left behind when this command ends: reading cannot be given up, and
/// tokio's own would be waited for until somebody presses a key.
fn input() -> mpsc::Receiver<Vec<u8>> {
    let (pieces, input) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut bytes = vec![0; PIECE];
        loop {
            match io::stdin().read(&mut bytes) {
                Ok(0) => return,
                Ok(count) if pieces.blocking_send(bytes[..count].to_vec()).is_ok() => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The terminal is gone, or this command does not listen any more.
                _ => return,
            }
        }
    });
    input
}
