//! Plans as Kubernetes objects.

mod job;
mod pod;
mod resource;
#[cfg(test)]
mod tests;
mod typed;

pub use job::{ATTEMPT_ANNOTATION, FINALIZER, job};
pub use resource::{API_VERSION, resource};
