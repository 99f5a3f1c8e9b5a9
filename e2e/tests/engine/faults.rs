//! Trouble around a build: what the registry answers, and a second agent.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{END, check_claimed, ended, get, operation};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::fault_proxy::{Fault, FaultProxy, Rule};
use polyaxon_e2e::services::Services;
use polyaxon_e2e::testbed::Testbed;

fn behind_a_proxy() -> Result<(Services, FaultProxy)> {
    let testbed = Testbed::from_environment()?;
    let proxy = FaultProxy::start(&testbed.registry)?;
    let services = Services::start_on(Testbed {
        registry: proxy.address(),
        ..testbed
    })?;
    Ok((services, proxy))
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
    for (fault, status) in [
        (Fault::Status(401, "UNAUTHORIZED"), "succeeded"),
        (Fault::Status(404, "MANIFEST_UNKNOWN"), "failed"),
    ] {
        proxy.set(Some(Rule { fault, ..ASKING }));
        let uuid = services.queue(&operation("asked", "true"))?;
        check_claimed(&ended(&services, &uuid)?, status).with_context(|| format!("{fault:?}"))?;
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
fn an_agent_that_wakes_up_does_nothing_twice() -> Result<()> {
    let _turn = crate::shared_turn();
    let services = Services::start()?;
    let uuid = services.queue(&operation("paused", "echo begun; sleep 12; echo over"))?;
    eventually(END, || {
        ensure!(services.logs(&uuid)?.contains("begun"), "not begun");
        Ok(())
    })?;
    let before = services.testbed().containers(&uuid)?;
    services.signal_agent("STOP")?;
    let second = services.start_second_agent()?;
    ensure!(
        services.testbed().containers(&uuid)? == before,
        "the second one started something"
    );
    services.signal_agent("CONT")?;
    // What is queued while both run is given to one of them, once.
    let queued = (0..3)
        .map(|number| services.queue(&operation(&format!("queued-{number}"), "echo once")))
        .collect::<Result<Vec<_>>>()?;
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
    for uuid in &queued {
        let run = ended(&services, uuid)?;
        ensure!(
            run["status"] == "succeeded" && run["attempt"] == 1,
            "{run:#}\n{}",
            services.log()
        );
        let log = services.logs(uuid)?;
        ensure!(
            log.lines().filter(|line| *line == "once").count() == 1,
            "{log}"
        );
    }
    ensure!(
        services.log().matches("standing by").count() == 1,
        "both speak in turns:\n{}",
        services.log()
    );
    // The one that was started last dies: the other one speaks again.
    drop(second);
    let after = services.queue(&operation("after", "echo once"))?;
    let run = ended(&services, &after)?;
    ensure!(run["status"] == "succeeded", "{run:#}\n{}", services.log());
    ensure!(
        services.log().contains("this one speaks again"),
        "{}",
        services.log()
    );
    Ok(())
}
