//! `weft network inspect`, `weft node inspect`.

use crate::{
    client::Client,
    failure,
    output::{ListFormat, Out},
};
use serde::{Serialize, de::DeserializeOwned};
use std::process::ExitCode;

/// Writes what is at `paths` as one JSON list, or each by a template. As docker does, also if some of it is not there.
pub(crate) async fn inspect<T: Serialize + DeserializeOwned>(
    client: &Client,
    mut out: Out,
    paths: impl Iterator<Item = String>,
    format: &ListFormat,
) -> anyhow::Result<ExitCode> {
    let mut found: Vec<T> = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for path in paths {
        match client.get(&path).await {
            Ok(one) => found.push(one),
            Err(error) => code = failure::report(&error.into()),
        }
    }
    if !format.written(&found, &mut out)? {
        out.json(&found)?;
    }
    Ok(code)
}
