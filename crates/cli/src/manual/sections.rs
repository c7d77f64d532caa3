//! What manual pages have besides the options: examples, files, how the command ends, and where to read on.

/// Examples: what for, and the line.
type Examples = &'static [(&'static str, &'static str)];

/// Those of each page.
const EXAMPLES: &[(&str, Examples)] = &[
    (
        "weft",
        &[
            (
                "Two hosts become a cluster, in which networks are on both:",
                "weft init\nweft node token | ssh root@host2 weft join",
            ),
            (
                "A network, through Docker or without it:",
                "docker network create -d weft --ipam-driver weft overlay\nweft network create overlay",
            ),
            ("Something does not work:", "weft doctor\nweft status"),
        ],
    ),
    (
        "weft-agent",
        &[(
            "As Docker had it, with Consul:",
            "weft agent --cluster-store=consul://192.168.77.11:8500 --cluster-advertise=eth0",
        )],
    ),
    (
        "weft-init",
        &[("With the Consul that is there:", "weft init --cluster-store=consul://192.168.77.11:8500")],
    ),
    ("weft-join", &[("From the host that has the token:", "weft node token | ssh root@host2 weft join")]),
    (
        "weft-run",
        &[
            (
                "A web server on a network, with a port of the host:",
                "weft run -d --net overlay --name web -p 8080:80 -- nginx -g 'daemon off;'",
            ),
            (
                "A command in the foreground, gone when it ends:",
                "weft run --rm --net overlay -- curl http://web",
            ),
            ("A shell on a network:", "weft run -it --rm --net overlay -- bash"),
            ("Input from a file:", "weft run -i --rm --net overlay -- psql -h db < dump.sql"),
        ],
    ),
    (
        "weft-attach",
        &[("A namespace of ip(8):", "weft attach --netns /run/netns/lab --net overlay --name lab")],
    ),
    (
        "weft-network-create",
        &[
            ("With a subnet of one's own:", "weft network create --subnet 10.9.0.0/24 backend"),
            ("Encrypted between hosts:", "weft network create -o encrypted private"),
        ],
    ),
    (
        "weft-network-inspect",
        &[("How much of each subnet is in use:", "weft network inspect --format table overlay")],
    ),
    (
        "weft-doctor",
        &[
            ("What is wrong here, and what mends it:", "sudo weft doctor"),
            ("Have mended what can be, and check again:", "sudo weft doctor --apply"),
            (
                "For a script: what is a problem:",
                "weft doctor --format json | jq '.findings[] | select(.state == \"problem\")'",
            ),
        ],
    ),
    (
        "weft-whois",
        &[
            ("Whose address it is:", "weft whois 10.0.0.3"),
            ("And whose Ethernet address:", "weft whois 02:42:0a:00:00:03"),
        ],
    ),
    (
        "weft-resolve",
        &[("What nginx_01 is told that asks for nginx_02:", "weft resolve nginx_02 --as nginx_01")],
    ),
    (
        "weft-events",
        &[
            ("What happened in the last ten minutes, and what happens:", "weft events --since 10m --follow"),
            ("Which hosts went down:", "weft events --filter type=node --filter event=down"),
        ],
    ),
    (
        "weft-history",
        &[("What was connected yesterday at this time:", "weft history --at 24h --network overlay")],
    ),
    (
        "weft-ping",
        &[
            (
                "How long packets take to host2 and back, the way that containers' packets go:",
                "weft ping host2",
            ),
            (
                "Whether a full packet gets to a container, from one of this host:",
                "weft ping -c 3 -s 1450 nginx_02",
            ),
        ],
    ),
    (
        "weft-capture",
        &[
            ("What nginx_01 sends and gets, as text:", "sudo weft capture nginx_01 | tcpdump -nr -"),
            ("A hundred packets, for later:", "sudo weft capture -c 100 -w nginx_01.pcap nginx_01"),
        ],
    ),
    (
        "weft-top",
        &[
            ("The containers of this host, the busiest first:", "weft top"),
            ("For a script, over five seconds:", "weft top --no-stream -d 5 --format json"),
        ],
    ),
    (
        "weft-web",
        &[(
            "From another machine, then http://127.0.0.1:4780/ there:",
            "ssh -L 4780:127.0.0.1:4780 HOST weft web",
        )],
    ),
    ("weft-leave", &[("For good, with its data:", "weft leave --purge")]),
];

/// The files of the agent, which every page of one of these has.
const FILES: &[(&str, &str)] = &[
    ("/etc/weft/weft.toml", "the agent's configuration: each flag of weft agent, without its dashes"),
    ("/run/weft/weft.sock", "where the agent answers, for root and the group weft"),
    (
        "/run/weft/run-ID.sock",
        "where weft run -i or -t comes to a process that it started, for the same; there until then",
    ),
    ("/run/docker/plugins/weft.sock", "where engines find their driver"),
    ("/var/lib/weft", "what the agent must remember, for root alone"),
];
const WITH_FILES: &[&str] = &["weft", "weft-agent", "weft-init", "weft-join", "weft-leave", "weft-doctor"];

