//! Parts of the testbed's cluster that are away for a while, or have other settings. On another cluster these tests do not run.

mod logs;
mod pace;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Of a cluster that is not the testbed's own nothing is stopped or changed.
fn assert_ours() {
    let kind = std::env::var("POLYAXON_E2E_CLUSTER");
    assert_eq!(
        kind.as_deref(),
        Ok("testbed"),
        "run the tests of another cluster with `--skip outages::`"
    );
}

/// A service that is killed now, and started again when this is dropped.
struct Outage(&'static str);

impl Outage {
    fn begin(service: &'static str) -> Self {
        assert_ours();
        let outage = Self(service);
        cluster("stop", service, None);
        outage
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        cluster("start", self.0, None);
    }
}

/// The kubelet rotates logs at a small size, until this is dropped.
struct SmallLogs;

impl SmallLogs {
    fn begin(size: &str) -> Self {
        assert_ours();
        cluster("stop", "kubelet", None);
        let small = Self;
        cluster("start", "kubelet", Some(size));
        small
    }
}

impl Drop for SmallLogs {
    fn drop(&mut self) {
        cluster("stop", "kubelet", None);
        cluster("start", "kubelet", None);
    }
}

fn cluster(action: &str, service: &str, log_size: Option<&str>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/testbed/cluster.sh");
    let mut command = Command::new(script);
    command.args([action, service]).envs(folder());
    if let Some(size) = log_size {
        command.env("POLYAXON_CLUSTER_LOG_SIZE", size);
    }
    let output = command.output().expect("the script runs");
    let said = String::from_utf8_lossy(&output.stderr);
    // A second panic while one is on its way would hide both.
    assert!(
        output.status.success() || std::thread::panicking(),
        "{action} {service}: {said}"
    );
}

/// The folder of the testbed, which its kubeconfig lies in.
fn folder() -> Option<(&'static str, PathBuf)> {
    const NAME: &str = "POLYAXON_TESTBED_DIR";
    if std::env::var_os(NAME).is_some() {
        return None;
    }
    let kubeconfig = PathBuf::from(std::env::var_os("KUBECONFIG")?);
    Some((NAME, kubeconfig.parent()?.parent()?.to_owned()))
}
