//! Where this host is on the hosts' network: the address that it advertises, followed while it moves.

mod pools;
mod served;
mod stores;
mod usage;

use crate::advertise::{Advertise, NoAddress};
pub(crate) use pools::EnginePool;
pub(crate) use served::watch_address;
use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
pub(crate) use usage::Usage;
use weft_datapath::underlay::{Carries, UnderlayError, mtu};
use weft_model::{InUse, chain};
use weft_netlink::{Changes, NetlinkError, Socket};
use weft_store::Connections;

/// How often to look without a reason, and at most at what else is used.
const PERIOD: Duration = Duration::from_secs(5);
/// How long to collect changes: an address that is replaced goes before the next comes.
const PAUSE: Duration = Duration::from_millis(200);
/// How long an interface that has just come up may take to have an address that can be used: duplicate address detection
/// takes a second or two (RFC 4862 section 5.4).
const PATIENCE: Duration = Duration::from_secs(4);

/// Where this host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Underlay {
    /// The address that other nodes reach it by, and that VXLAN packets come from: the last one while there is none.
    pub(crate) address: IpAddr,
    /// Why others cannot reach it there.
    pub(crate) problem: Option<String>,
    /// What else it uses of the address space.
    pub(crate) uses: Vec<InUse>,
    /// What an engine on it has networks for, which are not ours; part of `uses` a moment later.
    pub(crate) engine: Vec<InUse>,
    /// Where that engine takes pools from, once it has said so.
    pub(crate) engine_pools: Option<Vec<EnginePool>>,
    /// What this node says that it uses: the same, and what networks are kept from though nothing is there yet.
    pub(crate) said: Vec<InUse>,
    /// How large a packet fits through the devices that lead to the others, in bytes, once that is known.
    pub(crate) mtu: Option<u32>,
    /// The others whose ways were looked at for that.
    pub(crate) leads_to: Arc<BTreeSet<IpAddr>>,
    /// How large a packet gets to the others, where what is between carries less than the devices, in bytes.
    pub(crate) between: Option<u32>,
}

/// The address to begin with. An interface may not have it yet.
///
/// # Errors
/// If there is none that others could use.
pub(crate) async fn find(advertise: &Advertise) -> Result<IpAddr, NoAddress> {
    let began = Instant::now();
    loop {
        match resolve(advertise).await {
            Err(NoAddress::NoneOf(_) | NoAddress::NoRoute) if began.elapsed() < PATIENCE => {
                sleep(PAUSE).await
            }
            found => return found,
        }
    }
}

/// On a thread of its own: the kernel is asked, and waited for.
async fn resolve(advertise: &Advertise) -> Result<IpAddr, NoAddress> {
    let advertise = advertise.clone();
    let found = tokio::task::spawn_blocking(move || advertise.resolve(None));
    match timeout(weft_netlink::DEADLINE, found).await {
        Ok(Ok(found)) => found,
        _ => Err(NetlinkError::Timeout(weft_netlink::DEADLINE).into()),
    }
}

/// Follows the address for ever, and gives up the `connections` to the store that come from one that is gone. Safe to
/// cancel at any time.
pub(crate) async fn follow(
    (advertise, connections): (Advertise, Option<Connections>),
    mut usage: Usage,
    underlay: watch::Sender<Underlay>,
) {
    let mut changes = Changes::listen()
        .inspect_err(|error| {
            tracing::warn!(error = chain(error), "cannot hear of changes of addresses; looking for them")
        })
        .ok();
    let mut used = Instant::now();
    // What this host has to begin with: only what it had can be gone.
    if let Some(connections) = &connections {
        give_up_lost(connections).await;
    }
    loop {
        let change = async {
            match &mut changes {
                Some(changes) => changes.next().await,
                None => std::future::pending().await,
            }
        };
        let is_told = timeout(PERIOD, change).await.is_ok();
        sleep(PAUSE).await;
        if let Some(changes) = &mut changes {
            changes.forget();
        }
        if let Some(connections) = &connections {
            give_up_lost(connections).await;
        }
        let so_far = underlay.borrow().address;
        let advertise = advertise.clone();
        let found = tokio::task::spawn_blocking(move || advertise.resolve(Some(so_far)));
        // Engines make and remove networks all day; each change is heard by every node.
        if used.elapsed() >= PERIOD {
            used = Instant::now();
            usage.look(&underlay).await;
        }
        if let Ok(found) = timeout(weft_netlink::DEADLINE, found).await.unwrap_or(Ok(Ok(so_far))) {
            underlay.send_if_modified(|underlay| underlay.is_changed_by(found));
        }
        // Who asks for it now and then says why it cannot be found.
        if is_told && let Ok(found) = ask_mtu(&underlay).await {
            underlay.send_if_modified(|underlay| underlay.carries(&found));
        }
    }
}

