//! The names that templates may use.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::RunContext;
use super::connections::{init_names, run_names};
use crate::catalog::Catalog;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::Io;
use crate::params::{declarations, items_of_type};
use crate::template::{Context, python};

/// Root of everything that init containers and main share.
const CONTEXT_PATH: &str = "/plx-context";
/// Folder of artifacts and of what initializers bring.
pub(crate) const ARTIFACTS_PATH: &str = "/plx-context/artifacts";

/// Names with their values, ready to render with.
pub(super) struct Names {
    pub(super) context: Context,
}

impl Names {
    fn new(names: Map<String, Value>, document: &Value) -> Self {
        let images = items_of_type(document, "image")
            .filter_map(|(_, item)| Some(item.get("name")?.as_str()?.to_owned()))
            .collect();
        Self {
            context: Context::new(names).with_images(images),
        }
    }

    /// What is known before connections are looked up: params and globals.
    pub(super) fn early(document: &Value, run: &RunContext) -> Result<Self, Report> {
        let globals = globals(run, None, &run_path(run), "");
        let names = with_params(document, globals)?;
        Ok(Self::new(names, document))
    }

    /// What `run` may use: params, globals, and the schemas of connections.
    pub(super) fn full(
        document: &Value,
        run: &RunContext,
        catalog: &Catalog,
    ) -> Result<Self, Report> {
        let namespace = document
            .get("namespace")
            .and_then(Value::as_str)
            .unwrap_or(&catalog.namespace);
        let plugin = |name: &str| {
            document
                .pointer(&format!("/plugins/{name}"))
                .and_then(Value::as_bool)
        };
        let store = catalog
            .artifacts_store
            .as_ref()
            .and_then(crate::catalog::Connection::store_path)
            .unwrap_or_default();
        let artifacts = if plugin("collectArtifacts").unwrap_or(true) {
            run_path(run)
        } else {
            format!("{store}/{}", run.run_uuid)
        };
        let mounted = plugin("mountArtifactsStore").unwrap_or(false);
        let store_path = if mounted { store.as_str() } else { "" };
        let globals = globals(run, Some(namespace), &artifacts, store_path);
        let mut names = with_params(document, globals)?;
        let section = document.get("run").unwrap_or(&Value::Null);
        names.insert("connections".into(), schemas(catalog, &run_names(section)));
        names.insert("init".into(), schemas(catalog, &init_names(section)));
        Ok(Self::new(names, document))
    }
}

fn run_path(run: &RunContext) -> String {
    format!("{ARTIFACTS_PATH}/{}", run.run_uuid)
}

fn schemas(catalog: &Catalog, names: &[String]) -> Value {
    names
        .iter()
        .filter_map(|name| Some((name.clone(), catalog.connection(name)?.schema_value())))
        .collect::<Map<_, _>>()
        .into()
}

fn globals(run: &RunContext, namespace: Option<&str>, artifacts: &str, store: &str) -> Value {
    let project = &run.project;
    let owner = run.owner.split('/').next().unwrap_or_default();
    let project_uuid = if run.project_uuid.is_empty() {
        project
    } else {
        &run.project_uuid
    };
    json!({
        "owner_name": run.owner,
        "project_name": project,
        "project_unique_name": format!("{owner}.{project}"),
        "project_uuid": project_uuid,
        "username": run.username,
        "user_email": run.user_email,
        "run_info": run.instance(),
        "name": run.run_name,
        "uuid": run.run_uuid,
        "namespace": namespace,
        "iteration": null,
        "context_path": CONTEXT_PATH,
        "artifacts_path": ARTIFACTS_PATH,
        "run_artifacts_path": artifacts,
        "run_outputs_path": format!("{artifacts}/outputs"),
        "run_relative_outputs_path": format!("{}/outputs", run.run_uuid),
        "store_path": store,
        "created_at": run.created_at.map(datetime),
        "compiled_at": run.compiled_at.map(datetime),
        "schedule_at": null,
        "started_at": null,
        "finished_at": null,
        "duration": null,
        "cloning_kind": null,
        "original_uuid": null,
        "is_independent": true,
    })
}

impl RunContext {
    /// `owner.project.runs.uuid`, how pods name their run to the API.
    pub fn instance(&self) -> String {
        let owner = self.owner.split('/').next().unwrap_or_default();
        format!("{owner}.{}.runs.{}", self.project, self.run_uuid)
    }
}

/// A moment as Python prints it.
fn datetime(moment: Timestamp) -> String {
    let text = moment.strftime("%Y-%m-%d %H:%M:%S").to_string();
    match moment.subsec_nanosecond() / 1000 {
        0 => format!("{text}+00:00"),
        micros => format!("{text}.{micros:06}+00:00"),
    }
}

/// Params by their own names and under `params`, beside the globals.
fn with_params(document: &Value, globals: Value) -> Result<Map<String, Value>, Report> {
    let mut names = Map::new();
    let mut params = Map::new();
    let mut arguments = IndexMap::new();
    for declaration in declarations(document) {
        let io = &declaration.io;
        let argument = argument(io).map_err(|reason| {
            Report::from(
                Diagnostic::error(
                    Code::TemplateFailed,
                    format!("`argFormat` of `{}`: {reason}", io.name),
                )
                .in_field(declaration.value_path()),
            )
        })?;
        let shown = display(io);
        params.insert(
            io.name.clone(),
            json!({
                "value": io.value.clone().unwrap_or(Value::Null),
                "connection": io.connection,
                "type": io.type_name,
                "as_str": json_text(&shown),
                "as_arg": argument,
            }),
        );
        names.insert(io.name.clone(), shown);
        arguments.insert(io.name.clone(), argument);
    }
    let arguments = arguments.into_values().filter(|text| !text.is_empty());
    params.insert("as_args".into(), arguments.collect());
    names.insert("params".into(), Value::Object(params));
    names.insert("globals".into(), globals);
    Ok(names)
}

/// What `{{ name }}` stands for: a flag is `--name` or nothing, everything else its value.
fn display(io: &Io) -> Value {
    let value = io.value.clone().unwrap_or(Value::Null);
    if io.is_flag == Some(true) {
        return Value::String(flag(io, &value));
    }
    value
}

fn flag(io: &Io, value: &Value) -> String {
    // A default may be written as a number.
    let is_on = value.as_bool().or_else(|| Some(value.as_f64()? != 0.0));
    if is_on == Some(true) {
        format!("--{}", io.name)
    } else {
        String::new()
    }
}

fn json_text(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        other => Value::String(python::env_text(other)),
    }
}

/// `--name=value`, or what `argFormat` makes of it; nothing without a value.
fn argument(io: &Io) -> Result<String, String> {
    let value = match &io.value {
        None | Some(Value::Null) => return Ok(String::new()),
        Some(value) => value,
    };
    if let Some(format) = io.arg_format.as_ref().filter(|format| !format.is_empty()) {
        let alone = Context::of(&json!({ io.name.as_str(): value }));
        return alone.stable_text(format).map_err(|error| error.to_string());
    }
    if io.is_flag == Some(true) {
        return Ok(flag(io, value));
    }
    Ok(format!("--{}={}", io.name, python::env_text(value)))
}
