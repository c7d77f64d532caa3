//! The embedded store served to members of a cluster, who show certificates.

use crate::suite;
use jiff::Timestamp;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use weft_store::{
    ConsulConfig, ConsulStore, EmbeddedStore, MemberFiles, Secret, Store,
    serve::{ServeConfig, Server},
};
use weft_trust::{Authority, Member, NodeKey, Subject, store_server};

/// The credentials of a member, as files.
fn member(authority: &Authority, directory: &Path) -> MemberFiles {
    let key = NodeKey::generate().unwrap();
    let subject = Subject { name: "host1".parse().unwrap(), id: "0".repeat(64).parse().unwrap() };
    let certificate = authority.issue(&subject, &key.request().unwrap(), Timestamp::now()).unwrap();
    let texts = [authority.certificate_pem().to_owned(), certificate, key.pem()];
    let [ca, cert, key] = ["ca.pem", "node.pem", "node.key"].map(|name| Some(directory.join(name)));
    for (path, text) in [&ca, &cert, &key].into_iter().flatten().zip(texts) {
        std::fs::write(path, text).unwrap();
    }
    MemberFiles { ca, cert, key }
}

struct Served {
    address: SocketAddr,
    task: JoinHandle<()>,
    _directory: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A store for members, served by one.
async fn serve_members(authority: &Authority) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&directory.path().join("store")).unwrap();
    let files = member(authority, directory.path());
    let text = |path: &Option<PathBuf>| std::fs::read_to_string(path.as_ref().unwrap()).unwrap();
    let key = NodeKey::from_pem(&text(&files.key)).unwrap();
    let own = Member::new(key, &text(&files.cert), &text(&files.ca)).unwrap();
    let tls = Arc::new(store_server(&own, &Arc::default()).unwrap());
    let config = ServeConfig::new("0.0.0.0:0".parse().unwrap(), None);
    let server = Server::bind(config, store, Some(Arc::new(move || Arc::clone(&tls)))).await.unwrap();
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), server.address().port());
    let task = tokio::spawn(server.run(std::future::pending()));
    Served { address, task, _directory: directory }
}

fn plain_client(address: SocketAddr, token: Option<&str>) -> ConsulStore {
    let token = token.map(|token| Secret::new(token, "the test").unwrap());
    ConsulStore::new(&ConsulConfig { servers: vec![address.to_string()], tls: None, token }).unwrap()
}

fn member_client(served: &Served, files: &MemberFiles) -> ConsulStore {
    ConsulStore::of_member(&[served.address.to_string()], files).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_for_members_keeps_the_promises() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    let (served, directory) = (serve_members(&authority).await, tempfile::tempdir().unwrap());
    let client = member_client(&served, &member(&authority, directory.path()));
    suite::run(Arc::new(client), Duration::from_secs(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_for_members_is_for_nobody_else() {
    let [ours, other] = [(); 2].map(|()| Authority::found(Timestamp::now()).unwrap());
    let (served, directory) = (serve_members(&ours).await, tempfile::tempdir().unwrap());
    let key = "weft/x";
    // A member of another cluster: neither believes the other. One that believes ours is not believed.
    let stranger = member(&other, directory.path());
    assert!(member_client(&served, &stranger).get(key).await.is_err());
    std::fs::write(stranger.ca.as_ref().unwrap(), ours.certificate_pem()).unwrap();
    assert!(member_client(&served, &stranger).get(key).await.is_err());
    // Without TLS, with and without what a token would look like.
    for token in [None, Some("correct horse battery staple")] {
        let told = format!("{:?}", plain_client(served.address, token).get(key).await.unwrap_err());
        assert!(told.contains("weft join"), "{told}");
    }
    // And the one who never says anything keeps nobody out.
    let _silent = std::net::TcpStream::connect(served.address).unwrap();
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(member_client(&served, &member(&ours, directory.path())).get(key).await.unwrap(), None);
    let missing = MemberFiles { ca: Some("/nonexistent/ca.pem".into()), ..stranger };
    let told = ConsulStore::of_member(&[served.address.to_string()], &missing).unwrap_err();
    assert!(told.to_string().contains("weft join"), "{told}");
}
