//! Logs that nobody wrote like that.

use super::*;
use std::{
    io::{self, Write},
    sync::Arc,
};

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does something, and returns what was logged meanwhile.
fn logged<T>(work: impl FnOnce() -> T) -> (T, String) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    // As long as there is only one, what a test beside this one is the first to log counts as unheard for ever
    // (tracing-core, `callsite.rs`, `Rebuilder::JustOne`).
    let _another = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let result = tracing::subscriber::with_default(subscriber, work);
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (result, logged)
}

/// A base and a log of three lines, and what is remembered after each of them.
fn three_saves(directory: &TempDir) -> Vec<Said> {
    let (memory, _) = open(directory, "consul://one");
    let mut cluster = cluster();
    memory.save(&cluster).unwrap();
    let mut all = vec![said(&memory, &cluster)];
    for number in 2..5 {
        put(&mut cluster, &key(0, number), record(&key(0, number), 2), number.into());
        memory.save(&cluster).unwrap();
        all.push(said(&memory, &cluster));
    }
    all
}

#[test]
fn what_comes_before_a_line_that_cannot_be_read_is_used() {
    let deep = "[".repeat(100_000);
    let nonsense: [&[u8]; 12] = [
        b"",
        b"\0\0\0\0",
        b"\xff\xfe",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"{\"cluster\":[]}",
        b"{\"cluster\":{},\"dealt_with\":-1}",
        b"{\"cluster\":{},\"latest\":{\"host1\":\"?\"}}",
        b"{\"cluster\":{}} {\"cluster\":{}}",
        deep.as_bytes(),
    ];
    for (at, nonsense) in (0..3).flat_map(|at| nonsense.map(|nonsense| (at, nonsense))) {
        let directory = tempfile::tempdir().unwrap();
        let saves = three_saves(&directory);
        let log = log(&directory);
        let written = fs::read(&log).unwrap();
        let mut lines: Vec<&[u8]> = written.split(|byte| *byte == b'\n').collect();
        lines[at] = nonsense;
        fs::write(&log, lines.join(&b'\n')).unwrap();
        let (found, said) = logged(|| remembered(&directory));
        let nonsense = String::from_utf8_lossy(&nonsense[..nonsense.len().min(100)]);
        assert_eq!(found, saves[at], "{nonsense}");
        assert_eq!(said.matches("WARN").count(), 1, "{nonsense}: {said}");
        let (name, line) = (log.display().to_string(), format!("line={}", at + 1));
        assert!(said.contains(&name) && said.contains(&line), "{nonsense}: {said}");
    }
}

#[test]
fn nothing_is_said_of_a_log_that_is_as_it_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let saves = three_saves(&directory);
    let (found, said) = logged(|| remembered(&directory));
    assert_eq!((found, said.as_str()), (saves[3].clone(), ""));
    let log = log(&directory);
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 1]).unwrap();
    let (found, said) = logged(|| remembered(&directory));
    assert_eq!(found, saves[2]);
    assert!(said.contains("line=3") && said.contains("its end is missing"), "{said}");
    fs::remove_file(&log).unwrap();
    let (found, said) = logged(|| remembered(&directory));
    assert_eq!(found, saves[0]);
    assert!(said.contains("WARN") && said.contains(&log.display().to_string()), "{said}");
}

/// Records that cannot be read, and keys of another cluster or version, are left out like those that come from the store.
#[test]
fn odd_records_are_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let saves = three_saves(&directory);
    let odd = [
        r#"{"cluster":{"weft/v1/nodes/host1":"?","weft/v1/x":1,"weft/v1/x/y":null,"other/v1/nodes/a":null,"":{}}}"#,
        r#"{"cluster":{"weft/v1/nodes/host4":null,"weft/v1/nodes/nobody":null},"latest":{"host9":7},"x":1}"#,
    ];
    let log = log(&directory);
    let mut written = fs::read(&log).unwrap();
    written.extend(odd.join("\n").into_bytes());
    written.push(b'\n');
    fs::write(&log, written).unwrap();
    let found = remembered(&directory);
    let expected = saves[3].records.iter().filter(|(key, _)| !key.ends_with("nodes/host4"));
    assert_eq!(found.records, expected.map(|(key, value)| (key.clone(), value.clone())).collect());
    assert_eq!(found.dealt_with, None);
}

/// What a base does not name is not read, but removed; and no other file is read as a log.
#[test]
fn a_log_that_the_base_does_not_name_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let saves = three_saves(&directory);
    let named = log(&directory);
    let others = ["cluster-1.log", "cluster-00000000000000ff.log"].map(|name| directory.path().join(name));
    let bystanders = [
        "cluster-.log",
        "cluster-one.log",
        "cluster-1.log.bak",
        "clusters-1.log",
        "cluster-00000000000000001.log",
    ];
    let bystanders = bystanders.map(|name| directory.path().join(name));
    for path in others.iter().chain(&bystanders) {
        fs::copy(&named, path).unwrap();
    }
    assert_eq!(remembered(&directory), saves[3]);
    assert_eq!(log(&directory), named);
    assert!(bystanders.iter().all(|path| path.exists()));

    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(base(&directory)).unwrap()).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().join("cluster-1.log");
    for name in
        [elsewhere.display().to_string(), "../cluster-1.log".into(), String::new(), "home.json".into()]
    {
        fs::copy(&named, &elsewhere).unwrap();
        fs::write(directory.path().join("home.json"), fs::read(&elsewhere).unwrap()).unwrap();
        file["log"] = name.clone().into();
        fs::write(base(&directory), file.to_string()).unwrap();
        fs::copy(&elsewhere, &named).unwrap();
        let (found, said) = logged(|| remembered(&directory));
        assert_eq!(found, saves[0], "{name}");
        assert!(said.contains("WARN"), "{name}: {said}");
        assert!(elsewhere.exists() && directory.path().join("home.json").exists() && !named.exists());
        fs::copy(&elsewhere, &named).unwrap();
    }

    // Also without a base, or with one that cannot be read.
    fs::write(base(&directory), "{").unwrap();
    assert_eq!(remembered(&directory), Said::default());
    assert!(!named.exists());
}
