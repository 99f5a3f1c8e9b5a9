//! `polyaxon init`.

use anyhow::Result;

use crate::fake_hub::{FakeHub, State};
use crate::process::Home;
use crate::run::BUILD;

fn hub() -> Result<FakeHub> {
    FakeHub::start(State {
        projects: vec!["images".to_owned(), "models".to_owned()],
        ..State::default()
    })
}

#[test]
fn commands_in_a_bound_folder_mean_its_project() -> Result<()> {
    let hub = hub()?;
    let home = Home::of(&hub)?;
    home.write("build.yaml", BUILD)?;
    let bound = home.polyaxon(&["init", "-p", "acme/images"])?;
    assert_eq!(bound.status, Some(0), "{bound}");
    insta::assert_snapshot!(bound);
    for arguments in [
        &["check", "-f", "build.yaml"][..],
        &["check", "-f", "build.yaml", "-p", "models"],
    ] {
        let checked = home.polyaxon(arguments)?;
        assert_eq!(checked.status, Some(0), "{checked}");
    }
    let state = hub.state();
    let asked: Vec<_> = state
        .checked
        .iter()
        .map(|check| (&check.owner[..], &check.project[..]))
        .collect();
    assert_eq!(asked, [("acme", "images"), ("acme", "models")]);
    drop(state);
    let shown = home.polyaxon(&["config", "show"])?;
    assert!(shown.stdout.contains("project\timages\tfolder"), "{shown}");
    Ok(())
}

#[test]
fn a_bound_folder_is_bound_anew_on_demand() -> Result<()> {
    let hub = hub()?;
    let home = Home::of(&hub)?;
    for (arguments, status) in [
        (&["init", "-p", "images"][..], 0),
        (&["init", "-p", "images"], 0),
        (&["init", "-p", "models"], 2),
        (&["init", "-p", "absent", "-y"], 6),
        (&["init", "-p", "models", "-y"], 0),
        (&["init"], 2),
    ] {
        let output = home.polyaxon(arguments)?;
        assert_eq!(output.status, Some(status), "{arguments:?}: {output}");
        if status == 6 || arguments.len() == 3 && status == 2 {
            insta::assert_snapshot!(output);
        }
    }
    let binding = std::fs::read_to_string(home.path().join(".polyaxon/project.yaml"))?;
    assert_eq!(binding, "project: models\n");
    Ok(())
}

#[test]
fn the_repository_of_a_folder_is_cloned_first_on_demand() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write(
        "build.yaml",
        "kind: operation\nhubRef: kaniko\nparams: {destination: {value: 'a:1'}}\nrunPatch: {init: [{dockerfile: {image: busybox}}]}\n",
    )?;
    let compile = [
        "compile",
        "--offline",
        "--stage",
        "compiled",
        "-f",
        "build.yaml",
    ];
    let at = |flags: &[&str]| home.polyaxon(&[&compile[..], flags].concat());
    let unbound = at(&["--git-preset"])?;
    assert_eq!(unbound.status, Some(2), "{unbound}");
    insta::assert_snapshot!("git_of_a_folder_without_binding", unbound);
    for arguments in [
        &["init", "-p", "images", "--git-connection", "code"][..],
        &[
            "init",
            "-p",
            "images",
            "--git-url",
            "https://example.org/a.git",
        ],
        &["init", "-p", "images"],
    ] {
        let bound = home.polyaxon(arguments)?;
        assert_eq!(bound.status, Some(0), "{arguments:?}: {bound}");
    }
    let outside = at(&["--git-preset"])?;
    assert_eq!(outside.status, Some(2), "{outside}");
    assert!(
        outside.stderr.contains("name one with `--git-revision`"),
        "{outside}"
    );
    let patched = at(&["--git-revision", "v1"])?;
    let init = patched
        .stdout
        .split_once("  init:\n")
        .map_or("", |(_, init)| init);
    assert_eq!(
        init,
        "  - git:\n      url: https://example.org/a.git\n      revision: v1\n  - dockerfile:\n      image: busybox\n",
        "{patched}"
    );
    Ok(())
}

#[test]
fn a_binding_that_cannot_be_read_is_named() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    std::fs::create_dir(home.path().join(".polyaxon"))?;
    home.write(".polyaxon/project.yaml", "projet: images\n")?;
    let output = home.polyaxon(&["whoami"])?;
    assert_eq!(output.status, Some(2), "{output}");
    insta::assert_snapshot!(output);
    let purged = home.polyaxon(&["config", "purge"])?;
    assert_eq!(purged.status, Some(0), "{purged}");
    let bound = home.polyaxon(&["init", "-p", "images"])?;
    assert_eq!(bound.status, Some(0), "{bound}");
    assert!(bound.stderr.contains("was not checked"), "{bound}");
    Ok(())
}

#[test]
fn the_starting_file_is_valid_and_files_are_kept() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    let written = home.polyaxon(&["init", "--polyaxonfile"])?;
    assert_eq!(written.status, Some(0), "{written}");
    insta::assert_snapshot!(written);
    let checked = home.polyaxon(&["check", "--offline"])?;
    assert_eq!(checked.status, Some(0), "{checked}");
    assert_eq!(checked.stderr, "");
    home.write("polyaxonfile.yaml", "mine")?;
    let again = home.polyaxon(&["init", "--polyaxonfile", "-o", "json"])?;
    assert_eq!(again.status, Some(0), "{again}");
    insta::assert_snapshot!(again);
    let kept = std::fs::read_to_string(home.path().join("polyaxonfile.yaml"))?;
    assert_eq!(kept, "mine");
    Ok(())
}
