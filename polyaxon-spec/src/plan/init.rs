//! The init containers: ours first, then the initializers in their order, the user's own last.

use serde_json::{Map, Value, json};

use super::connections::{Additions, catalog_variable};
use super::container::{self, auxiliary_resources, unique_variables};
use super::environment::{Service, token_variable, variables};
use super::scene::{
    ARTIFACTS_PATH, ARTIFACTS_VOLUME, CONFIGS_PATH, CONFIGS_VOLUME, Scene, TOOLS_PATH, TOOLS_VOLUME,
};
use super::{ContainerPlan, Mount, Role, store};
use crate::catalog::Connection;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::dockerfile::{self, Dockerfile};
use crate::model::Init;
use crate::template::literal;

/// Longest name of a container.
const LONGEST_NAME: usize = 63;

pub(super) fn containers(
    scene: &Scene<'_>,
    suffixes: &mut dyn FnMut() -> String,
) -> Result<Vec<ContainerPlan>, Report> {
    let mut list = Vec::new();
    if scene.plugins.auth {
        list.push(auth(scene));
    }
    if scene.plugins.tmux {
        list.push(tools(scene));
    }
    if scene.plugins.collect_artifacts
        && let Some(store) = &scene.catalog.artifacts_store
    {
        list.push(artifacts(scene, store));
    }
    let mut own = Vec::new();
    for (index, init) in scene.inits.iter().enumerate() {
        let field = format!("run.init[{index}]");
        if is_ours(init) {
            list.push(initializer(scene, init, &field, suffixes)?);
        } else if let Some(given) = &init.container {
            let mut container = container::read(given, &format!("{field}.container"))?;
            container.role = Role::Custom;
            container.env = unique_variables(container.env);
            if container.name.is_empty() {
                container.name = format!("init-{}", suffixes());
            }
            own.push(container);
        } else {
            return Err(refused(
                &field,
                "the initializer says neither what to bring nor which `container` to run",
            ));
        }
    }
    list.append(&mut own);
    Ok(list)
}

/// Whether the entry is more than a container of the user.
pub(super) fn is_ours(init: &Init) -> bool {
    init.connection.is_some()
        || init.git.is_some()
        || init.dockerfile.is_some()
        || init.tensorboard.is_some()
        || init.file.is_some()
        || init.artifacts.is_some()
        || init.paths.is_some()
}

/// Whether the shared volume of artifacts is there.
pub(super) fn needs_artifacts(scene: &Scene<'_>) -> bool {
    scene.plugins.collect_artifacts
        || scene.plugins.collect_logs
        || scene
            .inits
            .iter()
            .any(|init| is_ours(init) && context_volume(init).is_none())
}

/// The volume of an initializer with a `path` of its own.
pub(super) fn context_volume(init: &Init) -> Option<String> {
    let path = init.path.as_deref().filter(|path| !path.is_empty())?;
    if !is_ours(init) {
        return None;
    }
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, path.as_bytes());
    Some(format!("connections-context-{}", id.simple()))
}

