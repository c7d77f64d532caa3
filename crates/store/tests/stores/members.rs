//! The embedded store served to members of a cluster, who show certificates.

use crate::suite;
use jiff::Timestamp;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use weft_model::Keyspace;
use weft_store::{
    Asker, CommitError, Condition, ConsulConfig, ConsulStore, EmbeddedStore, MemberFiles, Revision, Secret,
    SessionId, Store, StoreError, Txn,
    serve::{Members, ServeAddress, ServeConfig, Server},
};
use weft_trust::{Authority, Barred, Member, NodeKey, Subject, Told, WriteRules, store_server};

const TOKEN: &str = "correct horse battery staple";

/// Who a host is.
fn subject(number: u8) -> Subject {
    Subject { name: format!("host{number}").parse().unwrap(), id: format!("{number:064x}").parse().unwrap() }
}

/// The credentials of a member, as files.
fn member(authority: &Authority, directory: &Path) -> MemberFiles {
    member_number(1, authority, directory)
}

fn member_number(number: u8, authority: &Authority, directory: &Path) -> MemberFiles {
    let (key, subject) = (NodeKey::generate().unwrap(), subject(number));
    let certificate = authority.issue(&subject, &key.request().unwrap(), Timestamp::now()).unwrap();
    let texts = [authority.certificate_pem().to_owned(), certificate, key.pem()];
    let files = ["ca.pem", "node.pem", "node.key"].map(|name| directory.join(name));
    for (path, text) in files.iter().zip(texts) {
        std::fs::write(path, text).unwrap();
    }
    let ([authorities, certificate, key], told) = (files, directory.join("told.json"));
    MemberFiles { authorities, certificate, key, told }
}

struct Served {
    address: SocketAddr,
    task: JoinHandle<()>,
    barred: Arc<Barred>,
    socket: PathBuf,
    _directory: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A store for members, served by one.
async fn serve_members(authority: &Authority) -> Served {
    serve(authority, false).await
}

/// The same, also on a socket; where it is `signed`, each writes what is its own.
async fn serve(authority: &Authority, signed: bool) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&directory.path().join("store")).unwrap();
    let files = member(authority, directory.path());
    let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    let key = NodeKey::from_pem(&text(&files.key)).unwrap();
    let own = Member::new(key, &text(&files.certificate), &text(&files.authorities)).unwrap();
    let (barred, socket) = (Arc::<Barred>::default(), directory.path().join("store.sock"));
    let tls = Arc::new(store_server(&own, &barred).unwrap());
    let rules = || WriteRules::new(Keyspace::new("weft"), Some(Arc::new(own.authorities().clone())));
    let signed = signed.then(|| Asker::new(own.subject().unwrap(), Arc::new(rules())));
    let members = Members { tls: Arc::new(move || Arc::clone(&tls)), barred: Arc::clone(&barred), signed };
    let token = Secret::new(TOKEN, "the test").unwrap();
    let places = vec!["0.0.0.0:0".parse().unwrap(), ServeAddress::Unix(socket.clone())];
    let config = ServeConfig::on(places, members.signed.is_some().then_some(token)).unwrap();
    let server = Server::bind(config, store, Some(members)).await.unwrap();
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), server.address().unwrap().port());
    let task = tokio::spawn(server.run(std::future::pending()));
    Served { address, task, barred, socket, _directory: directory }
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
    std::fs::write(&stranger.authorities, ours.certificate_pem()).unwrap();
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
    let missing = MemberFiles { authorities: "/nonexistent/ca.pem".into(), ..stranger };
    let told = ConsulStore::of_member(&[served.address.to_string()], &missing).unwrap_err();
    assert!(told.to_string().contains("weft join"), "{told}");
}