/// How commands end, where it is not as [`USUAL`] has it.
const EXIT_STATUS: &[(&str, &[(&str, &str)])] = &[
    (
        "weft-status",
        &[("0", "all is well"), ("1", "something needs to be looked at"), ("3", "no agent runs here")],
    ),
    ("weft-ping", &[("0", "an answer came"), ("1", "none came, or no packet could be sent")]),
    ("weft-doctor", &[("0", "there is no problem"), ("1", "there is one")]),
    ("weft-whois", &[("0", "somebody has it"), ("1", "nobody has it, or the agent cannot be asked")]),
    (
        "weft-resolve",
        &[("0", "weft has an address for it"), ("1", "it has none, or the agent cannot be asked")],
    ),
    (
        "weft-run",
        &[
            ("N", "that of the process, in the foreground; 128 + N if signal N ended it"),
            ("125", "weft itself failed"),
            ("126", "the command cannot be executed"),
            ("127", "there is no such command"),
        ],
    ),
    (
        "weft-agent",
        &[
            ("0", "it was stopped"),
            ("1", "it could not start or go on"),
            ("80", "its host has left the cluster"),
        ],
    ),
];
const USUAL: &[(&str, &str)] =
    &[("0", "it was done"), ("1", "it was not, or not all of it: standard error says why")];
const USAGE: (&str, &str) = ("2", "the command line is not valid");

/// The sections of a page that come after its options, as roff (man(7)).
pub(super) fn of(page: &str) -> String {
    let mut text = String::new();
    let examples = EXAMPLES.iter().find(|(name, _)| *name == page).map(|(_, examples)| *examples);
    for (at, (what, lines)) in examples.into_iter().flatten().enumerate() {
        text += if at == 0 { ".SH EXAMPLES\n" } else { ".PP\n" };
        text += &format!("{}\n.PP\n.nf\n.RS\n", plain(what));
        lines.lines().for_each(|line| text += &format!("{}\n", plain(line)));
        text += ".RE\n.fi\n";
    }
    let status = EXIT_STATUS.iter().find(|(name, _)| *name == page).map_or(USUAL, |(_, status)| *status);
    text += ".SH \"EXIT STATUS\"\n";
    status.iter().chain([&USAGE]).for_each(|(code, what)| text += &item(code, what));
    if WITH_FILES.contains(&page) {
        text += ".SH FILES\n";
        FILES.iter().for_each(|(path, what)| text += &item(path, what));
    }
    text += ".SH \"SEE ALSO\"\n";
    let rest = "/usr/share/doc/weft/reference.md, ip(8), bridge(8), nft(8), docker(1)";
    text + if page == "weft" { "" } else { "weft(1), " } + &plain(rest) + "\n"
}

fn item(tag: &str, what: &str) -> String {
    format!(".TP\n\\fB{}\\fR\n{}\n", plain(tag), plain(what))
}

/// A line as it is: nothing in it is an order to roff.
fn plain(line: &str) -> String {
    let escaped = line.replace('\\', "\\e").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::{CommandFactory, Parser};

    /// The names of all pages.
    fn pages(command: &clap::Command, name: &str, all: &mut Vec<String>) {
        all.push(name.to_owned());
        let subcommands = command.get_subcommands().filter(|command| !command.is_hide_set());
        subcommands.for_each(|sub| pages(sub, &format!("{name}-{}", sub.get_name()), all));
    }

    #[test]
    fn they_are_of_commands_that_are_there() {
        let mut all = Vec::new();
        pages(&Cli::command(), "weft", &mut all);
        let named = EXAMPLES.iter().map(|(page, _)| page);
        let named = named.chain(EXIT_STATUS.iter().map(|(page, _)| page)).chain(WITH_FILES);
        for page in named {
            assert!(all.iter().any(|known| known == page), "{page}");
        }
    }

    #[test]
    fn each_example_of_one_command_is_understood() {
        let lines = EXAMPLES.iter().flat_map(|(_, examples)| *examples).flat_map(|(_, lines)| lines.lines());
        let single = lines.filter(|line| line.starts_with("weft ") && !line.contains(['|', '\'']));
        let mut count = 0;
        for line in single {
            count += 1;
            if let Err(error) = Cli::try_parse_from(line.split_whitespace()) {
                panic!("{line}: {error}");
            }
        }
        assert!(count > 10);
    }

    #[test]
    fn nothing_is_an_order_to_roff() {
        assert_eq!(plain(".findings -x \\"), "\\&.findings \\-x \\e");
        let page = of("weft-doctor");
        for line in page.lines().filter(|line| line.starts_with('.')) {
            assert!(
                [".SH", ".PP", ".nf", ".RS", ".RE", ".fi", ".TP"].iter().any(|order| line.starts_with(order)),
                "{line}"
            );
        }
        insta::assert_snapshot!(of("weft-resolve"));
    }
}
