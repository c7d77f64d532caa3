//! A secret comes in on standard input, and is not shown.

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::io::{Read, Write, stderr, stdin};

/// The longest line taken, in bytes.
const MAX: u64 = 4096;

/// The shortest passphrase, in characters.
const SHORTEST: usize = 12;

const NO_TOKEN: &str = "a command before the pipe printed none and said why, or there was none: `weft node token`, on a host of \
                        the cluster, prints one";

/// Reads a line from standard input. On a terminal it is asked for, and not shown while it is typed.
///
/// # Errors
/// If there is none.
pub(crate) fn secret(what: &str) -> anyhow::Result<String> {
    read(what, &format!("Paste the {what} (it is not shown): "), NO_TOKEN)
}

/// Reads a passphrase in the same way; one that is `new` is asked for twice.
///
/// # Errors
/// If there is none, or it is too short, or the two are not the same.
pub(crate) fn passphrase(new: bool) -> anyhow::Result<String> {
    let none = "give one on standard input";
    let first = read("passphrase", "Passphrase (it is not shown): ", none)?;
    if new && first.chars().count() < SHORTEST {
        bail!("a passphrase has {SHORTEST} characters at least: who finds the file can try many");
    }
    if new && isatty(stdin()) && read("passphrase", "The same again: ", none)? != first {
        bail!("the two are not the same: nothing was written");
    }
    Ok(first)
}

fn read(what: &str, prompt: &str, none: &str) -> anyhow::Result<String> {
    let hidden = isatty(stdin()).then(|| Hidden::new(prompt)).transpose()?;
    let mut text = String::new();
    let read = match &hidden {
        // A terminal goes on after a line.
        Some(_) => stdin().read_line(&mut text).map(drop),
        None => stdin().lock().take(MAX).read_to_string(&mut text).map(drop),
    };
    drop(hidden);
    read.with_context(|| format!("cannot read the {what} from standard input"))?;
    if text.trim().is_empty() {
        bail!("there is no {what} on standard input: {none}");
    }
    Ok(text.trim().to_owned())
}

/// A terminal that shows nothing of what is typed, until dropped.
struct Hidden(Termios);

impl Hidden {
    fn new(prompt: &str) -> anyhow::Result<Self> {
        let before = tcgetattr(stdin()).context("cannot ask the terminal")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &quiet)
            .context("cannot keep the terminal from showing it")?;
        // A terminal that went away needs no telling.
        let _ = write!(stderr(), "{prompt}").and_then(|()| stderr().flush());
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
        let _ = writeln!(stderr());
    }
}
