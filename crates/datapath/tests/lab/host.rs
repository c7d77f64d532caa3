//! A host: a thread in a network and a mount namespace of its own.

use super::{Wanted, sh};
use std::{
    net::IpAddr,
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
};
use weft_datapath::{Datapath, Linux, Report};
use weft_plan::{Desired, Observed, Plan};

type Job = Box<dyn FnOnce() + Send>;

/// A host on the underlay 192.168.77.0/24 and fd77::/64.
pub struct Host {
    jobs: mpsc::Sender<Job>,
    /// Its address on the underlay.
    pub ip: IpAddr,
    /// Its IPv6 address there.
    pub ip6: IpAddr,
}

impl Host {
    /// The `n`th host, from 1.
    pub fn new(n: u8) -> Self {
        static UNDERLAY: AtomicU32 = AtomicU32::new(0);
        if UNDERLAY.fetch_add(1, Ordering::SeqCst) == 0 {
            sh("mount --make-rprivate /; ip link add underlay type bridge; ip link set underlay up");
        }
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::spawn(move || inbox.into_iter().for_each(|job| job()));
        let ip6 = IpAddr::from([0xfd77, 0, 0, 0, 0, 0, 0, 0x10 + u16::from(n)]);
        let host = Self { jobs, ip: IpAddr::from([192, 168, 77, 10 + n]), ip6 };
        let thread = host.run(|| {
            weft_netlink::unshare_mount_uts().unwrap();
            sh("mount -t tmpfs tmpfs /run");
            weft_netlink::create_named::<weft_netlink::NamespaceError>("this-host", || Ok(())).unwrap();
            rustix::thread::gettid().as_raw_nonzero()
        });
        sh(&format!(
            "ip link add host{n} type veth peer name eth0 netns {thread}; ip link set host{n} up master underlay"
        ));
        host.sh(&format!(
            "sysctl -q net.ipv4.conf.all.rp_filter=1; ip link set lo up; ip link set eth0 up; ip address add 192.168.77.1{n}/24 dev eth0;
             ip address add fd77::1{n}/64 dev eth0 nodad"
        ));
        host
    }

    /// Runs `f` on the host's thread.
    #[track_caller]
    pub fn run<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, hear) = mpsc::channel();
        self.jobs.send(Box::new(move || tell.send(f()).unwrap())).expect("the host's thread lives");
        hear.recv().expect("the job did not panic")
    }

    /// Runs a shell command on the host.
    #[track_caller]
    pub fn sh(&self, command: &str) -> String {
        let command = command.to_owned();
        self.run(move || sh(&command))
    }

    /// Whether a shell command succeeds on the host. What it prints is seen if the test fails.
    pub fn succeeds(&self, command: &str) -> bool {
        let output = {
            let command = command.to_owned();
            self.run(move || std::process::Command::new("sh").args(["-c", &command]).output().unwrap())
        };
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        eprintln!("`{command}`: {}\n{}{}", output.status, text[0], text[1]);
        output.status.success()
    }

    /// Makes the namespace of a container.
    pub fn container(&self, name: &str) {
        self.sh(&format!("ip netns add {name}"));
    }

    /// Runs `f` in a container.
    #[track_caller]
    pub fn inside<T: Send + 'static>(&self, container: &str, f: impl FnOnce() -> T + Send + 'static) -> T {
        let path = weft_netlink::named_path(container);
        self.run(move || block_on(weft_netlink::in_namespace(path, f)).unwrap())
    }

    /// Whether one ping from a container is answered within a second.
    pub fn ping(&self, container: &str, to: &str) -> bool {
        self.succeeds(&format!("ip netns exec {container} ping -n -c1 -W1 {to}"))
    }

    /// What is there.
    #[track_caller]
    pub fn observe(&self, desired: &Desired) -> Observed {
        let desired = desired.clone();
        self.run(move || block_on(async { Linux::new().observe(&desired).await.unwrap() }))
    }

    /// Carries out a plan.
    pub fn apply(&self, plan: &Plan) -> Report {
        let plan = plan.clone();
        self.run(move || block_on(async { Linux::new().apply(&plan).await }))
    }

    /// The steps that are needed now.
    #[track_caller]
    pub fn plan(&self, desired: &Desired) -> Plan {
        weft_plan::plan(desired, &self.observe(desired))
    }

    /// One round, which must succeed and leave nothing to do.
    #[track_caller]
    pub fn reach(&self, wanted: &Wanted) {
        let plan = self.plan(&wanted.0);
        assert_eq!(plan.problems, []);
        let report = self.apply(&plan);
        let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        assert!(report.is_complete(), "{failures:#?}\n{plan}");
        let plan = self.plan(&wanted.0);
        assert!(plan.steps.is_empty() && plan.problems.is_empty(), "a second plan is not empty:\n{plan}");
    }
}

/// Runs a future on the calling thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
