//! The course of a check, on the host that was asked for it.

use super::Checker;
use futures::{StreamExt, stream};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc::Sender, time::sleep};
use weft_model::{
    CHECK_PREFIX, CheckNews, CheckOrder, Checked, EndpointName, Examination, ExaminedPart, Finding,
    NetworkId, NodeName, Verdict,
};
use weft_trust::{MemberReply, MemberRequest};
use weft_verbs::{Error, Kind};

/// How many hosts are asked at once.
const AT_ONCE: usize = 16;
/// How long to wait before what did not pass is tried once more: what has just come is not known everywhere yet.
const AGAIN: Duration = Duration::from_secs(1);

/// How long all of it may take: what is on the network for it answers a little longer.
const WITHIN: Duration = Duration::from_secs(100);

/// What a host has on the network for it.
struct End {
    node: NodeName,
    name: EndpointName,
    there: Checked,
}

impl Checker {
    /// Has each host that is up send to each other on a network, and tells `news` what comes of it.
    pub(crate) async fn check(self: &Arc<Self>, network: NetworkId, news: &Sender<CheckNews>) {
        let views = self.nodes.node_views();
        let hosts: Vec<NodeName> = views.iter().map(|node| node.name.clone()).collect();
        let run: u32 = self.env.random(|rng| rand::RngExt::random(rng));
        let named = views.iter().filter(|node| node.up).enumerate().filter_map(|(number, node)| {
            let name = format!("{CHECK_PREFIX}{run:08x}-{}", number + 1).parse::<EndpointName>().ok()?;
            Some((node.name.clone(), name))
        });
        let named: Vec<_> = named.collect();
        let down = views.iter().filter(|node| !node.up).map(|node| CheckNews::Unready {
            host: node.name.clone(),
            why: "it is down: its agent does not answer the store".to_owned(),
        });
        let begins = [CheckNews::Begun { hosts }].into_iter().chain(down).collect();
        // Where nobody listens any more, or does not read, it ends below.
        tokio::select! {
            () = self.all(network, &named, begins, news) => {}
            () = sleep(WITHIN) => {}
            () = news.closed() => {}
        }
        // Also of those that were not ready: they may have been later.
        let ended = stream::iter(named).map(|(node, name)| async move {
            let order = CheckOrder::End { name };
            if let Err(why) = self.order(&node, order).await {
                tracing::info!(%node, why, "what a check put on a network there ends by itself within two minutes");
            }
        });
        ended.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        let _ = news.send(CheckNews::Ended).await;
    }

    async fn all(
        self: &Arc<Self>,
        network: NetworkId,
        named: &[(NodeName, EndpointName)],
        begins: Vec<CheckNews>,
        news: &Sender<CheckNews>,
    ) {
        for one in begins {
            let _ = news.send(one).await;
        }
        let begun = stream::iter(named.to_vec()).map(|(node, name)| self.begun(network, node, name));
        let begun: Vec<_> = begun.buffer_unordered(AT_ONCE).collect().await;
        let mut ends = Vec::new();
        for one in begun {
            match one {
                Ok(end) => ends.push(end),
                Err((host, why)) => drop(news.send(CheckNews::Unready { host, why }).await),
            }
        }
        ends.sort_by(|one, other| one.node.cmp(&other.node));
        self.try_all(network, &ends, news).await;
    }

    async fn begun(
        self: &Arc<Self>,
        network: NetworkId,
        node: NodeName,
        name: EndpointName,
    ) -> Result<End, (NodeName, String)> {
        let order = CheckOrder::Begin { network, name: name.clone() };
        match self.order(&node, order).await {
            Ok(MemberReply::Checking(there)) => Ok(End { node, name, there }),
            Ok(_) => Err((node, "its agent answers something else".to_owned())),
            Err(why) => Err((node, why)),
        }
    }

