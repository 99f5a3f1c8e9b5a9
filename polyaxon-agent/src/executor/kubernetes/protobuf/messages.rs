//! What is read of Kubernetes's messages. The numbers of the fields are those of `generated.proto` in the modules
//! `k8s.io/api` and `k8s.io/apimachinery`; they never change. A field that is not named here is skipped: what is kept of
//! an object must be here, too, and in what the tests read.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use k8s_openapi::api::{batch::v1 as batch, core::v1 as core};
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use prost::Message;

/// What every message is in.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Unknown {
    #[prost(message, optional, tag = "1")]
    pub(super) type_meta: Option<TypeMeta>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) raw: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TypeMeta {
    #[prost(string, tag = "2")]
    pub(super) kind: String,
}

/// What a watch says.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WatchEvent {
    #[prost(string, tag = "1")]
    pub(super) what: String,
    #[prost(message, optional, tag = "2")]
    pub(super) object: Option<RawExtension>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct RawExtension {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) raw: Bytes,
}

/// A list of any kind, its objects not read yet.
#[derive(Clone, PartialEq, Message)]
pub(super) struct List {
    #[prost(message, optional, tag = "1")]
    pub(super) metadata: Option<ListMeta>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) items: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListMeta {
    #[prost(string, tag = "2")]
    resource_version: String,
    #[prost(string, tag = "3")]
    continue_: String,
}

