//! The virtual machine: qemu, whose serial console is read until the tests in it have ended.

use crate::{
    console::{Console, Report},
    kernel::Kernel,
};
use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};
use weft_testbed::tool;

/// How long a machine with a real processor may take until the kernel says its first line.
const FIRST_LINE: Duration = Duration::from_secs(5);
/// How long one may take to start its first program, and how long each test may take. Emulated on a machine that has a lot
/// to do besides, they take 30 s and three minutes.
const BOOT: Duration = Duration::from_secs(180);
const EACH_TEST: Duration = Duration::from_secs(300);

/// How the machine's instructions are carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Processor {
    Real,
    Emulated,
}

impl Processor {
    fn arguments(self) -> [&'static str; 2] {
        match self {
            Self::Real => ["-accel", "kvm"],
            Self::Emulated => ["-accel", "tcg,thread=multi"],
        }
    }

    /// How many times longer everything may take in it; see `WEFT_PATIENCE` in the testbed.
    fn patience(self) -> u32 {
        match self {
            Self::Real => 1,
            Self::Emulated => 4,
        }
    }
}

/// A machine, ended when this is dropped, or this program is killed.
struct Machine {
    qemu: Child,
    lines: Receiver<Vec<u8>>,
}

impl Machine {
    fn start(kernel: &Kernel, initramfs: Option<&Path>, processor: Processor, command_line: &str) -> Self {
        let qemu = tool("qemu-system-x86_64").expect("it was looked for");
        let mut command = Command::new(tool("setpriv").expect("it was looked for"));
        // A test that is killed takes it along.
        command.args(["--pdeathsig", "KILL"]).arg(qemu).args(processor.arguments());
        command.args(["-cpu", "max", "-smp", "2", "-m", "2048", "-nodefaults", "-no-user-config"]);
        command
            .args(["-display", "none", "-serial", "stdio", "-no-reboot"])
            .arg("-kernel")
            .arg(&kernel.image);
        if let Some(initramfs) = initramfs {
            command.arg("-initrd").arg(initramfs);
        }
        let all = format!("console=ttyS0 panic=-1 mitigations=off {command_line}");
        command.args(["-append", &all]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut qemu = command.spawn().expect("setpriv can be run");
        let mut stdout = BufReader::new(qemu.stdout.take().expect("it was piped"));
        let (said, lines) = mpsc::channel();
        thread::spawn(move || {
            loop {
                let mut line = Vec::new();
                // An error is an end, too.
                if stdout.read_until(b'\n', &mut line).unwrap_or(0) == 0 || said.send(line).is_err() {
                    return;
                }
            }
        });
        Self { qemu, lines }
    }

    /// Reads until `enough`, and says why if that does not come.
    fn read(
        &self,
        console: &mut Console,
        deadline: Duration,
        enough: impl Fn(&Console) -> bool,
    ) -> Result<(), String> {
        let start = Instant::now();
        while !enough(console) {
            match self.lines.recv_timeout(deadline.saturating_sub(start.elapsed())) {
                Ok(line) => console.add(&line),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("the machine still runs after {deadline:?}"));
                }
                Err(RecvTimeoutError::Disconnected) => return Err("the machine ended by itself".to_owned()),
            }
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Boots `kernel`, and reads what it prints until the tests have ended.
pub(crate) fn run(kernel: &Kernel, initramfs: &Path, tests: usize) -> Report {
    let processor = processor(kernel);
    let start = Instant::now();
    let seed = env::var("WEFT_SEED").map(|seed| format!(" weft_seed={seed}")).unwrap_or_default();
    let patience = format!("quiet weft_patience={}{seed}", processor.patience());
    let machine = Machine::start(kernel, Some(initramfs), processor, &patience);
    let mut console = Console::default();
    let count = u32::try_from(tests).unwrap_or(u32::MAX);
    let booted = machine.read(&mut console, BOOT, |console| console.says("weft-vm: "));
    let up = start.elapsed();
    let ended = booted.and_then(|()| machine.read(&mut console, EACH_TEST * count, Console::ended));
    let how = if processor == Processor::Real { "kvm" } else { "tcg, emulated" };
    // Not eprintln!, which is hidden for a test that passes.
    let _ = writeln!(
        io::stderr(),
        "Linux {} ({how}): up after {:.0} s, {tests} tests ended after {:.0} s",
        kernel.release,
        up.as_secs_f32(),
        start.elapsed().as_secs_f32()
    );
    Report { console, broke_off: ended.err() }
}

/// Whether this machine's own processor can do it is tried once: that `/dev/kvm` can be opened does not mean that
/// a kernel comes up with it.
fn processor(kernel: &Kernel) -> Processor {
    static FOUND: OnceLock<Processor> = OnceLock::new();
    *FOUND.get_or_init(|| {
        if !Path::new("/dev/kvm").exists() {
            return Processor::Emulated;
        }
        let machine = Machine::start(kernel, None, Processor::Real, "earlyprintk=ttyS0");
        let says = |console: &Console| console.says("Linux version");
        match machine.read(&mut Console::default(), FIRST_LINE, says) {
            Ok(()) => Processor::Real,
            Err(_) => Processor::Emulated,
        }
    })
}
