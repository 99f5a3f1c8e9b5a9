//! What the hub is told of a build beyond its status: why it failed, and what it did.

mod dockerfile;
mod failure;
mod observer;
mod result;
#[cfg(test)]
mod tests;

pub use observer::BuildObserver;

use polyaxon_proto::runs::v1::Status;
use polyaxon_spec::plan::PodPlan;

use crate::classify::Instructions;
use crate::machine::StatusUpdate;

/// What is known of a build besides its log.
#[derive(Clone, Copy)]
struct Known<'a> {
    pod: &'a PodPlan,
    observer: &'a BuildObserver,
    /// The Dockerfile.
    text: Option<&'a str>,
    instructions: Option<&'a Instructions>,
}

/// Path in the main container of a Dockerfile that no init step generates, if the executor's
/// arguments name one.
pub fn dockerfile_path(pod: &PodPlan) -> Option<String> {
    if dockerfile::generated(pod).is_some() {
        return None;
    }
    dockerfile::path(pod)
}

/// Names of the images that a build starts from, as far as its Dockerfile or its log tells.
pub fn base_images(pod: &PodPlan, observer: &BuildObserver) -> Vec<String> {
    let text = dockerfile::generated(pod).or_else(|| observer.dockerfile());
    let instructions = text.as_deref().map(Instructions::read);
    observer.with_log(|log| result::base_images(pod, instructions.as_ref(), log))
}

/// Adds to the final status of a build what its log and its ending say.
pub fn complete(update: &mut StatusUpdate, pod: &PodPlan, observer: &BuildObserver) {
    if !update.is_final() {
        return;
    }
    let text = dockerfile::generated(pod).or_else(|| observer.dockerfile());
    let instructions = text.as_deref().map(Instructions::read);
    let known = Known {
        pod,
        observer,
        text: text.as_deref(),
        instructions: instructions.as_ref(),
    };
    observer.with_log(|log| {
        result::fill(update, &known, log);
        if update.status != Status::Succeeded {
            failure::fill(update, &known, log);
        }
    });
}
