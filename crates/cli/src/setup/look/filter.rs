//! The packet filter's rules, from the tools that keep them.

use super::program::{self, ProgramError};
use crate::setup::{
    facts::Underlay,
    filter::{Filter, Tool},
};
use std::fs;

/// All rules of this network namespace.
pub(in crate::setup) async fn read() -> Result<Filter, String> {
    let mut filter = Filter::default();
    for (tool, programs) in [
        (Tool::Iptables, ["iptables-nft-save", "iptables-save"]),
        (Tool::Ip6tables, ["ip6tables-nft-save", "ip6tables-save"]),
    ] {
        let printed = match program::output(programs[0], &[]).await {
            Err(ProgramError::Absent(_)) => program::output(programs[1], &[]).await,
            other => other,
        };
        match printed {
            Ok(printed) => filter.add_iptables(tool, &printed),
            Err(ProgramError::Absent(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    for (tool, tables) in [
        (Tool::IptablesLegacy, "/proc/net/ip_tables_names"),
        (Tool::Ip6tablesLegacy, "/proc/net/ip6_tables_names"),
    ] {
        // Asked only where there are tables: asking makes them.
        if fs::read_to_string(tables).is_ok_and(|names| !names.trim().is_empty())
            && let Ok(printed) = program::output(&format!("{}-save", tool.program()), &[]).await
        {
            filter.add_iptables(tool, &printed);
        }
    }
    // Without the members of sets, of which there may be many thousands.
    match program::output("nft", &["--json", "--terse", "list", "ruleset"]).await {
        Ok(printed) => {
            filter.add_nft(&printed).map_err(|why| format!("what nft printed cannot be understood: {why}"))?
        }
        Err(error) => return Err(error.to_string()),
    }
    Ok(filter)
}

/// The zone that firewalld, if it runs, has the underlay in; nothing stands for its default one.
pub(in crate::setup) async fn firewalld_zone(underlay: Option<&Underlay>) -> Option<String> {
    let interface = format!("--get-zone-of-interface={}", underlay?.interface);
    let zone = program::output("firewall-cmd", &[&interface]).await.ok()?;
    Some(zone.trim().to_owned()).filter(|zone| !zone.is_empty())
}