fn refused(field: &str, message: &str) -> Report {
    Diagnostic::error(Code::BadInitializer, message)
        .in_field(field)
        .into()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// One of our containers with the agent's image, policy and resources.
fn ours(scene: &Scene<'_>, name: &str, role: Role) -> ContainerPlan {
    let mut container = ContainerPlan {
        name: name.to_owned(),
        role,
        ..ContainerPlan::default()
    };
    fill(scene, &mut container);
    container
}

/// Gives a container of ours what it does not say itself.
fn fill(scene: &Scene<'_>, container: &mut ContainerPlan) {
    let defaults = &scene.catalog.init;
    if container.image.is_empty() {
        container.image = defaults.full_image();
    }
    if container.image_pull_policy.is_none() {
        let policy = defaults.image_pull_policy.clone();
        container.image_pull_policy = Some(policy.unwrap_or_else(|| "IfNotPresent".to_owned()));
    }
    if container.resources.is_null() {
        container.resources = match &defaults.resources {
            Value::Null => auxiliary_resources(),
            resources => resources.clone(),
        };
    }
}

fn mount(volume: &str, path: &str, read_only: Option<bool>) -> Mount {
    Mount {
        volume: volume.to_owned(),
        path: path.to_owned(),
        read_only,
        ..Mount::default()
    }
}

fn auth(scene: &Scene<'_>) -> ContainerPlan {
    let mut container = ours(scene, "polyaxon-init-auth", Role::Auth);
    container.command = words(&["polyaxon", "initializer", "auth"]);
    container.env = variables(scene, Service::Initializer);
    container.env.extend(token_variable(scene));
    container.mounts = vec![mount(CONFIGS_VOLUME, CONFIGS_PATH, Some(false))];
    container
}

fn tools(scene: &Scene<'_>) -> ContainerPlan {
    let mut container = ours(scene, "polyaxon-init-tools", Role::Tools);
    container.command = vec![
        "sh".to_owned(),
        "-c".to_owned(),
        format!("cp /usr/bin/tmux {TOOLS_PATH}/tmux"),
    ];
    container.mounts = vec![mount(TOOLS_VOLUME, TOOLS_PATH, Some(false))];
    container
}

fn artifacts(scene: &Scene<'_>, store: &Connection) -> ContainerPlan {
    let mut container = ours(scene, "polyaxon-init-artifacts-default", Role::Artifacts);
    let line = store::prepare(
        &scene.run_path(),
        &scene.run.run_uuid,
        store,
        scene.plugins.auto_resume,
    );
    container.command = words(&["/bin/sh", "-c"]);
    container.args = vec![line];
    container.mounts = vec![mount(ARTIFACTS_VOLUME, ARTIFACTS_PATH, None)];
    let mut additions = Additions::of(&[store]);
    container.env.extend(catalog_variable(&[store]));
    container.env.append(&mut additions.env);
    container.env_from = additions.env_from;
    container.mounts.append(&mut additions.mounts);
    container
}

/// What one kind of initializer does.
struct Work {
    role: Role,
    name: String,
    command: Vec<String>,
    args: Vec<String>,
}

fn initializer(
    scene: &Scene<'_>,
    init: &Init,
    field: &str,
    suffixes: &mut dyn FnMut() -> String,
) -> Result<ContainerPlan, Report> {
    let connection = init
        .connection
        .as_ref()
        .and_then(|name| scene.catalog.connection(name));
    let target = init
        .path
        .clone()
        .filter(|path| !path.is_empty())
        .unwrap_or_else(|| ARTIFACTS_PATH.to_owned());
    let work = work(scene, init, connection, &target, field)?;
    let given = init.container.as_ref();
    let mut container = match given {
        Some(given) => container::read(given, &format!("{field}.container"))?,
        None => ContainerPlan::default(),
    };
    let mut env = std::mem::take(&mut container.env);
    if work.role == Role::Custom {
        if given.is_none() {
            return Err(refused(
                field,
                "nothing is known about what this kind of connection brings; add a `container`",
            ));
        }
        if container.name.is_empty() {
            container.name = generated(&work.name, suffixes);
        }
    } else {
        fill(scene, &mut container);
        container.name = generated(&work.name, suffixes);
        if container.command.is_empty() && container.args.is_empty() {
            container.command = work.command;
            container.args = work.args;
        }
    }
    container.role = work.role;
    if work.role != Role::Store {
        env.extend(variables(scene, Service::Initializer));
    }
    if scene.plugins.auth && work.role != Role::Store {
        container
            .mounts
            .push(mount(CONFIGS_VOLUME, CONFIGS_PATH, Some(true)));
    }
    let volume = context_volume(init).unwrap_or_else(|| ARTIFACTS_VOLUME.to_owned());
    container.mounts.push(mount(&volume, &target, None));
    let connections: Vec<&Connection> = connection.into_iter().collect();
    let mut additions = Additions::of(&connections);
    env.extend(catalog_variable(&connections));
    env.append(&mut additions.env);
    container.env = unique_variables(env);
    container.env_from.append(&mut additions.env_from);
    container.mounts.append(&mut additions.mounts);
    Ok(container)
}

/// Variables of a Dockerfile that read as numbers are numbers in the reference's context; the text that they print
/// is the same.
fn with_literals(fields: &Value) -> Value {
    let mut fields = fields.clone();
    let variables = fields.get_mut("env").and_then(Value::as_object_mut);
    for value in variables.into_iter().flat_map(Map::values_mut) {
        if let Some(literal) = value.as_str().and_then(literal::lossless) {
            *value = literal;
        }
    }
    fields
}

fn work(
    scene: &Scene<'_>,
    init: &Init,
    connection: Option<&Connection>,
    target: &str,
    field: &str,
) -> Result<Work, Report> {
    let outputs = format!("--copy-path={}/outputs", scene.run_path());
    if let Some(fields) = &init.dockerfile {
        Dockerfile::from_json(fields).map_err(|error| {
            Diagnostic::error(Code::BadDockerfile, error.to_string())
                .in_field(format!("{field}.dockerfile"))
        })?;
        return Ok(Work {
            role: Role::Dockerfile,
            name: "polyaxon-init-dockerfile".to_owned(),
            command: words(&["polyaxon", "docker", "generate"]),
            args: vec![
                format!(
                    "--build-context={}",
                    in_order(&with_literals(fields), &dockerfile::FIELDS)
                ),
                format!("--destination={target}"),
                outputs,
                "--track".to_owned(),
            ],
        });
    }
    if let Some(fields) = &init.file {
        return Ok(Work {
            role: Role::File,
            name: "polyaxon-init-file".to_owned(),
            command: words(&["polyaxon", "initializer", "file"]),
            args: vec![
                format!("--file-context={}", with_filename(fields)),
                format!("--filepath={target}"),
                outputs,
                "--track".to_owned(),
            ],
        });
    }
    if let Some(fields) = &init.tensorboard {
        return Ok(tensorboard(scene, fields, connection, target));
    }
    match connection {
        Some(host) if host.kind == "git" || (host.kind == "ssh" && init.git.is_some()) => {
            git(init, Some(host), target, field)
        }
        Some(store) if store.is_store() => Ok(fetch(scene, init, store, target)),
        Some(other) => Ok(Work {
            role: Role::Custom,
            name: format!("polyaxon-init-custom-{}", other.name),
            command: Vec::new(),
            args: Vec::new(),
        }),
        None => git(init, None, target, field),
    }
}

fn git(
    init: &Init,
    connection: Option<&Connection>,
    target: &str,
    field: &str,
) -> Result<Work, Report> {
    let given = init.git.clone().unwrap_or_default();
    let of_schema = |key: &str| {
        connection
            .and_then(|c| c.schema_text(key))
            .map(str::to_owned)
    };
    let url = given
        .url
        .filter(|url| !url.is_empty())
        .or_else(|| of_schema("url"));
    let Some(url) = url else {
        return Err(refused(
            &format!("{field}.git"),
            "the repository has no url; add `url`, here or to the schema of the connection",
        ));
    };
    let name = match connection {
        Some(connection) => connection.name.clone(),
        None => repository_name(&url),
    };
    let mut args = vec![
        format!("--repo-path={}/{name}", target.trim_end_matches('/')),
        format!("--url={url}"),
    ];
    if let Some(revision) = given.revision.or_else(|| of_schema("revision")) {
        args.push(format!("--revision={revision}"));
    }
    if connection.is_some() {
        args.push(format!("--connection={name}"));
    }
    let flags = match given.flags {
        Some(flags) => json!(flags),
        None => connection
            .and_then(|c| c.schema.as_ref()?.get("flags").cloned())
            .unwrap_or(Value::Null),
    };
    if flags.as_array().is_some_and(|flags| !flags.is_empty()) {
        args.push(format!("--flags={flags}"));
    }
    Ok(Work {
        role: Role::Git,
        name: format!("polyaxon-init-git-{name}"),
        command: words(&["polyaxon", "initializer", "git"]),
        args,
    })
}

/// The last part of a url, up to the first dot.
fn repository_name(url: &str) -> String {
    let last = url
        .trim_end_matches('/')
        .rsplit(['/', ':'])
        .next()
        .unwrap_or_default();
    let name = last.split('.').next().unwrap_or_default();
    if name.is_empty() {
        "repository".to_owned()
    } else {
        name.to_owned()
    }
}

fn fetch(scene: &Scene<'_>, init: &Init, store: &Connection, target: &str) -> Work {
    let is_default = scene
        .catalog
        .artifacts_store
        .as_ref()
        .is_some_and(|default| default.name == store.name);
    let folder = if is_default || context_volume(init).is_some() {
        target.to_owned()
    } else {
        format!("{target}/{}", store.name)
    };
    Work {
        role: Role::Store,
        name: format!("polyaxon-init-artifacts-{}", store.name),
        command: words(&["/bin/sh", "-c"]),
        args: vec![store::fetch(
            store,
            init.artifacts.as_ref(),
            init.paths.as_ref(),
            &folder,
        )],
    }
}

fn tensorboard(
    scene: &Scene<'_>,
    fields: &Value,
    connection: Option<&Connection>,
    target: &str,
) -> Work {
    let store = connection.or(scene.catalog.artifacts_store.as_ref());
    let from = store.and_then(Connection::store_path).unwrap_or_default();
    let kind = store.map(|store| store.kind.as_str()).unwrap_or_default();
    let mut args = vec![
        format!("--context-from={from}"),
        format!("--context-to={target}"),
        format!("--connection-kind={kind}"),
    ];
    let text = |key: &str| match fields.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::Array(items)) => Some(
            items
                .iter()
                .map(crate::template::python::text)
                .collect::<Vec<_>>()
                .join(","),
        ),
        Some(value) => Some(crate::template::python::text(value)),
    };
    for (key, flag) in [
        ("port", "--port"),
        ("uuids", "--uuids"),
        ("pathPrefix", "--path-prefix"),
        ("plugins", "--plugins"),
    ] {
        if let Some(value) = text(key).filter(|value| !value.is_empty()) {
            args.push(format!("{flag}={value}"));
        }
    }
    if fields.get("useNames").and_then(Value::as_bool) == Some(true) {
        args.push("--use-names".to_owned());
    }
    Work {
        role: Role::Tensorboard,
        name: "polyaxon-init-tb".to_owned(),
        command: words(&["polyaxon", "initializer", "tensorboard"]),
        args,
    }
}

