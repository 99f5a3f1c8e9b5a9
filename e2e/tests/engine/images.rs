//! The project's own images, built by the project.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use polyaxon_e2e::command::run;
use polyaxon_e2e::git_server::GitServer;
use polyaxon_e2e::image::Image;
use polyaxon_e2e::platform::Platform;
use serde_json::json;
use tempfile::TempDir;

const MIB: u64 = 1024 * 1024;
/// What `debian:bookworm-slim` takes of the pod image's 60 MiB; what stands for it here is larger.
const DEBIAN: u64 = 28 * MIB;
/// The first one compiles a program and all that it depends on.
const CONTEXT_LIMIT: Duration = Duration::from_mins(30);

/// Hub and agent hold a program and certificates: nothing to break into, and nobody to be.
#[test]
#[ignore = "needs the test-bed: `make test`"]
fn hub_and_agent_build_their_own_images() -> Result<()> {
    let contexts = contexts(&["hub", "agent"])?;
    let _turn = crate::turn();
    let (_git, platform) = platform_with(&contexts)?;
    for (name, operation) in [
        ("hub", include_str!("../../../deploy/images/hub.yaml")),
        ("agent", include_str!("../../../deploy/images/agent.yaml")),
    ] {
        let image = build(&platform, name, operation)?;
        let config = image.config()?["config"].clone();
        let program = format!("/usr/local/bin/polyaxon-{name}");
        ensure!(config["User"] == "65532:65532", "{name}: {config}");
        ensure!(config["Entrypoint"] == json!([program]), "{name}: {config}");
        let mut files = image.paths()?;
        files.retain(|path| !path.ends_with('/'));
        files.sort();
        ensure!(
            files
                == [
                    "etc/ssl/cert.pem".to_owned(),
                    program.trim_start_matches('/').to_owned()
                ],
            "{name} holds {files:?}"
        );
        ensure!(image.size()? < 40 * MIB, "{name}: {} bytes", image.size()?);
    }
    Ok(())
}

/// The pod's image has packages of Debian, as builds of users do.
#[test]
#[ignore = "needs the test-bed: `make test`"]
fn the_pods_image_is_built_by_pods() -> Result<()> {
    let contexts = contexts(&["pod"])?;
    let _turn = crate::turn();
    let (_git, platform) = platform_with(&contexts)?;
    let operation = include_str!("../../../deploy/images/pod.yaml");
    let image = build(&platform, "pod", operation)?;
    let paths = image.paths()?;
    for wanted in [
        "usr/bin/git",
        "usr/bin/ssh",
        "usr/local/bin/polyaxon-pod",
        "usr/local/bin/polyaxon",
    ] {
        ensure!(
            paths
                .iter()
                .any(|path| path.trim_start_matches("./") == wanted),
            "`{wanted}` is not in the image"
        );
    }
    let base = Image::pull(
        &platform.testbed().registry,
        "library/debian",
        "bookworm-slim",
    )?;
    let own = image.size()? - base.size()?;
    ensure!(own < 60 * MIB - DEBIAN, "{own} bytes of its own");
    Ok(())
}

/// The folders that these images are built from.
fn contexts(names: &[&str]) -> Result<TempDir> {
    let contexts = tempfile::tempdir()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/images/program-context.sh");
    for name in names {
        run(
            Command::new(&script)
                .arg(name)
                .arg(contexts.path().join(name))
                .env("POLYAXON_PROFILE", "ci"),
            CONTEXT_LIMIT,
        )?
        .expect_status(0)?;
    }
    Ok(contexts)
}

/// A platform whose catalog has these contexts as the connection `image-contexts`.
fn platform_with(contexts: &TempDir) -> Result<(GitServer, Platform)> {
    let git = GitServer::start_with_folder("image-contexts", contexts.path())?;
    let platform = Platform::start_with_connections(&format!(
        "- {{name: image-contexts, kind: git, schema: {{url: \"{}\"}}}}\n",
        git.url("image-contexts")
    ))?;
    Ok((git, platform))
}

/// Runs a Polyaxonfile as it stands, and reads what it pushed.
fn build(platform: &Platform, name: &str, operation: &str) -> Result<Image> {
    let file = format!("{name}.yaml");
    platform.write(&file, operation)?;
    let output = platform
        .polyaxon(&["run", "-f", &file, "-l"])?
        .expect_status(0)?;
    let version = env!("CARGO_PKG_VERSION");
    let image = Image::pull(
        &platform.testbed().registry,
        &format!("polyaxon-{name}"),
        version,
    )?;
    ensure!(
        output.stderr.contains(&image.digest),
        "`{}` is missing in {output:?}",
        image.digest
    );
    Ok(image)
}
