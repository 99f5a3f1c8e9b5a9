//! Trouble with the hub: one clear sentence and a documented exit status.

use std::fmt::Write as _;

use anyhow::Result;

use crate::fake_hub::{FakeHub, State, refusal};
use crate::process::{Home, Output};

#[test]
fn nobody_answers() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "ls"])?);
    Ok(())
}

#[test]
fn a_token_that_does_not_open_is_named_and_not_shown() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let home = Home::of(&hub)?;
    let mut shown = String::new();
    let unknown = home
        .command(&["ops", "ls"])
        .env("POLYAXON_AUTH_TOKEN", "plx_nobody")
        .output()?;
    writeln!(shown, "# unknown\n{}", Output::of(&unknown))?;
    let missing = home
        .command(&["ops", "ls"])
        .env_remove("POLYAXON_AUTH_TOKEN")
        .output()?;
    writeln!(shown, "# missing\n{}", Output::of(&missing))?;
    for reason in ["TOKEN_EXPIRED", "TOKEN_REVOKED"] {
        hub.state().refusal = Some(refusal(reason));
        let output = home.polyaxon(&["run", "--hub", "kaniko"])?;
        writeln!(shown, "# {reason}\n{output}")?;
    }
    insta::assert_snapshot!(shown);
    Ok(())
}

#[test]
fn versions_that_do_not_fit() -> Result<()> {
    let hub = FakeHub::start(State {
        refusal: Some(refusal("VERSION_SKEW")),
        ..State::default()
    })?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["run", "--hub", "kaniko"])?);
    Ok(())
}

#[test]
fn the_address_is_not_one() -> Result<()> {
    let home = Home::at("hub.example.org")?;
    insta::assert_snapshot!(home.polyaxon(&["whoami"])?);
    Ok(())
}

#[test]
fn completions_name_every_command() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    for shell in ["bash", "zsh", "fish"] {
        let script = home.polyaxon(&["completion", shell])?;
        assert_eq!(script.status, Some(0), "{script}");
        for command in ["components", "hub", "ops", "sandbox", "whoami"] {
            assert!(
                script.stdout.contains(command),
                "{shell}: `{command}` is missing"
            );
        }
    }
    Ok(())
}
