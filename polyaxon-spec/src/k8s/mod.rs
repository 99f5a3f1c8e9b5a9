//! Plans as Kubernetes objects.

mod attempt;
mod distributed;
mod hand_over;
mod job;
mod pod;
mod resource;
mod restriction;
#[cfg(test)]
mod tests;
mod typed;

pub use attempt::{Attempt, Confirm, SIDECAR, job_of_attempt};
pub use distributed::distributed_resource;
pub use hand_over::{MAX_DOCKERFILE, hand_over, handed_over};
pub use job::{ATTEMPT_ANNOTATION, FINALIZER, job};
pub use resource::{API_VERSION, resource};
