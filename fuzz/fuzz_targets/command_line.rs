//! A whole command line; and `-p`, `-v` and `-e` of `weft run`, each alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_model::PortMapping;
use weft_process::args::{EnvArg, MountArg};

fuzz_target!(|text: &str| {
    let words: Vec<&str> = std::iter::once("weft").chain(text.split_whitespace()).collect();
    if let Err(why) = weft::fuzzed::command_line(&words) {
        assert!(!why.is_empty());
    }
    if let Ok(mapping) = text.parse::<PortMapping>() {
        assert_eq!(mapping.to_string().parse(), Ok(mapping));
    }
    if let Ok(MountArg(mount)) = text.parse::<MountArg>() {
        assert!(mount.source.is_absolute() && mount.target.is_absolute());
    }
    if let Ok(env) = text.parse::<EnvArg>()
        && let Some((name, _)) = env.resolve(|_| None)
    {
        assert!(!name.is_empty() && !name.contains('='));
    }
});
