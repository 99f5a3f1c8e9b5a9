//! What an operation can say about its pod is on the pod: queue, presets, connections, environment, resources.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{get, wait_for_text};
use polyaxon_e2e::cluster::{AgentFile, ClusterServices};
use serde_json::{Value, json};

use crate::gate::Gate;

const OPERATION: &str = "
version: 1.1
kind: operation
hubRef: kaniko
queue: one/fast
params:
  destination: {connection: docker-connection, value: 'team/cluster:options'}
  cache: false
runPatch:
  connections: [shared-data]
  environment:
    labels: {team: vision}
    annotations: {example.org/reason: nightly}
    nodeSelector: {kubernetes.io/os: linux}
    tolerations: [{key: dedicated, operator: Equal, value: builds, effect: NoSchedule}]
    affinity:
      nodeAffinity:
        preferredDuringSchedulingIgnoredDuringExecution:
        - {weight: 1, preference: {matchExpressions: [{key: size, operator: In, values: [large]}]}}
  container: {resources: {requests: {cpu: 20m}, limits: {memory: 512Mi}}}
  init:
  - dockerfile: {image: 'busybox:1.36', shell: /bin/sh, run: ['cat /shared/greeting; WAIT']}
";

const PRESET: &str = "
isPreset: true
runPatch:
  environment:
    labels: {cost-center: research}
    annotations: {example.org/reason: preset}
  container: {resources: {requests: {memory: 64Mi}}}
";

/// The fields of `wanted` are in `found`; whatever else is there is not looked at.
fn check_holds(found: &Value, wanted: &Value) -> Result<()> {
    match wanted {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            check_holds(&found[name], value).with_context(|| format!("in `{name}`"))
        }),
        Value::Array(items) => items.iter().try_for_each(|item| {
            let held = found.as_array().into_iter().flatten();
            let held = held
                .into_iter()
                .any(|found| check_holds(found, item).is_ok());
            ensure!(held, "no {item} in {found}");
            Ok(())
        }),
        _ => {
            ensure!(found == wanted, "{found} instead of {wanted}");
            Ok(())
        }
    }
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn every_option_of_an_operation_is_on_the_pod() -> Result<()> {
    let _turn = crate::shared_turn();
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("greeting"), "line-1-end\n")?;
    let cluster = ClusterServices::start_with(&AgentFile {
        settings: "queues: [{name: fast, concurrency: 2}]\n",
        connections: &format!(
            "- name: shared-data
  kind: host_path
  schema: {{hostPath: {}, mountPath: /shared, readOnly: true}}
",
            folder.path().display()
        ),
        ..AgentFile::default()
    })?;
    let gate = Gate::start(&cluster)?;
    let operation = OPERATION.replace("WAIT", &gate.wait()?);
    std::fs::write(cluster.path("operation.yaml"), operation)?;
    std::fs::write(cluster.path("preset.yaml"), PRESET)?;
    let run = cluster.json(&["run", "-f", "operation.yaml", "-f", "preset.yaml"])?;
    let uuid = run["uuid"].as_str().context("no uuid")?;
    wait_for_text(&cluster, uuid, "line-1-end")?;
    let pods = cluster.objects("pods", uuid)?;
    let pod = pods.first().context("no pod")?;
    let wanted = json!({
        "metadata": {
            "labels": {"team": "vision", "cost-center": "research"},
            "annotations": {"example.org/reason": "preset"},
        },
        "spec": {
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [
                {"key": "dedicated", "operator": "Equal", "value": "builds", "effect": "NoSchedule"},
            ],
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [
                    {"key": "size", "operator": "In", "values": ["large"]},
                ]}},
            ]}},
            "containers": [{
                "resources": {
                    "requests": {"cpu": "20m", "memory": "64Mi"},
                    "limits": {"memory": "512Mi"},
                },
                "volumeMounts": [{"mountPath": "/shared"}, {"mountPath": "/kaniko/.docker"}],
            }],
        },
    });
    check_holds(pod, &wanted).with_context(|| format!("{pod:#}"))?;
    let run = get(&cluster, uuid)?;
    ensure!(run["queue"] == "fast" && run["agent"] == "one", "{run:#}");
    gate.open(1)?;
    cluster.check_whole(uuid, 1)
}
