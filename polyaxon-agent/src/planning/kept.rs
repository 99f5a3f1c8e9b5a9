//! A plan while its attempt lives.

use std::borrow::Cow;
use std::sync::Arc;

use polyaxon_spec::plan::{ContainerPlan, PodPlan, Role};
use serde::{Deserialize, Serialize};

use super::{AttemptPlan, BuildPlan};
use crate::attempt::AttemptKey;
use crate::folded::Folded;

/// A plan as it is kept: whole until the attempt has an object, and afterwards, where that says for itself what was
/// planned, no more of it than is asked until its end. A whole one has more than ten times the size.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptPlan {
    /// Which attempt.
    pub key: AttemptKey,
    /// Namespace of its object; empty: the agent's own.
    pub namespace: String,
    /// Name of the main container.
    pub main: Option<String>,
    /// Set when the rules for builds apply.
    pub build: Option<BuildPlan>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Whole(Arc<AttemptPlan>),
    /// An [`Asked`].
    Asked(Folded),
}

/// What is asked of a pod at its end.
#[derive(Debug, Serialize, Deserialize)]
struct Asked<'a> {
    main: Option<Step<'a>>,
    /// The steps that write a Dockerfile.
    dockerfiles: Vec<Step<'a>>,
}

/// A container, and what it was told.
#[derive(Debug, Serialize, Deserialize)]
struct Step<'a> {
    name: Cow<'a, str>,
    command: Cow<'a, [String]>,
    args: Cow<'a, [String]>,
}

impl KeptPlan {
    /// The whole plan.
    pub fn whole(plan: AttemptPlan) -> Self {
        Self {
            key: plan.key.clone(),
            namespace: plan.pod.namespace.clone(),
            main: plan.pod.main().map(|main| main.name.clone()),
            build: plan.build.clone(),
            content: Content::Whole(Arc::new(plan)),
        }
    }

    /// What is still asked of it once the attempt has an object that says the rest.
    #[must_use]
    pub fn once_launched(&self) -> Self {
        let content = match &self.content {
            Content::Whole(plan) => Content::Asked(Folded::new(&Asked::of(&plan.pod))),
            asked @ Content::Asked(_) => asked.clone(),
        };
        Self {
            content,
            ..self.clone()
        }
    }

    /// All of it; `None` once it was launched.
    pub fn plan(&self) -> Option<&Arc<AttemptPlan>> {
        match &self.content {
            Content::Whole(plan) => Some(plan),
            Content::Asked(_) => None,
        }
    }

    /// The pod, with what is kept of it.
    pub fn pod(&self) -> Cow<'_, PodPlan> {
        match &self.content {
            Content::Whole(plan) => Cow::Borrowed(&plan.pod),
            Content::Asked(asked) => {
                let asked: Option<Asked<'static>> = asked.unfold();
                Cow::Owned(asked.map(Asked::pod).unwrap_or_default())
            }
        }
    }
}

impl<'a> Asked<'a> {
    fn of(pod: &'a PodPlan) -> Self {
        let step = |container: &'a ContainerPlan| Step {
            name: Cow::Borrowed(&container.name),
            command: Cow::Borrowed(&container.command),
            args: Cow::Borrowed(&container.args),
        };
        let writes = |init: &&ContainerPlan| init.role == Role::Dockerfile;
        Self {
            main: pod.main().map(step),
            dockerfiles: pod
                .init_containers
                .iter()
                .filter(writes)
                .map(step)
                .collect(),
        }
    }

    fn pod(self) -> PodPlan {
        let container = |role: Role| {
            move |step: Step<'_>| ContainerPlan {
                name: step.name.into_owned(),
                role,
                command: step.command.into_owned(),
                args: step.args.into_owned(),
                ..ContainerPlan::default()
            }
        };
        PodPlan {
            init_containers: self
                .dockerfiles
                .into_iter()
                .map(container(Role::Dockerfile))
                .collect(),
            containers: self.main.map(container(Role::Main)).into_iter().collect(),
            ..PodPlan::default()
        }
    }
}
