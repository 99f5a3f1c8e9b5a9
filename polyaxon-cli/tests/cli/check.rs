//! `polyaxon check`.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use crate::fake_hub::{FakeHub, State};
use crate::process::Home;
use crate::run::BUILD;

#[test]
fn offline_with_the_official_components() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("build.yaml", BUILD)?;
    insta::assert_snapshot!(home.polyaxon(&["check", "-f", "build.yaml", "--offline"])?);
    let json = home.polyaxon(&["check", "-f", "build.yaml", "--offline", "-o", "json"])?;
    insta::assert_snapshot!(json);
    Ok(())
}

#[test]
fn a_hub_that_does_not_answer_is_a_warning() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("build.yaml", BUILD)?;
    insta::assert_snapshot!(home.polyaxon(&["check", "-f", "build.yaml"])?);
    Ok(())
}

#[test]
fn the_hub_is_asked() -> Result<()> {
    let hub = FakeHub::start(State {
        warnings: vec!["the catalog is 3 days old".to_owned()],
        ..State::default()
    })?;
    let home = Home::of(&hub)?;
    home.write("build.yaml", BUILD)?;
    insta::assert_snapshot!(home.polyaxon(&["check", "-f", "build.yaml", "-p", "acme/images"])?);
    let state = hub.state();
    let asked = state.checked.last().map(|check| &check.project[..]);
    assert_eq!(asked, Some("images"));
    assert!(state.created.is_empty());
    Ok(())
}

#[test]
fn bad_input_is_named_with_its_place() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    let large = format!("{BUILD}# {}\n", "x".repeat(2 << 20));
    let cases = [
        ("unknown field", BUILD.replace("runPatch", "runPath"), 2),
        (
            "bad yaml",
            BUILD.replace("kind: operation", "kind: [operation"),
            2,
        ),
        (
            "wrong type",
            BUILD.replace("params:\n", "params:\n  cache: maybe\n"),
            2,
        ),
        (
            "missing param",
            BUILD.replace(
                "hubRef: kaniko",
                "component:\n  inputs: [{name: epochs, type: int}]\n  run: {kind: job, container: {image: i}}",
            ),
            2,
        ),
        (
            "unknown component",
            BUILD.replace("hubRef: kaniko", "hubRef: kanik"),
            6,
        ),
        (
            "unknown version",
            BUILD.replace("hubRef: kaniko", "hubRef: kaniko:9"),
            6,
        ),
        ("too large", large, 2),
        (
            "component of another owner",
            BUILD.replace("hubRef: kaniko", "hubRef: acme/kaniko"),
            0,
        ),
    ];
    let mut shown = String::new();
    for (what, text, status) in cases {
        assert_ne!(text, BUILD, "{what}: the case changes nothing");
        home.write("build.yaml", &text)?;
        let output = home.polyaxon(&["check", "-f", "build.yaml", "--offline"])?;
        assert_eq!(output.status, Some(status), "{what}: {output}");
        writeln!(shown, "# {what}\n{output}")?;
    }
    insta::assert_snapshot!(shown);
    Ok(())
}

#[test]
fn findings_for_programs() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("build.yaml", &BUILD.replace("runPatch", "runPath"))?;
    let output = home.polyaxon(&["check", "-f", "build.yaml", "--offline", "-o", "json"])?;
    assert_eq!(output.status, Some(2), "{output}");
    let findings: serde_json::Value = serde_json::from_str(&output.stdout)?;
    assert_eq!(findings["valid"], false);
    assert_eq!(findings["diagnostics"][0]["place"]["line"], 8, "{findings}");
    Ok(())
}

#[test]
fn a_hub_that_hangs_costs_half_a_second() -> Result<()> {
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let home = Home::at(&format!("http://{}", silent.local_addr()?))?;
    home.write("build.yaml", BUILD)?;
    let started = std::time::Instant::now();
    let output = home.polyaxon(&["check", "-f", "build.yaml"])?;
    assert_eq!(output.status, Some(0), "{output}");
    assert!(
        output.stderr.contains("no answer within 500 ms"),
        "{output}"
    );
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
    Ok(())
}

/// A component whose input has no value.
const OPEN: &str = "kind: component\ninputs: [{name: epochs, type: int}]\nrun: {kind: job, container: {image: i}}\n";

fn folder_of_builds() -> Result<Home> {
    let home = Home::at("http://127.0.0.1:9")?;
    std::fs::create_dir(home.path().join("builds"))?;
    home.write("builds/a.yaml", BUILD)?;
    home.write(
        "builds/b.yml",
        &BUILD
            .replace("runPatch", "runPath")
            .replace("name:", "nam:"),
    )?;
    home.write("builds/c.yaml", OPEN)?;
    home.write("builds/job.yaml", "apiVersion: batch/v1\nkind: Job\n")?;
    home.write(
        "missing.yaml",
        &BUILD.replace("hubRef: kaniko", "hubRef: kanik"),
    )?;
    Ok(home)
}

#[test]
fn every_file_of_a_folder_is_checked_by_itself() -> Result<()> {
    let home = folder_of_builds()?;
    let paths = [
        "check",
        "--offline",
        "builds",
        "missing.yaml",
        "absent.yaml",
    ];
    let text = home.polyaxon(&paths)?;
    assert_eq!(text.status, Some(2), "{text}");
    insta::assert_snapshot!(text);
    let json = home
        .command(&paths)
        .args(["-o", "json"])
        .output()
        .map(|output| crate::process::Output::of(&output))?;
    assert_eq!(json.status, Some(2), "{json}");
    insta::assert_snapshot!(json);
    let reversed = home.polyaxon(&["check", "--offline", "missing.yaml", "builds"])?;
    assert_eq!(reversed.status, Some(6), "{reversed}");
    let valid = home.polyaxon(&["check", "--offline", "builds/a.yaml", "builds/c.yaml"])?;
    assert_eq!(valid.status, Some(0), "{valid}");
    Ok(())
}

