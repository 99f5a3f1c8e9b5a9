//! The resolved document, read once for all parts of the plan.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::main_container::MAIN;
use crate::catalog::{Catalog, Connection};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::{self, Environment, Init};
use crate::resolve::{ResolvedOperation, RunContext, init_names, run_names};

pub(super) const CONFIGS_PATH: &str = "/plx-context/.configs";
pub(super) const ARTIFACTS_PATH: &str = crate::resolve::ARTIFACTS_PATH;
pub(super) const ARTIFACTS_VOLUME: &str = "artifacts-context";
pub(super) const CONFIGS_VOLUME: &str = "configs-context";
pub(super) const SHM_VOLUME: &str = "shm";
pub(super) const DOCKER_VOLUME: &str = "docker";
pub(super) const DOCKER_SOCKET: &str = "/var/run/docker.sock";
pub(super) const TOOLS_VOLUME: &str = "plx-tools-bin";
pub(super) const TOOLS_PATH: &str = "/opt/polyaxon/bin";

/// What the parts of a plan are made from.
pub(super) struct Scene<'a> {
    pub(super) run: &'a RunContext,
    pub(super) catalog: &'a Catalog,
    pub(super) document: &'a Value,
    /// The `run` section.
    pub(super) section: &'a Value,
    pub(super) kind: String,
    pub(super) environment: Environment,
    pub(super) plugins: Plugins,
    pub(super) inits: Vec<Init>,
    /// Whether the run makes an image that it names.
    pub(super) has_destination: bool,
    /// Connections of `run.connections`.
    pub(super) requested: Vec<&'a Connection>,
    /// Connections of initializers.
    pub(super) of_inits: Vec<&'a Connection>,
}

/// `plugins` with the defaults filled in.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each one is a switch of the file"
)]
pub(super) struct Plugins {
    pub(super) auth: bool,
    pub(super) docker: bool,
    pub(super) shm: bool,
    pub(super) mount_artifacts_store: bool,
    pub(super) collect_artifacts: bool,
    pub(super) collect_logs: bool,
    pub(super) collect_resources: bool,
    pub(super) sync_statuses: bool,
    pub(super) auto_resume: bool,
    pub(super) external_host: bool,
    pub(super) tmux: bool,
    pub(super) log_level: Option<String>,
    pub(super) sidecar: Value,
    pub(super) notifications: Vec<Value>,
}

impl Plugins {
    fn new(given: model::Plugins, default_auth: bool) -> Result<Self, Report> {
        for (name, value) in [("sandbox", &given.sandbox), ("ssh", &given.ssh)] {
            let is_on = value
                .as_ref()
                .is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)));
            if is_on {
                return Err(Diagnostic::error(
                    Code::Unsupported,
                    format!("plugin `{name}` is not supported by this version"),
                )
                .in_field(format!("plugins.{name}"))
                .into());
            }
        }
        Ok(Self {
            auth: given.auth.unwrap_or(default_auth),
            docker: given.docker.unwrap_or(false),
            shm: given.shm.unwrap_or(true),
            mount_artifacts_store: given.mount_artifacts_store.unwrap_or(false),
            collect_artifacts: given.collect_artifacts.unwrap_or(true),
            collect_logs: given.collect_logs.unwrap_or(true),
            collect_resources: given.collect_resources.unwrap_or(true),
            sync_statuses: given.sync_statuses.unwrap_or(true),
            auto_resume: given.auto_resume.unwrap_or(true),
            external_host: given.external_host.unwrap_or(false),
            tmux: given.tmux.unwrap_or(false),
            log_level: given.log_level.filter(|level| !level.is_empty()),
            sidecar: given.sidecar.unwrap_or(Value::Null),
            notifications: given
                .notifications
                .unwrap_or_default()
                .into_iter()
                .map(capitalised_trigger)
                .collect(),
        })
    }
}

/// The resource spells triggers as conditions: `Failed`.
fn capitalised_trigger(mut notification: Value) -> Value {
    if let Some(Value::String(trigger)) = notification.get_mut("trigger") {
        let mut characters = trigger.chars();
        if let Some(first) = characters.next() {
            *trigger = first.to_uppercase().chain(characters).collect();
        }
    }
    notification
}

