//! The custom resource of a run of several pods: the job kinds of Kubeflow, and clusters of Ray and Dask.

use serde_json::{Map, Value, json};

use super::resource;
use crate::plan::{DistributedPlan, ReplicaPlan};
use crate::template::python;

/// The plan as the resource that the Polyaxon operator runs: what the reference creates, and nothing of ours.
pub fn distributed_resource(plan: &DistributedPlan) -> Value {
    let (kind, key, spec) = match plan.kind.as_str() {
        "raycluster" => ("Cluster", "rayClusterSpec", ray(plan)),
        "daskcluster" => ("Cluster", "daskClusterSpec", dask(plan)),
        "tfjob" => ("KfJob", "tfJobSpec", kubeflow(plan)),
        "pytorchjob" => ("KfJob", "pytorchJobSpec", kubeflow(plan)),
        _ => ("KfJob", "mpiJobSpec", kubeflow(plan)),
    };
    let mut fields = Map::new();
    fields.insert("apiVersion".into(), json!(resource::API_VERSION));
    fields.insert("kind".into(), json!(kind));
    fields.insert(
        "metadata".into(),
        json!({
            "name": plan.name,
            "namespace": plan.namespace,
            "labels": plan.labels,
            "annotations": plan.annotations,
        }),
    );
    fields.insert(key.into(), Value::Object(spec));
    if let Some(limits) = &plan.termination {
        fields.insert("termination".into(), resource::termination(limits));
    }
    fields.insert("collectLogs".into(), json!(plan.collect_logs));
    fields.insert("syncStatuses".into(), json!(plan.sync_statuses));
    fields.insert("notifications".into(), json!(plan.notifications));
    Value::Object(fields)
}

/// Whether a value counts to the reference, which leaves out what is false to Python.
fn counts(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) => true,
    }
}

/// Copies the settings that count.
fn copy(settings: &Map<String, Value>, names: &[&str], into: &mut Map<String, Value>) {
    for name in names {
        if let Some(value) = settings.get(*name).filter(|value| counts(value)) {
            into.insert((*name).to_owned(), value.clone());
        }
    }
}

/// How many pods there are, and what one of them is.
fn replica(replica: &ReplicaPlan, restart_policy: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(count) = replica.settings.get("replicas") {
        fields.insert("replicas".into(), count.clone());
    }
    let policy = replica.pod.scheduling.restart_policy.as_deref();
    fields.insert(
        "restartPolicy".into(),
        json!(policy.unwrap_or(restart_policy)),
    );
    fields.insert("template".into(), resource::template(&replica.pod));
    fields
}

/// The first container of a replica, which is the main one.
fn main_of(replica: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    replica
        .get_mut("template")?
        .pointer_mut("/spec/containers/0")?
        .as_object_mut()
}

fn kubeflow(plan: &DistributedPlan) -> Map<String, Value> {
    let mut replicas = Map::new();
    for pods in &plan.replicas {
        let name = match pods.field.as_str() {
            "chief" => "Chief",
            "ps" => "PS",
            "evaluator" => "Evaluator",
            "master" => "Master",
            "launcher" => "Launcher",
            _ => "Worker",
        };
        replicas.insert(name.into(), Value::Object(replica(pods, "OnFailure")));
    }
    // The reference has these two among the replicas.
    copy(
        &plan.settings,
        &["enableDynamicWorker", "successPolicy"],
        &mut replicas,
    );
    let mut spec = Map::new();
    spec.insert("replicaSpecs".into(), Value::Object(replicas));
    let policy = plan.settings.get("cleanPodPolicy").and_then(Value::as_str);
    spec.insert("cleanPodPolicy".into(), json!(policy.unwrap_or("None")));
    copy(
        &plan.settings,
        &["schedulingPolicy", "elasticPolicy", "slotsPerWorker"],
        &mut spec,
    );
    if let Some(count) = plan.settings.get("nProcPerNode") {
        spec.insert("nProcPerNode".into(), json!(python::env_text(count)));
    }
    spec
}

