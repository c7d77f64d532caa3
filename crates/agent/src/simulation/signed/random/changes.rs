//! What happens to the hosts.

use super::{HOSTS, Host, Instant, NETWORKS, NodeId, Revoked, VERB_DEADLINE, World, address};
use crate::peers::OwnCertificate;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;
use weft_trust::Subject;

/// How long it may take until what an agent knows is on its disk.
pub(super) const WRITTEN_DOWN: Duration = Duration::from_secs(10);

impl Host {
    fn subject(&self) -> Subject {
        Subject { name: self.node.config.node_name.clone(), id: self.id }
    }

    pub(super) fn is_up(&self) -> bool {
        self.node.is_running() && !self.node.has_given_up()
    }

    pub(super) fn start(&mut self) {
        self.node.start();
        self.well = (!self.disturbed).then(Instant::now);
    }

    pub(super) async fn kill(&mut self) {
        self.well = None;
        for (name, (number, since)) in std::mem::take(&mut self.seen) {
            if since.elapsed() > WRITTEN_DOWN {
                let floor = self.floor.entry(name).or_default();
                *floor = number.max(*floor);
            }
        }
        self.node.kill().await;
    }

    pub(super) fn disturb(&mut self) {
        (self.disturbed, self.well) = (true, None);
    }

    pub(super) fn heal(&mut self) {
        self.node.store.faults().heal();
        self.disturbed = false;
        if self.node.is_running() {
            self.well.get_or_insert_with(Instant::now);
        }
    }
}

impl World {
    pub(super) fn name(&self, index: usize) -> String {
        self.hosts[index].node.config.node_name.to_string()
    }

    pub(super) async fn kill_or_start(&mut self, index: usize) {
        let up = self.hosts[index].node.is_running();
        self.tell(format!("{}: {}", self.name(index), if up { "killed" } else { "started" }));
        match up {
            true => self.kill(index).await,
            false => self.hosts[index].start(),
        }
    }

    pub(super) async fn kill(&mut self, index: usize) {
        self.look();
        self.hosts[index].kill().await;
        // What was not written down may be forgotten.
        for revoked in self.revoked.values_mut() {
            if revoked.known.get(&index).is_some_and(|since| since.elapsed() < WRITTEN_DOWN) {
                revoked.known.remove(&index);
            }
        }
    }

    /// Gives a host another address, which nobody else ever has.
    pub(super) fn move_host(&mut self, index: usize) {
        let place = 100 + 20 * u8::try_from(index).unwrap() + self.rng.random_range(0..20);
        self.tell(format!("{}: moves to .{place}", self.name(index)));
        let host = &mut self.hosts[index];
        host.at = address(place);
        host.addresses.insert(address(place));
        if let Some(revoked) = self.revoked.get_mut(&host.id) {
            revoked.addresses.insert(address(place));
        }
        host.node.move_to(address(place));
    }

    /// The way to the store is not as it should be, or is again.
    pub(super) fn disturb(&mut self, index: usize) {
        let what = self.rng.random_range(0..6);
        let (delay, name) = (Duration::from_millis(self.rng.random_range(0..5000)), self.name(index));
        let host = &mut self.hosts[index];
        let faults = host.node.store.faults();
        match what {
            0 => faults.set_unavailable(true),
            1 => faults.set_watch_delay(delay),
            2 => faults.set_delay(delay),
            3 => faults.break_watches(),
            _ => host.heal(),
        }
        if what < 4 {
            host.disturb();
        }
        self.tell(format!("{name}: disturbance {what}, {delay:?}"));
    }

    /// The first host, if it can let others in.
    pub(super) fn holder(&self) -> Option<&Host> {
        let holder = &self.hosts[0];
        (holder.is_up() && holder.well.is_some() && holder.node.credentials().has_authority())
            .then_some(holder)
    }

    /// A certificate of a host, that the first host makes, as of so long ago.
    fn certified(&self, host: &Host, days: i64) -> Option<String> {
        let request = host.node.credentials().key().unwrap().request().unwrap();
        let at = Timestamp::now() - SignedDuration::from_hours(24 * days);
        Some(self.holder()?.node.authority().issue(&host.subject(), &request, at).unwrap())
    }

    /// Lets a host in, as the host does that made its token. Returns false if nobody can.
    fn admit(&self, host: &mut Host) -> bool {
        let (Some(holder), Some(own)) = (self.holder(), self.certified(host, 0)) else { return false };
        let credentials = host.node.credentials();
        let told = holder.node.core().known().to_tell();
        credentials.keep_told(&told).unwrap();
        for (name, number) in told.serials {
            let floor = host.floor.entry(name).or_default();
            *floor = number.max(*floor);
        }
        let authorities = holder.node.credentials().authority_certificates().unwrap().unwrap();
        credentials.admit(&own, &authorities).unwrap();
        true
    }

    /// Another host joins.
    pub(super) async fn join(&mut self) {
        if self.hosts.len() == HOSTS.1 || self.holder().is_none() {
            return;
        }
        let mut host = self.host(1 + self.hosts.len());
        self.tell(format!("{} joins", host.node.config.node_name));
        assert!(self.admit(&mut host));
        host.start();
        self.hosts.push(host);
        let index = self.hosts.len() - 1;
        self.knows_revoked(index);
        self.pass(Duration::from_secs(1)).await;
        self.attach(index).await;
    }

