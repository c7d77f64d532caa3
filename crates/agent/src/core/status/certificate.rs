//! That no host takes this one's certificate, since it is not its time.

use super::unbelieved::JOIN_AGAIN;
use crate::config::AgentConfig;
use jiff::Timestamp;
use weft_state::credentials::Credentials;

/// What somebody should look at, by the clock that TLS goes by.
pub(super) fn problem(config: &AgentConfig, now: Timestamp) -> Option<String> {
    let credentials = Credentials::of(&config.data_dir);
    let (from, until) = credentials.member().ok()??.validity().ok()?;
    let why = if now < from {
        format!(
            "begins at {from}, and it is {now}: it was made while a clock was ahead, or this one is behind"
        )
    } else if until < now {
        format!("ended at {until}, and it is {now}")
    } else {
        return None;
    };
    let mend = match credentials.has_authority() {
        true => "this agent makes a new one within minutes".to_owned(),
        false => format!("set the clock if one is off; if it stays so, {JOIN_AGAIN}"),
    };
    Some(format!(
        "the certificate of this host {why}. Meanwhile no host lets it in, nor believes a store that it serves; what runs goes \
         on: {mend}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzed::FuzzedNode;
    use jiff::SignedDuration;
    use weft_model::NodeId;
    use weft_trust::{Authority, Subject};

    #[test]
    fn a_certificate_is_told_of_before_its_time_and_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let config = FuzzedNode::of("host1".parse().unwrap()).config();
        let config = AgentConfig { data_dir: directory.path().to_owned(), ..config };
        assert_eq!(problem(&config, Timestamp::now()), None, "it has none");
        let credentials = Credentials::of(directory.path());
        let (now, days) = (Timestamp::now(), |days: i64| SignedDuration::from_hours(24 * days));
        let authority = Authority::found(now).unwrap();
        let subject = Subject { name: "host1".parse().unwrap(), id: NodeId::LEAST };
        let request = credentials.key().unwrap().request().unwrap();
        // By a clock that is ten days ahead.
        let own = authority.issue(&subject, &request, now + days(10)).unwrap();
        credentials.admit(&own, authority.certificate_pem()).unwrap();
        let early = problem(&config, now).unwrap();
        assert!(early.contains("clock was ahead") && early.contains("join again"), "{early}");
        assert_eq!(problem(&config, now + days(9)), None);
        let late = problem(&config, now + days(400)).unwrap();
        assert!(late.contains("ended at"), "{late}");
        credentials.hold(&authority).unwrap();
        assert!(problem(&config, now).unwrap().contains("makes a new one"));
    }
}
