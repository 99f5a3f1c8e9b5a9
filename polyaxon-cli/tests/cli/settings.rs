//! `polyaxon config`, `login` and `logout`.

use anyhow::Result;
use serde_json::{Value, json};

use crate::fake_hub::{FakeHub, State, TOKEN};
use crate::process::{Home, Output};

#[test]
fn answers_for_programs() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let home = Home::of(&hub)?;
    let file = home.path().join("home/config.yaml");
    let masked = "plx_0123…";
    let settings = |mut document: Value| {
        let rest = [
            ("home", json!(home.path().join("home"))),
            ("project", Value::Null),
            ("no_api", false.into()),
            ("verify_ssl", true.into()),
            ("debug", false.into()),
        ];
        for (name, value) in rest {
            document[name] = value;
        }
        document
    };
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
            settings(json!({"host": hub.address, "token": masked, "owner": "acme"})),
        ),
        (
            vec!["logout"],
            settings(json!({"host": hub.address, "token": null, "owner": "acme"})),
        ),
        (vec!["config", "purge"], json!({"removed": [file]})),
        (vec!["config", "purge"], json!({"removed": []})),
    ] {
        let output = home
            .command(&arguments)
            .args(["-o", "json"])
            .env_remove("POLYAXON_AUTH_TOKEN")
            .env_remove("POLYAXON_HOST")
            .output()?;
        let output = Output::of(&output);
        assert_eq!(output.status, Some(0), "{arguments:?}: {output}");
        assert_eq!(output.stderr, "", "{arguments:?}");
        let document: Value = serde_json::from_str(&output.stdout)?;
        assert_eq!(document, expected, "{arguments:?}");
    }
    assert!(!file.exists());
    Ok(())
}

/// The program without the variables that name a home, a hub and a token.
fn bare(home: &Home, arguments: &[&str]) -> Result<Output> {
    let output = home
        .command(arguments)
        .env_remove("POLYAXON_HOME")
        .env_remove("POLYAXON_AUTH_TOKEN")
        .env_remove("POLYAXON_HOST")
        .env("HOME", home.path())
        .output()?;
    Ok(Output::of(&output))
}

#[test]
fn a_switch_forbids_the_hub() -> Result<()> {
    let home = Home::at("http://127.0.0.1:1")?;
    home.write(
        "job.yaml",
        "run: {kind: job, container: {image: busybox}}\n",
    )?;
    let set = home.polyaxon(&["config", "set", "--no-api", "True"])?;
    assert_eq!(set.status, Some(0), "{set}");
    let refused = home.polyaxon(&["ops", "ls"])?;
    insta::assert_snapshot!("no_api", refused);
    let check = ["check", "-f", "job.yaml"];
    let quiet = home.polyaxon(&check)?;
    assert!(!quiet.stderr.contains("127.0.0.1"), "{quiet}");
    let asks = home.command(&check).env("POLYAXON_NO_API", "0").output()?;
    let asks = Output::of(&asks);
    assert!(asks.stderr.contains("does not answer"), "{asks}");
    Ok(())
}

#[test]
fn certificates_are_always_verified() -> Result<()> {
    let home = Home::at("")?;
    let refused = [
        "config",
        "set",
        "--host",
        "https://hub.test",
        "--verify-ssl",
        "false",
    ];
    let output = bare(&home, &refused)?;
    assert_eq!(output.status, Some(2), "{output}");
    insta::assert_snapshot!("verify_ssl", output);
    assert!(!home.path().join(".polyaxon").exists());
    let harmless = [
        "config",
        "set",
        "--host",
        "http://hub.test",
        "--verify-ssl",
        "false",
    ];
    let output = bare(&home, &harmless)?;
    assert_eq!(output.status, Some(0), "{output}");
    assert!(output.stderr.contains("changes nothing"), "{output}");
    let output = bare(&home, &["config", "get", "verify-ssl", "host"])?;
    assert_eq!(output.stdout, "true\nhttp://hub.test\n");
    Ok(())
}

#[test]
fn an_address_is_judged_when_it_is_set() -> Result<()> {
    let home = Home::at("")?;
    let output = bare(&home, &["config", "set", "--host", "localhost"])?;
    assert_eq!(output.status, Some(2), "{output}");
    assert!(output.stderr.contains("http://HOST:PORT"), "{output}");
    Ok(())
}

#[test]
fn settings_move_to_another_folder_and_back() -> Result<()> {
    let home = Home::at("")?;
    let set = |arguments: &[&str]| -> Result<Output> {
        let output = bare(&home, &[&["config", "set"], arguments].concat())?;
        assert_eq!(output.status, Some(0), "{output}");
        Ok(output)
    };
    set(&["--owner", "acme"])?;
    let moved = set(&["--home", "~/elsewhere", "--owner", "other"])?;
    assert!(moved.stderr.contains("stay there"), "{moved}");
    assert!(home.path().join("elsewhere/config.yaml").exists());
    assert_eq!(bare(&home, &["config", "get", "owner"])?.stdout, "other\n");
    set(&["--home", ""])?;
    assert_eq!(bare(&home, &["config", "get", "owner"])?.stdout, "acme\n");
    let overruled = home
        .command(&["config", "set", "--home", "elsewhere"])
        .env("HOME", home.path())
        .output()?;
    let overruled = Output::of(&overruled);
    assert!(
        overruled.stderr.contains("`POLYAXON_HOME` is set"),
        "{overruled}"
    );
    Ok(())
}

#[test]
fn what_is_remembered_can_be_forgotten_alone() -> Result<()> {
    let home = Home::at("")?;
    for arguments in [
        vec!["config", "set", "--owner", "acme"],
        vec!["init", "-p", "images"],
    ] {
        let output = bare(&home, &arguments)?;
        assert_eq!(output.status, Some(0), "{output}");
    }
    let run = home.path().join(".polyaxon/last-run");
    std::fs::write(&run, "")?;
    let purged = bare(&home, &["config", "purge", "--cache-only", "-o", "json"])?;
    let document: Value = serde_json::from_str(&purged.stdout)?;
    assert_eq!(
        document,
        json!({"removed": [run, ".polyaxon/project.yaml"]}),
        "{purged}"
    );
    assert_eq!(bare(&home, &["config", "get", "owner"])?.stdout, "acme\n");
    let purged = bare(&home, &["config", "purge"])?;
    assert!(
        purged.stderr.contains("config.yaml` is removed"),
        "{purged}"
    );
    let again = bare(&home, &["config", "purge"])?;
    assert_eq!(again.stderr, "there is nothing to remove\n");
    Ok(())
}

#[test]
fn a_setting_makes_every_command_talk() -> Result<()> {
    let home = Home::at("http://127.0.0.1:1")?;
    let quiet = home.polyaxon(&["ops", "ls"])?;
    home.polyaxon(&[
        "config",
        "set",
        "--debug",
        "yes",
        "--disable-errors-reporting",
        "true",
    ])?;
    let loud = home.polyaxon(&["ops", "ls"])?;
    assert!(loud.stderr.len() > quiet.stderr.len(), "{quiet}\n{loud}");
    assert!(loud.stderr.contains("DEBUG"), "{loud}");
    Ok(())
}
