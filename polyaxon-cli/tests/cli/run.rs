//! `polyaxon run`.

use std::io::{Read as _, Write as _};

use anyhow::Result;
use polyaxon_proto::runs::v1::Status as RunStatus;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::fake_hub::{FakeHub, State};
use crate::process::Home;
use crate::runs::{UUID, build, failed, hub_with, succeeded};

pub(crate) const BUILD: &str = "version: 1
kind: operation
name: build
params:
  destination:
    connection: docker-connection
    value: team/app:1
runPatch:
  init:
  - dockerfile:
      image: busybox:1.36
      run: ['true']
hubRef: kaniko
";

/// Serves one file to one caller.
fn serve(text: &'static str) -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/build.yaml", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let path_is_known = request[..length].starts_with(b"GET /build.yaml ");
            let (status, body) = if path_is_known {
                ("200 OK", text)
            } else {
                ("404 Not Found", "")
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    Ok(address)
}

fn operation(state: &State) -> serde_json::Value {
    state
        .created
        .last()
        .and_then(|create| serde_json::from_slice(&create.operation).ok())
        .unwrap_or_default()
}

#[test]
fn from_an_address_with_the_log() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    let url = format!("--url={}", serve(BUILD)?);
    let followed = home.polyaxon(&["run", &url, "-l"])?;
    insta::assert_snapshot!(followed);
    insta::assert_json_snapshot!(operation(&hub.state()));
    let stored = home.polyaxon(&["ops", "logs"])?;
    assert_eq!(followed.stdout, stored.stdout);
    assert!(
        stored.stderr.contains(UUID),
        "the last run is used: {stored}"
    );
    Ok(())
}

#[test]
fn flags_reach_the_hub() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    home.write("build.yaml", BUILD)?;
    let arguments = [
        "run",
        "-f",
        "build.yaml",
        "-p",
        "acme/images",
        "-n",
        "nightly",
        "--tags",
        "a,b",
        "-q",
        "gpu",
        "-P",
        "destination=team/other:2",
        "-o",
        "json",
    ];
    let output = home.polyaxon(&arguments)?;
    assert_eq!(output.status, Some(0), "{output}");
    let run: serde_json::Value = serde_json::from_str(&output.stdout)?;
    assert_eq!(run["uuid"], UUID);
    let state = hub.state();
    let operation = operation(&state);
    assert_eq!(operation["name"], "nightly");
    assert_eq!(operation["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(operation["queue"], "gpu");
    assert_eq!(operation["params"]["destination"]["value"], "team/other:2");
    let create = state.created.last().map(|create| {
        (
            &create.owner[..],
            &create.project[..],
            create.idempotency_key.len(),
        )
    });
    assert_eq!(create, Some(("acme", "images", 32)));
    Ok(())
}

#[test]
fn a_component_of_the_hub_with_an_overlay() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    home.write(
        "params.yaml",
        "params:\n  destination: {value: 'team/app:4'}\n",
    )?;
    let output = home.polyaxon(&["run", "--hub", "acme/kaniko", "-f", "params.yaml"])?;
    assert_eq!(output.stdout, format!("{UUID}\n"), "{output}");
    let operation = operation(&hub.state());
    assert_eq!(operation["hubRef"], "acme/kaniko");
    assert_eq!(operation["params"]["destination"]["value"], "team/app:4");
    Ok(())
}

#[test]
fn references_to_files_and_addresses_are_collected() -> Result<()> {
    const COMPONENT: &str = "kind: component\ninputs:\n- {name: a, type: int}\nrun: {kind: job, container: {image: i}}\n";
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    std::fs::create_dir(home.path().join("sub"))?;
    home.write("sub/component.yaml", COMPONENT)?;
    home.write(
        "sub/main.yaml",
        "pathRef: ./component.yaml\nparams: {a: {value: 1}}\n",
    )?;
    let output = home.polyaxon(&["run", "-f", "sub/main.yaml"])?;
    assert_eq!(output.status, Some(0), "{output}");
    assert_eq!(
        operation(&hub.state())["component"]["run"]["container"]["image"],
        "i"
    );
    let url = serve(COMPONENT)?;
    home.write(
        "main.yaml",
        &format!("urlRef: {url}\nparams: {{a: {{value: x}}}}\n"),
    )?;
    let wrong = home.polyaxon(&["run", "-f", "main.yaml"])?;
    assert_eq!(wrong.status, Some(2), "{wrong}");
    assert!(wrong.stderr.contains('a'), "{wrong}");
    assert_eq!(hub.state().created.len(), 1, "nothing is created");
    let gone = url.replace("build.yaml", "gone.yaml");
    let absent = home.polyaxon(&["run", "--url", &gone])?;
    assert_eq!(absent.status, Some(2), "{absent}");
    assert!(absent.stderr.contains("404"), "{absent}");
    Ok(())
}

