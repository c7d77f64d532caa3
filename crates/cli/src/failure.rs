//! Saying what went wrong, once.

use crate::output::tame;
use clap::builder::styling::{AnsiColor, Style};
use std::{
    io::{ErrorKind, Write},
    process::ExitCode,
};
use weft_model::chain;

/// A failure with an exit status of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Exit {
    pub(crate) code: u8,
    pub(crate) message: String,
}

/// Writes an error with its causes on standard error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    // The reader of our output has closed it, as in `weft network ls | head`.
    if error.chain().filter_map(|e| e.downcast_ref::<std::io::Error>()).any(is_broken_pipe) {
        return ExitCode::SUCCESS;
    }
    let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    // If that cannot be written, there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{style}weft:{style:#} {}", tame(&chain(error.as_ref())));
    ExitCode::from(error.downcast_ref::<Exit>().map_or(1, |exit| exit.code))
}

/// Writes what the user should know on standard error; nothing if it is empty.
pub(crate) fn warn(warning: &str) {
    if !warning.is_empty() {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        let _ = writeln!(anstream::stderr(), "{style}weft:{style:#} {}", tame(warning));
    }
}

fn is_broken_pipe(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

/// Carries out `action` on each of `names`, reports every failure, and fails if there was one: as many as
/// possible are done.
pub(crate) async fn each<'n, F>(
    names: &'n [String],
    mut action: impl FnMut(&'n str) -> F,
) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut code = ExitCode::SUCCESS;
    for name in names {
        if let Err(error) = action(name).await {
            code = report(&error);
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn causes_are_named_once() {
        let error = Err::<(), _>(anyhow::anyhow!("connection refused"))
            .context("cannot reach it: connection refused")
            .context("cannot list networks")
            .unwrap_err();
        assert_eq!(chain(error.as_ref()), "cannot list networks: cannot reach it: connection refused");
    }
}
