//! Processes from start to end, in real namespaces: needs root.
//!
//! The binary is its own `weft`: what is under test re-executes it as `weft shim`. All tests run in a world of
//! its own (network, mounts, process ids, a private /run and /etc), which dies with this process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy cannot tell that a test with a harness of its own is a test"
)]

mod adoption;
mod etc;
mod exec;
mod failures;
mod leftovers;
mod mounts;
mod run;
mod session;
mod world;

use libtest_mimic::{Arguments, Trial};
use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some("shim") => return weft_process::shim::main(Path::new(&words[3])),
        Some("helper-exec") => return exec::helper(&words[2..]),
        Some("helper-start") => return adoption::helper(Path::new(&words[2])),
        _ => {}
    }
    let mut arguments = Arguments::from_args();
    if !arguments.list {
        if let Err(need) = world::needs() {
            return skip(&need);
        }
        if !world::inside() {
            return world::enter();
        }
        world::furnish();
    }
    // They share one /etc.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials()).exit_code()
}

fn skip(need: &str) -> ExitCode {
    eprintln!("SKIPPED: the life of processes is not tested here: {need}");
    if std::env::var_os("CI").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn trials() -> Vec<Trial> {
    macro_rules! trials {
        ($($module:ident: $($name:ident)*;)*) => {
            vec![$($(Trial::test(concat!(stringify!($module), "::", stringify!($name)), || {
                $module::$name();
                Ok(())
            }),)*)*]
        };
    }
    trials! {
        run: ends_with_the_commands_status sees_its_own_namespaces has_its_environment_and_directory
             may_open_as_many_files_as_it_is_told
            signals_reach_the_command the_shims_signals_are_passed_on its_end_is_awaited
            output_is_kept_within_bounds output_may_be_closed the_shim_is_small_and_knows_no_secrets;
        failures: no_such_command not_executable no_such_directory the_hosts_network_is_refused
            no_such_namespace a_directory_is_used_once a_broken_binary damaged_files_are_errors
            files_cut_short_before_the_start_are_nothing;
        mounts: read_write_and_read_only read_only_reaches_what_is_mounted_below
            read_only_over_what_has_mounts_below missing_source
            missing_target sources_are_the_hosts other_networks_are_not_kept;
        etc: its_own_hosts_and_resolv_conf hosts_change_in_place
            the_host_may_replace_its_file a_link_that_leads_nowhere;
        leftovers: daemons_end_with_the_command the_command_dies_with_its_shim
            who_awaits_the_end_sweeps_up who_comes_later_sweeps_up remove_ends_everything;
        adoption: another_agent_takes_over a_killed_agent_leaves_nothing_unclear;
        exec: joins_a_running_process says_what_is_wrong;
        session: its_socket_is_for_one_and_for_its_group a_client_that_comes_late_hears_all
            a_client_that_does_not_read_holds_up_nobody_in_the_end nonsense_ends_the_session_alone
            a_terminal_that_was_closed_may_be_opened_again;
    }
}
