//! The terminal that a person sits at.

use rustix::{
    stdio::{stdin, stdout},
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};

/// Whether standard input is a terminal.
pub(super) fn is_there() -> bool {
    isatty(stdin())
}

/// The rows and columns of the terminal of standard input, or else of output; none where it does not say, or there is none.
pub(super) fn size() -> Option<(u16, u16)> {
    let sizes = [stdin(), stdout()].into_iter().filter_map(|terminal| tcgetwinsize(terminal).ok());
    sizes.map(|size| (size.ws_row, size.ws_col)).find(|(rows, columns)| *rows > 0 && *columns > 0)
}

/// The terminal passes on every key as it is, Ctrl-C too, until this is dropped. Then it is as it was before.
pub(super) struct Raw(Termios);

impl Raw {
    /// Makes it so.
    ///
    /// # Errors
    /// If standard input is no terminal any more.
    pub(super) fn set() -> std::io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // One that went away needs no settings.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
