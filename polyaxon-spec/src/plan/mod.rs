//! From a resolved operation to the pod that runs it.

mod connections;
mod container;
mod distributed;
mod environment;
mod init;
mod main_container;
mod pod;
mod scene;
mod sidecar;
mod store;
#[cfg(test)]
mod tests;
mod volumes;

pub use distributed::{DistributedPlan, ReplicaPlan, distributed, is_distributed};
pub use main_container::MAIN;
pub use pod::*;

pub(crate) use container::auxiliary_resources;

use crate::catalog::Catalog;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::resolve::{ResolvedOperation, RunContext};

use scene::Scene;
use serde_json::Value;

/// Plans the pod of a resolved operation. `suffixes` gives ten fresh hexadecimal digits for each generated
/// name; the same suffixes give the same plan.
pub fn plan(
    resolved: &ResolvedOperation,
    run: &RunContext,
    catalog: &Catalog,
    suffixes: &mut dyn FnMut() -> String,
) -> Result<PodPlan, Report> {
    let kind = resolved.run().get("kind").and_then(Value::as_str);
    if let Some(kind) = kind.filter(|kind| is_distributed(kind)) {
        let message = format!("a run of kind `{kind}` is several pods, and one is asked for");
        return Err(Diagnostic::error(Code::Unsupported, message)
            .in_field("run.kind")
            .with_help(
                "use `kind: job`; `polyaxon compile --stage resource` prints all of its pods",
            )
            .into());
    }
    if kind == Some("dag") {
        let message = "a dag has no pod of its own: each of its operations becomes a run";
        return Err(Diagnostic::error(Code::Unsupported, message)
            .in_field("run.kind")
            .with_help("compile its operations one by one")
            .into());
    }
    pod(&Scene::read(resolved, run, catalog)?, suffixes)
}

/// The pod of a scene.
fn pod(scene: &Scene<'_>, suffixes: &mut dyn FnMut() -> String) -> Result<PodPlan, Report> {
    let init_containers = init::containers(scene, suffixes)?;
    let mut main = main_container::container(scene)?;
    let service = environment::service(scene)?;
    if let Some(service) = &service {
        main_container::open_ports(&mut main, &service.ports);
    }
    let mut containers = vec![main];
    containers.extend(sidecar::ours(scene));
    containers.extend(sidecar::of_user(scene, suffixes)?);
    Ok(PodPlan {
        name: scene.name(),
        namespace: scene.namespace(),
        kind: scene.kind.clone(),
        labels: environment::labels(scene),
        annotations: environment::annotations(scene),
        init_containers,
        containers,
        volumes: volumes::all(scene)?,
        scheduling: environment::scheduling(scene),
        termination: environment::termination(scene)?,
        collect_logs: scene.plugins.collect_logs,
        sync_statuses: scene.plugins.sync_statuses,
        notifications: scene.plugins.notifications.clone(),
        has_destination: scene.has_destination,
        service,
    })
}
