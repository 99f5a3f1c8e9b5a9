//! Runs in a namespace that they name, with the rights of the shipped Role there.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::wait_for_text;
use polyaxon_e2e::cluster::{AgentFile, ClusterServices};

use crate::gate::Gate;
use crate::operation;

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_run_builds_in_the_namespace_that_it_names() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start_with(&AgentFile {
        additional_namespaces: 1,
        ..AgentFile::default()
    })?;
    let wanted = cluster.namespaces()[1].name();
    let gate = Gate::start(&cluster)?;
    let command = format!("echo line-1-end; {}", gate.wait()?);
    let elsewhere = operation("elsewhere", &command)
        .replace("hubRef:", &format!("namespace: {wanted}\nhubRef:"));
    let uuid = cluster.queue(&elsewhere)?;
    let here = cluster.queue(&operation("here", &command))?;
    for (uuid, namespace) in [(&uuid, wanted), (&here, cluster.namespaces()[0].name())] {
        wait_for_text(&cluster, uuid, "line-1-end")?;
        for kind in ["jobs", "pods"] {
            let objects = cluster.objects(kind, uuid)?;
            let object = objects.first().with_context(|| format!("no {kind}"))?;
            ensure!(object["metadata"]["namespace"] == namespace, "{object:#}");
        }
    }
    gate.open(2)?;
    cluster.check_whole(&uuid, 1)?;
    cluster.check_whole(&here, 1)
}
