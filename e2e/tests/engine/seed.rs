//! The operations that users type, unchanged, from a web server.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::command::run_and_probe;
use polyaxon_e2e::image::Image;
use polyaxon_e2e::platform::Platform;
use polyaxon_e2e::web_server::WebServer;

const QUICK_START: &str = include_str!("../../fixtures/1-quick-start-builds.yaml");
const INIT_SECTION: &str = include_str!("../../fixtures/2-building-containers-init.yaml");

/// `polyaxon run --url=... -l` of one operation; the image must hold the package.
fn builds_polyaxon(operation: &str) -> Result<()> {
    let web = WebServer::start(&[("/build.yaml", operation)])?;
    let platform = Platform::start()?;
    let url = format!("--url={}", web.url("/build.yaml"));
    let output = run_and_probe(
        &mut platform.command(&["run", &url, "-l"]),
        "RUN pip3 install --no-cache-dir -U polyaxon",
        || {
            let runs = platform.json(&["ops", "ls"])?;
            ensure!(
                runs["runs"][0]["status"] == "running",
                "the log is not live: {runs}"
            );
            Ok(())
        },
    )?
    .expect_status(0)?;
    for status in ["created", "queued", "starting", "running", "succeeded in "] {
        ensure!(
            output.stderr.contains(status),
            "`{status}` is missing in\n{}",
            output.stderr
        );
    }

    let registry = platform.testbed().registry.clone();
    let image = Image::pull(&registry, "polyaxon/polyaxon-quick-start", "latest")?;
    let shown = format!("{}{}", output.stdout, output.stderr);
    for wanted in [
        "RUN pip3 install --no-cache-dir -U polyaxon",
        "succeeded",
        &format!("{registry}/polyaxon/polyaxon-quick-start"),
        &image.digest,
    ] {
        ensure!(shown.contains(wanted), "`{wanted}` is missing in\n{shown}");
    }
    let paths = image.paths()?;
    ensure!(
        paths
            .iter()
            .any(|path| path.ends_with("polyaxon/__init__.py")),
        "no layer holds the package"
    );

    let runs = platform.json(&["ops", "ls"])?;
    let uuid = runs["runs"][0]["uuid"]
        .as_str()
        .context("`ops ls` names no run")?;
    let run = platform.json(&["ops", "get", "-uid", uuid])?;
    ensure!(run["status"] == "succeeded", "{run}");
    ensure!(run["build"]["digest"] == image.digest.as_str(), "{run}");
    ensure!(run["build"]["confirmed"] == true, "{run}");

    let logs = platform
        .polyaxon(&["ops", "logs", "-uid", uuid])?
        .expect_status(0)?;
    ensure!(
        output.stdout == logs.stdout,
        "the followed log differs from the stored one\n--- followed\n{}\n--- stored\n{}",
        output.stdout,
        logs.stdout
    );
    Ok(())
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn quick_start_operation_builds_unchanged() -> Result<()> {
    let _turn = crate::turn();
    builds_polyaxon(QUICK_START)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn init_section_operation_builds_unchanged() -> Result<()> {
    let _turn = crate::turn();
    builds_polyaxon(INIT_SECTION)
}