    /// What it was told of whom the cluster does not believe, it knows.
    fn knows_revoked(&mut self, index: usize) {
        let told = self.hosts[index].node.credentials().told().unwrap();
        for (id, revoked) in &mut self.revoked {
            if told.revoked.contains_key(id) {
                revoked.known.insert(index, Instant::now());
            }
        }
    }

    /// A host joins with another token, as the installation that it was.
    pub(super) async fn join_again(&mut self, index: usize) {
        if index == 0 || self.hosts[index].revoked || self.holder().is_none() {
            return;
        }
        self.tell(format!("{} joins again", self.name(index)));
        self.kill(index).await;
        let mut host = self.hosts.remove(index);
        let admitted = self.admit(&mut host);
        host.start();
        self.hosts.insert(index, host);
        assert!(admitted);
        self.knows_revoked(index);
    }

    /// A host has a certificate that ended. Others believe it all the same.
    pub(super) fn expire(&mut self, index: usize) {
        self.tell(format!("{}: its certificate ends", self.name(index)));
        self.renew(index, 400);
    }

    /// A host gets another certificate by the newest authority, if the one that it has is good for something.
    fn renew(&self, index: usize, days: i64) {
        let host = &self.hosts[index];
        let Some(holder) = self.holder().filter(|_| !host.revoked) else { return };
        let (own, first) = (host.node.credentials(), holder.node.credentials());
        let by = own.member().unwrap().unwrap().issuer();
        let takes =
            first.member().unwrap().is_some_and(|own| own.authorities().ids().any(|id| Some(id) == by));
        if takes && own.newest_authority().unwrap() == first.newest_authority().unwrap() {
            own.renew(&self.certified(host, days).unwrap()).unwrap();
        }
    }

    /// A host writes down whom it believes, and gets a certificate by the newest. Where it runs, its agent does so by itself.
    pub(super) fn follow(&self, index: usize) {
        let host = &self.hosts[index];
        if host.is_up() && !host.revoked {
            let own = OwnCertificate::load(&host.node.config.data_dir).unwrap();
            own.follow(&host.node.core().access.view().borrow());
            self.renew(index, 0);
        }
    }

    /// Another authority is made, and those that have no certificate by it yet go on.
    pub(super) async fn rotate(&mut self) {
        if self.holder().is_none() {
            return;
        }
        let (before, core) = (self.hosts[0].node.authority(), self.hosts[0].node.core());
        let credentials = self.hosts[0].node.credentials();
        if credentials.next_authority().unwrap().is_none() {
            credentials.keep_next_authority(&self.authorities.next()).unwrap();
        }
        let answer = timeout(VERB_DEADLINE, core.nodes.rotate_authority()).await.expect("it takes too long");
        self.tell(format!("the authority is replaced: {answer:?}"));
        if answer.is_ok() {
            self.authorities.replaced.push(before);
        }
    }

    /// The one before is not believed any more, whoever has no certificate by the new one.
    pub(super) async fn finish(&mut self) {
        if self.holder().is_none() {
            return;
        }
        let core = self.hosts[0].node.core();
        let answer = timeout(VERB_DEADLINE, core.nodes.finish_rotation()).await.expect("it takes too long");
        self.tell(format!("the new authority is to be alone: {answer:?}"));
    }

    /// A host is revoked. It goes on as if nothing had happened.
    pub(super) async fn revoke(&mut self, index: usize) {
        if index == 0 || self.hosts[index].revoked || self.holder().is_none() {
            return;
        }
        let (name, core) = (self.hosts[index].node.config.node_name.clone(), self.hosts[0].node.core());
        let answer = timeout(VERB_DEADLINE, core.nodes.revoke(&name)).await.expect("it takes too long");
        self.tell(format!("{name} is revoked: {answer:?}"));
        if answer.is_ok() {
            self.hosts[index].revoked = true;
            let addresses = self.hosts[index].addresses.clone();
            let known = BTreeMap::from([(0, Instant::now())]);
            self.revoked.insert(self.hosts[index].id, Revoked { addresses, known });
        }
    }

    /// Puts a host on the networks that it is not on yet.
    pub(super) async fn attach(&mut self, index: usize) {
        let host = &self.hosts[index];
        if !host.is_up() {
            return;
        }
        for network in NETWORKS {
            let here = host.node.core().endpoints.here();
            if here.values().all(|local| local.network.name.as_str() != network) {
                let name = format!("{network}-{}", self.name(index));
                let answer = timeout(VERB_DEADLINE, host.node.attach(network, &name)).await;
                let answer = answer.expect("it takes too long").map(drop);
                self.tell(format!("{}: on {network}: {answer:?}", self.name(index)));
            }
        }
    }

    /// Whether nobody who may be believed would follow this authority.
    pub(super) fn is_past(&self, authority: &weft_trust::Authority) -> bool {
        self.hosts.iter().filter(|host| !host.revoked).all(|host| {
            let on_disk = host.node.credentials().member().unwrap();
            let known = if host.node.is_running() { host.node.believes() } else { Vec::new() };
            let on_disk = on_disk.iter().flat_map(|own| own.authorities().ids());
            on_disk.chain(known).all(|id| id != authority.id())
        })
    }

    pub(super) fn is_revoked(&self, id: &NodeId) -> bool {
        self.revoked.contains_key(id)
    }
}
