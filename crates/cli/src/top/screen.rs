//! A terminal that is written anew again and again, and given back as it was.

use crate::output::{one_line, tame};
use anyhow::Context;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::{
    future::Future,
    io::{Read, Write, stdin, stdout},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{Receiver, channel},
};

/// The other screen, without a cursor; and back (xterm's control sequences, DECSET 1049 and 25).
const OPEN: &str = "\x1b[?1049h\x1b[?25l";
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";
/// To the upper left corner; the line empty; nothing below (ECMA-48 sections 8.3.21, 8.3.41, 8.3.39).
const HOME: &str = "\x1b[H";
const ERASE_LINE: &str = "\x1b[2K";
const REST: &str = "\x1b[0J";
/// What ends it: q, and Ctrl-C.
const LEAVE: [u8; 3] = [b'q', b'Q', 3];

/// The terminal, until dropped.
pub(super) struct Screen {
    /// How it was; absent where keys come from elsewhere.
    before: Option<Termios>,
    keys: Receiver<u8>,
    ends: [Signal; 3],
}

impl Screen {
    pub(super) fn open() -> anyhow::Result<Self> {
        let ends = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = ends.map(signal);
        let ends = [interrupt?, terminate?, hangup?];
        let before = isatty(stdin()).then(quiet).transpose()?;
        let (send, keys) = channel(16);
        let reads = before.is_some();
        // From here on it is given back, whatever happens.
        let screen = Self { before, keys, ends };
        if reads {
            // It waits for a key until the program ends.
            std::thread::spawn(move || {
                for key in stdin().lock().bytes().map_while(Result::ok) {
                    if send.blocking_send(key).is_err() {
                        return;
                    }
                }
            });
        }
        write(OPEN)?;
        Ok(screen)
    }

    /// What comes of `work`, unless somebody wants to end it before.
    pub(super) async fn unless_left<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let [interrupt, terminate, hangup] = &mut self.ends;
        loop {
            tokio::select! {
                done = work.as_mut() => return Some(done),
                Some(key) = self.keys.recv() => if LEAVE.contains(&key) { return None },
                _ = interrupt.recv() => return None,
                _ = terminate.recv() => return None,
                _ = hangup.recv() => return None,
            }
        }
    }

    /// Shows as much of the text as there is room for, and a note.
    pub(super) fn show(&mut self, text: &str, note: Option<&str>) -> anyhow::Result<()> {
        let size = tcgetwinsize(stdout()).ok().filter(|size| size.ws_row > 1 && size.ws_col > 0);
        let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row.into(), size.ws_col.into()));
        write(&page(text, note, rows, columns))
    }
}

/// The lines that fit, each as far as it fits. The last line of the screen says how to end it, how many there are besides, and
/// the note.
fn page(text: &str, note: Option<&str>, rows: usize, columns: usize) -> String {
    let (text, room) = (tame(text), rows - 1);
    let hidden = text.lines().count().saturating_sub(room);
    let mut last = "q: quit".to_owned();
    if hidden > 0 {
        last += &format!("; {hidden} more");
    }
    last.extend(note.map(|note| format!("; {}", one_line(note))));
    let fits = |line: &str| line.chars().take(columns).collect::<String>();
    let lines = text.lines().take(room).map(fits).chain([fits(&last)]);
    // Erased before it is written: the last column of a full line would be erased after it.
    let lines: Vec<_> = lines.map(|line| format!("{ERASE_LINE}{line}")).collect();
    format!("{HOME}{}{REST}", lines.join("\r\n"))
}

/// Has the terminal hand over keys one by one, and show none. Returns how it was.
fn quiet() -> anyhow::Result<Termios> {
    let before = tcgetattr(stdin()).context("cannot ask the terminal")?;
    let mut quiet = before.clone();
    // No signals: who stops it with Ctrl-Z would have a terminal that shows nothing.
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(stdin(), OptionalActions::Flush, &quiet).context("cannot set the terminal up")?;
    Ok(before)
}

fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that went away needs no telling.
        let _ = write(CLOSE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Flush, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_large_as_the_screen() {
        let text = "NAME   NETWORK\na      overlay\nb      overlay\nc      overlay";
        let shown = page(text, None, 3, 16);
        let lines: Vec<_> = shown.split("\r\n").map(|line| line.replace(ERASE_LINE, "")).collect();
        assert_eq!(lines, ["\x1b[HNAME   NETWORK", "a      overlay", "q: quit; 2 more\x1b[0J"]);
        assert!(
            page("a", Some("the agent\nis away"), 3, 80)
                .starts_with(&format!("{HOME}{ERASE_LINE}a\r\n{ERASE_LINE}q: quit; the agent"))
        );
    }
}
