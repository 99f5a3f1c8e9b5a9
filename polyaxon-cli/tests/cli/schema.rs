//! `polyaxon schema`.

use anyhow::Result;
use serde_json::Value;

use crate::process::Home;

#[test]
fn every_file_has_a_schema() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    for (arguments, expected) in [
        (vec!["schema"], polyaxon_spec::schema::operation()),
        (
            vec!["schema", "operation"],
            polyaxon_spec::schema::operation(),
        ),
        (
            vec!["schema", "component"],
            polyaxon_spec::schema::component(),
        ),
        (
            vec!["schema", "agent-config", "-o", "json"],
            polyaxon_spec::schema::agent_config(),
        ),
    ] {
        let output = home.polyaxon(&arguments)?;
        assert_eq!(output.status, Some(0), "{arguments:?}: {output}");
        assert_eq!(output.stderr, "", "{arguments:?}");
        let schema: Value = serde_json::from_str(&output.stdout)?;
        assert_eq!(schema, expected, "{arguments:?}");
        assert!(schema["$schema"].is_string(), "{arguments:?}");
    }
    let other = home.polyaxon(&["schema", "hub"])?;
    assert_eq!(other.status, Some(2), "{other}");
    Ok(())
}
