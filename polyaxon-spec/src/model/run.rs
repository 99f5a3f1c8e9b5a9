//! `run` and `runPatch`: the runtimes and their environment.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::checker::Checker;
use super::distributed::{
    AUTOSCALER, CLEAN_POD_POLICY, DASKCLUSTER, ELASTIC_POLICY, METADATA, MPIJOB, PYTORCHJOB,
    RAY_REPLICA, RAYCLUSTER, REPLICA, SCHEDULING_POLICY, TFJOB, WORKERS, replicas_of,
};
use super::init::INIT;
use super::kubernetes::{
    AFFINITY, CONTAINER, DNS_CONFIG, HOST_ALIAS, SECURITY_CONTEXT, TOLERATION, VOLUME,
};
use super::orchestration::EARLY_STOPPING;
use super::path::Path;
use super::root::{COMPONENT_KIND, OPERATION_KIND};
use super::shortcuts::PORT;
use super::suggest;
use super::table::{Field, Kind, Model, custom, field};
use crate::diagnostic::Code;
use crate::yaml::{Node, Value};

/// The pod's own settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Environment {
    /// Labels of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Map<String, Json>>,
    /// Annotations of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Map<String, Json>>,
    /// Labels that a node must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<Map<String, Json>>,
    /// The affinity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Json>,
    /// The tolerations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Json>>,
    /// A certain node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// The service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Entries of the hosts file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_aliases: Option<Vec<Json>>,
    /// The security context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Json>,
    /// Names of pull secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_secrets: Option<Vec<String>>,
    /// Whether the pod uses the network of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_network: Option<bool>,
    /// Whether the pod sees the processes of the node.
    #[serde(rename = "hostPID", skip_serializing_if = "Option::is_none")]
    pub host_pid: Option<bool>,
    /// The DNS policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_policy: Option<String>,
    /// The DNS configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<Json>,
    /// The scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler_name: Option<String>,
    /// The priority class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    /// The priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// The restart policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<String>,
}

/// `environment`.
pub(crate) static ENVIRONMENT: Model = Model::new(
    "an environment",
    &[
        field("labels", Kind::TextMap).literal(),
        field("annotations", Kind::TextMap).literal(),
        field("nodeSelector", Kind::TextMap).literal(),
        field("affinity", Kind::Kubernetes(&AFFINITY)).literal(),
        field("tolerations", Kind::List(&Kind::Kubernetes(&TOLERATION))).literal(),
        field("nodeName", Kind::Text),
        field("serviceAccountName", Kind::Text),
        field("hostAliases", Kind::List(&Kind::Kubernetes(&HOST_ALIAS))).literal(),
        field("securityContext", Kind::Kubernetes(&SECURITY_CONTEXT)).literal(),
        field("imagePullSecrets", Kind::List(&Kind::Text)).literal(),
        field("hostNetwork", Kind::Bool).literal(),
        field("hostPID", Kind::Bool).literal(),
        field("dnsPolicy", Kind::Text),
        field("dnsConfig", Kind::Kubernetes(&DNS_CONFIG)).literal(),
        field("schedulerName", Kind::Text),
        field("priorityClassName", Kind::Text),
        custom("priority", Checker::lax_integer).literal(),
        field(
            "restartPolicy",
            Kind::OneOf(&["Always", "OnFailure", "Never", "ExitCode"]),
        )
        .literal(),
    ],
);

macro_rules! run_model {
    ($name:literal, $($own:expr),* $(,)?) => {
        Model::new($name, &[KIND, $($own),*])
    };
}

/// A model of what runs as pods: a first field, what every pod takes, and fields of its own.
macro_rules! pod_model {
    ($name:literal, $first:expr, $($own:expr),* $(,)?) => {
        Model::new(
            $name,
            &[
                $first,
                field("environment", Kind::Model(&ENVIRONMENT)),
                field("connections", Kind::List(&Kind::Text)),
                field("volumes", Kind::List(&Kind::Kubernetes(&VOLUME))).literal(),
                field("init", Kind::List(&Kind::Model(&INIT))),
                field("sidecars", Kind::List(&Kind::Kubernetes(&CONTAINER))).literal(),
                field("container", Kind::Kubernetes(&CONTAINER)).literal(),
                $($own),*
            ],
        )
    };
}
pub(super) use pod_model;

const KIND: Field = field("kind", Kind::Text);

static JOB: Model = pod_model!("a job", KIND,);

static SERVICE: Model = pod_model!(
    "a service",
    KIND,
    field("ports", Kind::List(&PORT)),
    field("rewritePath", Kind::Bool),
    field("isExternal", Kind::Bool),
    field("replicas", Kind::Integer),
);

