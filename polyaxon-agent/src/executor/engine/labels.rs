//! Labels of everything that belongs to an attempt; adoption after a restart reads only them.

use std::collections::HashMap;

use crate::attempt::AttemptKey;
use crate::planning::AttemptPlan;

/// Which agent's data folder the object belongs to.
pub(super) const AGENT: &str = "polyaxon.com/agent";
/// Uuid of the run.
pub(super) const RUN: &str = "polyaxon.com/run";
/// Number of the attempt.
pub(super) const ATTEMPT: &str = "polyaxon.com/attempt";
/// Name of the container in its pod.
pub(super) const CONTAINER: &str = "polyaxon.com/container";
/// Fence at the creation.
const FENCE: &str = "polyaxon.com/fence";
/// Hash over the compiled operation.
const SPEC_HASH: &str = "polyaxon.com/spec-hash";
/// Id that was drawn when the attempt's object was created.
const UID: &str = "polyaxon.com/uid";

/// Labels of one object of an attempt.
pub(super) fn of(agent: &str, plan: &AttemptPlan) -> HashMap<String, String> {
    [
        (AGENT, agent.to_owned()),
        (RUN, plan.key.run.to_string()),
        (ATTEMPT, plan.key.attempt.to_string()),
        (FENCE, plan.fence.to_string()),
        (SPEC_HASH, plan.spec_hash.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Labels of the object that stands for the attempt as a whole.
pub(super) fn of_anchor(agent: &str, plan: &AttemptPlan, uid: &str) -> HashMap<String, String> {
    let mut labels = of(agent, plan);
    labels.insert(UID.to_owned(), uid.to_owned());
    labels
}

/// Whether an object is an attempt's of this agent.
pub(super) fn belong_to(labels: &HashMap<String, String>, agent: &str, key: &AttemptKey) -> bool {
    let has = |name: &str, value: &str| labels.get(name).is_some_and(|found| found == value);
    has(AGENT, agent) && has(RUN, &key.run) && has(ATTEMPT, &key.attempt.to_string())
}

/// Filters for objects of an attempt. What an engine finds by them must be looked at with [`belong_to`]: Podman lists
/// every volume that has one of several labels.
pub(super) fn filters(key: &AttemptKey) -> HashMap<String, Vec<String>> {
    let labels = vec![
        format!("{RUN}={}", key.run),
        format!("{ATTEMPT}={}", key.attempt),
    ];
    HashMap::from([("label".to_owned(), labels)])
}

/// Filters that select everything of an agent.
pub(super) fn filters_of_agent(agent: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{AGENT}={agent}")])])
}

/// What the labels of an object say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) key: AttemptKey,
    pub(super) agent: String,
    pub(super) fence: u64,
    pub(super) spec_hash: String,
    pub(super) uid: Option<String>,
    pub(super) container: Option<String>,
}

impl Labels {
    /// `None` for an object that is not ours.
    pub(super) fn read(labels: &HashMap<String, String>) -> Option<Self> {
        let get = |name: &str| labels.get(name).cloned();
        Some(Self {
            key: AttemptKey::new(get(RUN)?, get(ATTEMPT)?.parse().ok()?),
            agent: get(AGENT)?,
            fence: get(FENCE)?.parse().ok()?,
            spec_hash: get(SPEC_HASH)?,
            uid: get(UID),
            container: get(CONTAINER),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_of_an_attempt_counts() {
        let labels = |agent: &str, run: &str, attempt: &str| {
            [(AGENT, agent), (RUN, run), (ATTEMPT, attempt)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        };
        let key = AttemptKey::new("ab", 1);
        for (agent, run, attempt, expected) in [
            ("me", "ab", "1", true),
            ("me", "cd", "1", false),
            ("me", "ab", "2", false),
            ("you", "ab", "1", false),
        ] {
            let found: HashMap<String, String> = labels(agent, run, attempt);
            assert_eq!(belong_to(&found, "me", &key), expected, "{found:?}");
        }
        assert!(!belong_to(&HashMap::new(), "me", &key));
    }

    #[test]
    fn labels_say_again_what_was_written() {
        let plan = AttemptPlan {
            key: AttemptKey::new("ab", 2),
            fence: 7,
            spec_hash: "sha256:00".to_owned(),
            pod: polyaxon_spec::plan::PodPlan::default(),
            build: None,
        };
        let read = Labels::read(&of_anchor("me", &plan, "u")).expect("ours");
        assert_eq!(read.key, plan.key);
        assert_eq!(
            (read.agent.as_str(), read.fence, read.uid.as_deref()),
            ("me", 7, Some("u"))
        );
        assert_eq!(Labels::read(&HashMap::new()), None);
    }
}
