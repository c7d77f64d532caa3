//! Networks that stay until somebody removes them from the cluster by name.

use crate::Network;

/// The driver option that says so, with "true".
pub const KEEP_OPTION: &str = "keep";
/// The label that says the same, with "true": for clients that cannot give options.
pub const KEEP_LABEL: &str = "weft.keep";

/// Why an option or label is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} {value:?}: it is true or false")]
pub struct InvalidKeep {
    what: String,
    value: String,
}

impl Network {
    /// Whether engines may not remove the network, nor may a command that removes unused networks.
    pub fn is_kept(&self) -> bool {
        self.keep_settings().any(|(_, value)| value == "true")
    }

    /// Checks that the option and the label are understood.
    ///
    /// # Errors
    /// If one of them is neither true nor false.
    pub fn check_keep(&self) -> Result<(), InvalidKeep> {
        let odd = self.keep_settings().find(|(_, value)| !matches!(*value, "true" | "false"));
        odd.map_or(Ok(()), |(what, value)| {
            Err(InvalidKeep { what: what.to_owned(), value: value.chars().take(80).collect() })
        })
    }

    fn keep_settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let option = self.options.get(KEEP_OPTION).map(|value| ("option keep", value.as_str()));
        let label = self.labels.get(KEEP_LABEL).map(|value| ("label weft.keep", value.as_str()));
        option.into_iter().chain(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(options: &str, labels: &str) -> Network {
        let json = format!(
            r#"{{"name":"n","subnets":[],"options":{options},"labels":{labels},"created":"2026-11-22T00:00:00Z"}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn an_option_or_a_label_keeps_it() {
        assert!(network(r#"{"keep":"true"}"#, "{}").is_kept());
        assert!(network("{}", r#"{"weft.keep":"true"}"#).is_kept());
        assert!(!network(r#"{"keep":"false"}"#, r#"{"keep":"true"}"#).is_kept());
    }

    #[test]
    fn what_is_neither_yes_nor_no_is_refused() {
        assert_eq!(network(r#"{"keep":"false"}"#, "{}").check_keep(), Ok(()));
        let error = network("{}", r#"{"weft.keep":"yes"}"#).check_keep().unwrap_err();
        assert_eq!(error.to_string(), r#"invalid label weft.keep "yes": it is true or false"#);
    }
}
