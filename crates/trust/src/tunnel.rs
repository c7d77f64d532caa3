//! What a host encrypts packets with.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{Context, SHA256};
use std::{fmt, net::Ipv6Addr};
use weft_model::{InvalidTunnelKey, NodeId, TunnelKey};
use x25519_dalek::{PublicKey, StaticSecret};

/// The secret half of a host's key for encrypted packets (X25519, RFC 7748). It never leaves its host, and is forgotten
/// when it is dropped.
#[derive(Clone)]
pub struct TunnelSecret(StaticSecret);

impl TunnelSecret {
    /// A new one.
    pub fn random(rng: &mut (impl rand::Rng + ?Sized)) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(StaticSecret::from(bytes))
    }

    /// Reads what [`expose`](Self::expose) wrote; nothing if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
        (bytes != [0; 32]).then(|| Self(StaticSecret::from(bytes)))
    }

    /// The secret as text: base64, as `wg genkey` writes it.
    pub fn expose(&self) -> String {
        STANDARD.encode(self.0.as_bytes())
    }

    /// The secret, for the kernel.
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The half that others encrypt to.
    ///
    /// # Errors
    /// Never for a secret of this type: no X25519 secret has the public half that is all zeros.
    pub fn public(&self) -> Result<TunnelKey, InvalidTunnelKey> {
        TunnelKey::new(*PublicKey::from(&self.0).as_bytes())
    }
}

/// Nothing of the secret.
impl fmt::Debug for TunnelSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TunnelSecret")
    }
}

/// The address of a node inside of the tunnels: `fd`, and the first 120 bits of the SHA-256 of its id with a label before.
/// It stays when its key is replaced, and nobody has an id that gives him another's.
pub fn tunnel_address(node: &NodeId) -> Ipv6Addr {
    let mut context = Context::new(&SHA256);
    context.update(b"weft tunnel\0");
    context.update(node.to_string().as_bytes());
    let mut octets = [0; 16];
    octets.copy_from_slice(&context.finish().as_ref()[..16]);
    octets.rotate_right(1);
    octets[0] = 0xfd;
    octets.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    /// RFC 7748, section 6.1.
    #[test]
    fn the_public_half_is_that_of_the_standard() {
        let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        let public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
        let bytes = |hex: &str| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        let secret = TunnelSecret::read(&STANDARD.encode(bytes(alice))).unwrap();
        assert_eq!(secret.public().unwrap().bytes()[..], bytes(public));
    }

    #[test]
    fn a_secret_can_be_read_back_and_is_not_shown() {
        let secret = TunnelSecret::random(&mut StdRng::seed_from_u64(1));
        let again = TunnelSecret::read(&format!("{}\n", secret.expose())).unwrap();
        assert_eq!(again.bytes(), secret.bytes());
        assert!(!format!("{secret:?}").contains(&secret.expose()));
        for bad in ["", "x", &secret.expose()[..40], &STANDARD.encode([0; 32])] {
            assert!(TunnelSecret::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_local_ones_and_each_nodes_own() {
        let mut rng = StdRng::seed_from_u64(2);
        let (one, other) = (NodeId::random(&mut rng), NodeId::random(&mut rng));
        assert_eq!(tunnel_address(&one), tunnel_address(&one));
        assert_ne!(tunnel_address(&one), tunnel_address(&other));
        assert_eq!(tunnel_address(&one).octets()[0], 0xfd);
    }
}
