//! Records what a real engine says: the calls to its drivers while `docker` does things, and its own answers.
//!
//!     scripts/lab enter LAB host1 target/debug/examples/record crates/docker/tests/golden
//!
//! The engine must not have been asked for the driver `weft` before. Writes a directory named after the
//! engine's version.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool for whoever changes the golden files"
)]

mod plugin;
mod scenarios;

#[path = "../../tests/stub/mod.rs"]
mod stub;

use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::{Child, Command},
};
use weft_docker::engine::Engine;

const SOCKET: &str = "/var/run/docker.sock";

#[tokio::main]
async fn main() {
    let golden = PathBuf::from(std::env::args().nth(1).expect("where to write"));
    let engine = Engine::connect(SOCKET).await.unwrap();
    let version = engine.version().version.split(['+', '-']).next().unwrap_or_default().to_owned();
    let recorder = Recorder { directory: golden.join(version), api: engine.api().to_string() };
    for part in ["calls", "answers"] {
        std::fs::create_dir_all(recorder.directory.join(part)).unwrap();
    }
    let calls = plugin::serve();
    let mut events = recorder.events();
    for (n, (name, steps)) in scenarios::all().iter().enumerate() {
        println!("{name}");
        let commands: Vec<Value> = steps.iter().filter_map(|step| recorder.carry_out(step)).collect();
        let calls = std::mem::take(&mut *calls.lock().unwrap());
        recorder.write(&format!("calls/{n:02}-{name}.json"), &json!({"commands": commands, "calls": calls}));
    }
    events.kill().unwrap();
    events.wait().unwrap();
}

struct Recorder {
    directory: PathBuf,
    api: String,
}

impl Recorder {
    /// Writes what happens, until it is killed.
    fn events(&self) -> Child {
        let file = self.directory.join("answers/events.jsonl");
        let output = ["--no-buffer", "--output", file.to_str().unwrap()];
        self.curl("/events").args(output).spawn().unwrap()
    }

    /// `docker …`, or `GET /path file`: the engine's answer, in a file of its own.
    fn carry_out(&self, step: &str) -> Option<Value> {
        if let Some(rest) = step.strip_prefix("GET ") {
            let (path, file) = rest.split_once(' ').unwrap();
            let got = self.curl(path).output().unwrap();
            assert!(got.status.success(), "{step}");
            let mut answer = serde_json::from_slice(&got.stdout).unwrap();
            without_the_world_outside(&mut answer);
            self.write(&format!("answers/{file}"), &answer);
            return None;
        }
        let done = Command::new("docker").args(step.split(' ')).output().unwrap();
        let says = String::from_utf8(done.stderr).unwrap();
        Some(json!({"command": format!("docker {step}"), "succeeds": done.status.success(), "says": says}))
    }

    fn curl(&self, path: &str) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--unix-socket", SOCKET]);
        curl.arg(format!("http://engine/v{}{path}", self.api));
        curl
    }

    fn write(&self, file: &str, value: &Value) {
        std::fs::write(self.directory.join(file), format!("{value:#}\n")).unwrap();
    }
}

/// Takes out of `GET /info` where the engine would get images from.
fn without_the_world_outside(answer: &mut Value) {
    for field in ["IndexServerAddress", "RegistryConfig"] {
        let _ = answer.as_object_mut().and_then(|fields| fields.remove(field));
    }
}
