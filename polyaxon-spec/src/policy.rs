//! What users may put in a pod; everything that reaches beyond the pod is denied unless the admin allows it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::{Catalog, Resource};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::plan::{
    ContainerPlan, EnvFrom, EnvSource, EnvVar, PodPlan, Role, Scheduling, VolumePlan, VolumeSource,
};

/// The admin's exceptions; the default allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each one is a switch of the file"
)]
pub struct Policy {
    /// `securityContext.privileged`, switching off what confines a container, and block devices.
    pub allow_privileged: bool,
    /// `securityContext.capabilities.add`.
    pub allow_capabilities: bool,
    /// `hostNetwork`, `hostPID` and host ports.
    pub allow_host_namespaces: bool,
    /// hostPath volumes at or below these folders.
    pub allowed_host_paths: Vec<String>,
    /// Secrets that the catalog does not name.
    pub allowed_secrets: Vec<String>,
    /// `plugins.docker`.
    pub allow_docker: bool,
    /// Service accounts other than the agent's own for runs.
    pub allowed_service_accounts: Vec<String>,
}

/// Checks a plan, before anything of the agent's own is added to it. Every denial names the field.
pub fn check(plan: &PodPlan, policy: &Policy, catalog: &Catalog) -> Result<(), Report> {
    let mut check = Check {
        plan,
        policy,
        catalog,
        denied: Vec::new(),
    };
    check.scheduling(&plan.scheduling);
    for volume in &plan.volumes {
        check.volume(volume);
    }
    for container in plan.init_containers.iter().chain(&plan.containers) {
        // Nothing in this one comes from the user, and it alone holds the agent's token.
        if container.role != Role::Auth {
            check.container(container);
        }
    }
    Report::from_diagnostics(check.denied).map_or(Ok(()), Err)
}

/// Variables that change what a program of ours does before it starts, or whom it trusts.
fn hijacks(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "BASH_ENV",
        "CDPATH",
        "CURL_CA_BUNDLE",
        "ENV",
        "GCONV_PATH",
        "HOME",
        "IFS",
        "NODE_OPTIONS",
        "PATH",
        "SSH_ASKPASS",
        "SSH_AUTH_SOCK",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "XDG_CONFIG_HOME",
    ];
    const FAMILIES: [&str; 5] = ["BASH_FUNC_", "GIT_", "LD_", "PERL5", "PYTHON"];
    NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

struct Check<'a> {
    plan: &'a PodPlan,
    policy: &'a Policy,
    catalog: &'a Catalog,
    denied: Vec<Diagnostic>,
}