impl<'a> Scene<'a> {
    pub(super) fn read(
        resolved: &'a ResolvedOperation,
        run: &'a RunContext,
        catalog: &'a Catalog,
    ) -> Result<Self, Report> {
        Self::of_pod(resolved, resolved.run(), run, catalog)
    }

    /// The scene of one of several pods: `section` says what it is.
    pub(super) fn of_pod(
        resolved: &'a ResolvedOperation,
        section: &'a Value,
        run: &'a RunContext,
        catalog: &'a Catalog,
    ) -> Result<Self, Report> {
        let document = &resolved.document;
        let plugins: model::Plugins = section_of(document, "plugins", "plugins")?;
        let lookup = |names: Vec<String>| {
            names
                .iter()
                .filter_map(|name| catalog.connection(name))
                .collect::<Vec<_>>()
        };
        let scene = Self {
            run,
            catalog,
            document,
            section,
            kind: resolved
                .run()
                .get("kind")
                .and_then(Value::as_str)
                .unwrap_or("job")
                .to_owned(),
            environment: section_of(section, "environment", "run.environment")?,
            plugins: Plugins::new(plugins, run.default_auth)?,
            inits: section_of(section, "init", "run.init")?,
            has_destination: resolved.destination().is_some(),
            requested: lookup(run_names(section)),
            of_inits: lookup(init_names(section)),
        };
        if scene.plugins.collect_artifacts && catalog.artifacts_store.is_none() {
            return Err(Diagnostic::error(
                Code::CannotPlan,
                "the agent has no artifacts store to collect artifacts into",
            )
            .in_field("plugins.collectArtifacts")
            .with_help(
                "set `artifactsStore` in the agent's configuration, or `collectArtifacts: false`",
            )
            .into());
        }
        Ok(scene)
    }

    pub(super) fn name(&self) -> String {
        format!("plx-operation-{}", self.run.run_uuid)
    }

    /// The name of the main container, which operators of distributed runs look for.
    pub(super) fn main_name(&self) -> &'static str {
        match self.kind.as_str() {
            "tfjob" => "tensorflow",
            "pytorchjob" => "pytorch",
            _ => MAIN,
        }
    }

    pub(super) fn namespace(&self) -> String {
        self.document
            .get("namespace")
            .and_then(Value::as_str)
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or(&self.catalog.namespace)
            .to_owned()
    }

    /// Folder of the run's own artifacts in the pod.
    pub(super) fn run_path(&self) -> String {
        format!("{ARTIFACTS_PATH}/{}", self.run.run_uuid)
    }

    /// Connections whose volumes and variables the main container gets.
    pub(super) fn of_main(&self) -> Vec<&'a Connection> {
        let mut connections = self.requested.clone();
        if let Some(store) = &self.catalog.artifacts_store
            && (!self.plugins.collect_artifacts || self.plugins.mount_artifacts_store)
            && !connections.iter().any(|known| known.name == store.name)
        {
            connections.push(store);
        }
        connections
    }

    /// Every connection that the run knows, the artifacts store first.
    pub(super) fn all_connections(&self) -> Vec<&'a Connection> {
        let mut all: Vec<&Connection> = Vec::new();
        let known = self
            .catalog
            .artifacts_store
            .iter()
            .chain(self.requested.iter().copied())
            .chain(self.of_inits.iter().copied());
        for connection in known {
            if !all.iter().any(|known| known.name == connection.name) {
                all.push(connection);
            }
        }
        all
    }
}

/// One section of a document as a type; an absent one is the default.
pub(super) fn section_of<T: DeserializeOwned + Default>(
    parent: &Value,
    key: &str,
    field: &str,
) -> Result<T, Report> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => typed(value, field),
    }
}

/// A value as a type; what does not fit is an error of the field.
pub(super) fn typed<T: DeserializeOwned>(value: &Value, field: &str) -> Result<T, Report> {
    serde_json::from_value(value.clone()).map_err(|error| {
        Diagnostic::error(
            Code::WrongType,
            format!("`{field}` has a wrong value: {error}"),
        )
        .in_field(field)
        .into()
    })
}

/// The fields of a mapping that is there.
pub(super) fn fields(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}
