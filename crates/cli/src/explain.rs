//! `weft explain`: what is on the way from one container to another, and what keeps packets from passing.

use crate::{
    client::{Client, part},
    completion,
    output::{Format, Out, one_line, word_for},
};
use clap::builder::NonEmptyStringValueParser;
use std::process::ExitCode;
use weft_api::v1;
use weft_model::{Finding, ServicePort, Verdict};

/// Say why one container does not reach another, and what mends it. Fails if packets do not pass, or none could be sent.
///
/// Looks at everything on the way, on both hosts, and sends packets from the first: its name for the other, both endpoints in
/// the kernel, what is known of each other, the path between the hosts, what listens on the port. The containers may be on any
/// hosts. As in: weft explain web db --port 5432
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 if packets came back, 1 if they did not, or none could be sent.")]
pub(crate) struct Explain {
    /// The container that packets come from, by its name, address or id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = completion::containers())]
    from: String,
    /// The one that they should get to, by the name that the first calls it, its address or id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = completion::containers())]
    to: String,
    /// A port of the second to connect to, and to look for who listens there
    #[arg(short, long, value_name = "PORT[/PROTO]")]
    port: Option<ServicePort>,
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Explain {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        client.must_be_here("`weft explain`")?;
        let mut path = format!("/weft/v1/explain?from={}&to={}", part(&self.from), part(&self.to));
        if let Some(port) = self.port {
            path.push_str(&format!("&port={}", part(&port.to_string())));
        }
        let found: v1::Explanation = client.get(&path).await?;
        match self.format {
            Format::Json => out.json(&found)?,
            Format::Table => show(&found, &mut out)?,
        }
        Ok(if found.passes == Some(true) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn show(found: &v1::Explanation, out: &mut Out) -> anyhow::Result<()> {
    let v1::Explanation { from, to, passes, findings } = found;
    let network = match from.network == to.network {
        true => format!(", network {}", from.network_name),
        false => String::new(),
    };
    out.line(format!("{} on {} → {} on {}{network}", from.name, from.node, to.name, to.node))?;
    let width = findings.iter().map(|finding| finding.node.as_str().len()).max().unwrap_or(0);
    for Finding { node, verdict, what, mend } in findings {
        out.line(format!("{}  {:width$}  {}", word_for(*verdict), node.as_str(), one_line(what)))?;
        if let Some(mend) = mend {
            out.line(format!("{:9}{:width$}  {}", "", "", one_line(mend)))?;
        }
    }
    // The first that is wrong is the reason; what follows from it comes behind.
    let first = findings.iter().find(|finding| finding.verdict == Verdict::Problem);
    let why = |first: Option<&Finding>| match first {
        Some(Finding { node, what, .. }) => format!(": on {node}, {what}"),
        None => String::new(),
    };
    let (from, to) = (&from.name, &to.name);
    out.line("")?;
    out.line(one_line(&match passes {
        Some(true) => format!("{from} reaches {to}"),
        Some(false) => format!("{from} does not reach {to}{}", why(first)),
        None => {
            let doubt = findings.iter().rfind(|finding| finding.verdict == Verdict::Warning);
            format!("it is not known whether {from} reaches {to}, since nothing could be sent{}", why(doubt))
        }
    }))
}
