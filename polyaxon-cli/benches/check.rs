//! `polyaxon check --offline` of the quick start's operation as a whole process: time and memory.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot run has to stop"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use criterion::Criterion;
use nix::sys::resource::{UsageWho, getrusage};

const OPERATION: &str = include_str!("../../e2e/fixtures/1-quick-start-builds.yaml");

fn main() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("build.yaml");
    std::fs::write(&file, OPERATION).expect("written");
    let check = || {
        let status = Command::new(env!("CARGO_BIN_EXE_polyaxon"))
            .args(["check", "--offline", "-f"])
            .arg(&file)
            .env("POLYAXON_HOME", home.path())
            .stdout(Stdio::null())
            .status()
            .expect("started");
        assert!(status.success(), "the operation is valid");
    };
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("cli: check of a build, whole process", |bencher| {
        bencher.iter(check);
    });
    criterion.final_summary();
    // Kilobytes on Linux, of the largest child so far; all of them are this program.
    let largest = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.max_rss());
    let tenths = largest * 10 / 1024;
    let _ = writeln!(
        std::io::stdout(),
        "cli: check of a build, peak memory: {}.{} MiB",
        tenths / 10,
        tenths % 10
    );
}
