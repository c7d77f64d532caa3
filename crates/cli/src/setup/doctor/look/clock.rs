//! This host's clock, beside others.

use super::{ANSWER, servers};
use crate::setup::{
    doctor::facts::{Clock, Skew},
    look::program,
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use std::{io, path::Path};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use weft_store::StoreUrl;

/// As much as is read of an answer, in bytes: its head is far smaller.
const HEAD: u64 = 16 << 10;

pub(super) async fn look(store: Option<&StoreUrl>) -> Clock {
    Clock { synchronised: synchronised().await, store: skew(store).await }
}

/// What systemd says of the kernel's clock. Nothing where it does not run (sd_booted(3)).
async fn synchronised() -> Option<bool> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let shown = program::output("timedatectl", &["show", "--property=NTPSynchronized"]).await.ok()?;
    match shown.trim() {
        "NTPSynchronized=yes" => Some(true),
        "NTPSynchronized=no" => Some(false),
        _ => None,
    }
}

/// How far the first server that answers is from this host. By TLS it is not asked: it would not have shaken hands with a
/// clock that is far off.
async fn skew(store: Option<&StoreUrl>) -> Option<Skew> {
    let url = store?;
    let path = match url {
        StoreUrl::Consul(_) => "/v1/status/leader",
        StoreUrl::Etcd(_) => "/version",
        _ => return None,
    };
    let remote = servers(url).filter(|remote| !remote.tls)?;
    for server in &remote.servers {
        let before = Timestamp::now();
        if let Ok(Ok(head)) = timeout(ANSWER, ask(server, path)).await
            && let Some(theirs) = date(&head)
        {
            return Some(difference(server, (before, Timestamp::now()), theirs));
        }
    }
    None
}

async fn ask(server: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    stream.take(HEAD).read_to_end(&mut head).await?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The time in the head of an answer (RFC 9110, section 6.6.1).
fn date(head: &str) -> Option<Timestamp> {
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("date").then(|| value.trim().to_owned())
    };
    let value = head.lines().take_while(|line| !line.is_empty()).find_map(field)?;
    Some(rfc2822::parse(&value).ok()?.timestamp())
}

/// What is certain of it: the answer is of whole seconds, and was written at some time between the two.
fn difference(server: &str, (before, after): (Timestamp, Timestamp), theirs: Timestamp) -> Skew {
    let ahead = theirs.duration_since(after);
    let behind = before.duration_since(theirs) - SignedDuration::from_secs(1);
    let by = |span: SignedDuration| span.try_into().unwrap_or_default();
    let server = server.to_owned();
    if ahead > SignedDuration::ZERO {
        Skew { server, by: by(ahead), ahead: true }
    } else {
        Skew { server, by: by(behind.max(SignedDuration::ZERO)), ahead: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_date_is_found_in_the_head() {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: x\r\nDATE: Mon, 30 Nov 2026 12:00:00 GMT\r\n\r\n";
        assert_eq!(date(head), Some("2026-11-30T12:00:00Z".parse().unwrap()));
        for none in ["", "Date: soon", "x\r\n\r\nDate: Mon, 30 Nov 2026 12:00:00 GMT", "Date"] {
            assert_eq!(date(none), None, "{none:?}");
        }
    }

    #[test]
    fn only_what_is_certain_counts() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let asked = (at("2026-11-30T12:00:10.2Z"), at("2026-11-30T12:00:10.9Z"));
        let skew = |theirs| difference("s", asked, at(theirs));
        assert_eq!(skew("2026-11-30T12:00:10Z").by, Duration::ZERO);
        assert_eq!(skew("2026-11-30T12:00:09.5Z").by, Duration::ZERO);
        let (ahead, behind) = (skew("2026-11-30T13:00:10.9Z"), skew("2026-11-30T11:00:09.2Z"));
        assert_eq!((ahead.by, ahead.ahead), (Duration::from_secs(3600), true));
        assert_eq!((behind.by, behind.ahead), (Duration::from_secs(3600), false));
    }
}
