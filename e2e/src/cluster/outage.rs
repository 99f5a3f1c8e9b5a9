//! Parts of the testbed's cluster that are away for a while, or have other settings.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::run;

/// Longest time that stopping or starting a part may take.
const LIMIT: Duration = Duration::from_mins(4);

/// It is killed now, and started again at the latest when dropped.
#[derive(Debug)]
pub struct Outage {
    what: &'static str,
    over: bool,
}

impl Outage {
    pub(super) fn begin(what: &'static str) -> Result<Self> {
        // Made before it is killed: what is killed by halves is started again, too.
        let outage = Self { what, over: false };
        cluster("stop", what, None)?;
        Ok(outage)
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// It does not come up.
    pub fn end(mut self) -> Result<()> {
        self.over = true;
        cluster("start", self.what, None)
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        if !self.over {
            tell(cluster("start", self.what, None));
        }
    }
}

/// The kubelet rotates logs at a small size, until it is dropped.
#[derive(Debug)]
pub struct SmallLogs(());

impl SmallLogs {
    pub(super) fn begin(size: &str) -> Result<Self> {
        let small = Self(());
        restart_kubelet(Some(size))?;
        Ok(small)
    }
}

impl Drop for SmallLogs {
    fn drop(&mut self) {
        tell(restart_kubelet(None));
    }
}

fn restart_kubelet(log_size: Option<&str>) -> Result<()> {
    cluster("stop", "kubelet", None)?;
    cluster("start", "kubelet", log_size)
}

/// Nobody takes an error of what is dropped.
fn tell(outcome: Result<()>) {
    if let Err(error) = outcome {
        let text = format!("the cluster stays as a test left it: {error:#}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }
}

fn cluster(action: &str, what: &str, log_size: Option<&str>) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/testbed/cluster.sh");
    let mut command = Command::new(script);
    command.args([action, what]);
    if let Some(size) = log_size {
        command.env("POLYAXON_CLUSTER_LOG_SIZE", size);
    }
    run(&mut command, LIMIT)?
        .expect_status(0)
        .with_context(|| format!("cluster.sh {action} {what}"))?;
    Ok(())
}
