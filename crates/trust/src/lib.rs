//! Who belongs to a cluster: the keys of nodes, the certificates that a cluster's authority signs for them, the tokens
//! that a new host joins with, and TLS by all of these. No I/O: who keeps the files and opens the connections says so.

mod authority;
mod error;
mod joining;
mod key;
mod member;
mod members;
mod statement;
mod tls;
mod token;
mod tunnel;
mod user;

pub use authority::{Authority, Subject, same_key};
pub use error::TrustError;
pub use joining::{JoinAnswer, JoinRefusal, JoinReply, JoinRequest, MAX_REQUEST, StoreAccess};
pub use key::NodeKey;
pub use member::Member;
pub use members::{MemberReply, MemberRequest};
pub use statement::{Authorities, Disbelief};
pub use tls::{
    ApiServer, Barred, JOIN, MEMBERS, Unbelieved, WhoMayAsk, api_client, api_is_fresh, api_server, binding,
    join_client, member_client, server, store_client, store_server,
};
pub use token::{InvalidToken, JoinToken, Side, TokenId, TokenSecret};
pub use tunnel::{TunnelSecret, tunnel_address};
pub use user::{ApiNames, User};

/// The name that every node's certificate is for: whoever shows one is a member, whatever its address.
pub const MEMBER: &str = "node.weft.internal";
