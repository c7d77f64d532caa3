//! How a server is reached.

use super::connect;
use rustls::{ClientConfig, pki_types::ServerName};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How long it may take to be connected, and to shake hands.
const WITHIN: Duration = Duration::from_secs(10);

/// A server of another host, which is spoken with by TLS.
#[derive(Debug, Clone)]
pub struct TlsServer {
    /// Its name or address, for which its certificate has to be.
    pub name: String,
    /// Its TCP port.
    pub port: u16,
    /// Who is believed, and what is shown.
    pub config: Arc<ClientConfig>,
}

#[derive(Debug, Clone)]
pub(super) enum Way {
    Unix(PathBuf),
    Tls(TlsServer),
}

/// A connection, of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Way {
    pub(super) async fn open(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Unix(socket) => Ok(Box::new(connect(socket).await?)),
            Self::Tls(server) => {
                // What TLS keeps is large, and most clients are none of it.
                let opened = Box::pin(timeout(WITHIN, server.open())).await;
                opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl TlsServer {
    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        let name = ServerName::try_from(self.name.clone()).map_err(io::Error::other)?;
        let stream = TcpStream::connect((self.name.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await?))
    }
}
