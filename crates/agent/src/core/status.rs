//! How this node is.

use super::{Core, Round, Status, StoreStatus};
use crate::reconcile::Report;
use std::collections::BTreeMap;

impl Core {
    pub(crate) fn describe(&self) -> Status {
        let cluster = self.known();
        let picture = self.picture.borrow();
        let report = self.rounds.last();
        let endpoints = self.journal.endpoints();
        Status {
            node: self.config.node_name.clone(),
            id: self.identity.id(),
            started: self.started,
            advertise: self.config.advertise,
            vtep: self.config.advertise,
            vxlan_port: self.config.vxlan_port,
            data_dir: self.config.data_dir.clone(),
            store: StoreStatus {
                description: self.store.describe(),
                since: picture.since,
                error: picture.error.clone(),
            },
            engine: self.engine.borrow().clone(),
            counts: BTreeMap::from([
                ("networks", cluster.networks.len()),
                ("nodes", cluster.nodes.len()),
                ("nodes up", cluster.live.len()),
                ("endpoints", cluster.all_endpoints().count()),
                ("endpoints here", endpoints.len()),
                ("processes", self.processes.all().len()),
            ]),
            round: report.as_deref().map(round),
            problems: self.problems(),
        }
    }

    fn problems(&self) -> Vec<String> {
        let cluster = self.known();
        let membership = self.membership.borrow().clone();
        let unreadable =
            cluster.unreadable.iter().map(|(key, why)| format!("key {key} in the store is ignored: {why}"));
        let endpoints = self.journal.endpoints();
        let fenced = endpoints.values().filter_map(|local| {
            let why = local.fenced.as_ref()?;
            Some(format!("{} on network {} is cut off: {why}", local.endpoint.name, local.network.name))
        });
        let report = self.rounds.last();
        let kernel = report.iter().flat_map(|report| report.problems().cloned());
        let engine = self.engine.borrow().as_ref().map(|engine| engine.problems.clone()).unwrap_or_default();
        let here = membership.into_iter().chain(self.host.shortage()).chain(fenced);
        here.chain(kernel).chain(engine).chain(unreadable).collect()
    }
}

fn round(report: &Report) -> Round {
    Round {
        at: report.at,
        took: report.took,
        steps: report.steps(),
        failures: report.failures().cloned().collect(),
    }
}
