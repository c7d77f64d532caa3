//! `weft run` with standard input and a terminal.

use crate::cluster::{Cluster, SOON};
use rustix::{
    pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::Child,
    sync::{Arc, Mutex},
    thread,
};
use weft_testbed::{Host, eventually, until};

const CTRL_C: &str = "\u{3}";

/// A terminal of this machine's with a command of a host's in it, as a person has it.
struct Terminal {
    keyboard: File,
    /// The side of the command: its settings are looked at, also when the command has ended.
    line: OwnedFd,
    screen: Arc<Mutex<String>>,
    command: Child,
}

impl Terminal {
    #[track_caller]
    fn with(host: &Host, command: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).expect("there are terminals");
        unlockpt(&ours).expect("it is ours");
        let line = ioctl_tiocgptpeer(&ours, flags).expect("it has another side");
        let copy = || line.try_clone().expect("a file can be shared");
        tcsetwinsize(&ours, size(33, 99)).expect("it has a size");
        // `setsid --ctty` makes it the controlling one, so that the kernel tells of its size.
        let mut entering = host.command("setsid");
        entering.args(["--ctty", "--wait"]).args(command).env("TERM", "vt220");
        entering.stdin(copy()).stdout(copy()).stderr(copy());
        let command = entering.spawn().expect("nsenter can be run");
        let keyboard = File::from(ours);
        let mut output = keyboard.try_clone().expect("a file can be shared");
        let screen = Arc::<Mutex<String>>::default();
        let seen = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = output.read(&mut bytes) {
                seen.lock()
                    .expect("nobody panics with it")
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { keyboard, line, screen, command }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("somebody reads");
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        eventually(SOON, || match self.screen() {
            screen if screen.contains(text) => Ok(()),
            screen => Err(format!("it does not show {text:?}, but:\n{screen}")),
        });
    }

    fn screen(&self) -> String {
        self.screen.lock().expect("nobody panics with it").clone()
    }

    /// How it is set. Termios have no equality.
    fn settings(&self) -> String {
        format!("{:?}", self.termios())
    }

    fn is_raw(&self) -> bool {
        !self.termios().local_modes.contains(LocalModes::ICANON)
    }

    fn termios(&self) -> Termios {
        tcgetattr(&self.line).expect("it is a terminal")
    }

    /// The exit status of the command.
    #[track_caller]
    fn ends(&mut self) -> Option<i32> {
        let mut status = None;
        until("the command ends", SOON, || {
            status = self.command.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command.kill();
        let _ = self.command.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// `weft run` on a network, with these options and this script.
fn run<'a>(options: &[&'a str], script: &'a str) -> Vec<&'a str> {
    [&["weft", "run", "--net", "overlay"], options, &["--", "sh", "-c", script]].concat()
}

/// Whether a process of this name runs, or is there at all.
fn is_there(host: &Host, name: &str, all: bool) -> bool {
    let ps = ["weft", "ps", "--format", "{{.name}}", "--all"];
    host.run(if all { &ps } else { &ps[..4] }).lines().any(|line| line == name)
}

#[test]
fn a_shell_is_spoken_with() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    let shell =
        ["weft", "run", "-it", "--rm", "--net", "overlay", "--name", "p", "--", "env", "PS1=> ", "sh"];
    let mut terminal = Terminal::with(host, &shell);
    let before = terminal.settings();
    terminal.shows("> ");
    assert!(terminal.is_raw());
    terminal.types("tty; stty size; echo $TERM; echo h''i; hostname\n");
    for line in ["\n/dev/pts/", "\n33 99\r\n", "\nvt220\r\n", "\nhi\r\n", "\np\r\n"] {
        terminal.shows(line);
    }
    // The shell goes on, what it runs ends.
    terminal.types("sh -c 'echo it sleeps; exec sleep 1000'\n");
    terminal.shows("\nit sleeps\r\n");
    terminal.types(CTRL_C);
    terminal.shows("^C\r\n> ");
    terminal.types("echo $?\n");
    terminal.shows("\n130\r\n");
    terminal.types("exit 3\n");
    assert_eq!(terminal.ends(), Some(3));
    assert_eq!(terminal.settings(), before);
    assert!(!is_there(host, "p", true), "it was forgotten");
    assert_eq!(host.run(&["weft", "endpoint", "ls", "-q"]), "");
}

#[test]
fn its_terminal_is_as_large_as_the_users() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    let script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done";
    let mut terminal = Terminal::with(host, &run(&["-it", "--name", "p"], script));
    let before = terminal.settings();
    terminal.shows("ready");
    tcsetwinsize(&terminal.keyboard, size(40, 120)).expect("it has a size");
    terminal.shows("40 120");
    terminal.types(CTRL_C);
    assert_eq!(terminal.ends(), Some(130));
    assert_eq!(terminal.settings(), before);
    assert!(host.run(&["weft", "logs", "p"]).starts_with("ready\r\n40 120\r\n"), "the log has it, too");
    host.run(&["weft", "rm", "p"]);

    // Without input, Ctrl-C is for this command, which asks the process to end, as it does without a terminal.
    let script = "trap 'echo bye; exit 4' TERM; test -t 1 && echo ready; while :; do sleep 0.1; done";
    let mut terminal = Terminal::with(host, &run(&["-t", "--rm"], script));
    terminal.shows("ready");
    assert!(!terminal.is_raw());
    terminal.types(CTRL_C);
    assert_eq!(terminal.ends(), Some(4));
    terminal.shows("bye");
}

#[test]
fn input_comes_from_a_pipe() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    let shell =
        |script: &str| host.run(&["sh", "-ec", &script.replace("RUN", "weft run --rm --net overlay")]);
    assert_eq!(shell("echo abc | RUN -i -- cat"), "abc\n");
    assert_eq!(shell("echo abc | RUN -- cat"), "", "as docker without -i");
    // Not root, but of the group of the agent's socket: who may start a process may speak with it.
    let member = "setpriv --reuid 65534 --regid 0 --clear-groups RUN -i -- cat";
    assert_eq!(shell(&format!("echo abc | {member}")), "abc\n");
    // Faster than its reader: nothing is lost, to the last byte.
    assert_eq!(shell("head -c 30000000 /dev/zero | RUN -i -- cat | (sleep 1; wc -c)"), "30000000\n");
    // What does not read is not waited for, and what does not write either.
    assert_eq!(shell("yes | RUN -i -- echo done"), "done\n");
    assert_eq!(shell("RUN -i -- sh -c 'exec 1>&- 2>&-; cat; exit 5' </dev/null || echo $?"), "5\n");
    assert_eq!(host.run(&["weft", "ps", "-aq"]), "", "each was forgotten");
    for (options, reason) in [
        (&["-it"][..], "the input device is not a TTY"),
        (&["-dit"], "-d cannot be given with -i or -t"),
        (&["-di"], "leave out -d"),
    ] {
        let refusal = host.refused(&run(options, "true"));
        assert!(refusal.contains(reason), "{options:?}: {refusal}");
    }
}

