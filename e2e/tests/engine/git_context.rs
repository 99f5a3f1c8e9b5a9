//! A Dockerfile from a git repository.

use anyhow::{Result, ensure};
use polyaxon_e2e::git_server::GitServer;
use polyaxon_e2e::image::Image;
use polyaxon_e2e::platform::Platform;

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn repository_is_cloned_and_built() -> Result<()> {
    let _turn = crate::turn();
    let git = GitServer::start(
        "repo-name",
        &[
            (
                "Dockerfile",
                "FROM busybox:1.36\nCOPY greeting /greeting\nRUN cat /greeting\n",
            ),
            ("greeting", "hello from the repository\n"),
        ],
    )?;
    let platform = Platform::start()?;
    platform.write(
        "operation.yaml",
        &format!(
            "version: 1.1
kind: operation
params:
  destination:
    connection: docker-connection
    value: team/from-git:1
  context:
    value: \"{{{{ globals.artifacts_path }}}}/repo-name\"
runPatch:
  init:
    - git:
        url: \"{}\"
hubRef: kaniko
",
            git.url("repo-name")
        ),
    )?;
    let output = platform
        .polyaxon(&["run", "-f", "operation.yaml", "-l"])?
        .expect_status(0)?;
    ensure!(
        output.stdout.contains("hello from the repository"),
        "{output:?}"
    );
    let image = Image::pull(&platform.testbed().registry, "team/from-git", "1")?;
    ensure!(
        image.paths()?.iter().any(|path| path == "greeting"),
        "the file is not in the image"
    );
    Ok(())
}
