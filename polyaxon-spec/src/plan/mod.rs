//! From a resolved operation to the pod that runs it.

mod connections;
mod container;
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

pub use main_container::MAIN;
pub use pod::*;

pub(crate) use container::auxiliary_resources;

use crate::catalog::Catalog;
use crate::diagnostic::Report;
use crate::resolve::{ResolvedOperation, RunContext};

use scene::Scene;

/// Plans the pod of a resolved operation. `suffixes` gives ten fresh hexadecimal digits for each generated
/// name; the same suffixes give the same plan.
pub fn plan(
    resolved: &ResolvedOperation,
    run: &RunContext,
    catalog: &Catalog,
    suffixes: &mut dyn FnMut() -> String,
) -> Result<PodPlan, Report> {
    let scene = Scene::read(resolved, run, catalog)?;
    let init_containers = init::containers(&scene, suffixes)?;
    let mut main = main_container::container(&scene)?;
    let service = environment::service(&scene)?;
    if let Some(service) = &service {
        main_container::open_ports(&mut main, &service.ports);
    }
    let mut containers = vec![main];
    containers.extend(sidecar::ours(&scene));
    containers.extend(sidecar::of_user(&scene, suffixes)?);
    Ok(PodPlan {
        name: scene.name(),
        namespace: scene.namespace(),
        kind: scene.kind.clone(),
        labels: environment::labels(&scene),
        annotations: environment::annotations(&scene),
        init_containers,
        containers,
        volumes: volumes::all(&scene)?,
        scheduling: environment::scheduling(&scene),
        termination: environment::termination(&scene)?,
        collect_logs: scene.plugins.collect_logs,
        sync_statuses: scene.plugins.sync_statuses,
        notifications: scene.plugins.notifications.clone(),
        has_destination: resolved.destination().is_some(),
        service,
    })
}
