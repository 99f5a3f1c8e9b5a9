//! Forking the official component: get, edit, run, register, run from the hub.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::image::Image;
use polyaxon_e2e::platform::Platform;
use polyaxon_e2e::web_server::WebServer;

const BUILD: &str = "
kind: operation
runPatch:
  init:
  - dockerfile:
      image: busybox:1.36
      shell: /bin/sh
      run: ['echo made-here > /made']
";

/// The official component with a default connection on its `destination`.
fn forked(platform: &Platform) -> Result<String> {
    let got = platform
        .polyaxon(&["components", "get", "kaniko", "-o", "yaml"])?
        .expect_status(0)?;
    let at = got
        .stdout
        .find("name: destination")
        .context("no `destination` in the component")?;
    let line_start = got.stdout[..at]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let indent = at - line_start;
    let mut text = got.stdout.clone();
    text.insert_str(
        at,
        &format!("connection: docker-connection\n{}", " ".repeat(indent)),
    );
    Ok(text)
}

fn ensure_built(platform: &Platform, repository: &str, tag: &str) -> Result<()> {
    let image = Image::pull(&platform.testbed().registry, repository, tag)?;
    ensure!(
        image.paths()?.iter().any(|path| path == "made"),
        "the RUN left nothing"
    );
    Ok(())
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn forked_component_runs_as_file_as_url_with_the_old_image_and_from_the_hub() -> Result<()> {
    let _turn = crate::turn();
    let platform = Platform::start()?;
    let component = forked(&platform)?;
    platform.write("my-kaniko.yaml", &component)?;
    platform.write("build.yaml", BUILD)?;

    let listed = platform
        .polyaxon(&["hub", "ls", "-c", "kaniko"])?
        .expect_status(0)?;
    ensure!(
        listed.stdout.contains("latest") && listed.stdout.contains("0.1"),
        "{listed:?}"
    );

    platform
        .polyaxon(&[
            "run",
            "-f",
            "my-kaniko.yaml",
            "-f",
            "build.yaml",
            "-P",
            "destination=team/app:1",
            "-l",
        ])?
        .expect_status(0)?;
    ensure_built(&platform, "team/app", "1")?;

    let web = WebServer::start(&[("/my-kaniko.yaml", &component)])?;
    platform
        .polyaxon(&[
            "run",
            "--url",
            &web.url("/my-kaniko.yaml"),
            "-f",
            "build.yaml",
            "-P",
            "destination=team/app:2",
            "-w",
        ])?
        .expect_status(0)?;
    ensure_built(&platform, "team/app", "2")?;

    let image = component
        .lines()
        .find_map(|line| line.trim().strip_prefix("image: "))
        .context("no image in the component")?;
    platform.write(
        "old-image.yaml",
        &component.replace(image, "gcr.io/kaniko-project/executor:v1.23.2"),
    )?;
    platform
        .polyaxon(&[
            "run",
            "-f",
            "old-image.yaml",
            "-f",
            "build.yaml",
            "-P",
            "destination=team/app:3",
            "-l",
        ])?
        .expect_status(0)?;
    ensure_built(&platform, "team/app", "3")?;

    platform
        .polyaxon(&[
            "components",
            "register",
            "-f",
            "my-kaniko.yaml",
            "-p",
            "acme/kaniko",
            "-ver",
            "latest",
        ])?
        .expect_status(0)?;
    platform.write(
        "params.yaml",
        &format!("{BUILD}params:\n  destination: {{value: 'team/app:4'}}\n"),
    )?;
    platform
        .polyaxon(&["run", "--hub", "acme/kaniko", "-f", "params.yaml", "-l"])?
        .expect_status(0)?;
    ensure_built(&platform, "team/app", "4")
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn runs_and_components_survive_a_restart() -> Result<()> {
    let _turn = crate::turn();
    let mut platform = Platform::start()?;
    platform.write(
        "build.yaml",
        &format!("{BUILD}params:\n  destination: {{value: 'team/restart:1'}}\n"),
    )?;
    let component = forked(&platform)?;
    platform.write("my-kaniko.yaml", &component)?;
    platform
        .polyaxon(&[
            "components",
            "register",
            "-f",
            "my-kaniko.yaml",
            "-p",
            "acme/kaniko",
            "-ver",
            "1.0",
        ])?
        .expect_status(0)?;
    let run = ["run", "--hub", "acme/kaniko:1.0", "-f", "build.yaml", "-w"];
    platform.polyaxon(&run)?.expect_status(0)?;
    let before = platform.json(&["ops", "ls"])?;
    platform.restart()?;
    ensure!(
        platform.json(&["ops", "ls"])? == before,
        "the runs changed: {before}"
    );
    platform
        .polyaxon(&["components", "get", "-p", "acme/kaniko", "-ver", "1.0"])?
        .expect_status(0)?;
    platform.polyaxon(&run)?.expect_status(0)?;
    ensure_built(&platform, "team/restart", "1")
}
