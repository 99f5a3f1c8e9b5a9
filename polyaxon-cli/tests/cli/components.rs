//! `polyaxon components`, also called `hub`.

use anyhow::Result;
use polyaxon_proto::hub::v1::{Component, Version};
use tonic::Status;

use crate::fake_hub::{FakeHub, State};
use crate::process::Home;
use crate::runs::at;

pub(crate) fn version(owner: &str, name: &str, version: &str) -> Version {
    Version {
        owner: owner.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        digest: format!("sha256:{}", "0b".repeat(32)),
        content: br#"{"inputs":[{"isOptional":true,"name":"cache","type":"bool","value":true}],"kind":"component","name":"kaniko","outputs":[{"name":"destination","type":"image"}],"run":{"container":{"image":"kaniko:1"},"kind":"job"},"version":1.1}"#
            .to_vec()
            .into(),
        stage: "production".to_owned(),
        updated_at: Some(at(0)),
        ..Version::default()
    }
}

fn hub() -> Result<FakeHub> {
    let component = |owner: &str, name: &str| Component {
        owner: owner.to_owned(),
        name: name.to_owned(),
        description: "builds images".to_owned(),
        versions: 2,
        ..Component::default()
    };
    FakeHub::start(State {
        components: vec![component("polyaxon", "kaniko"), component("default", "own")],
        versions: vec![
            version("polyaxon", "kaniko", "latest"),
            version("polyaxon", "kaniko", "0.1"),
            version("acme", "kaniko", "1.0"),
        ],
        ..State::default()
    })
}

#[test]
fn ls_shows_components_and_versions() -> Result<()> {
    let hub = hub()?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["components", "ls"])?);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ \w+ ago", "[age]");
    let legacy = home.polyaxon(&["hub", "ls", "-c", "kaniko"])?;
    settings.bind(|| insta::assert_snapshot!(legacy));
    let json = home.polyaxon(&["components", "ls", "-p", "acme/kaniko", "-o", "json"])?;
    insta::assert_snapshot!(json);
    Ok(())
}

#[test]
fn get_prints_a_file() -> Result<()> {
    let hub = hub()?;
    let home = Home::of(&hub)?;
    let yaml = home.polyaxon(&["components", "get", "kaniko", "-o", "yaml"])?;
    insta::assert_snapshot!(yaml);
    let text = home.polyaxon(&["components", "get", "-p", "acme/kaniko", "-ver", "1.0"])?;
    assert_eq!(text.status, Some(0), "{text}");
    assert!(
        text.stdout.starts_with("# acme/kaniko:1.0 sha256:"),
        "{text}"
    );
    insta::assert_snapshot!(home.polyaxon(&["hub", "get", "kaniko:9"])?);
    insta::assert_snapshot!(home.polyaxon(&["hub", "get"])?);
    Ok(())
}

#[test]
fn register_sends_the_file() -> Result<()> {
    let hub = hub()?;
    let home = Home::of(&hub)?;
    home.write(
        "my-kaniko.yaml",
        "kind: component\nrun:\n  kind: job\n  container: {image: a}\n",
    )?;
    let arguments = ["components", "register", "-f", "my-kaniko.yaml"];
    let first =
        home.polyaxon(&[&arguments[..], &["-p", "acme/kaniko", "-ver", "latest"]].concat())?;
    insta::assert_snapshot!(first);
    home.polyaxon(
        &[
            &arguments[..],
            &["-ver", "acme/kaniko:2.0", "--tags", "a,b"],
        ]
        .concat(),
    )?;
    home.polyaxon(&[&arguments[..], &["-p", "kaniko"]].concat())?;
    let state = hub.state();
    let names: Vec<String> = state
        .registered
        .iter()
        .map(|r| format!("{}/{}:{} {:?}", r.owner, r.name, r.version, r.tags))
        .collect();
    insta::assert_debug_snapshot!(names);
    Ok(())
}

#[test]
fn register_reports_what_is_wrong() -> Result<()> {
    let hub = hub()?;
    let home = Home::of(&hub)?;
    home.write("bad.yaml", "kind: [component\n")?;
    let bad = home.polyaxon(&["hub", "register", "-f", "bad.yaml", "-p", "acme/a"])?;
    assert_eq!(bad.status, Some(2), "{bad}");
    assert!(bad.stderr.contains("bad.yaml:"), "{bad}");
    let absent = home.polyaxon(&["hub", "register", "-f", "absent.yaml", "-p", "acme/a"])?;
    insta::assert_snapshot!(absent);
    home.write(
        "good.yaml",
        "kind: component\nrun: {kind: job, container: {image: a}}\n",
    )?;
    hub.state().refusal = Some(Status::already_exists(
        "version `acme/a:1.0` exists with other content: choose another version",
    ));
    let conflict = home.polyaxon(&["hub", "register", "-f", "good.yaml", "-p", "acme/a:1.0"])?;
    insta::assert_snapshot!(conflict);
    Ok(())
}
