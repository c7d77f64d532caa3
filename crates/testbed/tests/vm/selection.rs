//! Which tests of `--test weft` run in a virtual machine: those where the kernel has a part in it, and none
//! that counts milliseconds: the processor may be emulated.

/// For `make test`: the guide, and encrypted networks.
pub(crate) const SHORT: &[&str] = &[
    "embedded::one_agent_serves_the_store_to_the_other",
    // Each fault of the tunnels, with and without an agent.
    "encrypted::nothing_is_ever_on_the_wire_in_clear",
];

/// What takes as long as [`LONG`] tests.
pub(crate) const ROUNDS: &[&str] = &["encrypted::two_hundred_rounds_leave_nothing_on_the_wire"];
pub(crate) const LONG: usize = 12;

/// For `make vm-test`.
pub(crate) const WIDE: &[&str] = &[
    // The guide, also in one command a host, an agent that is killed, and one whose binary is replaced.
    "tokens::a_host_joins_with_a_token_and_nothing_else",
    "embedded::one_agent_serves_the_store_to_the_other",
    "networks::names_aliases_and_addresses_resolve_on_their_network_only",
    "survival::killed_agents_lose_no_packet_and_take_over_what_ran",
    "upgrade::an_agent_whose_binary_was_replaced_still_starts_processes",
    "upgrade::an_agent_is_upgraded_while_traffic_runs",
    // Encrypted networks.
    "encrypted::nothing_is_ever_on_the_wire_in_clear",
    "strangers::a_strangers_frames_go_nowhere",
    "strangers::a_host_that_was_taken_over_is_sent_nothing_more",
    "encrypted::a_host_goes_on_with_another_key",
    "encrypted::a_host_that_others_cannot_begin_to_send_to_keeps_its_tunnels_open",
    "encrypted::a_host_that_does_not_answer_is_named",
    "encrypted::a_host_that_moves_is_followed",
    "hardening::ports_and_files_are_those_of_the_page",
    "encrypted::large_packets_pass_and_no_larger_ones_and_it_costs_so_much",
    // IPv6.
    "networks::both_families_across_hosts",
    "subnets::ipv6_alone",
    // Ways out and in.
    "data_plane::an_internal_network_has_no_way_out",
    "data_plane::there_is_a_way_out_and_a_way_in",
    "publishing::several_ports_from_everywhere_in_both_families",
    "publishing::udp_and_tcp_on_one_port",
    "guard::a_strangers_frames_do_not_reach_a_container",
    "guard::who_lies_about_its_address_does_not_get_through_a_gateway_either",
    "guard::a_container_sends_nothing_to_its_host_under_anothers_address_or_to_its_loopback",
    "guard::neither_a_container_nor_a_user_sends_vxlan_as_if_it_were_the_host",
    // A router that translates between the hosts.
    "nat::a_host_that_is_seen_under_another_address_says_so_and_is_reached",
    "nat::an_encrypted_network_goes_through_a_router_that_translates",
    // What `weft setup docker` finds.
    "firewall::a_firewall_is_found_and_opened",
    // What others change in the kernel, and what is left there. That `status` says it is seen in a race with the repair,
    // which an emulated processor loses.
    "data_plane::nothing_is_left_of_a_removed_network",
    "data_plane::what_others_break_is_repaired",
    // What the kernel says of MTUs and ports.
    "exhausted::where_the_port_of_vxlan_is_anothers_it_is_said_and_mended_when_it_is_free",
    "mtu::the_least_of_the_hosts_on_a_network_holds_and_is_followed",
];
