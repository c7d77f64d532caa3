//! Lists, and one network: as Docker showed overlays, with the containers of all hosts.

use super::{Look, Ours};
use crate::{Proxy, forward::Reply};
use axum::{
    body::{Body, Bytes},
    extract::Query,
    http::{
        HeaderValue, Method, Request, Response, StatusCode, Uri,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::ops::ControlFlow;
use weft_api::docker;
use weft_docker::plugin::DRIVER;
use weft_network_api::{ErrorAnswer, Filtered, Scoped, select::Select, view};
use weft_verbs::Error;

/// An element of a list: the engine's own as it is, to the byte.
pub(super) type Element = Box<RawValue>;

impl Proxy {
    pub(crate) async fn list_networks(
        &self,
        version: &str,
        request: Request<Body>,
    ) -> Result<Reply, ErrorAnswer> {
        let select = select(request.uri());
        let answer = match self.read(self.pass(request, false).await?).await? {
            ControlFlow::Continue(answer) => answer,
            ControlFlow::Break(reply) => return Ok(reply),
        };
        let Ok(listed) = serde_json::from_slice::<Vec<Element>>(answer.body()) else {
            return Ok(answer.into());
        };
        let list = match select {
            None => listed.into_iter().map(|element| self.shown(&element).unwrap_or(element)).collect(),
            // To the engine ours are others than to the client: it cannot choose among them.
            Some(select) => {
                let others = listed.into_iter().filter(|element| self.as_ours(element).is_none());
                others.chain(self.selected(version, &select).await?).collect::<Vec<_>>()
            }
        };
        Ok(with_body(answer, &list))
    }

    pub(crate) async fn inspect_network(
        &self,
        version: &str,
        network: &str,
        request: Request<Body>,
    ) -> Result<Reply, ErrorAnswer> {
        let scope = Query::<Scoped>::try_from_uri(request.uri()).ok().filter(|scope| scope.is_given());
        let (network, request) = self.translate(version, network, "", request);
        // To the engine ours are local.
        if let Some(scope) = scope
            && let Look::Found(found) = self.look(version, &network).await?
            && let Some(ours) = self.ours(&found)
        {
            if !scope.includes_ours() {
                return Err(Error::not_found("network", &network).into());
            }
            return Ok(self.full(Response::default(), &ours));
        }
        let answer = match self.read(self.pass(request, false).await?).await? {
            ControlFlow::Continue(answer) => answer,
            ControlFlow::Break(reply) => return Ok(reply),
        };
        let found = serde_json::from_slice(answer.body()).ok();
        Ok(match found.and_then(|found| self.ours(&found)) {
            Some(ours) => self.full(answer, &ours),
            None => answer.into(),
        })
    }

    /// Reads a success whole; everything else is for the client.
    async fn read(&self, reply: Reply) -> Result<ControlFlow<Reply, Response<Bytes>>, ErrorAnswer> {
        match reply {
            Reply::Answer(answer) if answer.status() == StatusCode::OK => {
                Ok(ControlFlow::Continue(self.engine.read(answer).await?))
            }
            reply => Ok(ControlFlow::Break(reply)),
        }
    }

    pub(super) fn as_ours(&self, element: &Element) -> Option<Ours> {
        self.ours(&serde_json::from_str(element.get()).ok()?)
    }

    /// What is shown of an element of the engine's, if it is one of ours.
    fn shown(&self, element: &Element) -> Option<Element> {
        to_raw_value(&as_overlay(view::summary(&self.as_ours(element)?.by_engines_id()))).ok()
    }

    /// Those of ours that the engine has and `select` matches.
    async fn selected(&self, version: &str, select: &Select) -> Result<Vec<Element>, ErrorAnswer> {
        let mut filters = docker::Filters::default();
        filters.add("driver", DRIVER);
        let filters = utf8_percent_encode(&filters.to_json(), NON_ALPHANUMERIC).to_string();
        let answer = self.engine.ask(Method::GET, &format!("{version}/networks?filters={filters}")).await?;
        let listed: Vec<Element> = serde_json::from_slice(answer.body()).unwrap_or_default();
        let is_wanted = |element: &Element| {
            self.as_ours(element).is_some_and(|ours| select.matches(&ours.by_engines_id()))
        };
        Ok(listed
            .iter()
            .filter(|element| is_wanted(element))
            .filter_map(|element| self.shown(element))
            .collect())
    }

    fn full(&self, answer: Response<Bytes>, ours: &Ours) -> Reply {
        with_body(
            answer,
            &as_overlay(view::full(
                &ours.by_engines_id(),
                &self.verbs.nodes(),
                &self.verbs.room(ours.view.id),
            )),
        )
    }
}

/// The filters of a list, if there are any and they make sense; otherwise the engine says what is wrong.
fn select(uri: &Uri) -> Option<Select> {
    let filters = Query::<Filtered>::try_from_uri(uri).ok()?.parse().ok()?;
    if filters.is_empty() { None } else { Select::parse(&filters).ok() }
}

/// As `docker network create -d overlay` made it: what was asked for is what is shown, and what scripts that
/// compare the two find.
fn as_overlay(network: docker::Network) -> docker::Network {
    let ipam = docker::Ipam { driver: "default".to_owned(), ..network.ipam };
    docker::Network { driver: "overlay".to_owned(), ipam, ..network }
}

fn with_body(answer: Response<Bytes>, body: &impl Serialize) -> Reply {
    let (mut parts, _) = answer.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(parts, serde_json::to_vec(body).unwrap_or_default()).into()
}
