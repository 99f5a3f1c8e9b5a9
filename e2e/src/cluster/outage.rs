//! A part of the testbed's cluster that is away for a while.

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
        cluster("stop", what)?;
        Ok(outage)
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// It does not come up.
    pub fn end(mut self) -> Result<()> {
        self.over = true;
        cluster("start", self.what)
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        if !self.over
            && let Err(error) = cluster("start", self.what)
        {
            let text = format!("`{}` stays away: {error:#}\n", self.what);
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        }
    }
}

fn cluster(action: &str, what: &str) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/testbed/cluster.sh");
    run(Command::new(script).args([action, what]), LIMIT)?
        .expect_status(0)
        .with_context(|| format!("cluster.sh {action} {what}"))?;
    Ok(())
}
