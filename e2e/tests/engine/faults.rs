//! Trouble around a build: the registry, the engine's socket, a second agent, a revoked token.

use std::time::Duration;

use anyhow::{Result, ensure};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::fault_proxy::{Fault, FaultProxy, Rule};
use polyaxon_e2e::services::Services;
use polyaxon_e2e::socket_gate::SocketGate;
use polyaxon_e2e::testbed::Testbed;
use serde_json::Value;

const END: Duration = Duration::from_mins(3);

fn operation(tag: &str, command: &str) -> String {
    format!(
        "kind: operation
hubRef: kaniko
params:
  destination: {{connection: docker-connection, value: 'team/fault:{tag}'}}
  cache: false
termination: {{maxRetries: 0}}
runPatch:
  init:
  - dockerfile: {{image: 'busybox:1.36', shell: /bin/sh, run: ['{command}']}}
"
    )
}

fn behind_a_proxy() -> Result<(Services, FaultProxy)> {
    let testbed = Testbed::from_environment()?;
    let proxy = FaultProxy::start(&testbed.registry)?;
    let services = Services::start_on(Testbed {
        registry: proxy.address().to_owned(),
        ..testbed
    })?;
    Ok((services, proxy))
}

fn get(services: &Services, uuid: &str) -> Result<Value> {
    services.json(&["ops", "get", "-uid", uuid])
}

fn ended(services: &Services, uuid: &str) -> Result<Value> {
    eventually(END, || {
        let run = get(services, uuid)?;
        let status = run["status"].as_str().unwrap_or_default();
        ensure!(
            ["succeeded", "failed", "stopped"].contains(&status),
            "{status}"
        );
        Ok(run)
    })
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn what_the_registry_answers_is_what_the_run_says() -> Result<()> {
    let _turn = crate::turn();
    let (services, proxy) = behind_a_proxy()?;
    let uploads = "/team/fault/blobs/uploads";
    let manifests = "/team/fault/manifests/";
    let cases = [
        (
            "POST",
            uploads,
            Fault::Status(401, "UNAUTHORIZED"),
            "push_auth",
        ),
        ("POST", uploads, Fault::Status(403, "DENIED"), "push_denied"),
        (
            "POST",
            uploads,
            Fault::Status(404, "NAME_UNKNOWN"),
            "push_repo_missing",
        ),
        (
            "PUT",
            manifests,
            Fault::Status(413, "SIZE_INVALID"),
            "push_too_large",
        ),
        (
            "POST",
            uploads,
            Fault::Status(429, "TOOMANYREQUESTS"),
            "registry_rate_limit",
        ),
        (
            "PUT",
            manifests,
            Fault::Status(500, "UNKNOWN"),
            "registry_network",
        ),
        ("PUT", manifests, Fault::Reset, "registry_network"),
    ];
    for (method, path, fault, class) in cases {
        proxy.set(Some(Rule {
            method,
            path,
            fault,
        }));
        let uuid = services.queue(&operation("answer", "true"))?;
        let run = ended(&services, &uuid)?;
        let found = run["failure"]["class"].as_str().unwrap_or_default();
        ensure!(
            run["status"] == "failed" && found == class,
            "{fault:?} is not {class}: {}, {}",
            run["status"],
            run["failure"]
        );
        ensure!(
            run["failure"]["hint"]
                .as_str()
                .is_some_and(|hint| !hint.is_empty()),
            "{run:#}"
        );
    }
    Ok(())
}

const ASKING: Rule = Rule {
    method: "HEAD",
    path: "/team/fault/manifests/sha256:",
    fault: Fault::Away,
};

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_digest_is_believed_when_the_registry_says_so() -> Result<()> {
    let _turn = crate::turn();
    let (services, proxy) = behind_a_proxy()?;
    for (fault, status, confirmed) in [
        (Fault::Status(401, "UNAUTHORIZED"), "succeeded", false),
        (Fault::Status(404, "MANIFEST_UNKNOWN"), "failed", false),
    ] {
        proxy.set(Some(Rule { fault, ..ASKING }));
        let uuid = services.queue(&operation("asked", "true"))?;
        let run = ended(&services, &uuid)?;
        ensure!(run["status"] == status, "{fault:?}: {run:#}");
        ensure!(run["build"]["confirmed"] == confirmed, "{fault:?}: {run:#}");
        ensure!(
            run["build"]["digest"]
                .as_str()
                .unwrap_or_default()
                .is_empty(),
            "{run:#}"
        );
        ensure!(
            run["build"]["digest_claimed"]
                .as_str()
                .is_some_and(|claimed| claimed.starts_with("sha256:")),
            "{run:#}"
        );
    }
    proxy.set(Some(Rule {
        fault: Fault::Status(503, "UNAVAILABLE"),
        ..ASKING
    }));
    let uuid = services.queue(&operation("later", "true"))?;
    std::thread::sleep(Duration::from_secs(12));
    ensure!(
        get(&services, &uuid)?["status"] != "failed",
        "it gave up too early"
    );
    proxy.set(None);
    let run = ended(&services, &uuid)?;
    ensure!(
        run["status"] == "succeeded" && run["build"]["confirmed"] == true,
        "{run:#}"
    );
    Ok(())
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_build_outlives_the_engines_socket() -> Result<()> {
    let _turn = crate::turn();
    let testbed = Testbed::from_environment()?;
    let folder = tempfile::tempdir()?;
    let gate = SocketGate::start(&folder.path().join("engine.sock"), &testbed.engine_socket)?;
    let services = Services::start_on(Testbed {
        engine_socket: gate.path().to_owned(),
        ..testbed
    })?;
    let command = "for i in $(seq 1 40); do echo line-$i-end; sleep 0.2; done";
    let uuid = services.queue(&operation("socket", command))?;
    eventually(END, || {
        ensure!(services.logs(&uuid)?.contains("line-3-end"), "no line yet");
        Ok(())
    })?;
    gate.close();
    std::thread::sleep(Duration::from_secs(15));
    ensure!(get(&services, &uuid)?["status"] != "failed", "it gave up");
    gate.open();
    let run = ended(&services, &uuid)?;
    ensure!(run["status"] == "succeeded", "{run:#}");
    let log = services.logs(&uuid)?;
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with("line-"))
        .collect();
    let wanted: Vec<String> = (1..=40)
        .map(|number| format!("line-{number}-end"))
        .collect();
    ensure!(lines == wanted, "{lines:?}");
    Ok(())
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn an_agent_that_wakes_up_does_nothing_twice() -> Result<()> {
    let _turn = crate::turn();
    let services = Services::start()?;
    let uuid = services.queue(&operation("paused", "echo begun; sleep 12; echo over"))?;
    eventually(END, || {
        ensure!(services.logs(&uuid)?.contains("begun"), "not begun");
        Ok(())
    })?;
    let before = services.testbed().containers(&uuid)?;
    services.signal_agent("STOP")?;
    let _second = services.start_second_agent()?;
    ensure!(
        services.testbed().containers(&uuid)? == before,
        "the second one started something"
    );
    services.signal_agent("CONT")?;
    let run = ended(&services, &uuid)?;
    ensure!(
        run["status"] == "succeeded" && run["attempt"] == 1,
        "{}: {}\n{}",
        run["status"],
        run["reason"],
        services.log()
    );
    let log = services.logs(&uuid)?;
    ensure!(
        log.lines().filter(|line| *line == "begun").count() == 1,
        "{log}"
    );
    ensure!(
        log.lines().filter(|line| *line == "over").count() == 1,
        "{log}"
    );
    Ok(())
}
