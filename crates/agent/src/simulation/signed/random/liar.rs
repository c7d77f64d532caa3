//! What the liar does. He has whatever was in the store, the keys of hosts that are not the one he lies of, those of authorities
//! that were replaced, and one of his own.

use super::{Authority, Key, Keyspace, NodeRecord, World, path};
use crate::simulation::{Node, witness::ENCRYPTED};
use jiff::Timestamp;
use rand::RngExt;
use std::net::{IpAddr, SocketAddr};
use weft_model::{Network, Record};
use weft_store::{Condition, Store, Txn};
use weft_trust::{Member, NodeKey, Subject};

/// Where he would have packets sent.
pub(super) const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 77, 66));
/// What he is after.
const OF_INTEREST: [&str; 3] = ["weft/v1/nodes/", "weft/v1/revoked/", "weft/v1/authorities/"];
/// How a record that he made up says so.
const NONSENSE: &[u8] = b"?";

impl World {
    /// He looks at everything.
    pub(super) async fn remember(&mut self) {
        for prefix in OF_INTEREST {
            for entry in self.store.list(prefix).await.unwrap().entries {
                let item = (entry.key, entry.value.to_vec());
                if !self.past.contains(&item) {
                    self.past.push(item);
                }
            }
        }
        if self.backups.len() < 8 && self.rng.random_bool(0.3) {
            self.backups.push(self.store.backup());
        }
    }

    async fn write(&self, key: &str, value: Vec<u8>) {
        self.store.commit(Txn::new().put(key, value, Condition::Always)).await.unwrap();
    }

    async fn delete(&self, key: &str) {
        self.store.commit(Txn::new().delete(key, Condition::Always)).await.unwrap();
    }

    fn key_of(&self, index: usize) -> String {
        path(&Key::Node(self.hosts[index].node.config.node_name.clone()))
    }

