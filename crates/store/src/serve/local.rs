//! The store for programs of this host: on a socket that root alone can open.

use super::{
    auth::{Access, Door},
    connections, router,
};
use crate::EmbeddedStore;
use axum::Router;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use weft_http::{BindError, Inherited, Removal, ServerSocket, Terms};

/// A socket, and what is answered there.
pub(super) struct Local {
    socket: ServerSocket,
    router: Router,
    removal: Gone,
}

/// Takes the socket away when it is dropped, however the server ends.
struct Gone(Option<Removal>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Removal::carry_out);
    }
}

impl Local {
    /// Takes the socket at `path`, mode 0600.
    ///
    /// # Errors
    /// [`BindError`].
    pub(super) fn bind(path: &Path, store: EmbeddedStore) -> Result<Self, BindError> {
        let terms = Terms { group: None, instead: "let store-serve name another socket" };
        let socket = weft_http::open(path, terms, &Inherited::default())?;
        let removal = Gone(Some(socket.removal()));
        // Until here it is root's group's, too.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|source| BindError::Io {
            path: path.to_owned(),
            doing: "setting its mode",
            source,
        })?;
        let router = router(Door::new(Access::Open, false), store, format!("unix://{}", path.display()));
        Ok(Self { socket, router, removal })
    }

    /// Serves until it is dropped.
    pub(super) async fn run(self) {
        let Self { socket, router, removal: _removal } = self;
        connections::accept_local(socket, router).await;
    }
}
