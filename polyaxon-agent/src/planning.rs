//! The one place that turns leased work into a plan: everything that the agent asks of
//! `polyaxon-spec` on the way from a compiled operation to a pod.

mod kept;

use jiff::Timestamp;
use polyaxon_proto::agent::v1::LeaseItem;
use polyaxon_spec::agent_config::AgentConfig;
use polyaxon_spec::compose::CompiledOperation;
use polyaxon_spec::diagnostic::{Code, Report};
use polyaxon_spec::kaniko::{self, BuildSettings, CaBundle};
use polyaxon_spec::plan::{self, PodPlan, VolumeSource};
use polyaxon_spec::resolve::{self, RunContext};
use polyaxon_spec::source::Source;
use polyaxon_spec::{catalog, policy};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub use self::kept::KeptPlan;
use crate::attempt::AttemptKey;
use crate::config::Settings;

/// Root keys of `agent.yaml` that describe the catalog.
pub fn catalog_keys() -> &'static [&'static str] {
    AgentConfig::catalog_keys()
}

/// The catalog cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CatalogError(String);

/// Connections, stores and defaults that operations are planned with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog(catalog::Catalog);

impl Catalog {
    /// Reads the catalog part of the text of the file called `name`.
    pub fn read(name: &str, text: &str) -> Result<Self, CatalogError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let config = AgentConfig::read(&Source::new(name, text))
            .map_err(|report| CatalogError(report.render(false)))?;
        Ok(Self(config.catalog()))
    }

    /// Folders of the machine that are offered as connections.
    pub fn host_paths(&self) -> impl Iterator<Item = &str> {
        self.0
            .connections
            .iter()
            .chain(&self.0.artifacts_store)
            .filter(|connection| connection.kind == "host_path")
            .filter_map(|connection| connection.schema_text("hostPath"))
    }

    /// Namespace of runs that name none (empty when not set), and the further ones.
    pub fn namespaces(&self) -> (&str, &[String]) {
        (&self.0.namespace, &self.0.additional_namespaces)
    }

    /// What the hub may know: names, kinds and schemas, what users may do, and how often a run
    /// is tried again that does not say so itself.
    pub fn published(&self, settings: &Settings) -> Result<Vec<u8>, serde_json::Error> {
        let mut published = serde_json::to_value(&self.0)?;
        if let Value::Object(fields) = &mut published {
            fields.insert("policy".to_owned(), serde_json::to_value(&settings.policy)?);
            fields.insert("maxRetries".to_owned(), settings.max_retries().into());
        }
        serde_json::to_vec(&published)
    }
}

/// One attempt, ready to be launched.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptPlan {
    /// Which attempt.
    pub key: AttemptKey,
    /// Number of the claim; a write with an older one changes nothing.
    pub fence: u64,
    /// `sha256:` over the compiled operation: equal hashes are the same work.
    pub spec_hash: String,
    /// What runs.
    pub pod: PodPlan,
    /// Set when the rules for builds apply.
    pub build: Option<BuildPlan>,
}

/// What the agent must know of a build beyond its pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildPlan {
    /// Image that is pushed, with its registry and tag, without digest.
    pub image: String,
    /// Secret with the `config.json` for that registry.
    pub secret: Option<String>,
    /// File in the main container that holds the digest afterwards.
    pub digest_file: String,
    /// False for a build with `--no-push`.
    pub pushes: bool,
}

/// Why an operation is not launched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// One word: `catalog_changed`, `policy`, `invalid`, `engine`.
    pub reason: String,
    /// A sentence for the user.
    pub message: String,
}

impl From<Report> for Refusal {
    fn from(report: Report) -> Self {
        let has = |codes: &[Code]| {
            report
                .diagnostics()
                .iter()
                .any(|diagnostic| codes.contains(&diagnostic.code))
        };
        let (reason, lead) = if has(&[Code::PolicyDenied, Code::RefusedFlag]) {
            ("policy", "")
        } else if has(&[Code::UnknownConnection, Code::UnknownNamespace]) {
            (
                "catalog_changed",
                "the agent's catalog has changed since the run was created: ",
            )
        } else {
            ("invalid", "")
        };
        Self {
            reason: reason.to_owned(),
            message: format!("{lead}{report}"),
        }
    }
}