#[test]
fn the_agent_may_be_killed_meanwhile() {
    let Some(mut cluster) = Cluster::up(1) else { return };
    cluster.create_network(&["overlay"]);
    let script = "stty -echo; while read word; do echo said $word; done";
    let mut terminal = Terminal::with(cluster.host(1), &run(&["-it", "--rm", "--name", "p"], script));
    let before = terminal.settings();
    terminal.types("one\n");
    terminal.shows("said one");
    cluster.agents[0].kill9();
    terminal.types("two\n");
    terminal.shows("said two");
    cluster.agents[0].restart();
    terminal.types("three\n");
    terminal.shows("said three");
    cluster.agents[0].kill9();
    // Ctrl-D: the end of input, for who reads a terminal.
    terminal.types("\u{4}");
    assert_eq!(terminal.ends(), Some(0));
    assert_eq!(terminal.settings(), before);
    cluster.agents[0].restart();
    let host = cluster.host(1);
    until("the next agent forgets it", SOON, || !is_there(host, "p", true));
    assert_eq!(host.run(&["ls", "/run/weft"]).matches("run-").count(), 0);
}

#[test]
fn a_process_outlives_who_started_it() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["overlay"]);
    let script = "echo ready; cat; echo over; until [ -e /run/end ]; do sleep 0.1; done; echo end";
    let client = host.spawn(&[
        "sh",
        "-c",
        &format!("sleep 1000 | exec weft run -i --net overlay --name p -- sh -c '{script}'"),
    ]);
    client.logs("ready", SOON);
    host.run(&["pkill", "-9", "-f", "^weft run"]);
    until("its input ends", SOON, || host.run(&["weft", "logs", "p"]) == "ready\nover\n");
    assert!(is_there(host, "p", false), "it goes on");
    host.run(&["touch", "/run/end"]);
    until("it ends by itself", SOON, || !is_there(host, "p", false));
    assert_eq!(host.run(&["weft", "logs", "p"]), "ready\nover\nend\n");

    // A terminal that is taken away is put back as it was.
    let mut terminal = Terminal::with(host, &run(&["-it", "--name", "q"], "echo ready; exec sleep 1000"));
    let before = terminal.settings();
    terminal.shows("ready");
    host.run(&["pkill", "-HUP", "-f", "^weft run"]);
    assert_eq!(terminal.ends(), Some(129));
    assert_eq!(terminal.settings(), before);
    assert!(is_there(host, "q", false), "it goes on");
}
