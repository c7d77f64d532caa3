//! Whatever a client writes to the Docker proxy: it gets an answer, and the engine is asked nothing but whole
//! requests, one on each connection. Nothing of a client's can be taken for a request that nobody looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{cell::RefCell, path::PathBuf, rc::Rc, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    runtime::{Builder, Runtime},
    task::{LocalSet, spawn_local},
    time::timeout,
};
use weft_verbs::fake;

/// Everything that was said on one connection to the engine.
type Asked = Rc<RefCell<Vec<u8>>>;

struct World {
    runtime: Runtime,
    dir: tempfile::TempDir,
    verbs: Arc<fake::FakeVerbs>,
}

thread_local! {
    static WORLD: World = World {
        runtime: Builder::new_current_thread().enable_all().build().expect("a runtime"),
        dir: tempfile::tempdir().expect("a directory"),
        verbs: fake::FakeVerbs::new(),
    };
}

/// The engine: it hears a connection out, and has nothing to say but that all is well.
async fn engine(listener: UnixListener, asked: Rc<RefCell<Vec<Asked>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let heard = Asked::default();
        asked.borrow_mut().push(Rc::clone(&heard));
        spawn_local(hear_out(stream, heard));
    }
}

async fn hear_out(mut stream: UnixStream, heard: Asked) {
    let mut chunk = [0; 4096];
    let (mut told_to_go_on, mut answered) = (false, false);
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        heard.borrow_mut().extend_from_slice(&chunk[..length]);
        let is_whole = matches!(check(&heard.borrow()), Ok(true));
        let said: &[u8] = match expectation(&heard.borrow()) {
            _ if answered => b"",
            _ if is_whole => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
            Some(true) if !told_to_go_on => b"HTTP/1.1 100 Continue\r\n\r\n",
            // As Go answers what it does not understand (`net/http`, `sendExpectationFailed`).
            Some(false) => b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n",
            _ => b"",
        };
        told_to_go_on |= !said.is_empty();
        answered |= is_whole || said.starts_with(b"HTTP/1.1 4");
        let _ = stream.write_all(said).await;
    }
}

/// Whether a client wants to be told to go on; `false`: it wants something else, that there is not.
fn expectation(heard: &[u8]) -> Option<bool> {
    let head = String::from_utf8_lossy(heard).to_ascii_lowercase();
    let (head, _) = head.split_once("\r\n\r\n")?;
    let expects = head.lines().find_map(|line| line.strip_prefix("expect:"))?;
    Some(expects.trim() == "100-continue")
}

/// Whether what was heard is one whole request; or what is wrong with it.
fn check(heard: &[u8]) -> Result<bool, String> {
    let Some(end) = heard.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
    let (head, body) = (String::from_utf8_lossy(&heard[..end]), &heard[end + 4..]);
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    if first.split(' ').count() != 3 || !first.ends_with(" HTTP/1.1") {
        return Err(format!("{first:?} asks for nothing"));
    }
    let (mut length, mut chunked) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("{line:?} is no header"))?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" if length.is_some() => return Err(format!("two lengths in {head}")),
            "content-length" => {
                length = Some(value.trim().parse::<usize>().map_err(|e| format!("{line}: {e}"))?)
            }
            "transfer-encoding" => chunked = true,
            _ => {}
        }
    }
    match (length, chunked) {
        (Some(_), true) => Err(format!("two ways to say where it ends in {head}")),
        (length, false) if body.len() > length.unwrap_or(0) => {
            Err(format!("more than was announced in {head}"))
        }
        (length, false) => Ok(body.len() == length.unwrap_or(0)),
        (None, true) => chunks(body),
    }
}

/// Whether chunks have come to their end; or that there is something after it.
fn chunks(mut body: &[u8]) -> Result<bool, String> {
    loop {
        let Some(end) = body.windows(2).position(|two| two == b"\r\n") else { return Ok(false) };
        let size = String::from_utf8_lossy(&body[..end]).into_owned();
        let length =
            usize::from_str_radix(&size, 16).map_err(|_| format!("{size:?} is no length of a chunk"))?;
        body = &body[end + 2..];
        if length == 0 {
            // Trailers may come before the empty line.
            let rest = body.windows(4).position(|four| four == b"\r\n\r\n").map(|at| &body[at + 4..]);
            return match (body.strip_prefix(b"\r\n"), rest) {
                (Some([]), _) | (None, Some([])) => Ok(true),
                (None, None) => Ok(false),
                _ => Err("something comes after the last chunk".to_owned()),
            };
        }
        let Some(rest) = body.get(length + 2..) else { return Ok(false) };
        body = rest;
    }
}

async fn ask(input: &[u8], path: PathBuf, dir: PathBuf, verbs: Arc<fake::FakeVerbs>) {
    let listener = UnixListener::bind(&path).expect("a new socket");
    let asked = Rc::default();
    spawn_local(engine(listener, Rc::clone(&asked)));
    let (mut client, theirs) = UnixStream::pair().expect("a pair");
    let socket = path.clone();
    let proxy =
        spawn_local(async move { weft_agent::fuzzed::docker_proxy(theirs, &socket, &dir, verbs).await });
    // It may refuse and hang up before it has heard everything.
    let _ = client.write_all(input).await;
    let _ = client.shutdown().await;
    let mut answer = Vec::new();
    let answered = timeout(Duration::from_secs(5), client.read_to_end(&mut answer)).await;
    assert!(answered.is_ok(), "no end, after {}", String::from_utf8_lossy(&answer));
    drop(client);
    timeout(Duration::from_secs(5), proxy)
        .await
        .expect("it ends with its client")
        .expect("it does not panic")
        .expect("the directory can be used");
    for heard in asked.borrow().iter() {
        if let Err(why) = check(&heard.borrow()) {
            panic!("{why}: {:?}", String::from_utf8_lossy(&heard.borrow()));
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let said = String::from_utf8_lossy(input);
    if said.contains(fake::PANIC) || said.contains(fake::HANG) || said.contains('\\') {
        return;
    }
    WORLD.with(|world| {
        let path = world.dir.path().join("engine.sock");
        let _ = std::fs::remove_file(&path);
        let tasks = LocalSet::new();
        let asking = ask(input, path, world.dir.path().to_owned(), Arc::clone(&world.verbs));
        tasks.block_on(&world.runtime, asking);
    });
});