    /// Gives an order to a host, this one or another.
    async fn order(self: &Arc<Self>, node: &NodeName, order: CheckOrder) -> Result<MemberReply, String> {
        let done = match &order {
            _ if node != self.access.node() => {
                self.nodes.ask_member(node.as_str(), &MemberRequest::Check(order)).await
            }
            CheckOrder::Begin { network, name } => {
                self.begin_to_the_end(*network, name.clone()).await.map(MemberReply::Checking)
            }
            CheckOrder::End { name } => self.end(name).await.map(|()| MemberReply::Cleared),
        };
        done.map_err(|error: Error| match error.kind {
            Kind::NotFound => format!("{}: its view of the store is behind", error.message),
            _ => error.message,
        })
    }

    /// Also if the check is given up: half of it would stay otherwise.
    async fn begin_to_the_end(
        self: &Arc<Self>,
        network: NetworkId,
        name: EndpointName,
    ) -> Result<Checked, Error> {
        let checker = Arc::clone(self);
        let begun = tokio::spawn(async move { checker.begin(network, &name).await });
        begun.await.unwrap_or_else(|error| Err(Error::internal("it was not begun", error)))
    }

    /// Each host sends to one after the other, and all do at once.
    async fn try_all(&self, network: NetworkId, ends: &[End], news: &Sender<CheckNews>) {
        let all = stream::iter(0..ends.len()).map(|from| self.try_from(network, from, ends, news));
        all.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    /// One host sends to all others.
    async fn try_from(&self, network: NetworkId, from: usize, ends: &[End], news: &Sender<CheckNews>) {
        let Some(from) = ends.get(from) else { return };
        for to in ends.iter().filter(|to| to.node != from.node) {
            let mut findings = self.way(network, from, to).await;
            if findings.iter().any(|finding| finding.verdict == Verdict::Problem) {
                sleep(AGAIN).await;
                findings = self.way(network, from, to).await;
            }
            let (from, to) = (from.node.clone(), to.node.clone());
            if news.send(CheckNews::Way { from, to, findings }).await.is_err() {
                return;
            }
        }
    }

    async fn way(&self, network: NetworkId, from: &End, to: &End) -> Vec<Finding> {
        let asked = Examination {
            network,
            own: from.there.endpoint,
            other: to.there.endpoint,
            part: ExaminedPart::Tries,
            port: Some(to.there.port),
            name: Some(to.name.to_string()),
            published: to.there.published,
            size: [from.there.mtu, to.there.mtu].into_iter().flatten().min(),
        };
        match self.explainer.ask(from.node.clone(), asked).await {
            Ok(findings) if findings.is_empty() => {
                let what = format!("{} does not know what {} has on the network", from.node, to.node);
                vec![Finding::problem(&from.node, what, format!("run `weft status` on {}", from.node))]
            }
            Ok(findings) => {
                let could_be_sent = findings.iter().any(|finding| finding.verdict != Verdict::Warning);
                findings.into_iter().map(|finding| by_hosts(finding, could_be_sent, from, to)).collect()
            }
            Err(unknown) => vec![Finding { verdict: Verdict::Problem, ..unknown }],
        }
    }
}

/// The same said of the hosts: what they have on the network is gone when somebody reads it. Nothing passes where nothing could
/// be sent.
fn by_hosts(finding: Finding, could_be_sent: bool, from: &End, to: &End) -> Finding {
    let named = |text: String| {
        text.replace(to.name.as_str(), to.node.as_str()).replace(from.name.as_str(), from.node.as_str())
    };
    let verdict = if could_be_sent { finding.verdict } else { Verdict::Problem };
    let mend = match verdict {
        Verdict::Problem => Some(format!(
            "PATH in `weft node ls`, and `weft doctor` on {} and {}, say what is in the way",
            from.node, to.node
        )),
        _ => finding.mend.map(named),
    };
    Finding { node: finding.node, verdict, what: named(finding.what), mend }
}
