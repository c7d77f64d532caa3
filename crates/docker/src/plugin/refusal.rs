//! How to say no.

use serde::{Serialize, Serializer, ser::SerializeMap};

/// Which of the two protocols a call belongs to: they differ in how an error looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginProtocol {
    /// The remote network driver's.
    Network,
    /// The remote IPAM driver's.
    Ipam,
}

impl PluginProtocol {
    /// The protocol of a method, as `IpamDriver.RequestPool`.
    pub fn of(method: &str) -> Self {
        if method.starts_with("IpamDriver.") { Self::Ipam } else { Self::Network }
    }
}

/// An answer that the user sees as `remote: <message>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRefusal {
    protocol: PluginProtocol,
    message: String,
}

impl PluginRefusal {
    /// The HTTP status to send it with: success. With any other, the engine puts the method's name in front
    /// of the message, and shows an address driver's as JSON (`pkg/plugins/client.go`).
    pub const STATUS: u16 = 200;

    /// Says no to a call of `protocol`. An empty message would mean yes, so it is replaced.
    pub fn new(protocol: PluginProtocol, message: impl Into<String>) -> Self {
        let message = Some(message.into()).filter(|message| !message.is_empty());
        Self { protocol, message: message.unwrap_or_else(|| "refused, without a reason".to_owned()) }
    }

    /// The sentence for the user.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Serialize for PluginRefusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        let field = match self.protocol {
            PluginProtocol::Network => "Err",
            PluginProtocol::Ipam => "Error",
        };
        map.serialize_entry(field, &self.message)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_its_own_shape() {
        let json = |method: &str| {
            serde_json::to_string(&PluginRefusal::new(PluginProtocol::of(method), "no")).unwrap()
        };
        assert_eq!(json("NetworkDriver.Join"), r#"{"Err":"no"}"#);
        assert_eq!(json("IpamDriver.RequestPool"), r#"{"Error":"no"}"#);
    }

    #[test]
    fn no_is_never_taken_for_yes() {
        assert!(!PluginRefusal::new(PluginProtocol::Ipam, "").message().is_empty());
    }
}
