//! What a runtime says on standard input: the plugin's part of a conflist, with what the runtime adds to it.

use super::{
    VERSIONS,
    failure::{Failure, code},
};
use serde_json::{Map, Value};

/// What is known besides what belongs to runtimes.
const OURS: [&str; 12] = [
    "cniVersion",
    "cniVersions",
    "name",
    "type",
    "network",
    "capabilities",
    "runtimeConfig",
    "args",
    "prevResult",
    "dns",
    "disableCheck",
    "disableGC",
];
/// How keys of runtimes begin, which are not for plugins.
const THEIRS: [&str; 2] = ["cni.dev/", "nerdctl"];
/// Before there was a field for the version.
const FIRST: &str = "0.1.0";

/// The configuration.
#[derive(Debug)]
pub(super) struct Config(Map<String, Value>);

impl Config {
    /// Reads it.
    pub(super) fn parse(call: &[u8]) -> Result<Self, Failure> {
        let config = serde_json::from_slice(call);
        config.map(Self).map_err(|error| {
            Failure::new(code::DECODE, format!("the configuration is no JSON object: {error}"))
        })
    }

    /// The version that it is in.
    pub(super) fn version_given(&self) -> &str {
        self.text("cniVersion").unwrap_or(FIRST)
    }

    /// Whether it is one that weft speaks, and says nothing that weft does not know.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let version = self.version_given();
        if !VERSIONS.contains(&version) {
            let shown: String = version.chars().take(40).collect();
            let message = format!("cniVersion {shown:?} is not spoken here");
            return Err(Failure::new(code::VERSION, message)
                .details(format!("expected one of {}", VERSIONS.join(", "))));
        }
        let check = || {
            if let Some(ipam) =
                self.0.get("ipam").filter(|ipam| ipam.as_object().is_none_or(|it| !it.is_empty()))
            {
                return Err(Failure::new(
                    code::FIELD,
                    format!("unsupported field: \"ipam\": {}", short(ipam)),
                )
                .details("addresses are the cluster's: leave it out"));
            }
            let known = |key: &str| {
                OURS.contains(&key) || key == "ipam" || THEIRS.iter().any(|it| key.starts_with(it))
            };
            match self.0.iter().find(|(key, _)| !known(key)) {
                Some((key, value)) => {
                    Err(Failure::new(code::FIELD, format!("unsupported field: {key:?}: {}", short(value)))
                        .details("weft's own is \"network\""))
                }
                None => Ok(()),
            }
        };
        check().map_err(|failure| failure.of(self))
    }

    /// The conflist's name.
    pub(super) fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// What the runtime says of a capability: in the words of the specification, or with capitals, as Go writes them.
    pub(super) fn capability(&self, key: &str) -> Option<&Value> {
        field(self.0.get("runtimeConfig")?, key)
    }

    /// What is said for plugins in `args.cni`.
    pub(super) fn arg(&self, key: &str) -> Option<&str> {
        self.0.get("args")?.get("cni")?.get(key)?.as_str().filter(|text| !text.is_empty())
    }
}

/// A field of an object, whatever its case.
pub(super) fn field<'v>(object: &'v Value, key: &str) -> Option<&'v Value> {
    let found = object.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
