//! Whether the process may build over its root.

use std::path::Path;

use crate::error::{Failure, GENERAL};
use crate::log::Log;

/// Files that mark a container.
const MARKS: &[&str] = &[
    "/.dockerenv",
    "/run/.containerenv",
    "/var/run/secrets/kubernetes.io/serviceaccount",
];

/// Refuses to build over the root of a machine.
pub(super) fn check(force: bool, log: &Log) -> Result<(), Failure> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    if MARKS.iter().any(|mark| Path::new(mark).exists()) || has_layered_root(&mountinfo) {
        return Ok(());
    }
    if force {
        log.warn(
            "Kaniko is being run outside of a container. This can have dangerous effects on your system",
        );
        return Ok(());
    }
    Err(Failure::Plain {
        text: "kaniko should only be run inside of a container, run with the --force flag if you are sure you want to continue".to_owned(),
        status: GENERAL,
    })
}

/// Whether the root is an overlay, as container runtimes make them.
fn has_layered_root(mountinfo: &str) -> bool {
    mountinfo.lines().any(|line| {
        let is_root = line.split(' ').nth(4) == Some("/");
        let kind = line
            .split_once(" - ")
            .and_then(|(_, rest)| rest.split(' ').next());
        is_root && kind == Some("overlay")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_below_the_root_is_no_mark() {
        assert!(has_layered_root(
            "21 1 0:19 / / rw,relatime - overlay overlay rw\n"
        ));
        assert!(!has_layered_root(
            "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 21 0:19 / /x rw shared:1 - overlay overlay rw\n"
        ));
    }
}