/// Why a request was refused.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(string, tag = "2")]
    outcome: String,
    #[prost(string, tag = "3")]
    message: String,
    #[prost(string, tag = "4")]
    reason: String,
    #[prost(message, optional, tag = "5")]
    details: Option<StatusDetails>,
    #[prost(int32, tag = "6")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StatusDetails {
    #[prost(int32, tag = "5")]
    retry_after_seconds: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Job {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ObjectMeta>,
    #[prost(message, optional, tag = "3")]
    status: Option<JobStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct JobStatus {
    #[prost(message, repeated, tag = "1")]
    conditions: Vec<Condition>,
}

/// Of a Job and of a pod; their numbers are the same.
#[derive(Clone, PartialEq, Message)]
struct Condition {
    #[prost(string, tag = "1")]
    type_: String,
    #[prost(string, tag = "2")]
    status: String,
    #[prost(string, tag = "5")]
    reason: String,
    #[prost(string, tag = "6")]
    message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Pod {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ObjectMeta>,
    #[prost(message, optional, tag = "2")]
    spec: Option<PodSpec>,
    #[prost(message, optional, tag = "3")]
    status: Option<PodStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct PodSpec {
    #[prost(string, tag = "10")]
    node_name: String,
    #[prost(message, repeated, tag = "20")]
    init_containers: Vec<Container>,
    #[prost(bool, optional, tag = "37")]
    host_users: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
struct Container {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "24")]
    restart_policy: String,
}

#[derive(Clone, PartialEq, Message)]
struct PodStatus {
    #[prost(string, tag = "1")]
    phase: String,
    #[prost(message, repeated, tag = "2")]
    conditions: Vec<Condition>,
    #[prost(string, tag = "3")]
    message: String,
    #[prost(string, tag = "4")]
    reason: String,
    #[prost(message, repeated, tag = "8")]
    container_statuses: Vec<ContainerStatus>,
    #[prost(message, repeated, tag = "10")]
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerStatus {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    state: Option<ContainerState>,
    #[prost(message, optional, tag = "3")]
    last_state: Option<ContainerState>,
    #[prost(string, tag = "6")]
    image: String,
    #[prost(string, tag = "7")]
    image_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerState {
    #[prost(message, optional, tag = "1")]
    waiting: Option<ContainerStateWaiting>,
    #[prost(message, optional, tag = "2")]
    running: Option<ContainerStateRunning>,
    #[prost(message, optional, tag = "3")]
    terminated: Option<ContainerStateTerminated>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerStateWaiting {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    message: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ContainerStateRunning {}

#[derive(Clone, PartialEq, Message)]
struct ContainerStateTerminated {
    #[prost(int32, tag = "1")]
    exit_code: i32,
    #[prost(int32, tag = "2")]
    signal: i32,
    #[prost(string, tag = "3")]
    reason: String,
    #[prost(string, tag = "4")]
    message: String,
    #[prost(string, tag = "7")]
    container_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct ObjectMeta {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(string, tag = "5")]
    uid: String,
    #[prost(string, tag = "6")]
    resource_version: String,
    #[prost(message, optional, tag = "8")]
    creation_timestamp: Option<Time>,
    #[prost(message, optional, tag = "9")]
    deletion_timestamp: Option<Time>,
    #[prost(btree_map = "string, string", tag = "11")]
    labels: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "12")]
    annotations: BTreeMap<String, String>,
    #[prost(string, repeated, tag = "14")]
    finalizers: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// What is empty is sent as such, and means nothing.
fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

fn all<T, U: From<T>>(items: Vec<T>) -> Option<Vec<U>> {
    (!items.is_empty()).then(|| items.into_iter().map(U::from).collect())
}

/// No time at all is sent as a message without a field.
fn time(time: Option<Time>) -> Option<meta::Time> {
    let time = time.and_then(some)?;
    Timestamp::new(time.seconds, time.nanos)
        .ok()
        .map(meta::Time)
}

impl From<ListMeta> for meta::ListMeta {
    fn from(list: ListMeta) -> Self {
        Self {
            resource_version: some(list.resource_version),
            continue_: some(list.continue_),
            ..Self::default()
        }
    }
}

impl From<Status> for meta::Status {
    fn from(status: Status) -> Self {
        let details = |details: StatusDetails| meta::StatusDetails {
            retry_after_seconds: some(details.retry_after_seconds),
            ..meta::StatusDetails::default()
        };
        Self {
            status: some(status.outcome),
            message: some(status.message),
            reason: some(status.reason),
            details: status.details.map(details),
            code: some(status.code),
            ..Self::default()
        }
    }
}

impl From<Job> for batch::Job {
    fn from(job: Job) -> Self {
        let status = |status: JobStatus| batch::JobStatus {
            conditions: all(status.conditions),
            ..batch::JobStatus::default()
        };
        Self {
            metadata: job.metadata.map(Into::into).unwrap_or_default(),
            spec: None,
            status: job.status.map(status),
        }
    }
}

impl From<Condition> for batch::JobCondition {
    fn from(condition: Condition) -> Self {
        Self {
            type_: condition.type_,
            status: condition.status,
            reason: some(condition.reason),
            message: some(condition.message),
            ..Self::default()
        }
    }
}

impl From<Condition> for core::PodCondition {
    fn from(condition: Condition) -> Self {
        Self {
            type_: condition.type_,
            status: condition.status,
            reason: some(condition.reason),
            message: some(condition.message),
            ..Self::default()
        }
    }
}

impl From<Pod> for core::Pod {
    fn from(pod: Pod) -> Self {
        Self {
            metadata: pod.metadata.map(Into::into).unwrap_or_default(),
            spec: pod.spec.map(Into::into),
            status: pod.status.map(Into::into),
        }
    }
}

impl From<PodSpec> for core::PodSpec {
    fn from(spec: PodSpec) -> Self {
        Self {
            node_name: some(spec.node_name),
            host_users: spec.host_users,
            init_containers: all(spec.init_containers),
            ..Self::default()
        }
    }
}

impl From<Container> for core::Container {
    fn from(container: Container) -> Self {
        Self {
            name: container.name,
            restart_policy: some(container.restart_policy),
            ..Self::default()
        }
    }
}

impl From<PodStatus> for core::PodStatus {
    fn from(status: PodStatus) -> Self {
        Self {
            phase: some(status.phase),
            conditions: all(status.conditions),
            message: some(status.message),
            reason: some(status.reason),
            container_statuses: all(status.container_statuses),
            init_container_statuses: all(status.init_container_statuses),
            ..Self::default()
        }
    }
}

impl From<ContainerStatus> for core::ContainerStatus {
    fn from(status: ContainerStatus) -> Self {
        Self {
            name: status.name,
            state: status.state.map(Into::into),
            last_state: status.last_state.map(Into::into),
            image: status.image,
            image_id: status.image_id,
            ..Self::default()
        }
    }
}

impl From<ContainerState> for core::ContainerState {
    fn from(state: ContainerState) -> Self {
        Self {
            waiting: state.waiting.map(|waiting| core::ContainerStateWaiting {
                reason: some(waiting.reason),
                message: some(waiting.message),
            }),
            running: state
                .running
                .map(|_| core::ContainerStateRunning::default()),
            terminated: state.terminated.map(|end| core::ContainerStateTerminated {
                exit_code: end.exit_code,
                signal: some(end.signal),
                reason: some(end.reason),
                message: some(end.message),
                container_id: some(end.container_id),
                ..core::ContainerStateTerminated::default()
            }),
        }
    }
}

impl From<ObjectMeta> for meta::ObjectMeta {
    fn from(metadata: ObjectMeta) -> Self {
        Self {
            name: some(metadata.name),
            namespace: some(metadata.namespace),
            uid: some(metadata.uid),
            resource_version: some(metadata.resource_version),
            creation_timestamp: time(metadata.creation_timestamp),
            deletion_timestamp: time(metadata.deletion_timestamp),
            labels: some(metadata.labels),
            annotations: some(metadata.annotations),
            finalizers: some(metadata.finalizers),
            ..Self::default()
        }
    }
}
