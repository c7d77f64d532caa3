//! What the targets in `fuzz/` need of what is private otherwise.

use crate::{agent, cli::Cli, cni, netavark, setup};
use clap::Parser;

/// Reads a configuration file.
///
/// # Errors
/// Says what is not valid.
pub fn configuration(text: &str) -> Result<(), String> {
    agent::parse_file(text).map_err(|error| format!("{error:#}"))
}

/// Reads a command line, with the program's name first.
///
/// # Errors
/// Says what is not valid, or holds the text that was asked for: the help, the version.
pub fn command_line(words: &[&str]) -> Result<(), String> {
    Cli::try_parse_from(words).map(drop).map_err(|error| error.to_string())
}

/// What `weft setup docker` finds on a host whose programs print this of its packet filter, as JSON.
///
/// # Errors
/// Says what in nft's output is not valid.
pub fn packet_filter(iptables: &str, nft: &str) -> Result<String, String> {
    setup::judge_filter(iptables, nft)
}

/// Reads a call of netavark's, and says what the agent would be asked, as JSON.
///
/// # Errors
/// Says what is not valid.
pub fn netavark_call(call: &[u8]) -> Result<String, String> {
    netavark::understood(call).map_err(|error| format!("{error:#}"))
}

/// Reads a call of the CNI plugin, of a container in no namespace, and says what the agent would be asked, as JSON.
///
/// # Errors
/// Says what is not valid, as a runtime is told.
pub fn cni_call(args: &str, call: &[u8]) -> Result<String, String> {
    cni::understood(args, call).map(|asked| asked.to_string()).map_err(|failure| failure.to_string())
}