/// Turns leased work into a plan.
pub trait Planner: Send + Sync + 'static {
    /// Plans one attempt; the same item always gives the same plan.
    fn plan(&self, item: &LeaseItem) -> Result<AttemptPlan, Refusal>;
}

/// Plans with the agent's settings.
#[derive(Debug, Clone)]
pub struct SpecPlanner {
    catalog: catalog::Catalog,
    policy: policy::Policy,
    builds: BuildSettings,
    executor_images: Vec<String>,
    api_host: String,
}

impl SpecPlanner {
    /// A planner; `api_host` is the hub's address as pods reach it.
    pub fn new(settings: &Settings, catalog: Catalog, api_host: &str) -> Self {
        Self {
            catalog: catalog.0,
            policy: settings.policy.clone(),
            builds: build_settings(settings),
            executor_images: settings.executor_repositories(),
            api_host: api_host.to_owned(),
        }
    }
}

impl Planner for SpecPlanner {
    fn plan(&self, item: &LeaseItem) -> Result<AttemptPlan, Refusal> {
        let document: Value = serde_json::from_slice(&item.compiled).map_err(|error| Refusal {
            reason: "invalid".to_owned(),
            message: format!("the hub sent an operation that is not JSON: {error}"),
        })?;
        let compiled = CompiledOperation::from_json(document)?;
        let run = self.context(item);
        let resolved = resolve::resolve(&compiled, &run, &self.catalog)?;
        let mut suffixes = suffixes(&item.run);
        let mut pod = plan::plan(&resolved, &run, &self.catalog, &mut suffixes)?;
        policy::check(&pod, &self.policy, &self.catalog)?;
        let build = match resolved.destination() {
            Some(destination) if pod.is_build(&self.executor_images) => {
                kaniko::apply(&mut pod, &self.builds, &destination)?
                    .map(|build| self.build(build, &destination.image))
            }
            _ => None,
        };
        limit_to(&mut pod, item.remaining_ms);
        Ok(AttemptPlan {
            key: AttemptKey::new(item.run.clone(), item.attempt),
            fence: item.fence,
            spec_hash: item.spec_hash.clone(),
            pod,
            build,
        })
    }
}

impl SpecPlanner {
    fn context(&self, item: &LeaseItem) -> RunContext {
        let time = |at: Option<prost_types::Timestamp>| {
            at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())
        };
        RunContext {
            owner: item.owner.clone(),
            project: item.project.clone(),
            project_uuid: item.project_uuid.clone(),
            run_uuid: item.run.clone(),
            run_name: item.name.clone(),
            created_at: time(item.created_at),
            compiled_at: time(item.compiled_at),
            api_host: self.api_host.clone(),
            ..RunContext::default()
        }
    }

    fn build(&self, build: kaniko::Build, destination: &str) -> BuildPlan {
        let connection = build
            .connection
            .as_deref()
            .and_then(|name| self.catalog.connection(name));
        BuildPlan {
            image: build
                .images
                .into_iter()
                .next()
                .unwrap_or_else(|| destination.to_owned()),
            secret: connection
                .and_then(|connection| connection.secret.as_ref())
                .map(|secret| secret.name.clone()),
            digest_file: build.digest_file,
            pushes: build.pushes,
        }
    }
}

/// The time of a run is for all its attempts: this one gets the rest.
fn limit_to(pod: &mut PodPlan, remaining_ms: Option<u64>) {
    let timeout = pod
        .termination
        .as_mut()
        .and_then(|limits| limits.timeout_seconds.as_mut());
    if let (Some(timeout), Some(remaining)) = (timeout, remaining_ms) {
        *timeout = (*timeout).min(remaining.div_ceil(1000)).max(1);
    }
}

fn build_settings(settings: &Settings) -> BuildSettings {
    let mut builds = BuildSettings {
        executor_image: settings.executor_image().to_owned(),
        keep_executor_image: settings.keep_executor_image,
        registry_mirrors: settings.registry_mirrors.clone(),
        insecure_registries: settings.insecure_registries.clone(),
        proxies: settings.proxies.clone(),
        ca_bundle: ca_bundle(settings),
        ..BuildSettings::default()
    };
    let own = &settings.build_resources;
    if !own.requests.is_empty() || !own.limits.is_empty() {
        let mut resources = Map::new();
        for (name, section) in [("requests", &own.requests), ("limits", &own.limits)] {
            if !section.is_empty() {
                resources.insert(name.to_owned(), Value::Object(section.clone()));
            }
        }
        builds.resources = Value::Object(resources);
    }
    builds
}

