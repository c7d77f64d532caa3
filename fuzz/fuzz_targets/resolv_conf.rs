//! A host's resolv.conf: whatever it says, the container's asks us alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_dns::upstream::{PORT, ResolvConf, SERVER};

fuzz_target!(|text: &[u8]| {
    let host = ResolvConf::parse(&String::from_utf8_lossy(text));
    assert!(host.servers(|_| Some(1)).addresses.len() <= 8);
    let container = ResolvConf::parse(&host.for_container());
    assert_eq!(container.servers(|_| None).addresses, [(SERVER, PORT).into()]);
    assert_eq!(container.search, host.search);
});
