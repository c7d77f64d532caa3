//! A client that speaks with a process.

use crate::world::{PATIENCE, Place, eventually};
use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::PathBuf,
};
use weft_process::{
    RunState, Session, Spec,
    session::{Frame, Frames},
};

fn spec(place: &Place, stdin: bool, terminal: Option<(u16, u16)>, script: &str) -> Spec {
    let session = Session { socket: socket(place), group: 1234, stdin, terminal };
    Spec { session: Some(session), ..place.spec(script) }
}

fn socket(place: &Place) -> PathBuf {
    place.scratch.path().join("run.sock")
}

fn connect(place: &Place) -> UnixStream {
    let client = UnixStream::connect(socket(place)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn say(client: &mut UnixStream, frames: &[Frame]) {
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| frame.write(&mut bytes));
    client.write_all(&bytes).unwrap();
}

/// All that is said until the shim hangs up: output, and the exit status.
fn hear_out(client: &mut UnixStream) -> (String, Option<i32>) {
    let (mut bytes, mut output, mut exit) = (Vec::new(), Vec::new(), None);
    // What the shim did not read any more is an error after all that it said.
    if let Err(error) = client.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it did not hang up");
    }
    let mut frames = Frames::default();
    frames.take(&bytes);
    while let Some(frame) = frames.frame().unwrap() {
        match frame {
            Frame::Data(data) => output.extend(data),
            Frame::Exit(code) => exit = Some(code),
            other => panic!("{other:?}"),
        }
    }
    (String::from_utf8(output).unwrap(), exit)
}

pub(crate) fn its_socket_is_for_one_and_for_its_group() {
    let place = Place::new();
    place.start(&spec(&place, true, None, "cat; exit 3")).unwrap();
    let metadata = fs::metadata(socket(&place)).unwrap();
    assert_eq!((metadata.gid(), metadata.permissions().mode() & 0o777), (1234, 0o660));
    let mut client = connect(&place);
    eventually("nobody else can come", || !socket(&place).exists());
    say(&mut client, &[Frame::Data(b"one\n".to_vec()), Frame::Size(1, 2), Frame::End]);
    assert_eq!(hear_out(&mut client), ("one\n".into(), Some(3)));
    assert_eq!((place.end(), place.output().as_str()), (Some(3), "one\n"), "the log has it, too");
}

pub(crate) fn a_client_that_comes_late_hears_all() {
    let place = Place::new();
    place.start(&spec(&place, false, Some((5, 7)), "tty; stty size; exit 4")).unwrap();
    let status = || fs::read_to_string(place.dir.join("exit.json")).unwrap_or_default();
    eventually("it has ended", || status().contains("\"code\":4"));
    let (output, exit) = hear_out(&mut connect(&place));
    assert!(output.starts_with("/dev/pts/") && output.ends_with("\r\n5 7\r\n"), "{output}");
    assert_eq!(exit, Some(4));
    assert_eq!((place.end(), place.output()), (Some(4), output));
}

pub(crate) fn a_client_that_does_not_read_holds_up_nobody_in_the_end() {
    let place = Place::new();
    place.start(&spec(&place, false, None, "yes | head -c 3000000")).unwrap();
    let mut client = connect(&place);
    eventually("the output stops, as its reader does", || {
        let before = place.output().len();
        std::thread::sleep(std::time::Duration::from_millis(100));
        before > 0 && place.output().len() == before
    });
    assert!(place.output().len() < 3_000_000, "it was not held up");
    weft_process::kill(&place.dir).unwrap();
    assert_eq!(place.end(), Some(128 + 9), "though its client has not read");
    let (output, exit) = hear_out(&mut client);
    assert_eq!((output, exit), (place.output(), Some(128 + 9)));
}

pub(crate) fn nonsense_ends_the_session_alone() {
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[2, 0, 1, 0], &[3, 0, 4, 0, 0, 0, 0], &[1, 255, 255]] {
        let place = Place::new();
        place.start(&spec(&place, true, None, "echo ready; cat; echo over; exec sleep 60")).unwrap();
        let mut client = connect(&place);
        client.write_all(nonsense).unwrap();
        let (_, exit) = hear_out(&mut client);
        assert_eq!(exit, None);
        // Its input has ended; it goes on.
        place.await_output("over");
        assert!(matches!(place.state(), RunState::Running { .. }));
    }
}

pub(crate) fn a_terminal_that_was_closed_may_be_opened_again() {
    let place = Place::new();
    let script =
        "exec 0<&- 1>&- 2>&-; until [ -e /run/open ]; do sleep 0.01; done; echo again >/dev/tty; exit 6";
    place.start(&spec(&place, true, Some((5, 7)), script)).unwrap();
    let mut client = connect(&place);
    fs::write("/run/open", "").unwrap();
    assert_eq!(hear_out(&mut client), ("again\r\n".into(), Some(6)));
    fs::remove_file("/run/open").unwrap();
}
