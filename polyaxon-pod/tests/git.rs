//! The step `git` on real repositories: local ones, and one behind a server that wants a password.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const USER: &str = "builder";
const PASSWORD: &str = "s3cret-w0rd";
/// `builder:s3cret-w0rd` in base64.
const BASIC: &str = "Basic YnVpbGRlcjpzM2NyZXQtdzByZA==";

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@localhost"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A bare repository `app.git` with `main` (two commits), the branch `dev` and the tag `v1`.
fn repository(root: &Path) -> PathBuf {
    let (work, bare) = (root.join("work"), root.join("app.git"));
    std::fs::create_dir(&work).unwrap();
    git(&work, &["init", "--quiet", "--initial-branch=main"]);
    for (text, then) in [
        ("one", &["tag", "v1"][..]),
        ("dev", &["branch", "dev"]),
        ("two", &["status"]),
    ] {
        std::fs::write(work.join("file"), text).unwrap();
        git(&work, &["add", "file"]);
        git(&work, &["commit", "--quiet", "-m", text]);
        git(&work, then);
    }
    let (from, to) = (work.to_str().unwrap(), bare.to_str().unwrap());
    git(root, &["clone", "--quiet", "--bare", from, to]);
    git(&bare, &["update-server-info"]);
    bare
}

fn step(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_polyaxon-pod"))
        .args(["initializer", "git"])
        .args(arguments)
        .env("HOME", "/nonexistent")
        .env_remove("POLYAXON_RUN_INSTANCE")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn clone(root: &TempDir, url: &str, more: &[&str]) -> (Output, PathBuf) {
    let path = root.path().join("clone/app");
    let path_flag = format!("--repo-path={}", path.display());
    let url_flag = format!("--url={url}");
    let mut arguments = vec![path_flag.as_str(), url_flag.as_str()];
    arguments.extend(more);
    (step(&[], &arguments), path)
}

fn assert_file(path: &Path, text: &str, output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), text);
}

#[test]
fn revisions_are_checked_out() {
    for (revision, text) in [(None, "two"), (Some("dev"), "dev"), (Some("v1"), "one")] {
        let root = tempfile::tempdir().unwrap();
        let url = repository(root.path()).display().to_string();
        let flag = revision.map(|revision| format!("--revision={revision}"));
        let more: Vec<_> = flag.iter().map(String::as_str).collect();
        let (output, path) = clone(&root, &url, &more);
        assert_file(&path, text, &output);
        let commit = git(&path, &["rev-parse", "HEAD"]);
        assert!(String::from_utf8_lossy(&output.stdout).contains(&commit));
        assert_eq!(git(&path, &["remote", "get-url", "origin"]), url);
    }
}

#[test]
fn a_shallow_clone_still_finds_the_revision() {
    let root = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repository(root.path()).display());
    let more = ["--revision=v1", r#"--flags=["--depth 1"]"#];
    let (output, path) = clone(&root, &url, &more);
    assert_file(&path, "one", &output);
    assert_eq!(
        git(&path, &["rev-parse", "--is-shallow-repository"]),
        "true"
    );
}

#[test]
fn the_experimental_fetch_takes_one_revision() {
    let root = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repository(root.path()).display());
    let more = [
        "--revision=dev",
        r#"--flags=["--experimental-fetch","--depth=1"]"#,
    ];
    let (output, path) = clone(&root, &url, &more);
    assert_file(&path, "dev", &output);
    assert_eq!(git(&path, &["rev-list", "--count", "HEAD"]), "1");
}

#[test]
fn submodules_come_along() {
    let root = tempfile::tempdir().unwrap();
    let bare = repository(root.path());
    let outer = root.path().join("outer");
    std::fs::create_dir(&outer).unwrap();
    git(&outer, &["init", "--quiet"]);
    let allow = ["-c", "protocol.file.allow=always", "submodule", "--quiet"];
    let add = ["add", bare.to_str().unwrap(), "inner"];
    git(&outer, &[&allow[..], &add[..]].concat());
    git(&outer, &["commit", "--quiet", "-m", "inner"]);
    let path = root.path().join("clone");
    let repo_path = format!("--repo-path={}", path.display());
    let url = format!("--url={}", outer.display());
    let flags = r#"--flags=["--recurse-submodules"]"#;
    let settings = "[protocol \"file\"]\nallow = always\n";
    std::fs::write(root.path().join(".gitconfig"), settings).unwrap();
    let home = [("HOME", root.path().to_str().unwrap())];
    let output = step(&home, &[&repo_path, &url, flags]);
    assert_file(&path.join("inner"), "two", &output);
}

