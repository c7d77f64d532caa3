//! `weft responder`: what hosts put on a network while that is checked. It answers, and ends.

use anyhow::Context;
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    num::NonZeroU16,
    process::ExitCode,
    thread,
    time::Duration,
};

/// Take connections, and end them.
#[derive(Debug, clap::Args)]
pub(crate) struct Responder {
    /// The TCP port
    #[arg(long)]
    port: NonZeroU16,
    /// For how many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: u64,
}

impl Responder {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let port = self.port.get();
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            // A kernel without IPv6.
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)));
        let listener = listener.with_context(|| format!("cannot listen on port {port}"))?;
        thread::Builder::new().spawn(move || take(&listener)).context("cannot start a thread")?;
        thread::sleep(Duration::from_secs(self.seconds));
        Ok(ExitCode::SUCCESS)
    }
}

fn take(listener: &TcpListener) -> io::Result<()> {
    loop {
        // One that went away meanwhile is none of its business.
        if let Err(error) = listener.accept()
            && error.kind() != io::ErrorKind::ConnectionAborted
        {
            return Err(error);
        }
    }
}
