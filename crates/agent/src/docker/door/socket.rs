//! Where engines look for drivers.

use super::{Driver, answer, router};
use std::{path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;
use weft_http::{BindError, Inherited, Limits, ServerSocket, Terms};

/// The file's name is the driver's (`pkg/plugins/discovery.go` of moby).
pub(crate) const PATH: &str = "/run/docker/plugins/weft.sock";

/// Only root: a client of this socket counts as the engine.
const TERMS: Terms = Terms { group: None, instead: "switch Docker off with --docker-socket=none" };

/// An engine repeats a call whose connection breaks without its body, and so loses it. So no connection waits for a
/// second call, which might be under way while it is closed, and all calls that have begun when the agent stops are
/// answered.
const LIMITS: Limits = Limits { keep_alive: false, end_within: answer::LONGEST };

/// Listens where engines look for drivers, on the socket that is `inherited` if it is there.
///
/// # Errors
/// [`BindError`]. A program that listens there already is not disturbed.
pub(crate) fn bind(inherited: &Inherited) -> Result<ServerSocket, BindError> {
    weft_http::open(Path::new(PATH), TERMS, inherited)
}

/// Answers the engine until `shutdown`, and then what has begun.
///
/// An engine that used the driver before waits some seconds for the next agent whether the socket is there or
/// not. But one that was never asked for it tries every socket in the directory whenever it looks for a driver of
/// any kind, even one of volumes, and waits as long for each that is dead: so it does not stay when the agent
/// stops, unless systemd keeps it, and starts an agent then.
pub(crate) async fn serve(socket: ServerSocket, driver: Arc<Driver>, shutdown: CancellationToken) {
    let removal = socket.removal();
    let unlink = async {
        shutdown.cancelled().await;
        removal.carry_out();
    };
    tokio::join!(unlink, weft_http::serve(socket, router(driver), LIMITS, shutdown.clone()));
}
