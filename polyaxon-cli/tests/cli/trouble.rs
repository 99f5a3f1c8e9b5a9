//! Trouble with the hub: one clear sentence and a documented exit status.

use anyhow::Result;

use crate::fake_hub::{FakeHub, State};
use crate::process::{Home, Output};

#[test]
fn nobody_answers() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "ls"])?);
    Ok(())
}

#[test]
fn a_wrong_token_is_refused_and_not_shown() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let home = Home::of(&hub)?;
    let output = home
        .command(&["ops", "ls"])
        .env("POLYAXON_AUTH_TOKEN", "plx_nobody")
        .output()?;
    insta::assert_snapshot!(Output::of(&output));
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

#[test]
fn an_expired_token_is_named() -> Result<()> {
    let mut expired = tonic::Status::unauthenticated("the token `ana` expired on 2026-01-01");
    expired
        .metadata_mut()
        .insert("polyaxon-reason", "TOKEN_EXPIRED".parse()?);
    let hub = FakeHub::start(State {
        refusal: Some(expired),
        ..State::default()
    })?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["run", "--hub", "kaniko"])?);
    Ok(())
}
