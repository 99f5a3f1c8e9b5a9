//! Signals end a build at once and without a word.

use std::process::Command;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::base;
use crate::registry::{Access, Registry};
use crate::sandbox::Sandbox;

/// The program in the sandbox: a child of the process that made the namespaces.
fn first_child(parent: u32) -> String {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).unwrap();
    children.split_whitespace().next().unwrap().to_owned()
}

#[rstest]
#[case("TERM")]
#[case("INT")]
fn a_signal_ends_the_build(#[case] signal: &str) {
    let registry = Registry::start(Access::Open);
    base::recorded(&registry);
    let sandbox = Sandbox::new();
    sandbox.put(
        "workspace/Dockerfile",
        &format!(
            "FROM {}/library/busybox:1\nRUN trap '' TERM INT; echo begin; sleep 60\n",
            registry.host
        ),
    );
    let arguments = ["--no-push".to_owned(), "--log-format=json".to_owned()];
    let mut child = sandbox.start(&arguments, &[]);
    let start = Instant::now();
    while !sandbox.log().lines().any(|line| line == "begin") {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{}",
            sandbox.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = Instant::now();
    let program = first_child(child.id());
    let status = Command::new("kill")
        .args(["-s", signal, &program])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(sent.elapsed() < Duration::from_secs(2));
    assert_eq!(sandbox.log().lines().last(), Some("begin"));
}