#[test]
fn a_failing_run_that_is_watched_shows_its_last_lines() -> Result<()> {
    let hub = FakeHub::start(hub_with(failed()))?;
    let home = Home::of(&hub)?;
    home.write("polyaxonfile.yaml", BUILD)?;
    insta::assert_snapshot!(home.polyaxon(&["run", "-w"])?);
    let json = home.polyaxon(&["run", "-l", "-o", "json"])?;
    assert_eq!(json.status, Some(1), "{json}");
    let run: serde_json::Value = serde_json::from_str(&json.stdout)?;
    assert_eq!(run["failure"]["exit_code"], 7);
    assert!(json.stderr.contains("RUN pip3"), "{json}");
    Ok(())
}

#[test]
fn a_stopped_run_has_its_exit_status() -> Result<()> {
    let hub = FakeHub::start(hub_with(build(RunStatus::Stopped)))?;
    let home = Home::of(&hub)?;
    home.write("polyaxonfile.yaml", BUILD)?;
    let output = home.polyaxon(&["run", "-w"])?;
    assert_eq!(output.status, Some(3), "{output}");
    Ok(())
}

#[test]
fn a_refusal_of_the_hub_has_a_place_in_the_file() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    home.write(
        "build.yaml",
        &BUILD.replace("docker-connection", "docker-conection"),
    )?;
    let mut refusal = Status::new(
        Code::InvalidArgument,
        "connection `docker-conection` is not in the catalog of the agent (in `params.destination.connection`); did you mean `docker-connection`?",
    );
    refusal.metadata_mut().insert_bin(
        "polyaxon-diagnostics-bin",
        MetadataValue::from_bytes(
            br#"[{"code":"PX0506","severity":"error","message":"connection `docker-conection` is not in the catalog of the agent","field":"params.destination.connection","help":"did you mean `docker-connection`?"}]"#,
        ),
    );
    hub.state().refusal = Some(refusal.clone());
    insta::assert_snapshot!(home.polyaxon(&["run", "-f", "build.yaml"])?);
    hub.state().refusal = Some(refusal);
    let output = home.polyaxon(&["check", "-f", "build.yaml", "-o", "json"])?;
    let document: serde_json::Value = serde_json::from_str(&output.stdout)?;
    let place = &document["diagnostics"][0]["place"];
    assert_eq!(
        (&place["source"], &place["line"]),
        (&"build.yaml".into(), &6.into()),
        "{output}"
    );
    Ok(())
}

#[test]
fn a_creation_without_an_answer_is_repeated_with_the_same_key() -> Result<()> {
    let mut state = hub_with(succeeded());
    state.refusal = Some(Status::unavailable("the hub is shutting down"));
    let hub = FakeHub::start(state)?;
    let home = Home::of(&hub)?;
    home.write("build.yaml", BUILD)?;
    let output = home.polyaxon(&["run", "-f", "build.yaml"])?;
    assert_eq!(output.status, Some(0), "{output}");
    assert_eq!(hub.state().created.len(), 1);
    Ok(())
}

#[test]
fn uploads_are_refused_instead_of_ignored() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    home.write("build.yaml", BUILD)?;
    let output = home.polyaxon(&["run", "-f", "build.yaml", "-u"])?;
    assert_eq!(output.status, Some(2), "{output}");
    assert!(output.stderr.contains("not in this version"), "{output}");
    assert!(hub.state().created.is_empty());
    Ok(())
}
