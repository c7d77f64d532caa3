//! What `iptables-save` and `nft --json` may print on a host, before and after an empty line: there always is a
//! judgement, soon.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (iptables, nft) = text.split_once("\n\n").unwrap_or((text, r#"{"nftables":[]}"#));
    if let Ok(findings) = weft::fuzzed::packet_filter(iptables, nft) {
        let findings: serde_json::Value = serde_json::from_str(&findings).expect("it is JSON");
        assert!(findings.as_array().is_some_and(|all| !all.is_empty()));
    }
});
