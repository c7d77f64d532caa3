//! A store and a journal as anybody may have written them: there is a data plane that follows from them. A host gets
//! there with one plan and stays there; where the kernel refuses a step, since two want the same, that is an error
//! which people see, and not something done and undone for ever.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use weft_agent::fuzzed::{FuzzedNode, fresh_host};
use weft_plan::plan;

static NODE: LazyLock<FuzzedNode> = LazyLock::new(|| FuzzedNode::of("host1".parse().expect("a name")));

fuzz_target!(|text: &str| {
    // A line has a key and a value of the store; without a key it is a file of the journal.
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let (journal, store): (Vec<_>, Vec<_>) = lines.partition(|(key, _)| key.is_empty());
    let paths: Vec<String> = store.iter().map(|(key, _)| format!("weft/v1/{key}")).collect();
    let store: Vec<_> =
        paths.iter().map(String::as_str).zip(store.iter().map(|(_, json)| json.as_bytes())).collect();
    let journal: Vec<_> = journal.iter().map(|(_, json)| json.as_bytes()).collect();
    let desired = NODE.desired(&store, &journal);
    let mut host = fresh_host(&desired);
    let first = plan(&desired, &host);
    if first.steps.iter().any(|step| host.take(step).is_err()) {
        return;
    }
    let second = plan(&desired, &host);
    assert!(second.steps.is_empty(), "{second}\nafter\n{first}");
});
