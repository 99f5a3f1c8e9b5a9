//! The pod around the containers: labels, scheduling, limits, and the variables that all containers share.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::scene::{Scene, section_of, typed};
use super::{EnvSource, EnvVar, Scheduling, ServicePlan, Termination};
use crate::diagnostic::Report;
use crate::model;
use crate::template::python;

/// Which of our containers a variable list is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Runner,
    Initializer,
    Sidecar,
}

/// The variables through which programs in the pod find the API and their run.
pub(super) fn variables(scene: &Scene<'_>, service: Service) -> Vec<EnvVar> {
    let run = scene.run;
    let host = if scene.plugins.external_host {
        run.external_host.as_deref().unwrap_or(&run.api_host)
    } else {
        &run.api_host
    };
    let mut env = vec![
        EnvVar::field("POLYAXON_K8S_NODE_NAME", "spec.nodeName"),
        EnvVar::field("POLYAXON_K8S_NAMESPACE", "metadata.namespace"),
        EnvVar::field("POLYAXON_K8S_POD_ID", "metadata.name"),
        EnvVar::value("POLYAXON_HOST", host),
        EnvVar::value("POLYAXON_IS_MANAGED", "true"),
        EnvVar::value("POLYAXON_API_VERSION", "v1"),
        EnvVar::value("POLYAXON_RUN_INSTANCE", run.instance()),
    ];
    if let Some(level) = &scene.plugins.log_level {
        env.push(EnvVar::value("POLYAXON_LOG_LEVEL", level));
    }
    let name = match service {
        Service::Runner => "runner",
        Service::Initializer => "initializer",
        Service::Sidecar => "sidecar",
    };
    env.push(EnvVar::value("POLYAXON_HEADER", "X-POLYAXON-SERVICE"));
    env.push(EnvVar::value("POLYAXON_HEADER_SERVICE", name));
    if service != Service::Runner {
        env.push(EnvVar::value("POLYAXON_AUTHENTICATION_TYPE", "Token"));
    }
    env
}

/// The variable with the token that the auth initializer exchanges, by reference to the agent's secret.
pub(super) fn token_variable(scene: &Scene<'_>) -> Option<EnvVar> {
    let secret = |name: &Option<String>, key: &str| {
        name.clone().map(|name| EnvVar {
            name: key.to_owned(),
            source: EnvSource::SecretKey {
                name,
                key: key.to_owned(),
                optional: None,
            },
            shortcut: false,
        })
    };
    secret(&scene.catalog.agent_secret_name, "POLYAXON_AUTH_TOKEN").or_else(|| {
        secret(
            &scene.catalog.app_secret_name,
            "POLYAXON_SECRET_INTERNAL_TOKEN",
        )
    })
}

/// Labels of the pod, and of an object that is one pod; ours win over the user's.
pub(super) fn labels(scene: &Scene<'_>) -> IndexMap<String, String> {
    let mut labels = texts(scene.environment.labels.as_ref());
    labels.extend(own_labels(scene));
    labels
}

/// The labels that every object of a run has.
pub(super) fn own_labels(scene: &Scene<'_>) -> IndexMap<String, String> {
    let mut labels = IndexMap::new();
    let component = match scene.kind.as_str() {
        "service" => "polyaxon-services",
        "tfjob" => "polyaxon-tfjobs",
        "pytorchjob" => "polyaxon-pytorch-jobs",
        "mpijob" => "polyaxon-mpi-jobs",
        "raycluster" => "polyaxon-ray-clusters",
        "daskcluster" => "polyaxon-dask-clusters",
        _ => "polyaxon-jobs",
    };
    let name = slug(&scene.run.run_name);
    if !name.is_empty() {
        labels.insert("app.kubernetes.io/name".into(), name);
    }
    for (key, value) in [
        ("app.kubernetes.io/instance", scene.run.run_uuid.as_str()),
        ("app.kubernetes.io/version", env!("CARGO_PKG_VERSION")),
        ("app.kubernetes.io/part-of", "polyaxon-runs"),
        ("app.kubernetes.io/component", component),
        ("app.kubernetes.io/managed-by", "polyaxon"),
        ("operation.polyaxon.com/uuid", scene.run.run_uuid.as_str()),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    labels
}

/// Annotations of the pod, and of an object that is one pod; connections win over the user, ours over both.
pub(super) fn annotations(scene: &Scene<'_>) -> IndexMap<String, String> {
    let mut annotations = texts(scene.environment.annotations.as_ref());
    for connection in scene.all_connections() {
        annotations.extend(connection.annotations.clone());
    }
    annotations.extend(own_annotations(scene));
    annotations
}

/// The annotations that every object of a run has.
pub(super) fn own_annotations(scene: &Scene<'_>) -> IndexMap<String, String> {
    let mut annotations = IndexMap::new();
    for (key, value) in [
        ("name", &scene.run.run_name),
        ("owner", &scene.run.owner),
        ("project", &scene.run.project),
        ("kind", &scene.kind),
    ] {
        annotations.insert(format!("operation.polyaxon.com/{key}"), value.clone());
    }
    annotations
}

fn texts(given: Option<&Map<String, Value>>) -> IndexMap<String, String> {
    given
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), python::env_text(value)))
        .collect()
}

