//! `-p`, `-v` and `-e` of `weft run`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_process::args::{EnvArg, MountArg, PublishArg};

fuzz_target!(|text: &str| {
    if let Ok(publish) = text.parse::<PublishArg>() {
        assert!(publish.host_port != 0 && publish.port != 0);
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
