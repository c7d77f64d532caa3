//! What is said of a disk that cannot be written, and what is done about it.

use super::{cluster, eventually, network};
use std::{
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn says(&self, what: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).matches(what).count()
    }
}

const GONE: &str = "its network namespace is gone, and so is the endpoint";

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_cannot_be_forgotten_is_said_to_be_gone_when_it_is() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let _here = tracing::subscriber::set_default(subscriber);
    // As long as there is only one, what a test beside this one is the first to log counts as unheard for ever
    // (tracing-core, `callsite.rs`, `Rebuilder::JustOne`).
    let _another = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let (_store, nodes) = cluster(1).await;
    let (node, core) = (&nodes[0], nodes[0].core());
    core.networks.create(network("overlay")).await.unwrap();
    let id = node.attach("overlay", "a").await.unwrap().id;

    node.disk.set_full(true);
    node.kernel.remove_container(PathBuf::from("/run/netns/a"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(log.says(GONE), 0);
    // The same each time, so that it is written once a minute (`logs`).
    let tried = log.says("the endpoint stays");
    let why =
        format!("the endpoint stays: cannot remove {}/endpoints/{id}.json:", node.disk.path().display());
    assert!(tried > 10 && log.says(&why) == tried, "{tried} times");
    let said = || core.reporter.describe().problems.iter().any(|problem| problem.contains(&why));
    assert!(said(), "{:?}", core.reporter.describe().problems);
    assert!(core.known().endpoint(&id).is_some(), "it has its address as long as the journal says so");

    node.disk.set_full(false);
    eventually("it is said", || log.says(GONE) == 1).await;
    eventually("nothing is wrong any more", || !said()).await;
    assert!(core.known().endpoint(&id).is_none());
}
