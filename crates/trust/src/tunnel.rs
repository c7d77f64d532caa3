//! What a host encrypts packets with.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    digest::{Context, SHA256},
    hmac,
};
use std::{fmt, net::Ipv6Addr};
use subtle::ConstantTimeEq;
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

/// What two nodes have in common that nobody else has: by it, they know that what comes from the other is the other's.
#[derive(Debug, Clone)]
pub struct PairKey(hmac::Key);

/// How long a mark made with a [`PairKey`] is, in bytes.
pub const PAIR_MARK: usize = 16;

impl PairKey {
    /// That of a node and another. Nothing where the other's key is none: what comes of it would be no secret (RFC 7748,
    /// section 6.1).
    pub fn new(own: (&NodeId, &TunnelSecret), other: (&NodeId, &TunnelKey)) -> Option<Self> {
        let shared = own.1.0.diffie_hellman(&PublicKey::from(*other.1.bytes()));
        if !shared.was_contributory() {
            return None;
        }
        let (first, second) = (own.0.min(other.0), own.0.max(other.0));
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, shared.as_bytes()));
        [b"weft path\0", &first.bytes()[..], second.bytes()]
            .into_iter()
            .for_each(|part| context.update(part));
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())))
    }

    /// The mark of what consists of `parts`: HMAC-SHA256, the first half.
    pub fn mark(&self, parts: [&[u8]; 2]) -> [u8; PAIR_MARK] {
        let mut context = hmac::Context::with_key(&self.0);
        parts.into_iter().for_each(|part| context.update(part));
        let mut mark = [0; PAIR_MARK];
        mark.copy_from_slice(&context.sign().as_ref()[..PAIR_MARK]);
        mark
    }

    /// Whether this is the mark of `parts`. It takes the same time whatever it is.
    pub fn made(&self, mark: &[u8], parts: [&[u8]; 2]) -> bool {
        bool::from(self.mark(parts).ct_eq(mark))
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
    fn a_pair_has_one_key_and_every_other_pair_another() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut node = || (NodeId::random(&mut rng), TunnelSecret::random(&mut rng));
        let [a, b, c] = [node(), node(), node()];
        let key = |own: &(NodeId, TunnelSecret), other: &(NodeId, TunnelSecret)| {
            PairKey::new((&own.0, &own.1), (&other.0, &other.1.public().unwrap())).unwrap()
        };
        let (said, mark) = ([&b"said"[..], b"more"], key(&a, &b).mark([b"said", b"more"]));
        assert!(key(&b, &a).made(&mark, said));
        assert!(!key(&b, &a).made(&mark, [b"said", b"less"]) && !key(&b, &a).made(&mark[..15], said));
        for other in [key(&a, &c), key(&c, &b), key(&(c.0, a.1.clone()), &b)] {
            assert!(!other.made(&mark, said));
        }
        // A point of low order: what comes of it is the same for every secret.
        let weak =
            TunnelKey::new([1].into_iter().chain([0; 31]).collect::<Vec<_>>().try_into().unwrap()).unwrap();
        assert!(PairKey::new((&a.0, &a.1), (&b.0, &weak)).is_none());
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
