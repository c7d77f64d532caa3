//! `weft web`: one page in a browser that shows the cluster, and changes nothing.

mod room;
mod source;

use crate::{
    client::{Client, ClientError},
    output::Out,
};
use anyhow::{Context, bail};
use source::AgentSource;
use std::{net::SocketAddr, process::ExitCode};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use weft_api::v1;

/// Show the cluster on a page in a browser.
#[derive(Debug, clap::Args)]
pub(crate) struct Web {
    /// Where to serve it: an address of this host's loopback
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4780", value_parser = address)]
    listen: SocketAddr,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port, as 127.0.0.1:4781".to_owned())
}

impl Web {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let asked = self.listen;
        if !asked.ip().is_loopback() {
            let port = asked.port();
            bail!(
                "cannot serve the page on {asked}: other hosts could open it, and it asks nobody who he is. Serve it on \
                 127.0.0.1:{port}, and open it from another machine through ssh: ssh -L {port}:127.0.0.1:{port} HOST"
            );
        }
        if let Err(error @ ClientError::Connect { .. }) = client.get::<v1::Status>("/weft/v1/status").await
            && error.is_denied()
        {
            return Err(error.into());
        }
        let listener = TcpListener::bind(asked).await.with_context(|| {
            format!("cannot serve the page on {asked}: another port can be given, as --listen 127.0.0.1:4781")
        })?;
        let address = listener.local_addr()?;
        out.line(format!("http://{address}/"))?;
        out.line(format!(
            "From another machine: ssh -L {0}:{address} HOST, then http://127.0.0.1:{0}/ there. Ctrl-C ends it.",
            address.port()
        ))?;
        let stop = CancellationToken::new();
        let serving = weft_web::serve(listener, AgentSource::new(client.clone()), stop.clone());
        let mut serving = std::pin::pin!(serving);
        let (mut interrupted, mut terminated) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            () = &mut serving => {}
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        stop.cancel();
        Ok(ExitCode::SUCCESS)
    }
}
