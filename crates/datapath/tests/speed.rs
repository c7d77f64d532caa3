//! How long the kernel work takes. Bounds are several times what a quiet machine needs: they catch a change of
//! order of magnitude, such as a request awaited one by one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, Wanted, isolated};
use std::time::{Duration, Instant};
use weft_plan::Step;

/// The shortest of several measurements: the one that other programs disturbed least.
fn shortest(times: usize, mut f: impl FnMut() -> Duration) -> Duration {
    (0..times).map(|_| f()).min().unwrap()
}

fn address(n: usize) -> String {
    format!("10.0.{}.{}", n / 250, n % 250 + 2)
}

#[test]
fn ten_thousand_endpoints_elsewhere() {
    isolated(|| {
        let host = Host::new(1);
        host.container("box");
        let mut wanted = Wanted::default();
        wanted.segment(256, host.ip, &["10.0.0.1/16"]).local(256, "box", &["10.0.255.2/16"]);
        host.reach(&wanted);
        for n in 0..10_000 {
            wanted.remote(256, "192.168.77.99".parse().unwrap(), &[&address(n)]);
        }
        let plan = host.plan(&wanted.0);
        assert_eq!(plan.steps.len(), 20_000);
        let start = Instant::now();
        assert!(host.apply(&plan).is_complete());
        let apply = start.elapsed();
        let observe = shortest(5, || {
            let start = Instant::now();
            assert!(host.plan(&wanted.0).steps.is_empty());
            start.elapsed()
        });
        eprintln!("10,000 endpoints: programmed in {apply:?}, observed and planned in {observe:?}");
        assert!(apply < Duration::from_secs(2) && observe < Duration::from_secs(2), "{apply:?}, {observe:?}");
    });
}

#[test]
fn an_attach_and_an_idle_round() {
    isolated(|| {
        let host = Host::new(1);
        let mut wanted = Wanted::default();
        for vni in 256..260 {
            host.container(&format!("box{vni}"));
            wanted.segment(vni, host.ip, &[&format!("10.0.{}.1/24", vni - 256)]);
            wanted.leaving(vni, &format!("box{vni}"), &[&format!("10.0.{}.2/24", vni - 256)]);
        }
        host.reach(&wanted);
        let idle = shortest(20, || {
            let start = Instant::now();
            assert!(host.plan(&wanted.0).steps.is_empty());
            start.elapsed()
        });
        host.container("new");
        let id = wanted.leaving(256, "new", &["10.0.0.9/24"]);
        let attach = shortest(5, || {
            let plan = host.plan(&wanted.0);
            assert!(!plan.steps.iter().any(|step| matches!(step, Step::SetRuleset(_))), "{plan}");
            let start = Instant::now();
            assert!(host.apply(&plan).is_complete());
            let took = start.elapsed();
            host.sh(&format!("ip -n weft-256 link delete p{}", id.short()));
            took
        });
        eprintln!("an idle round of four segments takes {idle:?}, an attach {attach:?}");
        assert!(idle < Duration::from_secs(1) && attach < Duration::from_secs(1), "{idle:?}, {attach:?}");
    });
}

#[test]
fn an_engines_container_joins_among_many() {
    isolated(|| {
        for others in [0, 99, 999] {
            let host = Host::new(u8::try_from(1 + others % 7).unwrap());
            let mut wanted = Wanted::default();
            wanted.segment(256, host.ip, &["10.0.0.1/16"]);
            for n in 0..others {
                wanted.for_engine(256, &format!("{}/16", address(n)));
            }
            host.reach(&wanted);
            let ids: Vec<_> = wanted.0.attachments.keys().copied().collect();
            ids.into_iter().for_each(|id| wanted.hand_over(id, true));
            let id = wanted.for_engine(256, "10.0.200.1/16");
            let port = format!("p{}", id.short());
            let (mut plans, mut applies) = (Vec::new(), Vec::new());
            for _ in 0..10 {
                let start = Instant::now();
                let plan = host.plan(&wanted.0);
                plans.push(start.elapsed());
                let start = Instant::now();
                assert!(host.apply(&plan).is_complete());
                applies.push(start.elapsed());
                host.sh(&format!("ip -n weft-256 link delete {port}"));
            }
            let (plan, apply) = (plans.iter().min().unwrap(), applies.iter().min().unwrap());
            eprintln!("with {others} others: looked at and planned in {plan:?}, joined in {apply:?}");
            assert!(*plan + *apply < Duration::from_secs(2), "{plan:?}, {apply:?}");
        }
    });
}