static DAG: Model = run_model!(
    "a dag",
    field("operations", Kind::List(&OPERATION_KIND)).literal(),
    field("components", Kind::List(&COMPONENT_KIND)).literal(),
    field("environment", Kind::Model(&ENVIRONMENT)),
    field("connections", Kind::List(&Kind::Text)),
    field("volumes", Kind::List(&Kind::Kubernetes(&VOLUME))).literal(),
    custom("concurrency", Checker::positive),
    field("earlyStopping", Kind::List(&EARLY_STOPPING)),
);

/// What a `runPatch` may hold while the kind of its run is not known: the fields of all runtimes.
static ANY_RUN: Model = pod_model!(
    "a run",
    KIND,
    field("ports", Kind::List(&PORT)),
    field("rewritePath", Kind::Bool),
    field("isExternal", Kind::Bool),
    field("replicas", Kind::Integer),
    field("operations", Kind::List(&OPERATION_KIND)).literal(),
    field("components", Kind::List(&COMPONENT_KIND)).literal(),
    custom("concurrency", Checker::positive),
    field("earlyStopping", Kind::List(&EARLY_STOPPING)),
    field("cleanPodPolicy", CLEAN_POD_POLICY).literal(),
    field("schedulingPolicy", Kind::Model(&SCHEDULING_POLICY)).literal(),
    field("enableDynamicWorker", Kind::Bool).literal(),
    field("successPolicy", Kind::Text),
    field("chief", Kind::Model(&REPLICA)),
    field("ps", Kind::Model(&REPLICA)),
    field("worker", Kind::Model(&REPLICA)),
    field("evaluator", Kind::Model(&REPLICA)),
    field("elasticPolicy", Kind::Model(&ELASTIC_POLICY)).literal(),
    field("nProcPerNode", Kind::Integer),
    field("master", Kind::Model(&REPLICA)),
    field("slotsPerWorker", Kind::Integer),
    field("launcher", Kind::Model(&REPLICA)),
    field("entrypoint", Kind::Text),
    field("runtimeEnv", Kind::Map),
    field("metadata", METADATA),
    field("rayVersion", Kind::Text),
    field("head", Kind::Model(&RAY_REPLICA)),
    field("workers", WORKERS).literal(),
    field("enableInTreeAutoscaling", Kind::Bool),
    field("autoscalerOptions", Kind::Model(&AUTOSCALER)),
    field("scheduler", Kind::Model(&REPLICA)),
    field("minReplicas", Kind::Integer),
    field("maxReplicas", Kind::Integer),
);

/// The runtimes by their `kind`.
static RUNTIMES: &[(&str, &Model)] = &[
    ("job", &JOB),
    ("service", &SERVICE),
    ("dag", &DAG),
    ("tfjob", &TFJOB),
    ("pytorchjob", &PYTORCHJOB),
    ("mpijob", &MPIJOB),
    ("raycluster", &RAYCLUSTER),
    ("daskcluster", &DASKCLUSTER),
    ("notifier", &JOB),
    ("cleaner", &JOB),
    ("tuner", &JOB),
];

/// The runtimes that files may name.
pub(crate) fn runtimes() -> &'static [(&'static str, &'static Model)] {
    RUNTIMES
}

/// The fields of all runtimes.
pub(crate) fn any_run() -> &'static Model {
    &ANY_RUN
}

/// The table of a runtime.
pub(crate) fn runtime(kind: &str) -> Option<&'static Model> {
    RUNTIMES
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, model)| *model)
}

/// The table of a run section whose kind is in it, or of any run.
pub(crate) fn runtime_of(run: &Map<String, Json>) -> &'static Model {
    run.get("kind")
        .and_then(Json::as_str)
        .and_then(runtime)
        .unwrap_or(&ANY_RUN)
}

/// The `run` section.
pub(crate) fn check_run(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let Value::Mapping(map) = &node.value else {
        return checker.wrong_type(node, path, "a mapping");
    };
    let Some(kind) = map.get("kind").filter(|entry| !entry.value.value.is_null()) else {
        return checker.model(node, &ANY_RUN, path);
    };
    let found = kind.value.to_json();
    match found.as_str().map(|found| (found, runtime(found))) {
        Some((_, Some(model))) => checker.model(node, model, path),
        Some((found, None)) => {
            let known: Vec<&str> = RUNTIMES.iter().take(8).map(|(name, _)| *name).collect();
            let message = format!("there is no run of kind `{found}`");
            checker
                .error(Code::UnknownKind, &kind.value, &path.field("kind"), message)
                .help = Some(suggest::value(found, &known));
            node.to_json()
        }
        None => {
            checker.wrong_type(&kind.value, &path.field("kind"), "text");
            node.to_json()
        }
    }
}

/// The `runPatch` section.
pub(crate) fn check_patch(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let known = if path.is_top() {
        checker.run_kind.as_deref()
    } else {
        None
    };
    let model = match known {
        Some(kind) if replicas_of(kind).is_none() => runtime(kind).unwrap_or(&ANY_RUN),
        _ => &ANY_RUN,
    };
    checker.model(node, model, path)
}
