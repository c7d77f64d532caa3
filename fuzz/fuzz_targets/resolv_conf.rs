//! A host's resolv.conf: whatever it says, the container's asks us alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_dns::upstream::{PORT, ResolvConf, SERVER};

fuzz_target!(|text: &str| {
    let host = ResolvConf::parse(text);
    assert!(host.servers(|_| Some(1)).len() <= 3);
    let container = ResolvConf::parse(&host.for_container());
    assert_eq!(container.servers(|_| None), [(SERVER, PORT).into()]);
    assert_eq!(container.search, host.search);
});
