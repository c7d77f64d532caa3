//! What is asked of nodes, and by them.

use super::{FakeVerbs, node_name};
use crate::{
    AgentView, EndpointView, Error, Explanation, JoinOptions, Leave, NetworkView, NodeVerbs, NodeView,
    PeerVerbs, Ping, Pinged, ReadVerbs,
};
use async_trait::async_trait;
use tokio::sync::mpsc::Sender;
use weft_model::{
    CheckNews, Checked, EndpointName, Examination, Finding, NetworkId, NodeId, NodeName, ServicePort,
    UserName,
};

#[async_trait]
impl PeerVerbs for FakeVerbs {
    async fn look_at(&self, asked: &Examination) -> Vec<Finding> {
        vec![Finding::ok(&node_name(), format!("endpoint {} is as it should be", asked.own))]
    }

    async fn begin_check(&self, network: NetworkId, name: &EndpointName) -> Result<Checked, Error> {
        let joined = self.join(&network.to_string(), name.as_str(), JoinOptions::default())?;
        let port = "7/tcp".parse().map_err(Error::invalid)?;
        Ok(Checked { endpoint: joined.id, port, published: None, mtu: None })
    }

    async fn end_check(&self, name: &EndpointName) -> Result<(), Error> {
        self.state()
            .iter_mut()
            .for_each(|view| view.endpoints.retain(|(_, endpoint)| endpoint.name != *name));
        Ok(())
    }
}

#[async_trait]
impl NodeVerbs for FakeVerbs {
    async fn revoke_node(&self, node: &NodeName) -> Result<(), Error> {
        if *node == node_name() { Ok(()) } else { Err(Error::not_found("node", node.as_str())) }
    }

    async fn ask_agent(&self, node: &str) -> Result<AgentView, Error> {
        let NodeView { name, node, since, .. } = self.node(node).await?;
        Ok(AgentView { name, id: node.id, version: node.version, since: since.unwrap_or_default() })
    }

    async fn explain(&self, from: &str, to: &str, _port: Option<ServicePort>) -> Result<Explanation, Error> {
        let all = self.networks();
        let find = |name: &str| {
            let on = |view: &NetworkView| {
                let (id, endpoint) = view.endpoints.iter().find(|(_, e)| e.name.as_str() == name)?.clone();
                Some(EndpointView { id, endpoint, network: view.id, network_name: view.network.name.clone() })
            };
            all.iter().find_map(on).ok_or_else(|| Error::not_found("endpoint", name))
        };
        let findings = vec![Finding::ok(&node_name(), "all is well")];
        Ok(Explanation { from: find(from)?, to: find(to)?, passes: Some(true), findings })
    }

    async fn ping(&self, ping: Ping) -> Result<Pinged, Error> {
        Err(Error::not_found("endpoint", &ping.to))
    }

    async fn check(&self, _network: NetworkId, news: Sender<CheckNews>) -> Result<(), Error> {
        let _ = news.send(CheckNews::Begun { hosts: vec![node_name()] }).await;
        let _ = news.send(CheckNews::Ended).await;
        Ok(())
    }

    async fn rotate_authority(&self, _finish: bool) -> Result<(), Error> {
        Ok(())
    }

    async fn revoke_user(&self, _user: &UserName, _id: NodeId) -> Result<(), Error> {
        Ok(())
    }

    async fn remove_node(&self, node: &NodeName) -> Result<(), Error> {
        if *node == node_name() {
            return Err(Error::conflict(format!("node {node} is up")));
        }
        Err(Error::not_found("node", node.as_str()))
    }

    async fn leave(&self, leave: Leave) -> Result<Vec<String>, Error> {
        match leave.force {
            true => Ok(vec!["something".to_owned()]),
            false => Err(Error::conflict("in use on this host: web-1 on network overlay")),
        }
    }
}
