//! The words of weft as types: names, identifiers, addresses, the records kept in the store and the keys
//! they are kept under.
//!
//! Nothing here does I/O, and nothing here can hold a value that another node would refuse: all input is parsed into
//! these types first, and an error says why a text cannot be parsed.

mod authority;
mod cidr;
mod encrypted;
mod endpoint;
mod error;
mod event;
mod examination;
mod id;
mod ifname;
mod in_use;
mod keep;
mod key;
mod lineage;
mod link;
mod mac;
mod mtu;
mod name;
mod network;
mod node;
mod owner_key;
mod port;
mod record;
mod signed;
mod traffic;
mod trust;
mod tunnel;
mod vni;

pub use authority::{AuthorityRecord, Endorsement};
pub use cidr::{InvalidCidr, cidr, is_public};
pub use encrypted::{ENCRYPTED_OPTION, InvalidEncrypted, asks_for_encryption, check_encryption_option};
pub use endpoint::Endpoint;
pub use error::chain;
pub use event::{Event, EventAction, EventKind};
pub use examination::{
    CHECK_PORTS, CHECK_PREFIX, CheckNews, CheckOrder, Checked, Examination, ExaminedPart, Finding,
    InvalidServicePort, ServicePort, Verdict, is_for_check,
};
pub use id::{
    AuthorityId, ClusterId, ContainerId, EndpointId, Incarnation, InvalidId, KeyFingerprint, NetworkId,
    NodeId, ProcessId, starts_id,
};
pub use ifname::{IfName, InvalidIfName};
pub use in_use::{InUse, is_default};
pub use keep::{InvalidKeep, KEEP_LABEL, KEEP_OPTION};
pub use key::{InvalidKey, Key, Keyspace};
pub use lineage::Lineage;
pub use link::ContainerLink;
pub use mac::{InvalidMac, MacAddr};
pub use mtu::{
    InvalidMtu, MIN_IPV4_MTU, MIN_IPV6_MTU, MIN_REQUESTED_MTU, MTU_OPTIONS, RefusedMtu, overlay_mtu,
    tunnel_mtu, underlay_mtu,
};
pub use name::{EndpointName, InvalidName, NetworkName, NodeName, UserName};
pub use network::{InvalidSubnet, Network, Segment, Subnet};
pub use node::{Call, Liveness, Node};
pub use owner_key::{InvalidOwnerKey, OwnerKey};
pub use port::{InvalidPortMapping, PortMapping, Protocol};
pub use record::{
    Claim, ClusterRecord, Cursor, Extra, InvalidRecord, Latest, PoolReservation, Rebuilt, Record,
};
pub use signed::{NodeStatement, Revocation, SignedStatement};
pub use traffic::{Amount, Traffic};
pub use trust::Trust;
pub use tunnel::{InvalidTunnelKey, TunnelEnd, TunnelKey};
pub use vni::{InvalidVni, VNI_OPTIONS, Vni};

pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
pub use jiff::Timestamp;