/// The name as a label value: small letters, digits and single dashes.
fn slug(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars().take(63) {
        if character.is_ascii_alphanumeric() || character == '_' {
            out.push(character.to_ascii_lowercase());
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    out.trim_end_matches(['-', '_'])
        .trim_start_matches('_')
        .to_owned()
}

/// Where and as whom the pod runs.
pub(super) fn scheduling(scene: &Scene<'_>) -> Scheduling {
    let environment = scene.environment.clone();
    Scheduling {
        service_account_name: environment
            .service_account_name
            .filter(|name| !name.is_empty())
            .or_else(|| scene.catalog.runs_sa.clone()),
        node_name: environment.node_name,
        node_selector: texts(environment.node_selector.as_ref()),
        affinity: environment.affinity.unwrap_or_default(),
        tolerations: environment.tolerations.unwrap_or_default(),
        host_network: environment.host_network,
        host_pid: environment.host_pid,
        dns_policy: environment.dns_policy,
        dns_config: environment.dns_config.unwrap_or_default(),
        host_aliases: environment.host_aliases.unwrap_or_default(),
        priority: environment.priority,
        priority_class_name: environment.priority_class_name,
        scheduler_name: environment.scheduler_name,
        security_context: environment.security_context.unwrap_or_default(),
        image_pull_secrets: environment.image_pull_secrets.unwrap_or_default(),
        restart_policy: environment.restart_policy,
    }
}

/// Limits on retries and time, if the operation has the section.
pub(super) fn termination(scene: &Scene<'_>) -> Result<Option<Termination>, Report> {
    let given = scene.document.get("termination");
    let Some(given) = given.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let given: model::Termination = typed(given, "termination")?;
    let mut rest = Map::new();
    for (key, value) in [
        ("culling", given.culling),
        ("probe", given.probe),
        ("podFailurePolicy", given.pod_failure_policy),
    ] {
        if let Some(value) = value {
            rest.insert(key.to_owned(), value);
        }
    }
    Ok(Some(Termination {
        max_retries: given.max_retries.and_then(|n| u32::try_from(n).ok()),
        timeout_seconds: given.timeout.and_then(|n| u64::try_from(n).ok()),
        ttl_seconds: given.ttl.and_then(|n| u64::try_from(n).ok()),
        rest,
    }))
}

/// Fields of a service.
pub(super) fn service(scene: &Scene<'_>) -> Result<Option<ServicePlan>, Report> {
    if scene.kind != "service" {
        return Ok(None);
    }
    Ok(Some(ServicePlan {
        ports: section_of(scene.section, "ports", "run.ports")?,
        replicas: section_of(scene.section, "replicas", "run.replicas")?,
        is_external: section_of(scene.section, "isExternal", "run.isExternal")?,
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_slug_is_a_label_value() {
        for (name, slug) in [
            ("golden-run", "golden-run"),
            ("My Run!! 2", "my-run-2"),
            ("--", ""),
            ("éa", "a"),
        ] {
            assert_eq!(super::slug(name), slug, "{name}");
        }
        assert_eq!(super::slug(&"a".repeat(80)).len(), 63);
    }
}
