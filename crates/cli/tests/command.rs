//! The command as its users meet it: what it prints, and where, and how it ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};
use tempfile::TempDir;

fn weft(host: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
    command.args(args).env("WEFT_HOST", host).env_remove("COLUMNS").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs the command against an agent that gives these answers, one to each connection. Returns what it
/// asked for as well.
fn against(answers: &[(&str, &str)], args: &[&str]) -> (Output, Vec<String>) {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("weft.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let answers: Vec<_> =
        answers.iter().map(|(status, body)| ((*status).to_owned(), (*body).to_owned())).collect();
    let agent = thread::spawn(move || {
        answers.into_iter().map(|(status, body)| answer(&listener, &status, &body)).collect::<Vec<_>>()
    });
    let output = weft(&socket, args).output().unwrap();
    (output, agent.join().unwrap())
}

/// Reads one request and answers it. Returns its first line and its body.
fn answer(listener: &UnixListener, status: &str, body: &str) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent).unwrap();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .unwrap();
    format!("{} {}", first.trim_end_matches(" HTTP/1.1\r\n"), text(&sent)).trim_end().to_owned()
}

const NETWORKS: &str = r#"[{
    "Name": "overlay", "Id": "7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99",
    "Created": "2026-11-22T12:00:00Z", "Scope": "global", "Driver": "weft",
    "IPAM": {"Driver": "weft", "Config": [{"Subnet": "10.0.0.0/24"}, {"Subnet": "fd00::/64"}]}
}]"#;

#[test]
fn help_is_as_it_is() {
    let output = weft(Path::new("/nonexistent"), &["--help"]).output().unwrap();
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn lists_for_people_programs_and_scripts() {
    let (output, asked) = against(&[("200 OK", NETWORKS)], &["network", "ls", "-f", "name=over"]);
    assert_eq!(
        text(&output.stdout),
        "NETWORK ID     NAME      DRIVER   SCOPE    ENCRYPTED   SUBNETS\n\
         7d86d31b1478   overlay   weft     global   no          10.0.0.0/24, fd00::/64\n"
    );
    assert_eq!(asked, ["GET /networks?filters=%7B%22name%22%3A%5B%22over%22%5D%7D"]);
    let (output, _) = against(&[("200 OK", NETWORKS)], &["network", "ls", "-q"]);
    assert_eq!(text(&output.stdout), "7d86d31b1478\n");
    let (output, _) = against(&[("200 OK", NETWORKS)], &["network", "ls", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json[0]["Name"], "overlay");
}

#[test]
fn errors_go_to_standard_error() {
    let refused = ("404 Not Found", r#"{"message":"network x not found"}"#);
    let (output, _) = against(&[refused], &["network", "rm", "x"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", "weft: network x not found\n"));
    assert_eq!(output.status.code(), Some(1));
    let (output, _) = against(&[refused], &["network", "rm", "--force", "x"]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn as_many_as_possible_are_done() {
    let refused = ("404 Not Found", r#"{"message":"network a not found"}"#);
    let (output, asked) = against(&[refused, ("204 No Content", "")], &["network", "rm", "a", "b"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("b\n", "weft: network a not found\n"));
    assert_eq!((output.status.code(), asked.len()), (Some(1), 2));
}

#[test]
fn without_an_agent_it_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("none.sock");
    let output = weft(&socket, &["network", "ls"]).output().unwrap();
    let expected =
        format!("weft: cannot connect to the agent at {}: is `weft agent` running?\n", socket.display());
    assert_eq!((text(&output.stderr), output.status.code()), (expected.as_str(), Some(1)));
}

#[test]
fn answers_that_make_no_sense_are_errors() {
    for (status, body) in [("200 OK", "<html>"), ("200 OK", "[{}]"), ("500 Oops", "<html>"), ("2x0 ?", "")] {
        let (output, _) = against(&[(status, body)], &["network", "ls"]);
        assert_eq!(output.status.code(), Some(1), "{status}");
        assert!(text(&output.stderr).starts_with("weft: the "), "{}", text(&output.stderr));
    }
}

#[test]
fn a_process_that_is_not_started_ends_as_dockers() {
    let refused = (
        "400 Bad Request",
        r#"{"message":"cannot execute \"x\": no such command in its PATH","exitCode":127}"#,
    );
    let (output, asked) = against(&[refused], &["run", "--net", "n", "-e", "A=b", "--", "x", "-y"]);
    assert_eq!(output.status.code(), Some(127));
    let body: serde_json::Value =
        serde_json::from_str(asked[0].strip_prefix("POST /weft/v1/processes ").unwrap()).unwrap();
    assert_eq!(body["command"], serde_json::json!(["x", "-y"]));
    assert_eq!((&body["env"]["A"], &body["network"]), (&"b".into(), &"n".into()));
}

#[test]
fn a_process_in_the_foreground() {
    let started = r#"{
        "id": "7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99", "name": "x", "command": ["x"],
        "created": "2026-11-22T12:00:00Z", "state": {"state": "running", "pid": 4711}, "ports": [],
        "networks": {}, "netns": "/n", "dir": "/d"
    }"#;
    let answers = [
        ("201 Created", started),
        ("200 OK", "what it \u{1b}[31mwrote"),
        ("200 OK", r#"{"code":7}"#),
        ("204 No Content", ""),
    ];
    let (output, asked) = against(&answers, &["run", "--rm", "--net", "n", "x"]);
    assert_eq!((text(&output.stdout), output.status.code()), ("what it \u{1b}[31mwrote", Some(7)));
    assert!(asked[0].contains(r#""remove":false"#), "it is removed after it was asked how it ended");
    assert!(asked[3].starts_with("DELETE /weft/v1/processes/7d86d31b1478"));
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("weft.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let agent = thread::spawn(move || answer(&listener, "200 OK", NETWORKS));
    let mut child =
        weft(&socket, &["network", "ls"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    agent.join().unwrap();
}

#[test]
fn completion_scripts_are_written() {
    for shell in ["bash", "zsh", "fish"] {
        let output = weft(Path::new("/nonexistent"), &["completion", shell]).output().unwrap();
        assert!(text(&output.stdout).contains("WEFT_COMPLETE"), "{shell}");
    }
}

#[test]
fn mistakes_in_the_file_are_named() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "cluster-stoer = \"embedded\"").unwrap();
    let output = weft(Path::new("/nonexistent"), &["agent", "--config", file.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert!(text(&output.stderr).contains("unknown field `cluster-stoer`"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}
