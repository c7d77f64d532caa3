//! Who belongs to a cluster: the keys of nodes, the certificates that a cluster's authority signs for them, the tokens
//! that a new host joins with, and TLS by all of these. No I/O: who keeps the files and opens the connections says so.

mod authorities;
mod authority;
mod backup;
mod error;
mod joining;
mod key;
mod member;
mod members;
mod self_signed;
mod statement;
mod succession;
mod tls;
mod token;
mod told;
mod tunnel;
mod user;
mod writes;

pub use authorities::Authorities;
pub use authority::{Authority, Subject, same_key};
pub use error::TrustError;
pub use joining::{FREE, JoinAnswer, JoinRefusal, JoinReply, JoinRequest, MAX_REQUEST, StoreAccess};
pub use key::NodeKey;
pub use member::{Member, is_due};
pub use members::{About, MemberReply, MemberRequest};
pub use self_signed::{SelfSigned, is_self_signed};
pub use statement::{Disbelief, signed_with};
pub use tls::{
    ApiServer, Barred, JOIN, MEMBERS, PINNED, Pins, Unbelieved, WhoMayAsk, api_client, api_is_fresh,
    api_server, binding, join_client, member_client, pinned_client, pinned_server, server, store_client,
    store_server,
};
pub use token::{InvalidToken, JoinToken, Side, TokenId, TokenSecret};
pub use told::Told;
pub use tunnel::{PAIR_MARK, PairKey, TunnelSecret, tunnel_address};
pub use user::{ApiNames, User};
pub use writes::{Asked, Change, Kept, NotYours, WriteRules, session_name};

/// The name that every node's certificate is for: whoever shows one is a member, whatever its address.
pub const MEMBER: &str = "node.weft.internal";
