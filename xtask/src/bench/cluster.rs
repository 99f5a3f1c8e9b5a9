//! The benchmarks that need a cluster.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Figures, Part, cargo, printed};

/// Why there is no cluster to measure on; `None`: there is, or one is started.
pub(super) fn missing(part: Part) -> Result<Option<String>> {
    let given = std::env::var("POLYAXON_E2E_CLUSTER").unwrap_or_default();
    let what = match given.as_str() {
        "testbed" => return Ok(None),
        "" if is_root()? => return Ok(None),
        "" => "what needs a cluster is not measured: without root none can be started",
        _ => {
            "what needs a cluster is not measured: simulated nodes can be added to that of the testbed only"
        }
    };
    if part == Part::Cluster {
        bail!("{what}");
    }
    Ok(Some(what.to_owned()))
}

fn is_root() -> Result<bool> {
    let output = Command::new("id")
        .arg("-u")
        .output()
        .context("cannot start `id`")?;
    Ok(output.stdout == b"0\n")
}

/// Measures on the testbed's cluster, with the programs as they are released.
pub(super) fn figures(workspace: &Path, target: &Path) -> Result<Figures> {
    let programs = [
        "--package",
        "polyaxon-hub",
        "--package",
        "polyaxon-agent",
        "--bins",
    ];
    let built = cargo()
        .args(["build", "--release", "--locked"])
        .args(programs)
        .current_dir(workspace)
        .status()
        .context("cannot start cargo")?;
    if !built.success() {
        bail!("hub and agent were not built ({built})");
    }
    let bench = cargo();
    let mut command = Command::new(workspace.join("deploy/testbed/kwok.sh"));
    command
        .arg("run")
        .arg(bench.get_program())
        .args([
            "bench",
            "--locked",
            "--package",
            "xtask",
            "--bench",
            "cluster",
        ])
        .env(
            "POLYAXON_BENCH_PROGRAMS",
            std::path::absolute(target.join("release"))?,
        )
        .current_dir(workspace);
    printed(&mut command)
}
