//! The connections that the pod plan made known to a container.

use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

use crate::environment::Environment;

const CATALOG_VARIABLE: &str = "POLYAXON_CONNECTIONS_CATALOG";
const STORE_VARIABLE: &str = "POLYAXON_ARTIFACTS_STORE_NAME";

#[derive(Debug, Deserialize)]
struct Catalog {
    #[serde(default)]
    connections: Vec<Connection>,
}

#[derive(Debug, Deserialize)]
struct Connection {
    name: String,
    kind: String,
    #[serde(default)]
    schema: Option<Schema>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    #[serde(default)]
    mount_path: Option<PathBuf>,
}

/// Why the artifacts store cannot be used.
#[derive(Debug, Error)]
pub(crate) enum CatalogError {
    #[error("`{CATALOG_VARIABLE}` is not valid: {0}; check the agent that planned this pod")]
    Json(#[from] serde_json::Error),
    #[error(
        "the artifacts store is not known: `{STORE_VARIABLE}` has to name a connection of `{CATALOG_VARIABLE}`; check `artifactsStore` of the agent"
    )]
    NoStore,
    #[error(
        "the artifacts store `{name}` of kind `{kind}` is not mounted into the pod; only `volume_claim` and `host_path` stores can be collected into"
    )]
    NotMounted { name: String, kind: String },
}

/// Where the artifacts store is mounted.
pub(crate) fn store_mount(environment: &Environment) -> Result<PathBuf, CatalogError> {
    let name = environment.get(STORE_VARIABLE);
    let catalog = environment.get(CATALOG_VARIABLE);
    let (Some(name), Some(catalog)) = (name, catalog) else {
        return Err(CatalogError::NoStore);
    };
    let catalog: Catalog = serde_json::from_str(catalog)?;
    let store = catalog
        .connections
        .into_iter()
        .find(|connection| connection.name == name)
        .ok_or(CatalogError::NoStore)?;
    store
        .schema
        .and_then(|schema| schema.mount_path)
        .ok_or(CatalogError::NotMounted {
            name: store.name,
            kind: store.kind,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::path::Path;

    const MOUNTED: &str = r#"{"connections":[{"name":"store","kind":"volume_claim","schema":{"volumeClaim":"c","mountPath":"/plx-artifacts"}}]}"#;
    const BUCKET: &str =
        r#"{"connections":[{"name":"store","kind":"s3","schema":{"bucket":"s3://b"}}]}"#;

    #[rstest]
    #[case("store", MOUNTED, "")]
    #[case("other", MOUNTED, "is not known")]
    #[case("", MOUNTED, "is not known")]
    #[case("store", "", "is not known")]
    #[case("store", "{", "is not valid")]
    #[case("store", BUCKET, "of kind `s3`")]
    fn the_store_is_found_or_the_reason_is_said(
        #[case] name: &str,
        #[case] catalog: &str,
        #[case] reason: &str,
    ) {
        let variables = [(STORE_VARIABLE, name), (CATALOG_VARIABLE, catalog)];
        match store_mount(&Environment::new(&variables, Path::new("/a"))) {
            Ok(path) => {
                assert_eq!(path, Path::new("/plx-artifacts"));
                assert_eq!(reason, "");
            }
            Err(error) => {
                assert!(
                    !reason.is_empty() && error.to_string().contains(reason),
                    "{error}"
                );
            }
        }
    }
}
