//! Whatever is done, and wherever the log is cut: what is remembered is what was saved at some time, whole.

use super::*;
use proptest::{prelude::*, sample::Index};

#[derive(Debug, Clone)]
enum Step {
    Put { kind: usize, number: u8, value: u32, long: bool },
    Delete { kind: usize, number: u8 },
    DealtWith(u64),
    Removed(u8),
    Save,
    Forget,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = (0..KINDS, 0..4_u8, any::<u32>(), prop::bool::weighted(0.3));
    let step = prop_oneof![
        12 => put.prop_map(|(kind, number, value, long)| Step::Put { kind, number, value, long }),
        6 => (0..KINDS, 0..4_u8).prop_map(|(kind, number)| Step::Delete { kind, number }),
        1 => (0..9_u64).prop_map(Step::DealtWith),
        3 => (0..6_u8).prop_map(Step::Removed),
        12 => Just(Step::Save),
        1 => Just(Step::Forget),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..200)
}

/// A value, also one that fills the log soon.
fn value(key: &Key, number: u32, long: bool) -> Vec<u8> {
    let json = record(key, number);
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    if long && json.is_object() {
        json["long"] = "\n\"x\\".repeat(1000).into();
    }
    json.to_string().into_bytes()
}

/// What a run has done.
struct Run {
    directory: TempDir,
    memory: Memory,
    cluster: Cluster,
    /// After each save: the log, its length, and what is remembered.
    saves: Vec<(PathBuf, u64, Said)>,
}

impl Run {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (memory, _) = open(&directory, "consul://one");
        Self { directory, memory, cluster: Cluster::default(), saves: Vec::new() }
    }

    fn last(&self) -> Said {
        self.saves.last().map(|(.., said)| said.clone()).unwrap_or_default()
    }

    fn take(&mut self, number: u64, step: Step) {
        match step {
            Step::Put { kind, number: which, value: content, long } => {
                let key = key(kind, which);
                put(&mut self.cluster, &key, value(&key, content, long), number);
            }
            Step::Delete { kind, number } => delete(&mut self.cluster, &key(kind, number)),
            Step::DealtWith(times) => self.memory.has_dealt_with(times),
            Step::Removed(number) => {
                let Key::Network(id) = key(4, number) else { unreachable!() };
                self.memory.notice(&networks(&[id]), &self.cluster);
            }
            Step::Save => self.save(),
            Step::Forget => {
                self.memory.forget();
                self.cluster = Cluster::default();
            }
            Step::Restart => {
                let (memory, cluster) = open(&self.directory, "consul://one");
                (self.memory, self.cluster) = (memory, cluster.unwrap_or_default());
                assert_eq!(said(&self.memory, &self.cluster), self.last());
            }
        }
    }

    fn save(&mut self) {
        self.memory.save(&self.cluster).unwrap();
        let log = log(&self.directory);
        let length = fs::metadata(&log).unwrap().len();
        self.saves.push((log, length, said(&self.memory, &self.cluster)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_remembered_was_saved(steps in steps(), cut in any::<Index>()) {
        let mut run = Run::new();
        for (number, step) in steps.into_iter().enumerate() {
            run.take(number as u64, step);
        }
        run.save();
        prop_assert_eq!(remembered(&run.directory), run.last());

        let log = log(&run.directory);
        let file = fs::OpenOptions::new().write(true).open(&log).unwrap();
        let whole = file.metadata().unwrap().len();
        let left = cut.index(usize::try_from(whole).unwrap() + 1) as u64;
        file.set_len(left).unwrap();
        let mut saved = run.saves.iter().filter(|(of, length, _)| *of == log && *length <= left);
        prop_assert_eq!(&remembered(&run.directory), &saved.next_back().unwrap().2);
    }
}
