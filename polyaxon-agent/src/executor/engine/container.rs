//! A container of the plan as the engine creates it.

use bollard::models::{ContainerCreateBody, HostConfig};
use indexmap::IndexMap;
use polyaxon_spec::plan::{ContainerPlan, EnvFrom, EnvSource};
use serde_json::Value;

use super::expand::expand;
use super::labels;
use super::objects::{Kind, Objects};
use super::options::EngineOptions;
use super::{quantity, volumes};
use crate::executor::ExecutorError;
use crate::planning::AttemptPlan;

/// Where programs look for certificate authorities.
const CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// CPU shares of one whole CPU.
const SHARES_PER_CPU: i64 = 1024;

/// Name of the engine's container.
pub(super) fn name(plan: &AttemptPlan, container: &ContainerPlan) -> String {
    name_of(&plan.key, &container.name)
}

/// The same by the names alone.
pub(super) fn name_of(key: &crate::attempt::AttemptKey, container: &str) -> String {
    format!("{}-{container}", key.object_name())
}

/// What the engine is asked to create; without the image, which is known later.
pub(super) fn body(
    plan: &AttemptPlan,
    container: &ContainerPlan,
    options: &EngineOptions,
    objects: &Objects,
) -> Result<ContainerCreateBody, ExecutorError> {
    let variables = variables(plan, container, objects)?;
    let words = |words: &[String]| -> Option<Vec<String>> {
        (!words.is_empty()).then(|| words.iter().map(|word| expand(word, &variables)).collect())
    };
    let mut labels = labels::of(&options.agent, plan);
    labels.insert(labels::CONTAINER.to_owned(), container.name.clone());
    let security = &container.rest.get("securityContext").cloned();
    let security = security.as_ref().unwrap_or(&Value::Null);
    let mut host = HostConfig {
        mounts: Some(volumes::mounts(&plan.key, &plan.pod, container, objects)?),
        ..HostConfig::default()
    };
    if let Some(bundle) = &options.ca_bundle {
        add_ca_bundle(container, bundle, &mut host);
    }
    limit(container, &mut host)?;
    secure(security, &mut host);
    Ok(ContainerCreateBody {
        entrypoint: words(&container.command),
        cmd: words(&container.args),
        env: Some(
            variables
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        working_dir: container.working_dir.clone(),
        user: user(security, &plan.pod.scheduling.security_context),
        labels: Some(labels),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    })
}

fn variables(
    plan: &AttemptPlan,
    container: &ContainerPlan,
    objects: &Objects,
) -> Result<IndexMap<String, String>, ExecutorError> {
    let mut all = IndexMap::new();
    for source in &container.env_from {
        match source {
            EnvFrom::Secret(name) => all.extend(objects.values(Kind::Secret, name)?),
            EnvFrom::ConfigMap(name) => all.extend(objects.values(Kind::ConfigMap, name)?),
            EnvFrom::Raw(raw) => all.extend(values_of_raw(raw, objects)?),
        }
    }
    for variable in &container.env {
        let value = match &variable.source {
            EnvSource::Value(value) => Some(expand(value, &all)),
            EnvSource::SecretKey {
                name,
                key,
                optional,
            } => objects.value(Kind::Secret, name, key, optional == &Some(true))?,
            EnvSource::ConfigMapKey {
                name,
                key,
                optional,
            } => objects.value(Kind::ConfigMap, name, key, optional == &Some(true))?,
            EnvSource::Field { path } => Some(field(plan, path).ok_or_else(|| {
                ExecutorError::Refused(format!(
                    "the variable `{}` asks for the field `{path}`, which a container engine does not have",
                    variable.name
                ))
            })?),
            EnvSource::Raw(_) => {
                return Err(ExecutorError::Refused(format!(
                    "the variable `{}` has a source that a container engine does not have",
                    variable.name
                )));
            }
        };
        if let Some(value) = value {
            all.insert(variable.name.clone(), value);
        }
    }
    Ok(all)
}

/// `{prefix, secretRef|configMapRef: {name, optional}}`
fn values_of_raw(
    raw: &Value,
    objects: &Objects,
) -> Result<IndexMap<String, String>, ExecutorError> {
    let prefix = raw
        .get("prefix")
        .and_then(Value::as_str)
        .unwrap_or_default();
    for (field, kind) in [
        ("secretRef", Kind::Secret),
        ("configMapRef", Kind::ConfigMap),
    ] {
        let Some(reference) = raw.get(field) else {
            continue;
        };
        let name = reference
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let optional = reference.get("optional") == Some(&Value::Bool(true));
        return match objects.values(kind, name) {
            Ok(values) => Ok(values
                .into_iter()
                .map(|(key, value)| (format!("{prefix}{key}"), value))
                .collect()),
            Err(_) if optional => Ok(IndexMap::new()),
            Err(error) => Err(error),
        };
    }
    Ok(IndexMap::new())
}

/// A field of the pod as the downward API names it.
fn field(plan: &AttemptPlan, path: &str) -> Option<String> {
    let pod = &plan.pod;
    let of_map = |map: &IndexMap<String, String>, rest: &str| {
        let key = rest.strip_prefix("['")?.strip_suffix("']")?;
        Some(map.get(key).cloned().unwrap_or_default())
    };
    match path {
        "metadata.name" => Some(plan.key.object_name()),
        "metadata.namespace" => Some(pod.namespace.clone()),
        "metadata.uid" => Some(plan.key.run.to_string()),
        "spec.nodeName" => Some("localhost".to_owned()),
        "spec.serviceAccountName" => Some(
            pod.scheduling
                .service_account_name
                .clone()
                .unwrap_or_default(),
        ),
        "status.hostIP" | "status.podIP" => Some("127.0.0.1".to_owned()),
        _ => match path.strip_prefix("metadata.labels") {
            Some(rest) => of_map(&pod.labels, rest),
            None => of_map(&pod.annotations, path.strip_prefix("metadata.annotations")?),
        },
    }
}

/// Our own containers speak to git hosts and stores. What builds trust stands in their plan.
fn add_ca_bundle(container: &ContainerPlan, bundle: &std::path::Path, host: &mut HostConfig) {
    if !container.role.is_auxiliary() {
        return;
    }
    host.mounts
        .get_or_insert_default()
        .push(volumes::bind(bundle, CA_BUNDLE, true));
}

fn limit(container: &ContainerPlan, host: &mut HostConfig) -> Result<(), ExecutorError> {
    let of = |section: &str| {
        container
            .resources
            .get(section)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
    };
    let wrong = |name: &str, value: &Value| {
        ExecutorError::Refused(format!(
            "container `{}`: `{name}: {value}` is not a quantity",
            container.name
        ))
    };
    for (name, value) in of("limits") {
        match name.as_str() {
            "cpu" => {
                let thousandths = quantity::thousandths(value).ok_or_else(|| wrong(name, value))?;
                host.nano_cpus = Some(thousandths.saturating_mul(1_000_000));
            }
            "memory" => {
                let bytes = quantity::units(value).ok_or_else(|| wrong(name, value))?;
                host.memory = Some(bytes);
                host.memory_swap = Some(bytes);
            }
            "ephemeral-storage" => {}
            other => {
                return Err(ExecutorError::Refused(format!(
                    "container `{}` has a limit on `{other}`, which a container engine does not have",
                    container.name
                )));
            }
        }
    }
    for (name, value) in of("requests") {
        if name == "cpu" {
            let thousandths = quantity::thousandths(value).ok_or_else(|| wrong(name, value))?;
            host.cpu_shares = Some((thousandths * SHARES_PER_CPU / 1000).max(2));
        }
    }
    Ok(())
}

fn secure(security: &Value, host: &mut HostConfig) {
    let flag = |name: &str| security.get(name).and_then(Value::as_bool);
    let capabilities = |name: &str| -> Option<Vec<String>> {
        let list = security.get("capabilities")?.get(name)?.as_array()?;
        Some(
            list.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        )
    };
    host.privileged = flag("privileged");
    host.readonly_rootfs = flag("readOnlyRootFilesystem");
    host.cap_add = capabilities("add");
    host.cap_drop = capabilities("drop");
    if flag("allowPrivilegeEscalation") == Some(false) {
        host.security_opt = Some(vec!["no-new-privileges".to_owned()]);
    }
}

fn user(container: &Value, pod: &Value) -> Option<String> {
    let number = |name: &str| {
        [container, pod]
            .iter()
            .find_map(|security| security.get(name).and_then(Value::as_i64))
    };
    let user = number("runAsUser")?;
    Some(match number("runAsGroup") {
        Some(group) => format!("{user}:{group}"),
        None => user.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use polyaxon_spec::plan::{EnvVar, PodPlan, Role};
    use serde_json::json;

    use super::*;
    use crate::attempt::AttemptKey;
    use crate::config::Network;
    use crate::executor::engine::host_folders::HostFolders;
    use crate::executor::engine::options::PodImage;

    fn options(ca_bundle: Option<&str>) -> EngineOptions {
        EngineOptions {
            socket: PathBuf::from("/x"),
            network: Network::Host,
            secrets_dir: None,
            config_maps_dir: None,
            claims_dir: None,
            host_folders: HostFolders::default(),
            pod_image: PodImage::Reference("pod".to_owned()),
            ca_bundle: ca_bundle.map(PathBuf::from),
            agent: "me".to_owned(),
        }
    }

    fn plan(container: ContainerPlan) -> AttemptPlan {
        AttemptPlan {
            key: AttemptKey::new("ab", 1),
            fence: 1,
            spec_hash: String::new(),
            pod: PodPlan {
                namespace: "ns".to_owned(),
                labels: [("a/b".to_owned(), "l".to_owned())].into(),
                containers: vec![container],
                ..PodPlan::default()
            },
            build: None,
        }
    }

    fn created(plan: &AttemptPlan, ca_bundle: Option<&str>) -> Result<ContainerCreateBody, String> {
        body(
            plan,
            &plan.pod.containers[0],
            &options(ca_bundle),
            &Objects::default(),
        )
        .map_err(|error| error.to_string())
    }

    #[test]
    fn words_and_variables_are_those_of_kubernetes() {
        let container = ContainerPlan {
            command: vec!["run".to_owned(), "$(A)".to_owned()],
            env: vec![
                EnvVar::value("A", "1"),
                EnvVar::value("B", "$(A)2"),
                EnvVar::field("N", "metadata.namespace"),
                EnvVar::field("L", "metadata.labels['a/b']"),
            ],
            rest: json!({"securityContext": {"runAsUser": 5, "runAsGroup": 6}})
                .as_object()
                .cloned()
                .unwrap_or_default(),
            ..ContainerPlan::default()
        };
        let body = created(&plan(container), None).expect("created");
        assert_eq!(
            body.entrypoint,
            Some(vec!["run".to_owned(), "1".to_owned()])
        );
        assert_eq!(body.cmd, None);
        assert_eq!(body.env.unwrap_or_default(), ["A=1", "B=12", "N=ns", "L=l"]);
        assert_eq!(body.user.as_deref(), Some("5:6"));
    }

    #[test]
    fn limits_are_limits_of_the_engine() {
        let container = |resources| ContainerPlan {
            name: "main".to_owned(),
            resources,
            ..ContainerPlan::default()
        };
        let limited = plan(container(
            json!({"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": 1}}),
        ));
        let host = created(&limited, None)
            .expect("created")
            .host_config
            .expect("set");
        assert_eq!(host.nano_cpus, Some(500_000_000));
        assert_eq!(
            (host.memory, host.memory_swap),
            (Some(1 << 30), Some(1 << 30))
        );
        assert_eq!(host.cpu_shares, Some(1024));
        for (resources, expected) in [
            (json!({"limits": {"nvidia.com/gpu": 1}}), "nvidia.com/gpu"),
            (json!({"limits": {"memory": "much"}}), "is not a quantity"),
        ] {
            let error = created(&plan(container(resources)), None).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn capabilities_and_the_bundle() {
        let container = |role| ContainerPlan {
            role,
            rest: json!({"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}})
                .as_object()
                .cloned()
                .unwrap_or_default(),
            ..ContainerPlan::default()
        };
        let host = |role| {
            created(&plan(container(role)), Some("/ca.pem"))
                .expect("created")
                .host_config
                .expect("set")
        };
        let ours = host(Role::Git);
        assert_eq!(ours.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(ours.cap_add, Some(vec!["CHOWN".to_owned()]));
        let targets: Vec<_> = ours
            .mounts
            .unwrap_or_default()
            .into_iter()
            .filter_map(|mount| mount.target)
            .collect();
        assert_eq!(targets, [CA_BUNDLE]);
        assert_eq!(host(Role::Main).mounts, Some(vec![]));
    }
}
