//! What Debian's `dig` makes of it.

use crate::common::{MANY, Served};
use std::process::Command;

/// What dig prints, or None if there is none, which only a developer's machine may lack.
fn dig(served: &Served, arguments: &[&str]) -> Option<String> {
    let (ip, port) = (served.address.ip().to_string(), served.address.port().to_string());
    let run = Command::new("dig")
        .args([&format!("@{ip}"), "-p", &port, "+time=5", "+tries=1"])
        .args(arguments)
        .output();
    match run {
        Ok(output) => {
            let printed = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "dig {arguments:?}: {printed}");
            // "Got bad packet", "Warning: … extra bytes", "Truncated, retrying" and the like.
            assert!(!printed.contains("bad packet") && !printed.contains("Warning"), "{printed}");
            Some(printed)
        }
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: dig cannot be run ({error}); install dnsutils");
            None
        }
        Err(error) => panic!("dig cannot be run ({error}); install dnsutils"),
    }
}

/// Asserts that dig prints each of `expected`.
fn expect(served: &Served, arguments: &[&str], expected: &[&str]) {
    let Some(printed) = dig(served, arguments) else { return };
    for text in expected {
        assert!(printed.contains(text), "dig {arguments:?} does not say {text:?}:\n{printed}");
    }
}

#[test]
fn addresses_and_names() {
    let served = Served::new(&[]);
    expect(&served, &["nginx_01"], &["status: NOERROR", "ANSWER: 1,", "10.0.0.2", "flags: qr aa rd ra;"]);
    expect(&served, &["+noedns", "nginx_01"], &["10.0.0.2", "ADDITIONAL: 0"]);
    expect(&served, &["AAAA", "nginx_01.overlay"], &["fd00::2"]);
    expect(&served, &["-x", "10.0.0.3"], &["Nginx_02.overlay."]);
    expect(&served, &["-x", "fd00::6"], &["PTR six.overlay."]);
    expect(&served, &["+tcp", "nginx_02"], &["10.0.0.3", "(TCP)"]);
    expect(&served, &["+notcp", "ANY", "nginx_01"], &["ANSWER: 2,", "10.0.0.2", "fd00::2"]);
    expect(&served, &["MX", "nginx_01"], &["status: NOERROR", "ANSWER: 0,"]);
    expect(&served, &["nobody"], &["status: NXDOMAIN"]);
    expect(&served, &["CH", "TXT", "version.bind"], &["status: REFUSED"]);
    expect(&served, &["+edns=1", "+noednsnegotiation", "nginx_01"], &["status: BADVERS"]);
    expect(&served, &["+opcode=notify", "nginx_01"], &["status: NOTIMP"]);
}

#[test]
fn a_name_with_many_addresses() {
    let served = Served::new(&[]);
    let all = format!("ANSWER: {MANY},");
    expect(&served, &["many"], &["Truncated, retrying in TCP mode", &all]);
    expect(&served, &["+ignore", "many"], &["flags: qr aa tc rd ra;"]);
    expect(&served, &["+ignore", "+noedns", "many"], &["flags: qr aa tc rd ra;", "ANSWER: 30,"]);
    expect(&served, &["+bufsize=4096", "many"], &[&all, "(UDP)"]);
    expect(&served, &["+tcp", "many"], &[&all]);
}
