//! What came of a check as JUnit's XML, which every CI reads: a test case for each way, and for each host that takes no part.

use super::report::{Report, Unready, Way};
use std::fmt::Write;
use weft_model::Verdict;

/// The document.
pub(super) fn written(report: &Report) -> String {
    let Report { network, unready, ways, .. } = report;
    let failures = unready.len() + ways.iter().filter(|way| !way.passes).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        xml,
        "<testsuite name=\"weft check {}\" tests=\"{}\" failures=\"{failures}\">",
        escaped(network),
        unready.len() + ways.len()
    );
    for Unready { host, why } in unready {
        case(&mut xml, network, &format!("{host} takes part"), Some(why));
    }
    for Way { from, to, passes, findings } in ways {
        let wrong: Vec<_> = findings
            .iter()
            .filter(|finding| finding.verdict != Verdict::Ok)
            .map(|finding| match &finding.mend {
                Some(mend) => format!("{}\n  {mend}", finding.what),
                None => finding.what.clone(),
            })
            .collect();
        let wrong = wrong.join("\n");
        case(&mut xml, network, &format!("{from} reaches {to}"), (!passes).then_some(&wrong));
    }
    xml.push_str("</testsuite>");
    xml
}

fn case(xml: &mut String, network: &str, name: &str, failure: Option<&String>) {
    let _ = write!(xml, "  <testcase classname=\"{}\" name=\"{}\"", escaped(network), escaped(name));
    let _ = match failure {
        None => writeln!(xml, "/>"),
        Some(why) => {
            let first = why.lines().next().unwrap_or_default();
            writeln!(
                xml,
                ">\n    <failure message=\"{}\">{}</failure>\n  </testcase>",
                escaped(first),
                escaped(why)
            )
        }
    };
}

/// What XML 1.0 takes (section 2.2), and what would end an attribute or an element written out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}')
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_model::{CheckNews, Finding};

    #[test]
    fn ways_and_hosts_are_cases() {
        let [one, two, three] = ["host1", "host2", "host3"].map(|name| name.parse().unwrap());
        let mut report = Report::new("over<lay>");
        report.take(CheckNews::Begun { hosts: vec![one, two, three] });
        let [one, two, three] = ["host1", "host2", "host3"].map(|name| name.parse().unwrap());
        report.take(CheckNews::Unready { host: three, why: "its \"agent\" hangs\u{7}".to_owned() });
        let bad = vec![Finding::problem(&two, "nothing & nobody", "mend it")];
        report.take(CheckNews::Way { from: two, to: one, findings: bad });
        let [one, two] = ["host1", "host2"].map(|name| name.parse().unwrap());
        report.take(CheckNews::Way { from: one, to: two, findings: Vec::new() });
        report.take(CheckNews::Ended);
        assert_eq!(
            written(&report),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuite name=\"weft check over&lt;lay&gt;\" tests=\"3\" failures=\"2\">\n  \
             <testcase classname=\"over&lt;lay&gt;\" name=\"host3 takes part\">\n    \
             <failure message=\"its &quot;agent&quot; hangs\u{fffd}\">its &quot;agent&quot; hangs\u{fffd}</failure>\n  </testcase>\n  \
             <testcase classname=\"over&lt;lay&gt;\" name=\"host1 reaches host2\"/>\n  \
             <testcase classname=\"over&lt;lay&gt;\" name=\"host2 reaches host1\">\n    \
             <failure message=\"nothing &amp; nobody\">nothing &amp; nobody\n  mend it</failure>\n  </testcase>\n\
             </testsuite>"
        );
    }
}
