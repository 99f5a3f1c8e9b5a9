//! The program itself: its start, its output, its end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::{CreateProjectRequest, ListProjectsRequest};
use tonic::transport::Endpoint;

use crate::support::{Authorised, bearer};

/// A hub as a process; killed when a test ends early.
pub(super) struct Process {
    child: Child,
    pub(super) address: String,
}

impl Process {
    pub(super) fn start(folder: &Path) -> Self {
        let mut child = command(folder).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim_end().to_owned();
        assert!(address.starts_with("http://127.0.0.1:"), "{address}");
        Self { child, address }
    }

    pub(super) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub(super) fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < Duration::from_secs(15), "still running");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        text
    }

    async fn access(&self, folder: &Path) -> AccessClient<Authorised> {
        let token = std::fs::read_to_string(folder.join("admin.token")).unwrap();
        let endpoint = Endpoint::from_shared(self.address.clone()).unwrap();
        let channel = endpoint.connect().await.unwrap();
        AccessClient::with_interceptor(channel, bearer(token.trim()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    command_at("127.0.0.1:0", folder)
}

fn command_at(listen: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polyaxon-hub"));
    command
        .args(["--listen", listen, "--print-address", "--data-dir"])
        .arg(folder)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn it_logs_json_and_ends_well_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path());
    let file = folder.path().join("admin.token");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    process.signal("-TERM");
    assert!(process.wait().success());
    let log = process.stderr();
    let secret = std::fs::read_to_string(&file).unwrap();
    assert!(!log.contains(secret.trim()));
    let messages: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect();
    assert!(messages.contains(&"serving".to_owned()), "{messages:?}");
    assert!(
        messages.contains(&"shutting down".to_owned()),
        "{messages:?}"
    );
}

#[test]
fn two_hubs_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Process::start(folder.path());
    let output = command(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("in use by another hub"), "{text}");
}

#[test]
fn a_network_address_without_tls_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = command_at("0.0.0.0:0", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--insecure-behind-proxy"), "{text}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path());
    let access = process.access(folder.path()).await;
    let mut names = Vec::new();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..200 {
        let mut access = access.clone();
        calls.spawn(async move {
            let name = format!("p{n:03}");
            let request = CreateProjectRequest {
                name: name.clone(),
                ..CreateProjectRequest::default()
            };
            access.create_project(request).await.ok().map(|_| name)
        });
    }
    while let Some(answer) = calls.join_next().await {
        names.extend(answer.unwrap());
        if names.len() == 50 {
            process.signal("-KILL");
        }
    }
    assert!(!process.wait().success());
    assert!(names.len() >= 50, "{}", names.len());

    let process = Process::start(folder.path());
    let mut access = process.access(folder.path()).await;
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let answer = access
            .list_projects(ListProjectsRequest {
                page_size: 200,
                page_token,
                ..ListProjectsRequest::default()
            })
            .await
            .unwrap()
            .into_inner();
        found.extend(answer.projects.into_iter().map(|project| project.name));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    names.retain(|name| !found.contains(name));
    assert!(names.is_empty(), "lost: {names:?}");
}
