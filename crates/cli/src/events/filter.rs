//! Which events are meant.

use std::str::FromStr;
use weft_model::Event;

/// `FIELD=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventFilter {
    field: Field,
    value: String,
}

/// What of an event is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Type,
    Event,
    Network,
    Node,
    Name,
    Container,
}

impl FromStr for EventFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected FIELD=VALUE, as type=node; there are type, event, network, node, name and container";
        let (field, value) = text.split_once('=').ok_or(EXPECTED)?;
        let field = match field {
            "type" => Field::Type,
            "event" | "action" => Field::Event,
            "network" => Field::Network,
            "node" => Field::Node,
            "name" => Field::Name,
            "container" => Field::Container,
            _ => return Err(EXPECTED.to_owned()),
        };
        Ok(Self { field, value: value.to_owned() })
    }
}

/// Whether an event matches one of the filters of each field that there are filters of, as docker has it.
pub(super) fn matches(filters: &[EventFilter], event: &Event) -> bool {
    filters.iter().all(|filter| {
        let mut same = filters.iter().filter(|other| other.field == filter.field);
        same.any(|filter| filter.matches(event))
    })
}

impl EventFilter {
    fn matches(&self, event: &Event) -> bool {
        use weft_model::EventKind as Kind;
        let value = self.value.as_str();
        let named = |kind| event.kind == kind && event.name == value;
        match self.field {
            Field::Type => event.kind.to_string() == value,
            Field::Event => event.action.to_string() == value,
            Field::Network => {
                named(Kind::Network)
                    || event.network.as_ref().is_some_and(|network| network.as_str() == value)
            }
            Field::Node => {
                let nodes = [&event.node, &event.from];
                named(Kind::Node)
                    || named(Kind::Path)
                    || nodes.into_iter().flatten().any(|node| node.as_str() == value)
            }
            Field::Name => event.name == value,
            Field::Container => {
                let id =
                    event.container.as_deref().is_some_and(|id| !value.is_empty() && id.starts_with(value));
                id || named(Kind::Endpoint)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_field_one_of_several_all() {
        let event: Event = serde_json::from_str(
            r#"{"time":"2026-11-30T14:02:11Z","type":"endpoint","action":"moved","name":"web","network":"overlay",
                "node":"host2","from":"host1","container":"abcdef"}"#,
        )
        .unwrap();
        let matches = |filters: &str| {
            let filters: Vec<EventFilter> = filters.split_whitespace().map(|f| f.parse().unwrap()).collect();
            matches(&filters, &event)
        };
        for yes in [
            "",
            "type=endpoint",
            "type=node type=endpoint event=moved",
            "node=host1",
            "node=host2 network=overlay",
            "name=web container=abc",
            "container=web",
            "action=moved",
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "type=node",
            "type=endpoint event=attached",
            "network=other",
            "node=host3",
            "container=",
            "name=we",
        ] {
            assert!(!matches(no), "{no}");
        }
        for mistake in ["type", "colour=red", ""] {
            assert!(mistake.parse::<EventFilter>().is_err(), "{mistake}");
        }
    }
}
