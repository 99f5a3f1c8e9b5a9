//! What a build needs is away for a minute: the engine's socket, the registry at a push, at the confirmation.
//!
//! `POLYAXON_OUTAGE_SECONDS` sets another length.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{
    END, at_once, check_one_end, check_whole, ended, get, operation, print_lines, wait_for_text,
};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::fault_proxy::{Fault, FaultProxy, Rule};
use polyaxon_e2e::services::Services;
use polyaxon_e2e::socket_gate::SocketGate;
use polyaxon_e2e::testbed::Testbed;

const LINES: usize = 40;

fn outage() -> Result<Duration> {
    let seconds = match std::env::var("POLYAXON_OUTAGE_SECONDS") {
        Ok(seconds) => seconds.parse().context("POLYAXON_OUTAGE_SECONDS")?,
        Err(_) => 60,
    };
    Ok(Duration::from_secs(seconds))
}

/// Nobody is asked much while a test waits, so the three wait at the same time.
#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_minute_without_engine_or_registry_costs_no_build() -> Result<()> {
    let _turn = crate::shared_turn();
    at_once(&["engine", "push", "confirmation"], |what| {
        match what {
            "engine" => without_the_engine(),
            "push" => without_a_registry_at_a_push(),
            _ => without_a_registry_at_the_confirmation(),
        }
        .context(what)
    })
}

fn without_the_engine() -> Result<()> {
    let testbed = Testbed::from_environment()?;
    let folder = tempfile::tempdir()?;
    let gate = SocketGate::start(&folder.path().join("engine.sock"), &testbed.engine_socket)?;
    let mut services = Services::start_on(Testbed {
        engine_socket: gate.path().to_owned(),
        ..testbed
    })?;
    let uuid = services.queue(&operation("socket", &print_lines(LINES, "0.2")))?;
    wait_for_text(&services, &uuid, "line-3-end")?;
    gate.close();
    let queued = services.queue(&operation("socket-queued", &print_lines(1, "0")))?;
    std::thread::sleep(outage()?);
    for uuid in [&uuid, &queued] {
        let run = get(&services, uuid)?;
        ensure!(run["status"] != "failed", "it gave up: {run:#}");
    }
    gate.open();
    check_whole(&services, &uuid, LINES)?;
    check_whole(&services, &queued, 1)?;
    // One that is started while the engine is away says so and is started again by whoever watches it.
    gate.close();
    services.kill_agent()?;
    ensure!(
        services.start_agent().is_err(),
        "it is ready without an engine"
    );
    let log = services.log();
    ensure!(log.contains("engine.sock"), "{log}");
    gate.open();
    services.start_agent()
}

fn behind_a_proxy() -> Result<(Services, FaultProxy)> {
    let testbed = Testbed::from_environment()?;
    let proxy = FaultProxy::start(&testbed.registry)?;
    let services = Services::start_on(Testbed {
        registry: proxy.address(),
        ..testbed
    })?;
    Ok((services, proxy))
}

fn without_a_registry_at_a_push() -> Result<()> {
    let (services, proxy) = behind_a_proxy()?;
    proxy.set(Some(Rule {
        method: "PUT",
        path: "/team/fault/manifests/",
        fault: Fault::Leave,
    }));
    let retried =
        operation("away", &print_lines(LINES, "0")).replace("maxRetries: 0", "maxRetries: 8");
    let uuid = services.queue(&retried)?;
    eventually(END, || {
        ensure!(proxy.has_left(), "it does not push yet");
        Ok(())
    })?;
    proxy.set(None);
    std::thread::sleep(outage()?);
    let run = get(&services, &uuid)?;
    ensure!(run["status"] != "failed", "{run:#}");
    // The first attempt has failed and says why.
    ensure!(run["attempt"].as_u64() > Some(1), "{run:#}");
    let told = services.polyaxon(&["ops", "statuses", "-uid", &uuid])?;
    told.expect_status(0)?.expect_text("RegistryNetwork")?;
    proxy.listen()?;
    let run = ended(&services, &uuid)?;
    ensure!(
        run["status"] == "succeeded" && run["build"]["confirmed"] == true,
        "{run:#}"
    );
    check_one_end(&services, &uuid)
}

fn without_a_registry_at_the_confirmation() -> Result<()> {
    let (services, proxy) = behind_a_proxy()?;
    proxy.set(Some(Rule {
        method: "HEAD",
        path: "/team/fault/manifests/sha256:",
        fault: Fault::Leave,
    }));
    let uuid = services.queue(&operation("asked", &print_lines(LINES, "0")))?;
    eventually(END, || {
        ensure!(proxy.has_left(), "nobody asks yet");
        Ok(())
    })?;
    proxy.set(None);
    std::thread::sleep(outage()?);
    let run = get(&services, &uuid)?;
    ensure!(
        run["status"] == "processing" || run["status"] == "running",
        "{run:#}"
    );
    proxy.listen()?;
    check_whole(&services, &uuid, LINES)?;
    let run = get(&services, &uuid)?;
    ensure!(
        run["build"]["confirmed"] == true && run["attempt"] == 1,
        "{run:#}"
    );
    Ok(())
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_slow_registry_makes_a_build_slow_and_nothing_else() -> Result<()> {
    let _turn = crate::shared_turn();
    let (services, proxy) = behind_a_proxy()?;
    for (method, path, pause) in [
        ("POST", "/team/fault/blobs/uploads", 8),
        ("PUT", "/team/fault/manifests/", 12),
        ("HEAD", "/team/fault/manifests/sha256:", 12),
    ] {
        proxy.set(Some(Rule {
            method,
            path,
            fault: Fault::Slow(pause),
        }));
        let started = Instant::now();
        let uuid = services.queue(&operation("slow", &print_lines(1, "0")))?;
        check_whole(&services, &uuid, 1).with_context(|| format!("{method} {path}"))?;
        let run = get(&services, &uuid)?;
        ensure!(
            run["build"]["confirmed"] == true,
            "{method} {path}: {run:#}"
        );
        ensure!(
            started.elapsed() > Duration::from_secs(pause),
            "nobody asked {method} {path}"
        );
    }
    Ok(())
}