/// The file of the machine, or the object of the cluster.
fn ca_bundle(settings: &Settings) -> Option<CaBundle> {
    let Some(cluster) = &settings.executor.kubernetes else {
        return settings.ca_bundle.as_ref().map(|path| CaBundle {
            source: VolumeSource::HostPath {
                path: path.display().to_string(),
                kind: Some("File".to_owned()),
            },
            key: None,
        });
    };
    let bundle = cluster.ca_bundle.as_ref()?;
    let (items, default_mode) = (Vec::new(), None);
    let source = match (&bundle.config_map, &bundle.secret) {
        (Some(name), _) => VolumeSource::ConfigMap {
            name: name.clone(),
            items,
            default_mode,
        },
        (None, Some(name)) => VolumeSource::Secret {
            name: name.clone(),
            items,
            default_mode,
        },
        (None, None) => return None,
    };
    Some(CaBundle {
        source,
        key: Some(bundle.key().to_owned()),
    })
}

/// Ten hexadecimal digits for each name that a plan makes up; a run always gets the same ones.
fn suffixes(run: &str) -> impl FnMut() -> String + use<> {
    let (run, mut count) = (run.to_owned(), 0_u32);
    move || {
        count += 1;
        let digest = Sha256::digest(format!("{run}/{count}"));
        digest.iter().take(5).fold(String::new(), |mut text, byte| {
            use std::fmt::Write as _;
            let _infallible = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use polyaxon_spec::compose::compose;
    use polyaxon_spec::operation::{Flags, Operation};

    use super::*;

    const AGENT: &str = "namespace: builds
artifactsStore: {name: store, kind: host_path, schema: {hostPath: /store, mountPath: /plx-store}}
connections:
- name: docker-connection
  kind: registry
  schema: {url: 127.0.0.1:5000}
  secret: {name: reg, mountPath: /kaniko/.docker}
executorImage: localhost/executor:1
registryMirrors: [127.0.0.1:5000]
";

    const BUILD: &str = "kind: operation
params:
  destination: {value: team/app:1, connection: docker-connection}
component:
  name: build
  inputs:
  - {name: destination, type: image}
  run:
    kind: job
    connections: [docker-connection]
    init:
    - dockerfile: {image: busybox, run: [echo hi]}
    container:
      image: gcr.io/kaniko-project/executor:v1.23.2
      args: [-d, '{{ connections[params.destination.connection].url }}/{{ destination }}']
";

    fn item(text: &str) -> LeaseItem {
        let (operation, _) =
            Operation::read(&Source::new("build.yaml", text), &[], &Flags::default())
                .unwrap_or_else(|report| panic!("{report}"));
        let compiled = compose(&operation).unwrap_or_else(|report| panic!("{report}"));
        LeaseItem {
            run: "0123456789abcdef0123456789abcdef".to_owned(),
            attempt: 1,
            fence: 4,
            owner: "default".to_owned(),
            project: "default".to_owned(),
            compiled: compiled.to_json().to_string().into_bytes().into(),
            spec_hash: "sha256:00".to_owned(),
            ..LeaseItem::default()
        }
    }

    fn planner(agent: &str) -> SpecPlanner {
        let (settings, catalog) =
            crate::config::read("agent.yaml", agent).unwrap_or_else(|error| panic!("{error}"));
        SpecPlanner::new(&settings, catalog, "http://127.0.0.1:8000")
    }

    #[test]
    fn a_build_is_planned_with_the_agents_executor_and_credentials() {
        let planner = planner(AGENT);
        let plan = planner.plan(&item(BUILD)).expect("planned");
        let build = plan.build.clone().expect("a build");
        assert_eq!(build.image, "127.0.0.1:5000/team/app:1");
        assert_eq!(build.secret.as_deref(), Some("reg"));
        assert!(build.pushes && build.digest_file.starts_with("/kaniko/"));
        let main = plan.pod.main().expect("main");
        assert_eq!(main.image, "localhost/executor:1");
        assert!(
            main.args
                .contains(&"--registry-mirror=127.0.0.1:5000".to_owned())
        );
        assert_eq!(planner.plan(&item(BUILD)).expect("planned"), plan);
    }

    #[test]
    fn an_attempt_gets_the_rest_of_the_time() {
        let text = BUILD.replacen("params:", "termination: {timeout: 100}\nparams:", 1);
        let planner = planner(AGENT);
        for (remaining_ms, timeout) in [
            (None, 100),
            (Some(40_001), 41),
            (Some(900_000), 100),
            (Some(0), 1),
        ] {
            let item = LeaseItem {
                remaining_ms,
                ..item(&text)
            };
            let plan = planner.plan(&item).expect("planned");
            let limits = plan.pod.termination.expect("limits");
            assert_eq!(limits.timeout_seconds, Some(timeout), "{remaining_ms:?}");
        }
    }

    #[test]
    fn what_is_kept_of_a_plan_says_what_is_asked_at_its_end() {
        let plan = planner(AGENT).plan(&item(BUILD)).expect("planned");
        let whole = KeptPlan::whole(plan.clone());
        let kept = whole.once_launched();
        assert_eq!(kept.once_launched(), kept);
        assert_eq!(
            (whole.plan().map(|plan| &**plan), kept.plan()),
            (Some(&plan), None)
        );
        for each in [&whole, &kept] {
            assert_eq!((&each.key, &each.build), (&plan.key, &plan.build));
            assert_eq!(each.main.as_deref(), Some("polyaxon-main"));
            assert_eq!(each.namespace, plan.pod.namespace);
        }
        let asked = |pod: &PodPlan| {
            let main = pod.main().expect("main");
            let observer = crate::build_report::BuildObserver::new(&main.name);
            (
                (main.name.clone(), main.command.clone(), main.args.clone()),
                crate::build_report::base_images(pod, &observer),
                crate::build_report::dockerfile_path(pod),
            )
        };
        assert_eq!(asked(&kept.pod()).1, ["busybox"]);
        assert_eq!(asked(&kept.pod()), asked(&plan.pod));
        assert!(
            format!("{kept:?}").len() * 4 < format!("{whole:?}").len(),
            "{kept:?}"
        );
    }

    #[test]
    fn a_cluster_gives_builds_its_own_certificate_authorities() {
        let agent = format!(
            "{AGENT}executor: {{kubernetes: {{caBundle: {{configMap: company, key: all.pem}}}}}}\n"
        );
        let plan = planner(&agent).plan(&item(BUILD)).expect("planned");
        let volume = plan
            .pod
            .volumes
            .iter()
            .find(|volume| volume.name == kaniko::CA_VOLUME)
            .expect("a volume");
        assert!(
            matches!(&volume.source, VolumeSource::ConfigMap { name, .. } if name == "company")
        );
        let main = plan.pod.main().expect("main");
        let mount = main.mounts.iter().find(|mount| mount.volume == volume.name);
        assert_eq!(
            mount.and_then(|mount| mount.sub_path.as_deref()),
            Some("all.pem")
        );
    }

    #[test]
    fn refusals_say_why() {
        let renamed = AGENT.replace("docker-connection", "other");
        let refusal = planner(&renamed).plan(&item(BUILD)).expect_err("refused");
        assert_eq!(refusal.reason, "catalog_changed", "{refusal}");
        let insecure = BUILD.replace("}}']", "}}', '--insecure']");
        let refusal = planner(AGENT).plan(&item(&insecure)).expect_err("refused");
        assert_eq!(refusal.reason, "policy", "{refusal}");
        let broken = LeaseItem {
            compiled: b"{".as_slice().into(),
            ..item(BUILD)
        };
        let refusal = planner(AGENT).plan(&broken).expect_err("refused");
        assert_eq!(refusal.reason, "invalid");
    }

    #[test]
    fn what_is_published_names_secrets_and_holds_none() {
        let (settings, catalog) = crate::config::read("agent.yaml", AGENT).expect("read");
        let published = catalog.published(&settings).expect("JSON");
        let published: Value = serde_json::from_slice(&published).expect("JSON");
        assert_eq!(published["connections"][0]["secret"]["name"], "reg");
        assert_eq!(published["policy"]["allowPrivileged"], false);
        assert_eq!(published["maxRetries"], 2);
    }
}