/// How large a packet fits through the devices that lead to the others, of whom it was asked for last.
async fn ask_mtu(underlay: &watch::Sender<Underlay>) -> Result<Carries, UnderlayError> {
    let (address, others) = {
        let underlay = underlay.borrow();
        (underlay.address, Arc::clone(&underlay.leads_to))
    };
    mtu(address, others).await
}

async fn give_up_lost(connections: &Connections) {
    let here = || Socket::open()?.addresses();
    let Ok(Ok(here)) = tokio::task::spawn_blocking(here).await else { return };
    let gone = connections.keep_from(&here.into_iter().map(|address| address.net.addr()).collect());
    if !gone.is_empty() {
        tracing::info!(?gone, "addresses are gone that the store was asked from; it is asked from others");
    }
}

impl Underlay {
    /// At `address`, where others can reach it.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self {
            address,
            problem: None,
            uses: Vec::new(),
            engine: Vec::new(),
            engine_pools: None,
            said: Vec::new(),
            mtu: None,
            leads_to: Arc::default(),
            between: None,
        }
    }

    /// Takes what it uses, and what networks are kept from besides. Returns whether that is news.
    pub(crate) fn takes(&mut self, uses: Vec<InUse>, besides: Vec<InUse>) -> bool {
        let said = InUse::as_recorded(uses.iter().cloned().chain(besides).collect());
        let changed = (&self.uses, &self.said) != (&uses, &said);
        (self.uses, self.said) = (uses, said);
        changed
    }

    /// Takes how large a packet fits through. Returns whether that is news.
    pub(crate) fn carries(&mut self, found: &Carries) -> bool {
        let Carries { mtu: now, device, peer } = found;
        let before = self.mtu.replace(*now);
        if let Some(before) = before.filter(|before| before != now) {
            let (device, to) = (device.as_deref(), peer.map(tracing::field::display));
            tracing::info!(before, now, device, to, "what the hosts' network carries from here has changed");
        }
        before != Some(*now)
    }

    /// How large a packet gets to the others, in bytes, once that is known.
    pub(crate) fn carried(&self) -> Option<u32> {
        self.mtu.map(|mtu| self.between.map_or(mtu, |between| between.min(mtu)))
    }

    /// What fits through the devices, if that is more than what gets to the others.
    pub(crate) fn more_in_devices(&self) -> Option<u32> {
        self.mtu.filter(|mtu| self.carried().is_some_and(|carried| carried < *mtu))
    }

    /// Takes what was measured of what is between. Returns whether that is news.
    pub(crate) fn is_between(&mut self, found: Option<u32>) -> bool {
        let before = std::mem::replace(&mut self.between, found);
        if before != found {
            match found {
                Some(now) => {
                    tracing::info!(before, now, "packets to other hosts are kept to what passes in between")
                }
                None => {
                    tracing::info!(before, "what is between the hosts carries as much as their devices again")
                }
            }
        }
        before != found
    }

    /// Takes what was found, and says it if it is news.
    fn is_changed_by(&mut self, found: Result<IpAddr, NoAddress>) -> bool {
        let now = match found {
            Ok(address) => Self { address, problem: None, ..self.clone() },
            Err(NoAddress::Netlink(error)) => {
                tracing::debug!(error = chain(&error), "cannot look for the advertised address");
                return false;
            }
            Err(error) => {
                let why = format!("{}. Until then, other hosts do not reach containers here", chain(&error));
                Self { problem: Some(why), ..self.clone() }
            }
        };
        if now == *self {
            return false;
        }
        match &now.problem {
            Some(why) => tracing::warn!(address = %now.address, why, "the advertised address is gone"),
            None if now.address == self.address => {
                tracing::info!(address = %now.address, "the advertised address is back");
            }
            None => {
                tracing::info!(before = %self.address, now = %now.address, "the advertised address has changed")
            }
        }
        *self = now;
        true
    }
}