/// The set fields as JSON, in the order of the reference.
fn in_order(fields: &Value, order: &[&str]) -> Value {
    order
        .iter()
        .filter_map(|key| {
            let value = fields.get(key).filter(|value| !value.is_null())?;
            Some(((*key).to_owned(), value.clone()))
        })
        .collect::<Map<_, _>>()
        .into()
}

fn with_filename(fields: &Value) -> Value {
    let mut fields = in_order(fields, &["content", "filename", "kind", "chmod"]);
    if let Some(map) = fields.as_object_mut()
        && !map.contains_key("filename")
    {
        map.insert("filename".into(), json!("file"));
    }
    fields
}

/// A container's name with a fresh suffix: small letters, digits and dashes, at most 63 characters.
fn generated(prefix: &str, suffixes: &mut dyn FnMut() -> String) -> String {
    let suffix = suffixes();
    let prefix: String = prefix
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        })
        .take(LONGEST_NAME.saturating_sub(suffix.len() + 1))
        .collect();
    format!("{}-{suffix}", prefix.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_named_after_their_url() {
        for (url, name) in [
            ("https://git.example/vision/app.git", "app"),
            ("git@git.example:private.git", "private"),
            ("https://git.example/a/b/", "b"),
            ("https://git.example/.git", "repository"),
            ("file:///srv/..", "repository"),
        ] {
            assert_eq!(repository_name(url), name, "{url}");
        }
    }

    #[test]
    fn generated_names_fit_kubernetes() {
        let name = generated(
            &format!("polyaxon-init-git-My_Repo{}", "x".repeat(80)),
            &mut || "0123456789".to_owned(),
        );
        assert_eq!(name.len(), 63);
        assert!(name.starts_with("polyaxon-init-git-my-repox"));
        assert!(name.ends_with("-0123456789"));
    }
}