impl Check<'_> {
    fn deny(&mut self, field: impl Into<String>, what: impl AsRef<str>, setting: &str) {
        let diagnostic = Diagnostic::error(
            Code::PolicyDenied,
            format!("{} is denied by the agent's policy", what.as_ref()),
        )
        .in_field(field)
        .with_help(format!(
            "remove it, or ask the admin of the agent for `policy.{setting}`"
        ));
        if !self.denied.contains(&diagnostic) {
            self.denied.push(diagnostic);
        }
    }

    fn scheduling(&mut self, scheduling: &Scheduling) {
        for (name, on) in [
            ("hostNetwork", scheduling.host_network),
            ("hostPID", scheduling.host_pid),
        ] {
            if on == Some(true) && !self.policy.allow_host_namespaces {
                let field = format!("run.environment.{name}");
                self.deny(field, format!("`{name}`"), "allowHostNamespaces");
            }
        }
        if let Some(account) = &scheduling.service_account_name
            && self.catalog.runs_sa.as_ref() != Some(account)
            && !self.policy.allowed_service_accounts.contains(account)
        {
            self.deny(
                "run.environment.serviceAccountName",
                format!("service account `{account}`"),
                "allowedServiceAccounts",
            );
        }
        for name in &scheduling.image_pull_secrets {
            self.secret(name, "run.environment.imagePullSecrets");
        }
        self.security(
            &scheduling.security_context,
            "run.environment.securityContext",
        );
    }

    fn security(&mut self, context: &Value, field: &str) {
        let at = |pointer: &str| context.pointer(pointer);
        let is_true = |pointer: &str| at(pointer).and_then(Value::as_bool) == Some(true);
        let is_text = |pointer: &str, text: &str| at(pointer).and_then(Value::as_str) == Some(text);
        let is_given = |pointer: &str| {
            at(pointer)
                .and_then(Value::as_array)
                .is_some_and(|items| !items.is_empty())
        };
        let open = [
            ("privileged", is_true("/privileged")),
            ("procMount", is_text("/procMount", "Unmasked")),
            (
                "seccompProfile",
                is_text("/seccompProfile/type", "Unconfined"),
            ),
            (
                "appArmorProfile",
                is_text("/appArmorProfile/type", "Unconfined"),
            ),
            ("sysctls", is_given("/sysctls")),
            (
                "seLinuxOptions",
                at("/seLinuxOptions").is_some_and(|options| !options.is_null()),
            ),
            ("windowsOptions", is_true("/windowsOptions/hostProcess")),
        ];
        let added = is_given("/capabilities/add");
        if !self.policy.allow_privileged {
            for (name, _) in open.iter().filter(|(_, found)| *found) {
                let field = format!("{field}.{name}");
                self.deny(field, format!("`{name}`"), "allowPrivileged");
            }
        }
        if added && !self.policy.allow_capabilities {
            self.deny(
                format!("{field}.capabilities.add"),
                "adding capabilities",
                "allowCapabilities",
            );
        }
    }

    fn volume(&mut self, volume: &VolumePlan) {
        let field = format!("run.volumes[{}]", volume.name);
        match &volume.source {
            VolumeSource::HostPath { path, .. } => self.host_path(volume, path, &field),
            VolumeSource::Secret { name, .. } => self.secret(name, &field),
            VolumeSource::Raw(source) => self.raw_volume(source, &field),
            VolumeSource::EmptyDir { .. }
            | VolumeSource::ConfigMap { .. }
            | VolumeSource::Claim { .. } => {}
        }
    }

    fn host_path(&mut self, volume: &VolumePlan, path: &str, field: &str) {
        if volume.name == "docker" && path == "/var/run/docker.sock" {
            if !self.policy.allow_docker {
                self.deny("plugins.docker", "the node's Docker socket", "allowDocker");
            }
            return;
        }
        let of_catalog = self.catalog.connection(&volume.name).is_some_and(|known| {
            known.kind == "host_path" && known.schema_text("hostPath") == Some(path)
        });
        let allowed = self.policy.allowed_host_paths.iter().any(|folder| {
            let folder = folder.trim_end_matches('/');
            let rest = path.strip_prefix(folder);
            !path.split('/').any(|part| part == "..")
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if !of_catalog && !allowed {
            self.deny(field, format!("host path `{path}`"), "allowedHostPaths");
        }
    }

    fn secret(&mut self, name: &str, field: &str) {
        let is_it = |resource: &Resource| resource.name == name;
        let connections = self.catalog.connections.iter();
        let of_catalog = connections
            .chain(&self.catalog.artifacts_store)
            .filter_map(|connection| connection.secret.as_ref())
            .chain(&self.catalog.secrets)
            .any(is_it);
        if !of_catalog
            && !self
                .policy
                .allowed_secrets
                .iter()
                .any(|known| known == name)
        {
            self.deny(field, format!("Secret `{name}`"), "allowedSecrets");
        }
    }

    /// A volume without a word of ours: known harmless kinds pass, Secrets inside are looked up, all else is denied.
    fn raw_volume(&mut self, source: &Value, field: &str) {
        const HARMLESS: [&str; 5] = [
            "configMap",
            "downwardAPI",
            "emptyDir",
            "ephemeral",
            "persistentVolumeClaim",
        ];
        for (kind, value) in source.as_object().into_iter().flatten() {
            match kind.as_str() {
                kind if HARMLESS.contains(&kind) => {}
                "secret" => {
                    let name = value.get("secretName").and_then(Value::as_str);
                    self.secret(name.unwrap_or_default(), field);
                }
                "projected" => {
                    let sources = value.get("sources").and_then(Value::as_array);
                    for source in sources.into_iter().flatten() {
                        self.projected(source, field);
                    }
                }
                kind => self.deny(
                    field,
                    format!("a volume of kind `{kind}`"),
                    "allowedHostPaths",
                ),
            }
        }
    }

    fn projected(&mut self, source: &Value, field: &str) {
        for (kind, value) in source.as_object().into_iter().flatten() {
            match kind.as_str() {
                "configMap" | "downwardAPI" => {}
                "secret" => {
                    let name = value.get("name").and_then(Value::as_str);
                    self.secret(name.unwrap_or_default(), field);
                }
                _ => self.deny(
                    field,
                    format!("`{kind}` in a volume"),
                    "allowedServiceAccounts",
                ),
            }
        }
    }

    fn container(&mut self, container: &ContainerPlan) {
        let field = match container.role {
            Role::Main => "run.container".to_owned(),
            Role::UserSidecar => format!("run.sidecars[{}]", container.name),
            _ => format!("run.init[{}].container", container.name),
        };
        for variable in &container.env {
            let at = format!("{field}.env[{}]", variable.name);
            match &variable.source {
                EnvSource::SecretKey { name, .. } => self.secret(name, &at),
                EnvSource::Raw(raw) => {
                    if let Some(name) = raw
                        .pointer("/valueFrom/secretKeyRef/name")
                        .and_then(Value::as_str)
                    {
                        self.secret(name, &at);
                    }
                }
                EnvSource::Value(_) | EnvSource::ConfigMapKey { .. } | EnvSource::Field { .. } => {}
            }
            if container.role.is_auxiliary()
                && hijacks(&variable.name)
                && !self.is_of_connection(variable)
            {
                let what = format!("variable `{}` in a container of the agent", variable.name);
                self.deny(at, what, "allowPrivileged");
            }
        }
        for whole in &container.env_from {
            let at = format!("{field}.envFrom");
            match whole {
                EnvFrom::Secret(name) => self.secret(name, &at),
                EnvFrom::ConfigMap(name) => self.variables_of(name, container.role, &at),
                EnvFrom::Raw(raw) => {
                    let name = |pointer| raw.pointer(pointer).and_then(Value::as_str);
                    if let Some(name) = name("/secretRef/name") {
                        self.secret(name, &at);
                    }
                    if let Some(name) = name("/configMapRef/name") {
                        self.variables_of(name, container.role, &at);
                    }
                }
            }
        }
        let devices = container.rest.get("volumeDevices");
        for device in devices.and_then(Value::as_array).into_iter().flatten() {
            self.device(device, &field);
        }
        let has_host_port = container
            .ports
            .iter()
            .any(|port| port.get("hostPort").and_then(Value::as_i64).unwrap_or(0) != 0);
        if has_host_port && !self.policy.allow_host_namespaces {
            self.deny(
                format!("{field}.ports"),
                "a host port",
                "allowHostNamespaces",
            );
        }
        if let Some(context) = container.rest.get("securityContext") {
            self.security(context, &format!("{field}.securityContext"));
        }
    }

    /// A raw block device: only that of a connection, by the connection's name.
    fn device(&mut self, device: &Value, field: &str) {
        let name = device.get("name").and_then(Value::as_str);
        let name = name.unwrap_or_default();
        let claim = self
            .catalog
            .connection(name)
            .filter(|known| known.kind == "volume_claim")
            .and_then(|known| known.schema_text("volumeClaim"));
        let of_catalog = claim.is_some_and(|claim| {
            self.plan.volumes.iter().any(|volume| {
                volume.name == name
                    && matches!(&volume.source, VolumeSource::Claim { name, .. } if name == claim)
            })
        });
        if !of_catalog && !self.policy.allow_privileged {
            let what = format!("the block device `{name}`");
            self.deny(format!("{field}.volumeDevices"), what, "allowPrivileged");
        }
    }

    /// Whole ConfigMaps could bring our own containers any variable, so theirs are the catalog's.
    fn variables_of(&mut self, config_map: &str, role: Role, field: &str) {
        let connections = self.catalog.connections.iter();
        let of_catalog = connections
            .chain(&self.catalog.artifacts_store)
            .filter_map(|connection| connection.config_map.as_ref())
            .chain(&self.catalog.config_maps)
            .any(|resource| resource.name == config_map);
        if role.is_auxiliary() && !of_catalog && !self.policy.allow_privileged {
            let what = format!("ConfigMap `{config_map}` in a container of the agent");
            self.deny(field, what, "allowPrivileged");
        }
    }

    /// Whether the admin set the variable, with this value, in a connection.
    fn is_of_connection(&self, variable: &EnvVar) -> bool {
        let EnvSource::Value(value) = &variable.source else {
            return false;
        };
        let is = |known: &Value, field: &str, text: &str| {
            known.get(field).and_then(Value::as_str) == Some(text)
        };
        let connections = self.catalog.connections.iter();
        connections
            .chain(&self.catalog.artifacts_store)
            .flat_map(|connection| &connection.env)
            .any(|known| is(known, "name", &variable.name) && is(known, "value", value))
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
