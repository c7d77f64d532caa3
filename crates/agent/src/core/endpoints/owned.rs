//! Attaching namespaces: those of container runtimes, which know each attachment by a key of their own, and any other.
//!
//! A key stands for one endpoint. To attach with it again is to have the same endpoint: with its address, under what it is
//! called by now, and in the namespace that is given now. A container that was stopped without a word, with its host for
//! instance, comes back in another namespace.

use super::{
    DATA_PLANE_PATIENCE, Endpoints, Error, Holder, JoinOptions, Kind, free_interface,
    refusal::EndpointRefusal, view,
};
use crate::{
    core::{networks::find, publishing::may_lead_to, refusal::Taken},
    reconcile::RoundReport,
};
use weft_model::{Endpoint, EndpointId, IfName, NetworkId, OwnerKey, PortMapping};
use weft_state::{
    cluster::Cluster,
    journal::{LocalEndpoint, Owner, RuntimeEnd},
};
use weft_verbs::{Attach, Attached, EndpointView};

impl Endpoints {
    pub(crate) async fn attach_netns(&self, request: Attach) -> Result<Attached, Error> {
        if !request.netns.is_absolute() {
            return Err(EndpointRefusal::NotAbsolute(request.netns).into());
        }
        let may_attach = |cluster: &Cluster| {
            let (network, record) = find(cluster, &request.network)?;
            request.ports.iter().try_for_each(|port| may_lead_to(record, port)).map(|()| network)
        };
        let (_, network) = self.access.decide(may_attach).await?;
        let _one_at_a_time = match &request.owner {
            Some(owner) => Some(self.joining.lock_owner(owner).await),
            None => None,
        };
        let _ports = if request.ports.is_empty() { None } else { Some(self.joining.lock_ports().await) };
        self.forget_before(&request).await?;
        self.refuse_ports_of_others(&request)?;
        let there = request.owner.as_ref().and_then(|key| Some((key, self.by_owner(key)?)));
        if let Some((key, (_, local))) = &there
            && local.network_id != network
        {
            let (key, network) = (OwnerKey::clone(key), local.network.name.clone());
            return Err(EndpointRefusal::OnOtherNetwork { key, network }.into());
        }
        let id = match there {
            Some((_, (id, local))) if self.is_of_use(id, &local, &request.options).await? => {
                self.attach_again(id, &local, &request).await?;
                id
            }
            there => {
                if let Some((_, (id, _))) = there {
                    self.leave(id).await?;
                }
                self.attach_anew(network, &request).await?
            }
        };
        self.attached(id)
    }

    /// Whether an endpoint has what is asked for, and is not cut off: its owner cannot take it off by itself.
    async fn is_of_use(
        &self,
        id: EndpointId,
        local: &LocalEndpoint,
        asked: &JoinOptions,
    ) -> Result<bool, Error> {
        match self.refuse_if_cut_off(id, local).await {
            Err(error) if error.kind == Kind::Conflict => Ok(false),
            known => known.map(|()| is_as_asked(&local.endpoint, asked)),
        }
    }

    /// Takes an endpoint off whose namespace is gone, unless its owner has brought it back since it was `seen`.
    pub(in crate::core) async fn leave_gone(
        &self,
        id: EndpointId,
        seen: &LocalEndpoint,
    ) -> Result<(), Error> {
        let _one_at_a_time = match seen.owner.runtime() {
            Some(end) => Some(self.joining.lock_owner(&end.key).await),
            None => None,
        };
        let known = self.journal.endpoints();
        let is_same = |now: &LocalEndpoint| (&now.netns, &now.owner) == (&seen.netns, &seen.owner);
        match known.get(&id) {
            Some(now) if is_same(now) && self.has_gone(now) => self.leave(id).await,
            _ => Ok(()),
        }
    }

    /// Whether an endpoint's namespace is not there any more, or has become another's.
    pub(in crate::core) fn has_gone(&self, local: &LocalEndpoint) -> bool {
        !self.host.has_netns(&local.netns) || self.host.is_anothers(local)
    }