#[test]
fn a_component_with_params_is_checked_with_them() -> Result<()> {
    let home = folder_of_builds()?;
    for (param, status) in [("epochs=3", 0), ("epochs=many", 2)] {
        let output = home.polyaxon(&["check", "--offline", "builds/c.yaml", "-P", param])?;
        assert_eq!(output.status, Some(status), "{param}: {output}");
    }
    Ok(())
}

#[test]
fn a_folder_without_polyaxonfiles_is_wrong_usage() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    std::fs::create_dir(home.path().join("empty"))?;
    let output = home.polyaxon(&["check", "--offline", "empty"])?;
    assert_eq!(output.status, Some(2), "{output}");
    insta::assert_snapshot!(output);
    let both = home.polyaxon(&["check", "--offline", "empty", "-f", "a.yaml"])?;
    assert_eq!(both.status, Some(2), "{both}");
    Ok(())
}

#[test]
fn standard_input_is_a_file() -> Result<()> {
    use std::io::Write as _;
    let home = Home::at("http://127.0.0.1:9")?;
    for (text, status) in [(BUILD, 0), ("kind: operation\n", 2)] {
        let mut child = home
            .command(&["check", "--offline", "-"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text.as_bytes())?;
        }
        let output = crate::process::Output::of(&child.wait_with_output()?);
        assert_eq!(output.status, Some(status), "{output}");
    }
    Ok(())
}

#[test]
fn lint_makes_warnings_errors_and_wants_no_params() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("open.yaml", OPEN)?;
    home.write("twice.yaml", &format!("name: a\n{BUILD}"))?;
    for (arguments, status) in [
        (&["check", "-f", "open.yaml", "--offline"][..], 2),
        (&["check", "-f", "open.yaml", "--lint"], 0),
        (&["check", "-l", "open.yaml"], 0),
        (&["check", "-f", "twice.yaml", "--offline"], 0),
        (&["check", "twice.yaml", "--offline"], 0),
        (&["check", "twice.yaml", "--lint"], 2),
    ] {
        let output = home.polyaxon(arguments)?;
        assert_eq!(output.status, Some(status), "{arguments:?}: {output}");
    }
    insta::assert_snapshot!(home.polyaxon(&["check", "-f", "twice.yaml", "--lint"])?);
    let json = home.polyaxon(&["check", "-f", "twice.yaml", "--lint", "-o", "json"])?;
    assert_eq!(json.status, Some(2), "{json}");
    let document: serde_json::Value = serde_json::from_str(&json.stdout)?;
    assert_eq!(document["valid"], false, "{document}");
    assert_eq!(document["diagnostics"][0]["code"], "PX0107", "{document}");
    Ok(())
}

#[test]
fn a_watched_file_is_checked_again() -> Result<()> {
    use std::io::BufRead as _;
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("build.yaml", BUILD)?;
    let mut child = home
        .command(&["check", "--offline", "--watch", "build.yaml"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let mut lines = std::io::BufReader::new(child.stdout.take().context("no pipe")?).lines();
    let first = lines.next().context("no first line")??;
    home.write("build.yaml", &BUILD.replace("runPatch", "runPath"))?;
    let second = lines.next().context("no second line")??;
    child.kill()?;
    child.wait()?;
    assert_eq!(
        (&first[..], &second[..]),
        ("build.yaml: valid", "build.yaml: not valid")
    );
    let stdin = home.polyaxon(&["check", "--watch", "-"])?;
    assert_eq!(stdin.status, Some(2), "{stdin}");
    Ok(())
}

#[test]
fn undeclared_params_are_refused_on_demand() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("build.yaml", OPEN)?;
    for (flags, status) in [
        (&[][..], 0),
        (&["--strict-params"], 2),
        (&["--strict-params", "--no-strict-params"], 0),
        (&["--no-strict-params", "--strict-params"], 2),
    ] {
        let output = home
            .command(&["check", "-f", "build.yaml", "--offline"])
            .args(["-P", "epochs=3", "-P", "epoch=3"])
            .args(flags)
            .output()
            .map(|output| crate::process::Output::of(&output))?;
        assert_eq!(output.status, Some(status), "{flags:?}: {output}");
        assert_eq!(output.stderr.contains("PX0404"), status == 2, "{output}");
    }
    Ok(())
}

#[test]
fn the_version_is_printed_on_demand() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write(
        "job.yaml",
        "version: 1.1\nrun: {kind: job, container: {image: a}}\n",
    )?;
    let output = home.polyaxon(&["check", "-f", "job.yaml", "--offline", "--version"])?;
    assert_eq!(output.stdout, "valid\nThe version is: 1.1\n", "{output}");
    let short = home.polyaxon(&["check", "-f", "job.yaml", "--offline", "-v"])?;
    assert_eq!(short.stdout, output.stdout, "{short}");
    let verbose = home.polyaxon(&["-v", "check", "-f", "job.yaml", "--offline"])?;
    assert_eq!(verbose.stdout, "valid\n", "{verbose}");
    Ok(())
}
