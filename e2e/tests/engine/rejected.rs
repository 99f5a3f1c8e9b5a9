//! Input that must be refused at once, with nothing created.

use anyhow::{Result, ensure};
use polyaxon_e2e::platform::Platform;

const BUILD: &str = "kind: operation
hubRef: kaniko
params:
  destination:
    connection: docker-connection
    value: team/app:1
runPatch:
  init:
  - dockerfile: {image: 'busybox:1.36', run: ['true']}
";

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn bad_input_names_the_place_and_creates_nothing() -> Result<()> {
    let _turn = crate::turn();
    let platform = Platform::start()?;
    let cases = [
        (
            "unknown connection",
            BUILD.replace("docker-connection", "docker-conection"),
            2,
            "docker-connection",
        ),
        (
            "unknown component",
            BUILD.replace("kaniko", "kanik"),
            6,
            "kaniko",
        ),
        (
            "unknown version",
            BUILD.replace("kaniko", "kaniko:9"),
            6,
            "latest",
        ),
        (
            "missing param",
            BUILD.replace(
                "  destination:\n    connection: docker-connection\n    value: team/app:1\n",
                "  cache: true\n",
            ),
            2,
            "destination",
        ),
        (
            "wrong type",
            BUILD.replace("params:\n", "params:\n  cache: maybe\n"),
            2,
            "cache",
        ),
        (
            "unknown field",
            BUILD.replace("runPatch", "runPath"),
            2,
            "runPatch",
        ),
        (
            "bad YAML",
            BUILD.replace("kind: operation", "kind: [operation"),
            2,
            "broken.yaml",
        ),
        (
            "too large",
            format!("{BUILD}# {}\n", "x".repeat(2 << 20)),
            2,
            "1 MiB",
        ),
    ];
    for (what, text, status, wanted) in cases {
        ensure!(text != BUILD, "{what}: the case changes nothing");
        platform.write("broken.yaml", &text)?;
        for command in ["check", "run"] {
            let output = platform.polyaxon(&[command, "-f", "broken.yaml"])?;
            ensure!(
                output.status == Some(status),
                "{what}: {command}: {output:?}"
            );
            ensure!(
                output.stderr.contains(wanted),
                "{what}: {command}: {output:?}"
            );
        }
    }
    let runs = platform.json(&["ops", "ls"])?;
    ensure!(runs["runs"].as_array().is_some_and(Vec::is_empty), "{runs}");
    Ok(())
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn trouble_with_the_hub_has_its_exit_status() -> Result<()> {
    let _turn = crate::turn();
    let platform = Platform::start()?;
    platform.write("build.yaml", BUILD)?;
    let mut away = platform.command(&["run", "-f", "build.yaml"]);
    away.env("POLYAXON_HOST", "http://127.0.0.1:9");
    let output = polyaxon_e2e::command::run(&mut away, std::time::Duration::from_secs(30))?;
    ensure!(output.status == Some(4), "{output:?}");
    let mut stranger = platform.command(&["run", "-f", "build.yaml"]);
    stranger.env("POLYAXON_AUTH_TOKEN", "plx_nobody");
    let output = polyaxon_e2e::command::run(&mut stranger, std::time::Duration::from_secs(30))?;
    ensure!(output.status == Some(5), "{output:?}");
    ensure!(
        !output.stderr.contains("plx_nobody"),
        "the token is shown: {output:?}"
    );
    Ok(())
}
