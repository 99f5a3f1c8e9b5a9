//! The sections that every kind of file may have: cache, termination, plugins, build, hooks, template, mount.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::checker::Checker;
use super::io::long_params_field;
use super::kubernetes::POD_FAILURE_POLICY;
use super::path::Path;
use super::root::{PATCH_STRATEGIES, check_hub_ref};
use super::table::{CustomKind, Field, Kind, Model, custom, field};
use crate::yaml::{Node, Scalar, Value};

/// When a run ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Termination {
    /// How often a failed run is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<i64>,
    /// Seconds for all attempts together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Seconds that the objects of a finished run stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// When an idle service is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culling: Option<Json>,
    /// How a service is asked whether it is idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Json>,
    /// Which failures of a pod count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_failure_policy: Option<Json>,
}

/// What the platform adds to the pod. A field that is none has the default of the agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Plugins {
    /// A token for the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<bool>,
    /// The socket of the node's Docker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<bool>,
    /// Shared memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm: Option<bool>,
    /// The artifacts store in the main container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_artifacts_store: Option<bool>,
    /// Outputs are collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collect_artifacts: Option<bool>,
    /// Logs are collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collect_logs: Option<bool>,
    /// Use of resources is collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collect_resources: Option<bool>,
    /// Statuses are reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_statuses: Option<bool>,
    /// Earlier outputs of the run are restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_resume: Option<bool>,
    /// The public address is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_host: Option<bool>,
    /// The level of the client's logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
    /// A terminal multiplexer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmux: Option<bool>,
    /// A sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Json>,
    /// A secure shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<Json>,
    /// Settings of the sidecar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<Json>,
    /// Who is told about a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Vec<Json>>,
}

/// `cache`.
pub(crate) static CACHE: Model = Model::new(
    "a cache section",
    &[
        field("disable", Kind::Bool),
        field("ttl", Kind::Integer),
        field("io", Kind::List(&Kind::Text)),
        field(
            "sections",
            Kind::List(&Kind::OneOf(&["containers", "init", "connections"])),
        ),
    ],
);

/// `termination`.
pub(crate) static TERMINATION: Model = Model::new(
    "a termination",
    &[
        field("maxRetries", Kind::Integer),
        field("timeout", Kind::Integer),
        field("ttl", Kind::Integer),
        field("culling", Kind::Model(&CULLING)).literal(),
        field("probe", Kind::Model(&PROBE)).literal(),
        field("podFailurePolicy", Kind::Kubernetes(&POD_FAILURE_POLICY)),
    ],
);

static CULLING: Model = Model::new(
    "a culling",
    &[custom("timeout", Checker::lax_integer).literal()],
);

static PROBE: Model = Model::new(
    "a probe",
    &[
        field("exec", Kind::Model(&PROBE_EXEC)).literal(),
        field("http", Kind::Model(&PROBE_HTTP)).literal(),
    ],
);

static PROBE_EXEC: Model = Model::new(
    "an exec probe",
    &[field("command", Kind::List(&Kind::Text))],
);

static PROBE_HTTP: Model = Model::new(
    "an http probe",
    &[
        field("path", Kind::Text),
        custom("port", check_port).required(),
    ],
);

/// `plugins`.
pub(crate) static PLUGINS: Model = Model::new(
    "plugins",
    &[
        field("auth", Kind::Bool),
        field("docker", Kind::Bool),
        field("shm", Kind::Bool),
        field("mountArtifactsStore", Kind::Bool),
        field("collectArtifacts", Kind::Bool),
        field("collectLogs", Kind::Bool),
        field("collectResources", Kind::Bool),
        field("syncStatuses", Kind::Bool),
        field("autoResume", Kind::Bool),
        field("externalHost", Kind::Bool),
        field("logLevel", Kind::Text),
        field("tmux", Kind::Bool),
        field("sandbox", Kind::Any),
        field("ssh", Kind::Any),
        field("sidecar", Kind::Model(&SIDECAR)),
        field("notifications", Kind::List(&Kind::Model(&NOTIFICATION))),
    ],
);

