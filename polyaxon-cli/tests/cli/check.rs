//! `polyaxon check`.

use std::fmt::Write as _;

use anyhow::Result;

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