fn ray(plan: &DistributedPlan) -> Map<String, Value> {
    let mut spec = Map::new();
    let mut workers = Vec::new();
    for pods in &plan.replicas {
        let mut fields = replica(pods, "Never");
        copy(
            &pods.settings,
            &["minReplicas", "maxReplicas", "rayStartParams"],
            &mut fields,
        );
        if let Some(group) = &pods.group {
            fields.insert("groupName".into(), json!(group));
            if let Some(main) = main_of(&mut fields) {
                main.entry("lifecycle").or_insert_with(
                    || json!({"preStop": {"exec": {"command": ["/bin/sh", "-c", "ray stop"]}}}),
                );
            }
            workers.push(Value::Object(fields));
            continue;
        }
        fields.insert("groupName".into(), json!("head"));
        let mut start = Map::from_iter([("dashboard-host".to_owned(), json!("0.0.0.0"))]);
        if let Some(Value::Object(given)) = fields.get("rayStartParams") {
            start.extend(given.clone());
        }
        fields.insert("rayStartParams".into(), Value::Object(start));
        if let Some(main) = main_of(&mut fields) {
            let ports = [
                ("gcs-server", 6379),
                ("dashboard", 8265),
                ("client", 10001),
                ("serve", 8000),
            ];
            open(main, &ports);
        }
        spec.insert("head".into(), Value::Object(fields));
    }
    if !workers.is_empty() {
        spec.insert("workers".into(), Value::Array(workers));
    }
    copy(
        &plan.settings,
        &["entrypoint", "metadata", "rayVersion"],
        &mut spec,
    );
    // It is JSON in text, `null` where the file says nothing.
    let environment = plan.settings.get("runtimeEnv").unwrap_or(&Value::Null);
    spec.insert("runtimeEnv".into(), json!(environment.to_string()));
    if let Some(scaling) = plan.settings.get("enableInTreeAutoscaling") {
        spec.insert("enableInTreeAutoscaling".into(), scaling.clone());
    }
    if let Some(Value::Object(given)) = plan.settings.get("autoscalerOptions") {
        let mut options = Map::new();
        let names = ["upscalingMode", "imagePullPolicy", "resources"];
        copy(given, &names, &mut options);
        if !options.is_empty() {
            spec.insert("autoscalerOptions".into(), Value::Object(options));
        }
    }
    spec
}

fn dask(plan: &DistributedPlan) -> Map<String, Value> {
    let mut replicas = Map::new();
    for pods in &plan.replicas {
        let mut fields = replica(pods, "Never");
        let is_scheduler = pods.field == "scheduler";
        if let Some(main) = main_of(&mut fields) {
            if is_scheduler {
                scheduler(main, &plan.dashboard);
            } else {
                worker(main);
            }
        }
        let name = if is_scheduler { "Scheduler" } else { "Worker" };
        replicas.insert(name.into(), Value::Object(fields));
    }
    let mut selector: Map<String, Value> = plan
        .labels
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    selector.insert("dask.org/cluster-name".into(), json!(plan.name));
    selector.insert("dask.org/component".into(), json!("scheduler"));
    let mut spec = Map::new();
    spec.insert("replicaSpecs".into(), Value::Object(replicas));
    spec.insert(
        "service".into(),
        json!({
            "type": "ClusterIP",
            "selector": selector,
            "ports": [
                {"name": "tcp-comm", "port": 8786, "protocol": "TCP", "targetPort": "tcp-comm"},
                {
                    "name": "http-dashboard", "port": 8787, "protocol": "TCP",
                    "targetPort": "http-dashboard",
                },
            ],
        }),
    );
    if let (Some(least), Some(most)) = (
        plan.settings.get("minReplicas"),
        plan.settings.get("maxReplicas"),
    ) {
        spec.insert("minReplicas".into(), least.clone());
        spec.insert("maxReplicas".into(), most.clone());
    }
    spec
}

fn worker(main: &mut Map<String, Value>) {
    main.entry("args").or_insert_with(|| {
        json!([
            "dask-worker",
            "--name",
            "$(DASK_WORKER_NAME)",
            "--dashboard",
            "--dashboard-address",
            "8788",
        ])
    });
    open(main, &[("http-dashboard", 8788)]);
}

fn scheduler(main: &mut Map<String, Value>, dashboard: &str) {
    let arguments = main
        .entry("args")
        .or_insert_with(|| json!(["dask-scheduler"]));
    if let Some(arguments) = arguments.as_array_mut() {
        arguments.extend([json!("--dashboard-prefix"), json!(dashboard)]);
    }
    open(main, &[("tcp-comm", 8786), ("http-dashboard", 8787)]);
    for (probe, seconds) in [("readinessProbe", 5), ("livenessProbe", 15)] {
        main.entry(probe).or_insert_with(|| {
            json!({
                "httpGet": {"path": format!("{dashboard}/health"), "port": "http-dashboard"},
                "initialDelaySeconds": seconds,
                "periodSeconds": seconds,
            })
        });
    }
}

/// Names the ports of a container that names none.
fn open(main: &mut Map<String, Value>, ports: &[(&str, u16)]) {
    main.entry("ports").or_insert_with(|| {
        ports
            .iter()
            .map(|(name, port)| json!({"name": name, "containerPort": port, "protocol": "TCP"}))
            .collect()
    });
}