    /// What a namespace before had at the path that is given now, and what is still said of it.
    async fn forget_before(&self, request: &Attach) -> Result<(), Error> {
        let known = self.journal.endpoints();
        for (id, local) in known.iter() {
            let is_own = request.owner.is_some()
                && local.owner.runtime().map(|end| &end.key) == request.owner.as_ref();
            if local.netns == request.netns && !is_own && self.host.is_anothers(local) {
                self.leave(*id).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn detach_owned(&self, owner: &OwnerKey) -> Result<(), Error> {
        let _one_at_a_time = self.joining.lock_owner(owner).await;
        match self.by_owner(owner) {
            Some((id, _)) => self.leave(id).await,
            None => Ok(()),
        }
    }

    async fn attach_anew(&self, network: NetworkId, request: &Attach) -> Result<EndpointId, Error> {
        let holder = Holder {
            netns: request.netns.clone(),
            owner: self.owner_of(request),
            container: request.container.clone(),
            interface: request.interface.clone(),
            ports: request.ports.clone(),
        };
        Ok(self.join(network, &request.name, &request.options, holder).await?.id)
    }

    /// Brings what is there to where it is asked for now, and to what it is called now.
    async fn attach_again(
        &self,
        id: EndpointId,
        local: &LocalEndpoint,
        request: &Attach,
    ) -> Result<(), Error> {
        let _one_at_a_time = self.joining.lock_namespace(&request.netns).await;
        let inside = self.host.look_into(&request.netns).await?;
        let known = self.journal.endpoints();
        let mut others = known.iter().filter(|(other, _)| **other != id).map(|(_, local)| local);
        if let Some(other) =
            others.find(|other| other.netns == request.netns && other.network_id == local.network_id)
        {
            let (name, network) = (other.endpoint.name.clone(), other.network.name.clone());
            return Err(Taken::Joined { name, network }.into());
        }
        let owner = self.owner_of(request);
        let stays = local.netns == request.netns && local.owner == owner;
        let wanted = request.interface.as_ref().unwrap_or(&local.ifname);
        let ifname = if stays && *wanted == local.ifname {
            local.ifname.clone()
        } else {
            let others = |(other, _): &(&EndpointId, &LocalEndpoint)| **other != id;
            let in_use = |ifname: &IfName| {
                let mut others = known.iter().filter(others).map(|(_, local)| local);
                others.any(|local| local.netns == request.netns && local.ifname == *ifname)
            };
            let is_free = |ifname: &IfName| !inside.interfaces.contains(ifname.as_str()) && !in_use(ifname);
            free_interface(request.interface.as_ref(), is_free)?
        };
        let renamed = Endpoint {
            name: request.name.clone(),
            aliases: request.options.aliases.clone(),
            container: request.container.clone(),
            ..local.endpoint.clone()
        };
        let is_renamed = renamed != local.endpoint;
        let change = |local: &mut LocalEndpoint| {
            local.netns.clone_from(&request.netns);
            local.ifname = ifname.clone();
            local.owner = owner.clone();
            local.ports.clone_from(&request.ports);
            local.default_route = !local.network.internal && !inside.has_default_route;
            local.endpoint = renamed.clone();
        };
        let mut asked = local.clone();
        change(&mut asked);
        if asked != *local {
            let update = self.journal.update(&id, change);
            update.map_err(|error| Error::internal("the endpoint stays as it was", error))?;
            let is_there = |seen: &LocalEndpoint| seen.is_attached_as(&asked);
            let shows = |report: &RoundReport| report.endpoints.get(&id).is_some_and(is_there);
            self.rounds.after(DATA_PLANE_PATIENCE, shows).await?;
        }
        self.rounds.made(DATA_PLANE_PATIENCE, &id).await?;
        match self.write_again(id).await {
            // Housekeeping compares what is there with the journal.
            Err(error) if is_renamed && error.kind == Kind::Unavailable => Ok(()),
            written => written,
        }
    }

    /// What its owner is told of an endpoint.
    fn attached(&self, id: EndpointId) -> Result<Attached, Error> {
        let known = self.journal.endpoints();
        let local =
            known.get(&id).ok_or_else(|| Error::conflict("it was taken off the network meanwhile"))?;
        let gateway = |gateway| (!local.network.internal).then_some(gateway);
        let addresses = local.subnets();
        Ok(Attached {
            endpoint: view(id, local),
            interface: local.ifname.clone(),
            addresses: addresses
                .map(|(address, subnet)| (subnet.net_of(address), gateway(subnet.gateway)))
                .collect(),
            default_route: local.default_route,
            mtu: self.rounds.mtu(&local.network_id),
        })
    }

    fn owner_of(&self, request: &Attach) -> Owner {
        request.owner.as_ref().map_or(Owner::Attached, |key| {
            let namespace = self.host.which_netns(&request.netns);
            Owner::Runtime(RuntimeEnd { key: key.clone(), namespace })
        })
    }

    /// All that runtimes have attached with a key.
    pub(crate) fn owned(&self) -> Vec<(OwnerKey, EndpointView)> {
        let known = self.journal.endpoints();
        let owned = known
            .iter()
            .filter_map(|(id, local)| Some((local.owner.runtime()?.key.clone(), view(*id, local))));
        owned.collect()
    }

    fn by_owner(&self, key: &OwnerKey) -> Option<(EndpointId, LocalEndpoint)> {
        let known = self.journal.endpoints();
        let is_its = |local: &LocalEndpoint| local.owner.runtime().is_some_and(|end| end.key == *key);
        known.iter().find(|(_, local)| is_its(local)).map(|(id, local)| (*id, local.clone()))
    }

    /// Two containers cannot be behind one port. Those of one namespace are one container.
    fn refuse_ports_of_others(&self, request: &Attach) -> Result<(), EndpointRefusal> {
        let known = self.journal.endpoints();
        let is_other = |local: &&LocalEndpoint| {
            let own = request.owner.is_some()
                && local.owner.runtime().map(|end| &end.key) == request.owner.as_ref();
            local.netns != request.netns && !own && !self.has_gone(local)
        };
        for local in known.values().filter(is_other) {
            let taken = |port: &&PortMapping| local.ports.iter().any(|other| meet(port, other));
            if let Some(port) = request.ports.iter().find(taken) {
                return Err(EndpointRefusal::PortTaken { port: *port, name: local.endpoint.name.clone() });
            }
        }
        Ok(())
    }
}

/// Whether packets may be for both.
fn meet(one: &PortMapping, other: &PortMapping) -> bool {
    let is_any = |port: &PortMapping| port.host_ip.is_none_or(|ip| ip.is_unspecified());
    (one.protocol, one.host_port) == (other.protocol, other.host_port)
        && (is_any(one) || is_any(other) || one.host_ip == other.host_ip)
}

/// Whether an endpoint has what is asked for. What is not asked for may be anything.
fn is_as_asked(endpoint: &Endpoint, options: &JoinOptions) -> bool {
    options.ipv4.is_none_or(|asked| endpoint.ipv4 == Some(asked))
        && options.ipv6.is_none_or(|asked| endpoint.ipv6 == Some(asked))
        && options.mac.is_none_or(|asked| endpoint.mac == asked)
}