#[test]
fn what_is_not_there_is_said() {
    let root = tempfile::tempdir().unwrap();
    let url = repository(root.path()).display().to_string();
    let (output, _) = clone(&root, &url, &["--revision=nothing"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let last = stderr.lines().last().unwrap();
    assert!(
        last.starts_with("polyaxon git: error: could not check out `nothing`"),
        "{last}"
    );

    let (output, _) = clone(&root, "/nothing/here.git", &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let last = stderr.lines().last().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        last.contains("could not clone `/nothing/here.git`"),
        "{last}"
    );
}

#[test]
fn options_in_place_of_values_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let mark = root.path().join("mark");
    let url = format!("--upload-pack=touch {}", mark.display());
    for more in [&[][..], &["--revision=--orphan=x"]] {
        let (output, _) = clone(&root, &url, more);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
    assert!(!mark.exists());
}

#[test]
fn variables_do_not_make_git_run_anything() {
    let root = tempfile::tempdir().unwrap();
    let url = format!("--url={}", repository(root.path()).display());
    let mark = root.path().join("mark");
    let hooks = root.path().join("hooks");
    std::fs::create_dir(&hooks).unwrap();
    let hook = hooks.join("post-checkout");
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    std::fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
    let template = root.path().to_str().unwrap();
    let hooks = hooks.to_str().unwrap();
    let ways: [&[(&str, &str)]; 2] = [
        &[
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "core.hooksPath"),
            ("GIT_CONFIG_VALUE_0", hooks),
        ],
        &[("GIT_TEMPLATE_DIR", template)],
    ];
    for (number, variables) in ways.into_iter().enumerate() {
        let path = root.path().join(format!("clone-{number}"));
        let output = step(
            variables,
            &[&format!("--repo-path={}", path.display()), &url],
        );
        assert_file(&path, "two", &output);
        assert!(!mark.exists(), "{variables:?}");
    }
}

#[test]
fn credentials_reach_the_server_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    repository(root.path());
    let port = serve(root.path().to_owned());
    let plain = format!("http://127.0.0.1:{port}/app.git");
    let embedded = format!("http://{USER}:{PASSWORD}@127.0.0.1:{port}/app.git");
    let store = root.path().join("store");
    std::fs::write(
        &store,
        format!("http://{USER}:{PASSWORD}@127.0.0.1:{port}\n"),
    )
    .unwrap();
    let pair = format!("{USER}:{PASSWORD}");
    let ways = [
        (vec![("POLYAXON_GIT_CREDENTIALS", pair.as_str())], &plain),
        (
            vec![("POLYAXON_GIT_CREDENTIALS_STORE", store.to_str().unwrap())],
            &plain,
        ),
        (vec![], &embedded),
    ];
    for (number, (mut variables, url)) in ways.into_iter().enumerate() {
        let path = root.path().join(format!("clone-{number}"));
        let repo_path = format!("--repo-path={}", path.display());
        variables.extend([
            ("GIT_TRACE", "1"),
            ("GIT_TRACE_CURL", "1"),
            ("GIT_TRACE_REDACT", "0"),
        ]);
        let output = step(&variables, &[&repo_path, &format!("--url={url}")]);
        assert_file(&path, "two", &output);
        assert_eq!(git(&path, &["remote", "get-url", "origin"]), plain);
        let config = std::fs::read_to_string(path.join(".git/config")).unwrap();
        assert!(!config.contains(PASSWORD), "{config}");
        assert_secret_free(&output);
    }
}

#[test]
fn wrong_credentials_are_an_error_without_them() {
    let root = tempfile::tempdir().unwrap();
    repository(root.path());
    let port = serve(root.path().to_owned());
    let path = format!("--repo-path={}", root.path().join("clone").display());
    let url = format!("--url=http://127.0.0.1:{port}/app.git");
    let wrong = format!("{PASSWORD}:{PASSWORD}");
    for variables in [&[][..], &[("POLYAXON_GIT_CREDENTIALS", wrong.as_str())]] {
        let output = step(variables, &[&path, &url, "--connection=git-https"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_secret_free(&output);
        let stderr = String::from_utf8(output.stderr).unwrap();
        let last = stderr.lines().last().unwrap();
        assert!(last.contains("of connection `git-https`"), "{last}");
    }
}

fn assert_secret_free(output: &Output) {
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(stream);
        assert!(!text.contains(PASSWORD), "{text}");
        assert!(!text.contains(BASIC), "{text}");
    }
}

/// Serves the files below `root` to those who know the password; returns the port.
fn serve(root: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&root, &stream.unwrap());
        }
    });
    port
}

fn answer(root: &Path, mut stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let allowed = lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.to_ascii_lowercase().starts_with("authorization:"))
        .any(|line| line.ends_with(BASIC));
    let target = request.split(' ').nth(1).unwrap_or_default();
    let target = target.split('?').next().unwrap_or_default();
    let (status, body) = match std::fs::read(root.join(target.trim_start_matches('/'))) {
        _ if !allowed => (
            "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"",
            Vec::new(),
        ),
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&body));
    if let Err(error) = sent {
        assert_ne!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}
