//! The line of a pod plan that generates a Dockerfile.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::process::{Command, Output};

fn generate(context: &str, folder: &std::path::Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_polyaxon-pod"))
        .args(["docker", "generate", "--track"])
        .arg(format!("--build-context={context}"))
        .arg(format!(
            "--destination={}",
            folder.join("context").display()
        ))
        .arg(format!("--copy-path={}", folder.join("outputs").display()))
        .output()
        .unwrap()
}

#[test]
fn both_places_get_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let context = r#"{"image":"tensorflow/tensorflow:2.0.1-py3","run":["pip3 install --no-cache-dir -U polyaxon"],"langEnv":"en_US.UTF-8"}"#;
    let output = generate(context, folder.path());
    assert!(output.status.success(), "{output:?}");
    let path = folder.path().join("context/Dockerfile");
    let line = format!("Dockerfile was generated, path: `{}`\n", path.display());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), line);
    let text = std::fs::read_to_string(path).unwrap();
    let expected = "\nFROM tensorflow/tensorflow:2.0.1-py3\n\nENV LC_ALL en_US.UTF-8\n\
        ENV LANG en_US.UTF-8\nENV LANGUAGE en_US.UTF-8\n\nENV SHELL /bin/bash\nWORKDIR /code\n\n\
        RUN pip3 install --no-cache-dir -U polyaxon\n";
    assert_eq!(text, expected);
    let copy = std::fs::read_to_string(folder.path().join("outputs/Dockerfile")).unwrap();
    assert_eq!(copy, expected);
}

#[test]
fn fields_that_are_none_are_refused() {
    for context in ["{", "[]", r#"{"run":[]}"#, r#"{"image":"a","imge":"b"}"#] {
        let folder = tempfile::tempdir().unwrap();
        let output = generate(context, folder.path());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        let start = "polyaxon dockerfile: error: received a non valid build context.";
        assert!(stderr.starts_with(&start[..start.len() - 1]), "{stderr}");
        assert_eq!(stderr.lines().count(), 1);
        assert!(!folder.path().join("context").exists());
    }
}

#[test]
fn a_file_name_cannot_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let context = r#"{"image":"a","filename":"../Dockerfile"}"#;
    let output = generate(context, folder.path());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!folder.path().join("Dockerfile").exists());
}
