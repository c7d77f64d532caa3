//! The process's resolv.conf and hosts.

use crate::world::{Place, run, write_etc};
use std::fs;

pub(crate) fn its_own_hosts_and_resolv_conf() {
    let place = Place::new();
    let (code, output) = place.finish(&place.spec(
        "cat /etc/resolv.conf /etc/hosts; setpriv --reuid=65534 --clear-groups sh -c \"wc -l < /etc/hosts\"",
    ));
    assert_eq!((code, &*output), (Some(0), "nameserver 10.0.0.1\n10.0.0.2 nginx_01\n1\n"));
    assert_eq!(fs::read_to_string("/etc/resolv.conf").unwrap(), "nameserver 192.0.2.53\n");
    assert_eq!(fs::read_to_string("/etc/hosts").unwrap(), "127.0.0.1 the-host\n");
}

pub(crate) fn hosts_change_in_place() {
    let place = Place::new();
    place.sh("until grep -q short /etc/hosts; do sleep 0.01; done; cat /etc/hosts; sleep 60");
    weft_process::update_hosts(&place.dir, &format!("# {}\n", "long".repeat(2000))).unwrap();
    weft_process::update_hosts(&place.dir, "10.0.0.3 short\n").unwrap();
    place.await_output("10.0.0.3 short\n");
    assert_eq!(place.output(), "10.0.0.3 short\n");
}

/// The kernel drops a mount on a file that is replaced; the shim puts it back.
pub(crate) fn the_host_may_replace_its_file() {
    let place = Place::new();
    place.sh("echo ready; exec sleep 1000");
    place.await_output("ready");
    let seen = || run(&format!("nsenter -t {} -m cat /etc/resolv.conf /etc/hosts", place.shim())).stdout;
    let own = seen();
    assert!(own.starts_with(b"nameserver 10.0.0.1"));
    for round in 0..3 {
        write_etc("resolv.conf", &format!("nameserver 192.0.2.{round}\n"));
        crate::world::eventually("it has its own again", || seen() == own);
    }
    fs::remove_file("/etc/resolv.conf").unwrap();
    write_etc("resolv.conf", "nameserver 192.0.2.53\n");
    crate::world::eventually("it has its own again", || seen() == own);
}

pub(crate) fn a_link_that_leads_nowhere() {
    fs::create_dir_all("/run/resolve").unwrap();
    run("mv /etc/resolv.conf /run/resolve/real; ln -s ../run/resolve/stub.conf /etc/resolv.conf");
    let place = Place::new();
    let error = place.start(&place.spec("exit 0")).unwrap_err().to_string();
    assert!(error.contains("/etc/resolv.conf leads to /etc/../run/resolve/stub.conf"), "{error}");
    place.assert_untouched();

    // As systemd-resolved has it.
    run("cp /run/resolve/real /run/resolve/stub.conf");
    let (_, output) = place.finish(&place.spec("cat /etc/resolv.conf"));
    assert_eq!(output, "nameserver 10.0.0.1\n");
    run("mv /run/resolve/real /etc/resolv.conf");
}
