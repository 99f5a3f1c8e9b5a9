//! The container that does the work.

use serde_json::{Value, json};

use super::connections::{Additions, ResourceKind, catalog_variable};
use super::container::{self, unique_variables};
use super::environment::{Service, variables};
use super::init::context_volume;
use super::scene::{
    ARTIFACTS_PATH, ARTIFACTS_VOLUME, CONFIGS_PATH, CONFIGS_VOLUME, DOCKER_SOCKET, DOCKER_VOLUME,
    SHM_VOLUME, Scene, TOOLS_PATH, TOOLS_VOLUME,
};
use super::{ContainerPlan, EnvVar, Mount, Role};
use crate::catalog::Connection;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::params::declarations;
use crate::template::python;

/// Name of the main container.
pub const MAIN: &str = "polyaxon-main";

pub(super) fn container(scene: &Scene<'_>) -> Result<ContainerPlan, Report> {
    let Some(given) = scene.section.get("container").filter(|c| !c.is_null()) else {
        return Err(
            Diagnostic::error(Code::CannotPlan, "the run has no `container`")
                .in_field("run.container")
                .with_help("add `container: {image: ...}`")
                .into(),
        );
    };
    let mut main = container::read(given, "run.container")?;
    if main.image.is_empty() {
        return Err(
            Diagnostic::error(Code::CannotPlan, "the container has no `image`")
                .in_field("run.container.image")
                .into(),
        );
    }
    scene.main_name().clone_into(&mut main.name);
    main.role = Role::Main;
    extend(scene, &mut main, &scene.of_main());
    Ok(main)
}

/// Adds the ports that a service listens on, where the container does not name them.
pub(super) fn open_ports(main: &mut ContainerPlan, ports: &[u16]) {
    for port in ports {
        let is_known = |known: &Value| {
            known.get("containerPort").and_then(Value::as_u64) == Some(u64::from(*port))
        };
        if !main.ports.iter().any(is_known) {
            main.ports.push(json!({"containerPort": port}));
        }
    }
}

/// Adds what the main container and the user's sidecars share: mounts, variables, connections.
pub(super) fn extend(
    scene: &Scene<'_>,
    container: &mut ContainerPlan,
    connections: &[&Connection],
) {
    let mut additions = Additions::of(connections);
    for (resources, kind) in [
        (&scene.catalog.secrets, ResourceKind::Secret),
        (&scene.catalog.config_maps, ResourceKind::ConfigMap),
    ] {
        for resource in resources.iter().filter(|r| r.is_requested == Some(true)) {
            additions.add(resource, kind);
        }
    }
    let mut taken: Vec<String> = container
        .mounts
        .iter()
        .map(|mount| mount.path.clone())
        .collect();
    for mount in own_mounts(scene, container.role) {
        if !taken.contains(&mount.path) {
            taken.push(mount.path.clone());
            container.mounts.push(mount);
        }
    }
    // Connections that want the same place stay beside each other: the launch refuses them by name.
    for mount in additions.mounts {
        if !taken.contains(&mount.path) && !container.mounts.contains(&mount) {
            container.mounts.push(mount);
        }
    }
    let mut env = std::mem::take(&mut container.env);
    env.extend(variables(scene, Service::Runner));
    for (name, on) in [
        (
            "POLYAXON_COLLECT_ARTIFACTS",
            scene.plugins.collect_artifacts,
        ),
        (
            "POLYAXON_COLLECT_RESOURCES",
            scene.plugins.collect_resources,
        ),
    ] {
        if on {
            env.push(EnvVar::value(name, "true"));
        }
    }
    if let Some(store) = &scene.catalog.artifacts_store {
        env.push(EnvVar::value("POLYAXON_ARTIFACTS_STORE_NAME", &store.name));
    }
    env.extend(catalog_variable(connections));
    env.append(&mut additions.env);
    env.extend(param_variables(scene));
    if !has_gpu(&container.resources) {
        env.push(EnvVar::value("NVIDIA_VISIBLE_DEVICES", "none"));
    }
    container.env = unique_variables(env);
    container.env_from.append(&mut additions.env_from);
}

/// What initializers bring is for main alone, and so are the tools.
fn own_mounts(scene: &Scene<'_>, role: Role) -> Vec<Mount> {
    let plugins = &scene.plugins;
    let is_main = role == Role::Main;
    let inits: &[crate::model::Init] = if is_main { &scene.inits } else { &[] };
    let mut mounts = Vec::new();
    let mut add = |on: bool, volume: &str, path: &str, read_only: Option<bool>| {
        if on {
            mounts.push(Mount {
                volume: volume.to_owned(),
                path: path.to_owned(),
                read_only,
                ..Mount::default()
            });
        }
    };
    add(plugins.auth, CONFIGS_VOLUME, CONFIGS_PATH, Some(true));
    add(plugins.docker, DOCKER_VOLUME, DOCKER_SOCKET, None);
    add(plugins.shm, SHM_VOLUME, "/dev/shm", None);
    add(
        plugins.tmux && is_main,
        TOOLS_VOLUME,
        TOOLS_PATH,
        Some(true),
    );
    let shares_artifacts = plugins.collect_artifacts || inits.iter().any(fills_artifacts);
    add(
        shares_artifacts,
        ARTIFACTS_VOLUME,
        ARTIFACTS_PATH,
        plugins.collect_artifacts.then_some(false),
    );
    for init in inits {
        if let (Some(volume), Some(path)) = (context_volume(init), &init.path) {
            add(true, &volume, path, None);
        }
    }
    mounts
}

/// Whether an initializer writes into the shared folder of artifacts.
fn fills_artifacts(init: &crate::model::Init) -> bool {
    super::init::is_ours(init) && context_volume(init).is_none()
}

/// Params with `toEnv`.
fn param_variables(scene: &Scene<'_>) -> Vec<EnvVar> {
    declarations(scene.document)
        .into_iter()
        .filter_map(|declaration| {
            let io = declaration.io;
            let name = io.to_env.filter(|name| !name.is_empty())?;
            let value = io.value.unwrap_or(Value::Null);
            Some(EnvVar::value(name, python::env_text(&value)))
        })
        .collect()
}

/// Whether a container asks for a device; none of them, `gpu: 0`, is no request.
fn has_gpu(resources: &Value) -> bool {
    let amounts = ["requests", "limits"]
        .into_iter()
        .filter_map(|side| resources.get(side)?.as_object());
    amounts.flatten().any(|(name, amount)| {
        let amount = python::text(amount).trim().parse::<f64>();
        name.contains("gpu") && amount.is_ok_and(|amount| amount > 0.0)
    })
}
