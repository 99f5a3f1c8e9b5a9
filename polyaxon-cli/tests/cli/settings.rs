//! `polyaxon config`, `login` and `logout`.

use anyhow::Result;
use serde_json::{Value, json};

use crate::fake_hub::{FakeHub, State, TOKEN};
use crate::process::Home;

#[test]
fn answers_for_programs() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let home = Home::of(&hub)?;
    let file = home.path().join("home/config.yaml");
    let masked = "plx_0123…";
    for (arguments, expected) in [
        (
            vec!["login", "--token", TOKEN, "--host", &hub.address],
            json!({
                "name": "ana", "scope": "user", "owner": "default", "project": "default",
                "host": hub.address, "hub_version": env!("CARGO_PKG_VERSION"),
            }),
        ),
        (
            vec!["config", "set", "--owner", "acme"],
            json!({"host": hub.address, "token": masked, "owner": "acme", "project": null}),
        ),
        (
            vec!["logout"],
            json!({"host": hub.address, "token": null, "owner": "acme", "project": null}),
        ),
        (vec!["config", "purge"], json!({"removed": file})),
    ] {
        let output = home
            .command(&arguments)
            .args(["-o", "json"])
            .env_remove("POLYAXON_AUTH_TOKEN")
            .env_remove("POLYAXON_HOST")
            .output()?;
        let output = crate::process::Output::of(&output);
        assert_eq!(output.status, Some(0), "{arguments:?}: {output}");
        assert_eq!(output.stderr, "", "{arguments:?}");
        let document: Value = serde_json::from_str(&output.stdout)?;
        assert_eq!(document, expected, "{arguments:?}");
    }
    assert!(!file.exists());
    Ok(())
}
