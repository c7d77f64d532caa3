//! The embedded store served to others.

use crate::{servers::tool, suite};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use weft_store::{
    CommitError, Condition, ConsulConfig, ConsulStore, EmbeddedStore, Secret, Store, StoreError, Txn,
    serve::{ServeConfig, Server},
};

const TOKEN: &str = "correct horse battery staple";

struct Served {
    address: SocketAddr,
    store: EmbeddedStore,
    task: JoinHandle<()>,
    directory: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(token: Option<&str>) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&directory.path().join("store")).unwrap();
    let token = token.map(|token| Secret::new(token, "the test").unwrap());
    let config = ServeConfig::new("127.0.0.1:0".parse().unwrap(), token);
    let server = Server::bind(config, store.clone(), None).await.unwrap();
    let address = server.address().unwrap();
    let task = tokio::spawn(server.run(std::future::pending()));
    Served { address, store, task, directory }
}

fn client(address: SocketAddr, token: Option<&str>) -> ConsulStore {
    let token = token.map(|token| Secret::new(token, "the test").unwrap());
    ConsulStore::new(&ConsulConfig { servers: vec![address.to_string()], tls: None, token }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_served_store_keeps_the_promises() {
    let served = serve(Some(TOKEN)).await;
    suite::run(Arc::new(client(served.address, Some(TOKEN))), Duration::from_secs(4)).await;
}

/// A page has its browser ask for a name of the page's own, which leads to this host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_no_page_in_a_browser_is_answered() {
    let status = |address: SocketAddr, host: &str| {
        let head = format!("GET /v1/status/leader HTTP/1.1\r\nHost: {host}\r\nX-Consul-Token: {TOKEN}");
        raw(address, format!("{head}\r\nConnection: close\r\n\r\n").as_bytes())
    };
    let (open, guarded) = (serve(None).await, serve(Some(TOKEN)).await);
    assert_eq!(status(open.address, "evil.example"), "HTTP/1.1 403 Forbidden");
    assert_eq!(status(open.address, "localhost"), "HTTP/1.1 200 OK");
    // Nobody knows the token by accident, and hosts have names.
    assert_eq!(status(guarded.address, "store.example"), "HTTP/1.1 200 OK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_token_nothing_is_shown_or_changed() {
    let served = serve(Some(TOKEN)).await;
    for token in [None, Some("wrong")] {
        let store = client(served.address, token);
        let error = store.list("").await.unwrap_err();
        assert!(matches!(&error, StoreError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("check the token"), "{error}");
        let put = store.commit(Txn::new().put("a", "", Condition::Always)).await;
        assert!(matches!(put, Err(CommitError::Store(StoreError::Refused { .. }))), "{put:?}");
    }
    assert!(served.store.list("").await.unwrap().entries.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_replaced_is_taken_up_on_both_sides() {
    let directory = tempfile::tempdir().unwrap();
    let [server, client] = ["server", "client"].map(|name| directory.path().join(name));
    let write = |path: &PathBuf, token: &str| fs::write(path, token).unwrap();
    write(&server, TOKEN);
    write(&client, TOKEN);
    let store = EmbeddedStore::open(&directory.path().join("store")).unwrap();
    let config = ServeConfig::new("127.0.0.1:0".parse().unwrap(), Some(Secret::read(&server).unwrap()));
    let served = Server::bind(config, store, None).await.unwrap();
    let servers = vec![served.address().unwrap().to_string()];
    let task = tokio::spawn(served.run(std::future::pending()));
    let open = |token| {
        ConsulStore::new(&ConsulConfig { servers: servers.clone(), tls: None, token: Some(token) }).unwrap()
    };
    let (old, new) =
        (Secret::new(TOKEN, "here").unwrap(), Secret::new("another, just as long", "here").unwrap());
    let agent = open(Secret::read(&client).unwrap());
    agent.get("k").await.unwrap();
    assert!(open(new.clone()).get("k").await.is_err());
    write(&server, "another, just as long\n");
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(error) = open(new.clone()).get("k").await {
        assert!(Instant::now() < deadline, "{error}");
        // A client that does not have the new secret yet keeps working.
        agent.get("k").await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    open(old).get("k").await.unwrap();
    // An empty file is one that is being written.
    write(&client, "");
    sleep(Duration::from_secs(3)).await;
    agent.get("k").await.unwrap();
    write(&client, "a third one, which the server does not know");
    let deadline = Instant::now() + Duration::from_secs(10);
    while agent.get("k").await.is_ok() {
        assert!(Instant::now() < deadline, "it is not taken up");
        sleep(Duration::from_millis(100)).await;
    }
    write(&client, "another, just as long");
    let deadline = Instant::now() + Duration::from_secs(10);
    while agent.get("k").await.is_err() {
        assert!(Instant::now() < deadline, "it is not taken up");
        sleep(Duration::from_millis(100)).await;
    }
    task.abort();
}

/// What the stock consul CLI says, and how it ends.
async fn consul(program: &PathBuf, served: &Served, arguments: &[&str]) -> (String, bool) {
    let mut command = Command::new(program);
    command.arg("kv").args(arguments);
    command.env("CONSUL_HTTP_ADDR", served.address.to_string()).env("CONSUL_HTTP_TOKEN", TOKEN);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_consul_kv_command_works() {
    let Some(program) = tool("consul") else { return };
    let served = serve(Some(TOKEN)).await;
    let run = async |arguments: &[&str]| {
        let (text, success) = consul(&program, &served, arguments).await;
        assert!(success, "consul kv {arguments:?}: {text}");
        text
    };
    let fails = async |arguments: &[&str]| {
        let (text, success) = consul(&program, &served, arguments).await;
        assert!(!success, "consul kv {arguments:?}: {text}");
        text
    };

    run(&["put", "-flags=42", "a/one", "first value"]).await;
    run(&["put", "a/deep/er", "2"]).await;
    run(&["put", "b ü%/?", "3"]).await;
    assert_eq!(run(&["get", "a/one"]).await, "first value\n");
    assert_eq!(run(&["get", "b ü%/?"]).await, "3\n");
    let detailed = run(&["get", "-detailed", "a/one"]).await;
    for line in ["Flags            42", "LockIndex        0", "Value            first value"] {
        assert!(detailed.contains(line), "{detailed}");
    }
    assert_eq!(run(&["get", "-recurse", "a/"]).await, "a/deep/er:2\na/one:first value\n");
    assert_eq!(run(&["get", "-keys", "a/"]).await, "a/deep/\na/one\n");
    assert_eq!(run(&["get", "-keys", "-separator=", "a/"]).await, "a/deep/er\na/one\n");
    assert!(fails(&["get", "nothing"]).await.contains("No key exists"));

    let index = served.store.get("a/one").await.unwrap().unwrap().modified.0.to_string();
    fails(&["put", "-cas", "-modify-index=1", "a/one", "x"]).await;
    run(&["put", "-cas", &format!("-modify-index={index}"), "a/one", "changed"]).await;
    fails(&["delete", "-cas", &format!("-modify-index={index}"), "a/one"]).await;
    fails(&["put", "-cas", "a/one", "x"]).await;

    let exported = run(&["export"]).await;
    let file = served.directory.path().join("export.json");
    fs::write(&file, &exported).unwrap();
    run(&["delete", "b ü%/?"]).await;
    run(&["delete", "-recurse", "a/"]).await;
    assert!(served.store.list("").await.unwrap().entries.is_empty());
    run(&["import", &format!("@{}", file.display())]).await;
    assert_eq!(run(&["export"]).await, exported);
    assert_eq!(run(&["get", "a/one"]).await, "changed\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_taken_and_given_back_by_sessions() {
    let Some(program) = tool("consul") else { return };
    let served = serve(Some(TOKEN)).await;
    let session = served.store.open_session(Duration::from_secs(60)).await.unwrap();
    let session = format!("-session={session}");
    let take = ["put", "-acquire", &session, "lock", "mine"];
    assert!(consul(&program, &served, &take).await.1);
    assert!(consul(&program, &served, &["get", "-detailed", "lock"]).await.0.contains("LockIndex        1"));
    let other = served.store.open_session(Duration::from_secs(60)).await.unwrap();
    let other = format!("-session={other}");
    assert!(!consul(&program, &served, &["put", "-acquire", &other, "lock", "theirs"]).await.1);
    assert!(!consul(&program, &served, &["put", "-release", &other, "lock", ""]).await.1);
    assert!(consul(&program, &served, &["put", "-release", &session, "lock", ""]).await.1);
    assert!(consul(&program, &served, &["put", "-acquire", &other, "lock", "theirs"]).await.1);
    assert!(!consul(&program, &served, &["put", "-acquire", "-session=none", "lock", ""]).await.1);
}

/// Sends bytes as they are, and returns the status line.
fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The server may hang up in the middle of what it will not read.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_refused_and_hold_nobody_up() {
    let served = serve(None).await;
    let address = served.address;
    // Clients that say nothing, or half of something, for as long as they like.
    let slow: Vec<_> = (0..50)
        .map(|n| {
            let mut stream = TcpStream::connect(address).unwrap();
            let head = b"PUT /v1/kv/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";
            stream.write_all(&head[..n % head.len()]).unwrap();
            stream
        })
        .collect();
    let request = |line: &str, body: &str| {
        let length = body.len();
        format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let checks = move || {
        for (line, body, status) in [
            ("GET /v1/kv/a", "", 404),
            ("GET /v1/kv/", "", 400),
            ("GET /v1/kv/%ff", "", 400),
            ("GET /v1/kv/a%00b", "", 400),
            ("GET /v1/kv/a?index=x", "", 400),
            ("GET /v1/kv/a?index=-1", "", 400),
            ("GET /v1/kv/a?index=99999999&wait=never", "", 400),
            ("PUT /v1/kv/", "x", 400),
            ("PUT /v1/kv/a?cas=x", "x", 400),
            ("PUT /v1/kv/a?acquire=none", "x", 400),
            ("PUT /v1/kv/a", &"x".repeat(512 * 1024 + 1), 413),
            ("PUT /v1/kv/whole", &"x".repeat(512 * 1024), 200),
            ("DELETE /v1/kv/a?cas=1&recurse", "", 400),
            ("POST /v1/kv/a", "", 405),
            ("PUT /v1/txn", "", 400),
            ("PUT /v1/txn", "[{}]", 400),
            ("PUT /v1/txn", r#"[{"KV":{"Verb":"explode","Key":"a"}}]"#, 400),
            ("PUT /v1/txn", r#"[{"KV":{"Verb":"set","Key":""}}]"#, 400),
            ("PUT /v1/txn", r#"[{"KV":{"Verb":"set","Key":"a","Value":"%"}}]"#, 400),
            ("PUT /v1/txn", &"[".repeat(100_000), 400),
            ("PUT /v1/session/create", "{", 400),
            ("PUT /v1/session/create", r#"{"Behavior":"release","TTL":"20s"}"#, 400),
            ("PUT /v1/session/create", r#"{"Behavior":"delete","TTL":"1ns"}"#, 400),
            ("PUT /v1/session/create", r#"{"Behavior":"delete"}"#, 400),
            ("PUT /v1/session/renew/none", "", 404),
            ("PUT /v1/session/destroy/none", "", 200),
            ("GET /v1/session/list", "", 200),
            ("GET /v1/status/leader", "", 200),
            ("GET /v1/catalog/nodes", "", 404),
            ("BREW /v1/kv/a", "", 405),
        ] {
            let answer = raw(address, request(line, body).as_bytes());
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        }
        raw(address, b"\x16\x03\x01 this is no HTTP\r\n\r\n");
        raw(address, &vec![b'x'; 1 << 20]);
    };
    tokio::task::spawn_blocking(checks).await.unwrap();
    assert_eq!(served.store.list("").await.unwrap().entries.len(), 1);
    drop(slow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_an_error() {
    let served = serve(None).await;
    let config = ServeConfig::new(served.address, None);
    let error = Server::bind(config, served.store.clone(), None).await.unwrap_err();
    assert!(error.to_string().contains("choose another address"), "{error}");
}
