//! A host that has a token is let in.

use super::Peers;
use crate::{config::AgentConfig, joining::store_access};
use jiff::Timestamp;
use weft_ipam::AddressPool;
use weft_model::chain;
use weft_state::{credentials::KnownToken, view::View};
use weft_trust::{FREE, JoinAnswer, JoinRefusal, JoinReply, JoinRequest, Side, Subject, signed_with};

impl Peers {
    /// Uses the token up last of all that can fail, and before anything is answered.
    pub(super) fn admit(&self, line: &[u8], binding: &[u8; 32]) -> Result<JoinReply, JoinRefusal> {
        let cannot = |error: &dyn std::error::Error| JoinRefusal::Cannot(chain(error));
        let request =
            JoinRequest::parse(line).map_err(|error| JoinRefusal::Misunderstood(error.to_string()))?;
        let (secret, expires) =
            match self.credentials.known(&request.token).map_err(|error| cannot(&error))? {
                KnownToken::Unknown => return Err(JoinRefusal::Unknown),
                KnownToken::Used => return Err(JoinRefusal::Used),
                KnownToken::Pending(secret, expires) => {
                    let csr = &request.certificate_request;
                    let proved = secret.is_proved_by(&request.proof, Side::Guest, binding, csr);
                    proved.then_some((secret, expires)).ok_or(JoinRefusal::Unknown)?
                }
            };
        let now = Timestamp::now();
        if expires < now {
            return Err(JoinRefusal::Expired);
        }
        if self.own.as_ref().is_some_and(|own| own.barred.has(&request.id)) {
            let why = "the data directory of the new host is that of one that was revoked: `weft leave --purge` there";
            return Err(JoinRefusal::Cannot(why.to_owned()));
        }
        self.refuse_taken(&request)?;
        let authority = self.credentials.authority().map_err(|error| cannot(&error))?;
        let authority = authority
            .ok_or_else(|| JoinRefusal::Cannot("it does not have the authority's key any more".to_owned()))?;
        let address = self.underlay.borrow().address;
        let store = store_access::of(&self.config, address).map_err(JoinRefusal::Cannot)?;
        if request.trial {
            return Ok(JoinReply::Free { proof: secret.proof(Side::Host, binding, FREE) });
        }
        let subject = Subject { name: request.name, id: request.id };
        let certificate = authority.issue(&subject, &request.certificate_request, now);
        let certificate = certificate.map_err(|error| JoinRefusal::Misunderstood(error.to_string()))?;
        let authority = self.credentials.authority_certificates().map_err(|error| cannot(&error))?;
        let authority = authority.unwrap_or_default();
        let told = self.view.borrow().cluster.as_ref().map(|cluster| cluster.to_tell()).unwrap_or_default();
        let AgentConfig { vxlan_port, trust, .. } = *self.config;
        let (network_options, address_pools) = what_networks_get(&self.config);
        let answer = JoinAnswer {
            certificate,
            authority,
            store,
            vxlan_port,
            trust,
            network_options,
            address_pools,
            store_says_all: !self.config.store_rebuild,
            told,
        };
        let answer = serde_json::to_string(&answer).map_err(|error| cannot(&error))?;
        let proof = secret.proof(Side::Host, binding, answer.as_bytes());
        if !self.credentials.use_up(&request.token).map_err(|error| cannot(&error))? {
            return Err(JoinRefusal::Used);
        }
        tracing::info!(node = %subject.name, id = subject.id.short(), "let a host into the cluster");
        Ok(JoinReply::Welcome { answer, proof })
    }

    /// Nobody becomes a node that others send packets to, up or down, but that node itself: it joins again if its certificate
    /// ended, or if it had none, or the cluster has an authority that it does not know.
    fn refuse_taken(&self, request: &JoinRequest) -> Result<(), JoinRefusal> {
        let own = |view: &View| Some(view.cluster.as_ref()?.identity.as_ref()?.id);
        let own = own(&self.view.borrow());
        if request.cluster.is_some() && request.cluster != own {
            return Err(JoinRefusal::InAnother);
        }
        let strangers = self.view.borrow().cluster.as_ref().map(|cluster| cluster.strangers.clone());
        let strangers = strangers.into_iter().flatten().map(|(name, node)| (name, (*node).clone()));
        for (name, node) in self.verbs.nodes().into_iter().map(|it| (it.name, it.node)).chain(strangers) {
            let (same_id, same_name) = (node.id == request.id, name == request.name);
            let signed = node.signed.as_ref();
            let same_key = || signed.is_none_or(|signed| signed_with(&request.certificate_request, signed));
            if same_id && same_name && request.cluster.is_some() && same_key() {
                continue;
            }
            if same_id {
                return Err(JoinRefusal::IdTaken(name));
            } else if same_name {
                return Err(JoinRefusal::NameTaken(name));
            }
        }
        Ok(())
    }
}

/// What networks have that say nothing else, as all hosts should have it: options, and where their subnets are from, unless
/// that is as usual.
fn what_networks_get(config: &AgentConfig) -> (Vec<String>, Vec<String>) {
    let said = |(name, to): (&String, &String)| {
        if to.is_empty() { name.clone() } else { format!("{name}={to}") }
    };
    let pools = &config.default_address_pools;
    let usual = *pools == [AddressPool::default_ipv4()];
    let pools = if usual { Vec::new() } else { pools.iter().map(ToString::to_string).collect() };
    (config.default_network_options.iter().map(said).collect(), pools)
}