    fn draw<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.rng.random_range(0..of.len())].clone())
    }

    /// Half of the time the host cannot put right what he writes, for a while.
    async fn silence(&mut self, index: usize) {
        if index != 0 && self.rng.random_bool(0.5) && self.hosts[index].node.is_running() {
            self.tell(format!("{}: killed", self.name(index)));
            self.kill(index).await;
        }
    }

    /// He writes something else in the place of a host's record.
    pub(super) async fn lie_of(&mut self, index: usize) {
        let key = self.key_of(index);
        let known: Vec<_> =
            self.past.iter().filter(|(known, _)| *known == key).map(|it| it.1.clone()).collect();
        let known = known.iter().rev().find_map(|value| NodeRecord::from_json(value).ok());
        let Some(good) = known.filter(|node| node.signed.is_some()) else { return };
        self.silence(index).await;
        let kind = self.rng.random_range(0..7);
        let lie = self.lie(index, kind, &good);
        self.tell(format!("the liar: {}, kind {kind}", self.name(index)));
        self.write(&key, lie).await;
    }

    fn lie(&mut self, index: usize, kind: usize, good: &NodeRecord) -> Vec<u8> {
        let mut beside = NodeRecord { vtep: ELSEWHERE, advertise: ELSEWHERE, ..good.clone() };
        let statement = good.signed.clone().unwrap();
        let subject = Subject { name: self.hosts[index].node.config.node_name.clone(), id: good.id };
        let others: Vec<usize> = (0..self.hosts.len()).filter(|other| *other != index).collect();
        match kind {
            // As before there were certificates.
            0 => beside.signed = None,
            1 => {}
            // The statement changed, with the signature as it was.
            2 => {
                let text = statement.statement.replace(&good.vtep.to_string(), &ELSEWHERE.to_string());
                let mut statement = statement;
                statement.statement = text;
                beside.signed = Some(statement);
            }
            // Signed by a member that is another.
            3 => {
                let other = self.draw(&others).unwrap();
                let member = self.hosts[other].node.credentials().member().unwrap().unwrap();
                beside.signed = Some(signed(&member, &subject, &beside, &statement.statement));
            }
            // The same, with the certificate of the one that it is about.
            4 => {
                let other = self.draw(&others).unwrap();
                let member = self.hosts[other].node.credentials().member().unwrap().unwrap();
                let mut signed = signed(&member, &subject, &beside, &statement.statement);
                signed.certificate = statement.certificate;
                beside.signed = Some(signed);
            }
            // With a certificate by an authority of the liar's, or one that nobody believes any more.
            5 => {
                let member = self.made_up(&subject);
                beside.signed = Some(signed(&member, &subject, &beside, &statement.statement));
            }
            _ => return NONSENSE.to_vec(),
        }
        beside.to_json()
    }

    /// An authority that nobody believes.
    fn not_believed(&mut self) -> Authority {
        let past = self.authorities.replaced.iter().position(|one| self.is_past(one));
        match past.filter(|_| self.rng.random_bool(0.7)) {
            Some(position) => {
                let one = &self.authorities.replaced[position];
                Authority::from_pem(one.certificate_pem(), &one.key_pem()).unwrap()
            }
            None => self.authorities.stranger(),
        }
    }

    fn made_up(&mut self, subject: &Subject) -> Member {
        let (authority, key) = (self.not_believed(), NodeKey::generate().unwrap());
        let own = authority.issue(subject, &key.request().unwrap(), Timestamp::now()).unwrap();
        Member::new(key, &own, authority.certificate_pem()).unwrap()
    }

    /// He writes what a host once said, or what there was of the revoked and of authorities.
    pub(super) async fn replay(&mut self, index: usize) {
        let key = self.key_of(index);
        let of_host: Vec<_> = self.past.iter().filter(|(known, _)| *known == key).cloned().collect();
        // What was last is the least interesting.
        let older = &of_host[..of_host.len().saturating_sub(1)];
        let Some((key, value)) = self.draw(older) else { return };
        self.silence(index).await;
        self.tell(format!("the liar: what {key} was"));
        self.write(&key, value).await;
        if self.rng.random_bool(0.3) {
            self.join().await;
        }
    }

    /// He takes something away.
    pub(super) async fn withhold(&mut self) {
        let prefix = OF_INTEREST[self.rng.random_range(0..OF_INTEREST.len())];
        let there = self.store.list(prefix).await.unwrap().entries;
        let there: Vec<String> = there.into_iter().map(|entry| entry.key).collect();
        let Some(key) = self.draw(&there) else { return };
        let nonsense = self.rng.random_bool(0.2);
        self.tell(format!("the liar: {key} {}", if nonsense { "is nonsense" } else { "is gone" }));
        match nonsense {
            true => self.write(&key, NONSENSE.to_vec()).await,
            false => self.delete(&key).await,
        }
    }

    /// He has an authority of his own that is to be believed.
    pub(super) async fn lie_of_authorities(&mut self) {
        let own = self.authorities.stranger();
        let newest = self.hosts[0].node.credentials().newest_authority().unwrap().unwrap();
        let kind = self.rng.random_range(0..3);
        let by = self.not_believed();
        let mut record = own.record((kind > 0).then_some(&by)).unwrap();
        if let Some(by) = record.by.as_mut().filter(|_| kind > 1) {
            by.authority = newest;
        }
        record.alone = Some(own.alone().unwrap());
        self.tell(format!("the liar: an authority, {}, kind {kind}", own.id().short()));
        self.write(&path(&Key::Authority(own.id())), record.to_json()).await;
    }

    /// He says that a good host is to be believed no more.
    pub(super) async fn lie_of_revoked(&mut self, index: usize) {
        let Node { config, .. } = &self.hosts[index].node;
        let subject = Subject { name: config.node_name.clone(), id: self.hosts[index].id };
        if self.is_revoked(&subject.id) {
            return;
        }
        let revocation = self.not_believed().revoke(&subject).unwrap();
        self.tell(format!("the liar: {} is revoked", subject.name));
        self.write(&path(&Key::Revoked(subject.id)), revocation.to_json()).await;
    }

    /// He says that the network that is encrypted is not.
    pub(super) async fn put_in_clear(&mut self) {
        let all = self.store.list("weft/v1/encrypted/").await.unwrap().entries;
        let Some(entry) = all.first() else { return };
        let mut network = Network::from_json(&entry.value).unwrap();
        network.options.clear();
        let clear = entry.key.replace("/encrypted/", "/networks/");
        self.tell(format!("the liar: vni {ENCRYPTED} is not encrypted"));
        let lie = Txn::new().delete(&entry.key, Condition::Always);
        self.store.commit(lie.put(clear, network.to_json(), Condition::Always)).await.unwrap();
    }

    /// A host sees the store as it was.
    pub(super) fn show_the_past(&mut self, index: usize) {
        let backups = self.backups.clone();
        let Some(backup) = self.draw(&backups) else { return };
        self.tell(format!("{}: sees the store of an earlier time", self.name(index)));
        let host = &mut self.hosts[index];
        host.disturb();
        host.node.store.faults().set_behind(Some(backup));
    }

    /// He stops, and those who look after the cluster take away what nobody else does.
    pub(super) async fn the_liar_stops(&mut self) {
        self.tell("the liar stops");
        let (known, believed) = (self.hosts[0].node.core().known(), self.hosts[0].node.believes());
        let is_left = |key: &Key| match key {
            Key::Authority(id) => believed.contains(id),
            Key::Revoked(id) => known.beliefs.barred.contains_key(id),
            _ => true,
        };
        for prefix in OF_INTEREST {
            for entry in self.store.list(prefix).await.unwrap().entries {
                if !is_left(&Keyspace::new("weft").parse(&entry.key).unwrap()) {
                    self.delete(&entry.key).await;
                }
            }
        }
        for id in known.networks.iter().filter(|(_, network)| network.is_encrypted()).map(|(id, _)| id) {
            self.delete(&path(&Key::Network(*id))).await;
        }
    }
}

/// What `member` signs of another, with a number above that of what that one said.
fn signed(
    member: &Member,
    subject: &Subject,
    record: &NodeRecord,
    said: &str,
) -> weft_model::SignedStatement {
    let said: weft_model::NodeStatement = serde_json::from_str(said).unwrap();
    member.sign(&subject.name, record, said.serial + 1000).unwrap()
}

/// Whether a way of encrypted packets leads to him.
pub(super) fn is_his(endpoint: Option<SocketAddr>) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.ip() == ELSEWHERE)
}
