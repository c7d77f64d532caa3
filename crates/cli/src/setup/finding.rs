//! What was found out, and what mends it.

use serde::{Serialize, Serializer};
use std::fmt;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckState {
    Ok,
    /// Works, but not in every case, or not for ever.
    Warning,
    /// Does not work.
    Missing,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) state: CheckState,
    /// What is so, and why it matters.
    pub(super) what: String,
    /// What mends it, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) mend: Vec<Mend>,
}

/// Something that mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Mend {
    /// A command that does no harm, and that `--apply` carries out.
    Command(CommandLine),
    /// What only a person should do, or can.
    ByHand(String),
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine(pub(super) Vec<String>);

impl Finding {
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, state: CheckState::Ok, what: what.into(), mend: Vec::new() }
    }

    pub(super) fn warning(check: &'static str, what: impl Into<String>, mend: Vec<Mend>) -> Self {
        Self { check, state: CheckState::Warning, what: what.into(), mend }
    }

    pub(super) fn missing(check: &'static str, what: impl Into<String>, mend: Vec<Mend>) -> Self {
        Self { check, state: CheckState::Missing, what: what.into(), mend }
    }
}

impl Mend {
    /// A command, its words separated by spaces.
    pub(super) fn command(line: &str) -> Self {
        Self::Command(CommandLine(line.split_whitespace().map(str::to_owned).collect()))
    }

    /// A command with words that may have spaces in them.
    pub(super) fn words(words: [&str; 3]) -> Self {
        Self::Command(CommandLine(words.map(str::to_owned).to_vec()))
    }

    pub(super) fn by_hand(text: impl Into<String>) -> Self {
        Self::ByHand(text.into())
    }
}

impl fmt::Display for CommandLine {
    /// As one types it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                write!(f, "{space}{word}")?;
            } else {
                write!(f, "{space}'{}'", word.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

impl Serialize for CommandLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_copied_into_a_shell() {
        let line = ["nft", r#"insert rule ip filter INPUT iifname "eth0" accept"#, "it's"];
        let shown = CommandLine(line.map(str::to_owned).to_vec()).to_string();
        assert_eq!(shown, r#"nft 'insert rule ip filter INPUT iifname "eth0" accept' 'it'\''s'"#);
    }
}