static SIDECAR: Model = Model::new(
    "the sidecar",
    &[
        field("image", Kind::Text),
        field("imageTag", Kind::Text),
        field(
            "imagePullPolicy",
            Kind::OneOf(&["Always", "IfNotPresent", "Never"]),
        )
        .literal(),
        field("resources", Kind::Map),
        field("sleepInterval", Kind::Integer),
        field("syncInterval", Kind::Integer),
        field("monitorLogs", Kind::Bool),
        field("monitorSpec", Kind::Bool),
        field("noConnections", Kind::Bool),
    ],
);

/// What a run may be, and `done` for every end.
const STATUSES: &[&str] = &[
    "created",
    "resuming",
    "on_schedule",
    "compiled",
    "queued",
    "scheduled",
    "starting",
    "running",
    "processing",
    "stopping",
    "failed",
    "stopped",
    "succeeded",
    "skipped",
    "warning",
    "unschedulable",
    "upstream_failed",
    "retrying",
    "unknown",
    "done",
];

static NOTIFICATION: Model = Model::new(
    "a notification",
    &[
        field("connections", Kind::List(&Kind::Text))
            .required()
            .literal(),
        field("trigger", Kind::OneOf(STATUSES)).literal(),
    ],
);

/// The required `hubRef` of a section that makes runs.
pub(crate) const fn hub_ref_field() -> Field {
    custom("hubRef", check_hub_ref).required()
}

/// `build`.
pub(crate) static BUILD: Model = Model::new(
    "a build section",
    &[
        hub_ref_field(),
        field("connection", Kind::Text),
        field("presets", Kind::List(&Kind::Text)),
        field("queue", Kind::Text),
        field("namespace", Kind::Text),
        field("cache", Kind::Model(&CACHE)),
        long_params_field(),
        field("runPatch", Kind::RunPatch).literal(),
        field("patchStrategy", Kind::OneOf(PATCH_STRATEGIES)).literal(),
    ],
);

/// An entry of `hooks`.
pub(crate) static HOOK: Model = Model::new(
    "a hook",
    &[
        hub_ref_field(),
        field("connection", Kind::Text),
        field(
            "trigger",
            Kind::OneOf(&[
                "failed",
                "stopped",
                "succeeded",
                "skipped",
                "upstream_failed",
                "done",
            ]),
        )
        .literal(),
        field("conditions", Kind::Text),
        field("presets", Kind::List(&Kind::Text)).literal(),
        field("queue", Kind::Text),
        field("namespace", Kind::Text),
        long_params_field().templated(),
        field("disableDefaults", Kind::Bool),
    ],
);

/// `template`.
pub(crate) static TEMPLATE: Model = Model::new(
    "a template section",
    &[
        field("enabled", Kind::Bool),
        field("description", Kind::Text),
        field("fields", Kind::List(&Kind::Text)),
    ],
);

/// `mount`.
pub(crate) const MOUNTS: Kind = Kind::List(&Kind::Custom(CustomKind(check_mount)));

/// The fields of an entry of `mount` that is a mapping.
pub(crate) fn mount() -> &'static Model {
    &MOUNT
}

static MOUNT: Model = Model::new(
    "a mount",
    &[field("from", Kind::Text), field("to", Kind::Text)],
);

/// A port by its number or by its name.
fn check_port(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    match &node.value {
        Value::Scalar(Scalar::Integer(_)) => node.to_json(),
        Value::Scalar(Scalar::Text(text)) => json!(text),
        _ => checker.wrong_type(node, path, "the number or the name of a port"),
    }
}

fn check_mount(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    match &node.value {
        Value::Scalar(Scalar::Text(text)) => json!(text),
        Value::Mapping(_) => checker.model(node, &MOUNT, path),
        _ => checker.wrong_type(node, path, "`\"from:to\"` or a mapping"),
    }
}
