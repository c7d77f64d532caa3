//! What follows the question mark of a request about networks.

use serde::Deserialize;
use weft_api::docker;
use weft_verbs::Error;

/// The query of lists and of prune.
#[derive(Deserialize)]
pub struct Filtered {
    #[serde(default)]
    filters: String,
}

impl Filtered {
    /// Reads the filters.
    ///
    /// # Errors
    /// If they are no JSON that says which.
    pub fn parse(&self) -> Result<docker::Filters, Error> {
        docker::Filters::parse(&self.filters).map_err(Error::invalid)
    }
}

/// The query of an inspection: networks of which scope are meant.
#[derive(Deserialize)]
pub struct Scoped {
    #[serde(default)]
    scope: String,
}

impl Scoped {
    /// Whether it says anything.
    pub fn is_given(&self) -> bool {
        !self.scope.is_empty()
    }

    /// Whether networks of the whole cluster are meant, too.
    pub fn includes_ours(&self) -> bool {
        matches!(self.scope.as_str(), "" | "global" | "swarm")
    }
}
