//! What others break is told of by the kernel, and what this program does is no news.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, SABOTAGE, block_on, everything, isolated, sh};
use std::time::Duration;
use tokio::time::timeout;
use weft_datapath::{Datapath, Linux, Part};
use weft_plan::{Desired, Doubt, KernelNews, Observed, plan};

/// How long the kernel may take to tell.
const PATIENCE: Duration = Duration::from_secs(10);

/// Rounds until nothing is left to do, and what is there then.
async fn reach(linux: &Linux, desired: &Desired) -> Observed {
    for _ in 0..50 {
        let observed = linux.observe(desired).await.unwrap();
        let plan = plan(desired, &observed);
        if plan.steps.is_empty() {
            return observed;
        }
        linux.apply(&plan).await;
    }
    panic!("there is always something left to do");
}

/// What the kernel has told by now.
async fn told(linux: &Linux) -> Vec<KernelNews> {
    let mut told = Vec::new();
    while let Ok(news) = timeout(Duration::ZERO, linux.news()).await {
        told.extend(news);
    }
    told
}

#[test]
fn what_others_break_is_told_of() {
    isolated(|| {
        let host = Host::new(1);
        let wanted = everything(&host);
        let port = wanted.0.attachments.keys().next().map(|id| format!("p{}", id.short())).unwrap();
        let desired = wanted.0;
        host.run(move || {
            block_on(async {
                let linux = Linux::listening();
                let kernel = reach(&linux, &desired).await;
                assert!(linux.is_watched(), "this kernel tells of changes");
                for news in told(&linux).await {
                    let few =
                        matches!(news, KernelNews::Else | KernelNews::Link(_) | KernelNews::LinkGone(_));
                    assert!(few || kernel.doubt(&news) == Doubt::None, "its own doing is news: {news:?}");
                }
                // No kernel tells of its parameters.
                for sabotage in SABOTAGE.iter().filter(|sabotage| !sabotage.contains("sysctl")) {
                    let kernel = reach(&linux, &desired).await;
                    told(&linux).await;
                    sh(&sabotage.replace("$port", &port));
                    let doubted = async {
                        while !linux.news().await.iter().any(|news| kernel.doubt(news) != Doubt::None) {}
                    };
                    assert!(timeout(PATIENCE, doubted).await.is_ok(), "nobody told of `{sabotage}`");
                }
            });
        });
    });
}

/// A look without the many entries shows the rest as a whole look does.
#[test]
fn a_glance_shows_the_rest() {
    isolated(|| {
        let host = Host::new(1);
        let desired = everything(&host).0;
        host.run(move || {
            block_on(async {
                let linux = Linux::new();
                let whole = reach(&linux, &desired).await;
                let mut glanced = whole.clone();
                glanced.glance(linux.observe_part(&desired, &Part::Links).await.unwrap());
                assert_eq!(glanced, whole);
                let containers = whole.namespaces.keys().cloned().collect();
                let mut renewed = whole.clone();
                renewed.renew(
                    &containers,
                    linux.observe_part(&desired, &Part::Namespaces(containers.clone())).await.unwrap(),
                );
                assert_eq!(renewed, whole);
            });
        });
    });
}
