//! What the objects of an attempt say about it; adoption after a restart reads only this.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use polyaxon_spec::k8s::FINALIZER;

use crate::attempt::AttemptKey;
use crate::planning::AttemptPlan;

/// Label: which agent made the object.
const AGENT: &str = "operation.polyaxon.com/agent";
/// Label: uuid of the run.
const RUN: &str = "operation.polyaxon.com/uuid";
/// Label: number of the attempt.
const ATTEMPT: &str = "operation.polyaxon.com/attempt";
/// Label: fence at the creation.
const FENCE: &str = "operation.polyaxon.com/fence";
/// Annotation: hash over the compiled operation.
const SPEC_HASH: &str = "operation.polyaxon.com/spec-hash";
/// Annotation: seconds that the Job stays after its outcome is acknowledged.
const TTL: &str = "operation.polyaxon.com/ttl";

/// Labels of the Job and the pod of an attempt.
pub(super) fn of(agent: &str, plan: &AttemptPlan) -> BTreeMap<String, String> {
    [
        (AGENT, agent.to_owned()),
        (RUN, plan.key.run.to_string()),
        (ATTEMPT, plan.key.attempt.to_string()),
        (FENCE, plan.fence.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Annotations of both.
pub(super) fn annotations(plan: &AttemptPlan) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::from([(SPEC_HASH.to_owned(), plan.spec_hash.clone())]);
    let ttl = plan
        .pod
        .termination
        .as_ref()
        .and_then(|end| end.ttl_seconds);
    if let Some(ttl) = ttl {
        annotations.insert(TTL.to_owned(), ttl.to_string());
    }
    annotations
}

/// Selects everything of an agent.
pub(super) fn selector(agent: &str) -> String {
    format!("{AGENT}={agent},{RUN}")
}

/// Selects what belongs to an attempt.
pub(super) fn selector_of(agent: &str, key: &AttemptKey) -> String {
    format!(
        "{AGENT}={agent},{RUN}={},{ATTEMPT}={}",
        key.run, key.attempt
    )
}

/// What the metadata of an object says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) agent: String,
    pub(super) key: AttemptKey,
    pub(super) fence: u64,
    pub(super) spec_hash: String,
}

impl Owner {
    /// `None` for an object that no agent made.
    pub(super) fn read(metadata: &ObjectMeta) -> Option<Self> {
        let labels = metadata.labels.as_ref()?;
        let get = |name: &str| labels.get(name).cloned();
        let hash = metadata
            .annotations
            .as_ref()
            .and_then(|all| all.get(SPEC_HASH));
        Some(Self {
            agent: get(AGENT)?,
            key: AttemptKey::new(get(RUN)?, get(ATTEMPT)?.parse().ok()?),
            fence: get(FENCE)?.parse().ok()?,
            spec_hash: hash.cloned().unwrap_or_default(),
        })
    }
}

/// Seconds that the object stays once its outcome is acknowledged; `None`: it goes at once.
pub(super) fn ttl(metadata: &ObjectMeta) -> Option<u32> {
    let annotations = metadata.annotations.as_ref()?;
    annotations.get(TTL)?.parse().ok().filter(|ttl| *ttl > 0)
}

/// Where our finalizer is in the object's list.
pub(super) fn finalizer(metadata: &ObjectMeta) -> Option<usize> {
    let finalizers = metadata.finalizers.as_ref()?;
    finalizers.iter().position(|name| name == FINALIZER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_say_again_what_was_written() {
        let mut plan = AttemptPlan {
            key: AttemptKey::new("ab", 2),
            fence: 7,
            spec_hash: "sha256:00".to_owned(),
            pod: polyaxon_spec::plan::PodPlan::default(),
            build: None,
        };
        plan.pod.termination = Some(polyaxon_spec::plan::Termination {
            ttl_seconds: Some(30),
            ..Default::default()
        });
        let metadata = ObjectMeta {
            labels: Some(of("me", &plan)),
            annotations: Some(annotations(&plan)),
            finalizers: Some(vec!["other".to_owned(), FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        };
        let owner = Owner::read(&metadata).expect("ours");
        assert_eq!((owner.agent.as_str(), owner.fence), ("me", 7));
        assert_eq!(
            (owner.key, owner.spec_hash.as_str()),
            (plan.key, "sha256:00")
        );
        assert_eq!(ttl(&metadata), Some(30));
        assert_eq!(finalizer(&metadata), Some(1));
        assert_eq!(Owner::read(&ObjectMeta::default()), None);
        assert_eq!(finalizer(&ObjectMeta::default()), None);
    }
}
