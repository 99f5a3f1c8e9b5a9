//! `polyaxon check --offline` of the quick start's operation as a whole process: time and memory; and, where
//! `POLYAXON_REFERENCE` names the reference's program, both programs in turns on a file that needs no hub.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot run has to stop"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::Criterion;
use nix::sys::resource::{UsageWho, getrusage};

const OPERATION: &str = include_str!("../../e2e/fixtures/1-quick-start-builds.yaml");

/// An operation that both programs check by themselves.
const PAIRED: &str = "\
kind: operation
component:
  kind: component
  inputs:
  - {name: context, type: str, value: .}
  - {name: cache, type: bool, value: true, isFlag: true}
  outputs:
  - {name: destination, type: image}
  run:
    kind: job
    connections: [docker-connection]
    init:
    - dockerfile: {image: python:3.11, run: [pip install polyaxon]}
    container:
      image: gcr.io/kaniko-project/executor:v1.23.2
      args: [-c, '{{ context }}', -d, '{{ destination }}', '{{ cache }}']
params:
  destination: {value: 'team/app:1', connection: docker-connection}
";

/// How often both programs are started in turns.
const PAIRS: usize = 10;

/// Starts both programs in turns and prints how long the median of each takes.
fn compare(reference: &Path, home: &Path) {
    let file = home.join("paired.yaml");
    std::fs::write(&file, PAIRED).expect("written");
    let time = |command: &mut Command| {
        let start = Instant::now();
        let status = command
            .arg("-f")
            .arg(&file)
            .env("HOME", home)
            .env("POLYAXON_HOME", home)
            .env("LC_ALL", "C.UTF-8")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("started");
        assert!(status.success(), "the operation is valid");
        start.elapsed()
    };
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..PAIRS {
        ours.push(time(
            Command::new(env!("CARGO_BIN_EXE_polyaxon")).args(["check", "--offline"]),
        ));
        theirs.push(time(Command::new(reference).arg("check")));
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times.get(PAIRS / 2).map_or(0.0, Duration::as_secs_f64) * 1000.0
    };
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let mut out = std::io::stdout();
    let _ = writeln!(out, "reference: check, whole process: {theirs:.1} ms");
    let _ = writeln!(out, "reference: our check of the same file: {ours:.2} ms");
    let _ = writeln!(
        out,
        "reference: times as long as ours: {:.1} x",
        theirs / ours
    );
}

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
    print_memory();
    if let Some(reference) = std::env::var_os("POLYAXON_REFERENCE") {
        compare(Path::new(&reference), home.path());
    }
}

/// Prints the peak memory of what was started so far.
fn print_memory() {
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
