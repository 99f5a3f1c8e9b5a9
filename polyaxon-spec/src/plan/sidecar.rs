//! The containers beside main: ours, which looks after logs and artifacts, and the user's.

use serde_json::Value;

use super::connections::{Additions, catalog_variable};
use super::container::{self, auxiliary_resources};
use super::environment::{Service, variables};
use super::main_container::extend;
use super::scene::{ARTIFACTS_PATH, ARTIFACTS_VOLUME, CONFIGS_PATH, CONFIGS_VOLUME, Scene, fields};
use super::{ContainerPlan, EnvVar, Mount, Role};
use crate::diagnostic::Report;

/// Seconds between two looks, and between two rounds of collecting, where nobody sets them.
const DEFAULT_INTERVAL: i64 = 10;

/// Our sidecar, if there is anything to collect and a store to collect it into.
pub(super) fn ours(scene: &Scene<'_>) -> Option<ContainerPlan> {
    let plugins = &scene.plugins;
    if !plugins.collect_artifacts && !plugins.collect_logs {
        return None;
    }
    let store = scene.catalog.artifacts_store.as_ref()?;
    let defaults = &scene.catalog.sidecar;
    let given = fields(Some(&plugins.sidecar));
    let interval = |key: &str, agent: Option<i64>| {
        given
            .and_then(|given| given.get(key)?.as_i64())
            .or(agent)
            .unwrap_or(DEFAULT_INTERVAL)
    };
    let mut args = vec![
        format!("--container-id={}", scene.main_name()),
        format!(
            "--sleep-interval={}",
            interval("sleepInterval", defaults.sleep_interval)
        ),
        format!(
            "--sync-interval={}",
            interval("syncInterval", defaults.sync_interval)
        ),
    ];
    let is_on = |key: &str, agent: Option<bool>| {
        given
            .and_then(|given| given.get(key)?.as_bool())
            .or(agent)
            .unwrap_or(true)
    };
    if plugins.collect_logs && is_on("monitorLogs", defaults.monitor_logs) {
        args.push("--monitor-logs".to_owned());
    }
    if is_on("monitorSpec", defaults.monitor_spec) {
        args.push("--monitor-spec".to_owned());
    }
    let mut env = variables(scene, Service::Sidecar);
    env.push(EnvVar::value("POLYAXON_CONTAINER_ID", scene.main_name()));
    env.push(EnvVar::value("POLYAXON_ARTIFACTS_STORE_NAME", &store.name));
    env.extend(catalog_variable(&[store]));
    let mut additions = Additions::of(&[store]);
    env.append(&mut additions.env);
    let mut mounts = Vec::new();
    if plugins.auth {
        mounts.push(Mount {
            volume: CONFIGS_VOLUME.to_owned(),
            path: CONFIGS_PATH.to_owned(),
            read_only: Some(true),
            ..Mount::default()
        });
    }
    if plugins.collect_artifacts {
        mounts.push(Mount {
            volume: ARTIFACTS_VOLUME.to_owned(),
            path: ARTIFACTS_PATH.to_owned(),
            read_only: Some(false),
            ..Mount::default()
        });
    }
    mounts.append(&mut additions.mounts);
    Some(ContainerPlan {
        name: "polyaxon-sidecar".to_owned(),
        role: Role::Sidecar,
        image: defaults.full_image(),
        image_pull_policy: Some(
            defaults
                .image_pull_policy
                .clone()
                .unwrap_or_else(|| "IfNotPresent".to_owned()),
        ),
        command: vec!["polyaxon".to_owned(), "sidecar".to_owned()],
        args,
        env,
        env_from: additions.env_from,
        resources: match &defaults.resources {
            Value::Null => auxiliary_resources(),
            resources => resources.clone(),
        },
        mounts,
        ..ContainerPlan::default()
    })
}

/// The sidecars of the operation. They get what main gets from connections and plugins, and nothing where
/// `plugins.sidecar.noConnections` is set.
pub(super) fn of_user(
    scene: &Scene<'_>,
    suffixes: &mut dyn FnMut() -> String,
) -> Result<Vec<ContainerPlan>, Report> {
    let alone = fields(Some(&scene.plugins.sidecar))
        .and_then(|given| given.get("noConnections")?.as_bool())
        .unwrap_or(false);
    let connections = scene.of_main();
    let items = scene.section.get("sidecars").and_then(Value::as_array);
    let mut sidecars = Vec::new();
    for (index, item) in items.into_iter().flatten().enumerate() {
        let mut sidecar = container::read(item, &format!("run.sidecars[{index}]"))?;
        sidecar.role = Role::UserSidecar;
        if sidecar.name.is_empty() {
            sidecar.name = format!("sidecar-{}", suffixes());
        }
        if !alone {
            extend(scene, &mut sidecar, &connections);
        }
        sidecars.push(sidecar);
    }
    Ok(sidecars)
}