fn live(number: u8) -> String {
    format!(r#"{{"id":"{number:064x}","since":"2026-11-22T00:00:00Z"}}"#)
}

/// Says that a host is up.
async fn go_up(client: &ConsulStore, number: u8) -> SessionId {
    let session = client.open_session(Duration::from_secs(60)).await.unwrap();
    let key = format!("weft/v1/live/host{number}");
    let up = Txn::new().put_bound(key, live(number), Condition::Absent, session.clone());
    client.commit(up).await.unwrap();
    session
}

/// Two hosts of a cluster whose store is served.
fn two_clients(served: &Served, authority: &Authority) -> [ConsulStore; 2] {
    [1, 2].map(|number| {
        let directory = tempfile::tempdir().unwrap();
        member_client(served, &member_number(number, authority, directory.path()))
    })
}

/// By HTTP as it is, on a socket. Returns the answer with its head.
fn by_hand(socket: &Path, request: &str) -> String {
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.write_all(format!("{request}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_member_writes_what_is_its_own_by_whatever_way() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    let served = serve(&authority, true).await;
    let [one, two] = two_clients(&served, &authority);
    let session = go_up(&two, 2).await;
    let key = "weft/v1/live/host2";
    let before = two.get(key).await.unwrap();
    for txn in [
        Txn::new().delete(key, Condition::Always),
        Txn::new().put(key, live(1), Condition::Always),
        Txn::new().put("weft/v1/latest/host2", live(1), Condition::Absent),
        Txn::new().put("mine/a", "", Condition::Always).delete(key, Condition::Always),
    ] {
        let refused = one.commit(txn).await.unwrap_err();
        assert!(matches!(&refused, CommitError::Store(StoreError::Refused { .. })), "{refused:?}");
        let told = refused.to_string();
        assert!(
            told.contains("host1 may not") && told.contains("host2") && !told.contains("token"),
            "{told}"
        );
    }
    for error in [one.close_session(&session).await.err(), one.renew_session(&session).await.err()] {
        assert!(matches!(error, Some(StoreError::Refused { .. })), "{error:?}");
    }
    // Root's programs on the serving host are that host.
    for request in [
        format!("DELETE /v1/kv/{key} HTTP/1.1"),
        "DELETE /v1/kv/weft?recurse HTTP/1.1".to_owned(),
        format!("PUT /v1/kv/{key} HTTP/1.1\r\nContent-Length: 0"),
        format!("PUT /v1/kv/{key}?release={session} HTTP/1.1\r\nContent-Length: 0"),
        format!("PUT /v1/session/destroy/{session} HTTP/1.1"),
    ] {
        let answer = by_hand(&served.socket, &format!("{request}\r\nHost: x\r\nConnection: close"));
        assert!(
            answer.starts_with("HTTP/1.1 403") && answer.contains("host1 may not"),
            "{request}: {answer}"
        );
    }
    assert_eq!(two.get(key).await.unwrap(), before);
    assert_eq!(one.get("mine/a").await.unwrap(), None);
    one.commit(Txn::new().put("mine/a", "", Condition::Absent)).await.unwrap();
    assert!(two.renew_session(&session).await.unwrap());
    two.close_session(&session).await.unwrap();
    assert_eq!(one.get(key).await.unwrap(), None);
    one.commit(Txn::new().put("weft/v1/latest/host2", live(1), Condition::Absent)).await.unwrap();
    // The token is for clusters that do not sign.
    let told = plain_client(served.address, Some(TOKEN)).get(key).await.unwrap_err().to_string();
    assert!(told.contains("weft join"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_revoked_is_shut_out_of_what_it_has_open() {
    use futures::StreamExt;
    let authority = Authority::found(Timestamp::now()).unwrap();
    let served = serve(&authority, true).await;
    let [one, two] = two_clients(&served, &authority);
    let session = go_up(&two, 2).await;
    let now = two.list("weft/").await.unwrap().revision;
    let mut watch = two.watch("weft/", Revision(now.0));
    let waits = tokio::time::timeout(Duration::from_millis(300), watch.next()).await;
    assert!(waits.is_err(), "nothing happens: {waits:?}");
    served.barred.set([subject(2).id].into());
    // What it waits for ends now, and not with its patience.
    let ended = tokio::time::timeout(Duration::from_secs(10), watch.next()).await.unwrap();
    assert!(matches!(ended, Some(Err(_))), "{ended:?}");
    assert!(two.get("weft/v1/live/host2").await.is_err() && two.renew_session(&session).await.is_err());
    // What it had is others' to clear up.
    one.get("weft/v1/live/host2").await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_is_roots_and_goes_with_its_server() {
    use std::os::unix::fs::PermissionsExt;
    let authority = Authority::found(Timestamp::now()).unwrap();
    let served = serve(&authority, false).await;
    let mode = std::fs::metadata(&served.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let get = "GET /v1/kv/x HTTP/1.1\r\nHost: x\r\nConnection: close";
    assert!(by_hand(&served.socket, get).starts_with("HTTP/1.1 404"), "it needs no token");
    served.task.abort();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while served.socket.exists() {
        assert!(std::time::Instant::now() < deadline, "it is left behind");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_not_taken_from_one_that_was_revoked() {
    let authority = Authority::found(Timestamp::now()).unwrap();
    let (served, directory) = (serve_members(&authority).await, tempfile::tempdir().unwrap());
    let files = member_number(2, &authority, directory.path());
    let client = member_client(&served, &files);
    assert_eq!(client.get("weft/x").await.unwrap(), None);
    let told = |number: u8| {
        let revoked = [(subject(number).id, authority.revoke(&subject(number)).unwrap())].into();
        let told = Told { revoked, ..Told::default() };
        std::fs::write(&files.told, serde_json::to_vec(&told).unwrap()).unwrap();
        member_client(&served, &files)
    };
    assert_eq!(told(3).get("weft/x").await.unwrap(), None);
    let refused = format!("{:?}", told(1).get("weft/x").await.unwrap_err());
    assert!(refused.contains("was revoked"), "{refused}");
}
