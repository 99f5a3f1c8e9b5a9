//! The sidecar as a process: it collects while main runs, and once more when main has ended.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_polyaxon-pod"))
        .args(["sidecar", "--container-id=polyaxon-main", "--monitor-logs"])
        .args(arguments)
        .env_remove("POLYAXON_RUN_INSTANCE")
        .envs(variables.iter().copied())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_for(what: &str, check: impl Fn() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "waited for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The signal handler is there once the kernel lists it among the caught ones (bit 15 is SIGTERM).
fn wait_until_it_listens(child: &Child) {
    let status = format!("/proc/{}/status", child.id());
    wait_for("the signal handler", || {
        let text = std::fs::read_to_string(&status).unwrap();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << 14) != 0)
    });
}

fn end(child: Child) -> (Option<i32>, String) {
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), stderr)
}

fn paths(root: &Path) -> (String, String) {
    let (from, to) = (root.join("artifacts"), root.join("store/run"));
    std::fs::create_dir(&from).unwrap();
    (
        format!("--artifacts-path={}", from.display()),
        format!("--store-path={}", to.display()),
    )
}

#[test]
fn artifacts_are_collected_meanwhile_and_at_the_end() {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = paths(root.path());
    std::fs::write(root.path().join("artifacts/early"), "1").unwrap();
    let child = start(&["--sync-interval=1", &from, &to], &[]);
    let store = root.path().join("store/run");
    wait_for("the first round", || store.join("early").is_file());
    std::fs::write(root.path().join("artifacts/late"), "2").unwrap();
    let (status, stderr) = end(child);
    assert_eq!(status, Some(0), "{stderr}");
    assert_eq!(std::fs::read_to_string(store.join("late")).unwrap(), "2");
}

#[test]
fn without_an_interval_the_end_collects() {
    let root = tempfile::tempdir().unwrap();
    let (from, to) = paths(root.path());
    std::fs::write(root.path().join("artifacts/file"), "1").unwrap();
    let child = start(&["--sync-interval=-1", &from, &to], &[]);
    wait_until_it_listens(&child);
    let (status, stderr) = end(child);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(root.path().join("store/run/file").is_file());
}

#[test]
fn a_store_that_is_not_mounted_is_said_at_the_end() {
    let catalog = r#"{"connections":[{"name":"s","kind":"s3","schema":{"bucket":"s3://b"}}]}"#;
    let variables = [
        ("POLYAXON_RUN_INSTANCE", "a.b.runs.c"),
        ("POLYAXON_ARTIFACTS_STORE_NAME", "s"),
        ("POLYAXON_CONNECTIONS_CATALOG", catalog),
    ];
    let child = start(&[], &variables);
    wait_until_it_listens(&child);
    let (status, stderr) = end(child);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(
        stderr.contains("`s` of kind `s3` is not mounted"),
        "{stderr}"
    );
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A registry of one image that wants a password; answers this many requests.
fn registry() -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let authorized = request
                .to_lowercase()
                .contains("authorization: basic bwu6cgfzcw==");
            let answer = if !authorized {
                "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\n"
            } else if request.contains(DIGEST) {
                "200 OK\r\n"
            } else {
                "404 Not Found\r\n"
            };
            let text = format!("HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n");
            let _closed_by_then = stream.write_all(text.as_bytes());
        }
    });
    address
}

#[test]
fn the_registry_is_asked_for_the_digest_of_a_build() {
    let address = registry();
    for (digest, wanted) in [
        (Some(DIGEST), r#""answer":"confirmed""#),
        (Some("sha256:0"), "which is no digest"),
        (None, r#""answer":"absent""#),
    ] {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).display().to_string();
        std::fs::create_dir(path("secret")).unwrap();
        let secret = format!(r#"{{"auths":{{"{address}":{{"auth":"bWU6cGFzcw=="}}}}}}"#);
        std::fs::write(path("secret/config.json"), secret).unwrap();
        let child = start(
            &[
                "--collect=false",
                &format!("--confirm={address}/team/app:1"),
                &format!("--digest-file={}", path("digest")),
                &format!("--registry-secret={}", path("secret")),
                &format!("--insecure-registry={address}"),
                &format!("--answer-file={}", path("answer")),
            ],
            &[],
        );
        wait_until_it_listens(&child);
        if let Some(digest) = digest {
            std::fs::write(path("digest"), format!("{digest}\n")).unwrap();
        }
        let (status, stderr) = end(child);
        assert_eq!(status, Some(0), "{stderr}");
        let answer = std::fs::read_to_string(path("answer")).unwrap();
        assert!(answer.contains(wanted), "{answer}");
        assert!(!format!("{answer}{stderr}").contains("bWU6"), "{stderr}");
    }
}

#[test]
fn the_dockerfile_is_printed_when_it_is_there() {
    for early in [true, false] {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("repo/Dockerfile");
        std::fs::create_dir(root.path().join("repo")).unwrap();
        let write = || std::fs::write(&file, "FROM a\nRUN false\n").unwrap();
        if early {
            write();
        }
        let child = start(
            &[
                "--collect=false",
                "--dockerfile=/c/repo/Dockerfile",
                "--main-folder=/c",
                &format!("--main-folder-at={}", root.path().display()),
            ],
            &[],
        );
        wait_until_it_listens(&child);
        if !early {
            // It has looked for it, or looks at the end: both find it once.
            std::thread::sleep(Duration::from_millis(100));
            write();
        }
        let (status, stderr) = end(child);
        assert_eq!(status, Some(0), "{stderr}");
        let told = polyaxon_spec::k8s::handed_over(&stderr, "/c/repo/Dockerfile");
        assert_eq!(told, Some("FROM a\nRUN false\n"), "{stderr}");
        assert_eq!(stderr.matches("FROM a").count(), 1, "{stderr}");
    }
}
