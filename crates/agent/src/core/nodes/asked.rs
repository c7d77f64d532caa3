//! Another agent says itself what it is.

use super::Nodes;
use crate::peers::{AskError, ask, ask_node};
use std::net::SocketAddr;
use weft_model::{NodeName, Trust, chain};
use weft_state::credentials::{Credentials, OwnKey};
use weft_trust::{MemberReply, MemberRequest, Subject};
use weft_verbs::{AgentView, Error, Kind, NodeView};

impl Nodes {
    /// Asks the agent of the node `name` who it is.
    pub(crate) async fn ask_agent(&self, name: &str) -> Result<AgentView, Error> {
        match self.ask_member(name, &MemberRequest::About).await? {
            MemberReply::About(about) => {
                Ok(AgentView { name: about.name, id: about.id, version: about.version, since: about.since })
            }
            _ => Err(Error::new(Kind::Unavailable, format!("the agent of {name} answers something else"))),
        }
    }

    /// Asks the agent of the node `name`, wherever that is by now: by certificates where nodes sign what they say, and by the
    /// keys that the store says they have otherwise.
    pub(in crate::core) async fn ask_member(
        &self,
        name: &str,
        request: &MemberRequest,
    ) -> Result<MemberReply, Error> {
        let NodeView { name, node, .. } = self.node_view(name).await?;
        let at = SocketAddr::new(node.advertise, self.config.peer_port);
        let whom = Subject { name, id: node.id };
        let reply = match self.config.trust {
            Trust::Signed => {
                let own =
                    Credentials::of(&self.config.data_dir).member().map_err(|error| unusable(&error))?;
                ask(&own.ok_or_else(no_key)?, &whom, at, request).await
            }
            Trust::Store => {
                let own = self.own_key().shown(self.access.identity().id()).ok_or_else(no_key)?;
                ask_node(&own, (&whom, &node), at, request).await
            }
        };
        reply.map_err(|error: AskError| Error::new(Kind::Unavailable, chain(&error)))
    }

    fn own_key(&self) -> OwnKey {
        let name: &NodeName = self.access.node();
        OwnKey::of(&self.config.data_dir, name)
    }
}

fn unusable(error: &dyn std::error::Error) -> Error {
    Error::new(Kind::Internal, chain(error))
}

fn no_key() -> Error {
    Error::conflict("this host has no key by which another agent could know it: see the agent's log")
}
