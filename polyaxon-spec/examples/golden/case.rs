//! One golden case: files in, the outcome of every stage out, in the layout of `expected.json`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use polyaxon_spec::agent_config::AgentConfig;
use polyaxon_spec::catalog::Catalog;
use polyaxon_spec::compose::{CompiledOperation, compose};
use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::dockerfile::{Dockerfile, generate};
use polyaxon_spec::k8s;
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::params;
use polyaxon_spec::plan::{DistributedPlan, PodPlan, Role, distributed, is_distributed, plan};
use polyaxon_spec::refs::{HubRef, ReferenceKind};
use polyaxon_spec::resolve::{ResolvedOperation, RunContext, preview};
use polyaxon_spec::source::Source;
use serde_json::{Map, Value, json};

/// A case with its options.
pub(crate) struct Case {
    folder: PathBuf,
    options: Value,
}

/// What a run becomes.
enum Planned {
    One(Box<PodPlan>),
    Several(Box<DistributedPlan>),
}

impl Planned {
    fn pods(&self) -> Vec<&PodPlan> {
        match self {
            Self::One(plan) => vec![plan],
            Self::Several(plan) => plan.replicas.iter().map(|replica| &replica.pod).collect(),
        }
    }
}

/// Why a case is not accepted.
struct Rejected {
    stage: &'static str,
    message: String,
}

fn at(stage: &'static str) -> impl Fn(Report) -> Rejected {
    move |report| Rejected {
        stage,
        message: report.to_string(),
    }
}

impl Case {
    /// Reads `case.json` of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let options = serde_json::from_slice(&fs::read(folder.join("case.json"))?)?;
        Ok(Self {
            folder: folder.to_owned(),
            options,
        })
    }

    /// The outcome of all stages.
    pub(crate) fn compute(&self) -> Value {
        let mut out = Map::new();
        let verdict = match self.stages(&mut out) {
            Ok(()) => "accepted",
            Err(rejected) => {
                let error = json!({"stage": rejected.stage, "message": rejected.message});
                out.insert("error".into(), error);
                "rejected"
            }
        };
        out.insert("verdict".into(), verdict.into());
        Value::Object(out)
    }

    fn stages(&self, out: &mut Map<String, Value>) -> Result<(), Rejected> {
        let kind = self.options["kind"].as_str().unwrap_or_default();
        if kind == "dockerfile" {
            return self.dockerfile(out);
        }
        let operation = self.operation().map_err(at("check"))?;
        let compiled = compose(&operation).map_err(at("check"))?;
        if self.options["validate_params"] != false {
            params::check(&compiled).map_err(at("check"))?;
        }
        out.insert("check".into(), json!({"operation": operation.to_json()}));
        if kind == "check" {
            return Ok(());
        }
        let catalog = self.catalog().map_err(at("agent"))?;
        let context = self.context(self.options["run_name"].as_str().unwrap_or("golden-run"));
        let build = polyaxon_spec::build::operation(&compiled).map_err(at("build"))?;
        let image = match build {
            None => None,
            Some(operation) => {
                let mut fields = Map::new();
                fields.insert("operation".into(), operation.to_json());
                let image = self.build(operation, &catalog, &mut fields);
                out.insert("build".into(), Value::Object(fields));
                image?
            }
        };
        let (resolved, plan) = self.launch(compiled, &context, &catalog, image.as_deref())?;
        launched(&resolved, &plan, out)
    }

    /// The run that builds the image, before the run that waits for it; gives the image.
    fn build(
        &self,
        mut operation: Operation,
        catalog: &Catalog,
        out: &mut Map<String, Value>,
    ) -> Result<Option<String>, Rejected> {
        self.attach(&mut operation).map_err(at("build"))?;
        let compiled = compose(&operation).map_err(at("build"))?;
        params::check(&compiled).map_err(at("build"))?;
        let context = RunContext {
            run_uuid: "b1d0c0de00004f0aaa257c59da5eab81".into(),
            ..self.context("golden-build")
        };
        let (resolved, plan) = self.launch(compiled, &context, catalog, None)?;
        launched(&resolved, &plan, out)?;
        Ok(resolved.destination().map(|destination| destination.image))
    }

    fn launch(
        &self,
        mut compiled: CompiledOperation,
        context: &RunContext,
        catalog: &Catalog,
        image: Option<&str>,
    ) -> Result<(ResolvedOperation, Planned), Rejected> {
        if self.options["ignore_presets"] != true {
            let names: Vec<String> = compiled.presets().iter().map(|n| (*n).to_owned()).collect();
            for name in names {
                let preset = self
                    .source(&format!("presets/{name}.yaml"))
                    .map_err(at("resolve"))?;
                compiled.apply_preset(&preset).map_err(at("resolve"))?;
            }
        }
        let mut resolved = preview(&compiled, context, catalog).map_err(at("resolve"))?;
        if let Some(image) = image {
            resolved = resolved.with_image(image);
        }
        let mut count = 0;
        let mut suffixes = || {
            count += 1;
            format!("{count:010}")
        };
        let kind = resolved.document["run"]["kind"].as_str();
        if kind.is_some_and(is_distributed) {
            let plan = distributed(&resolved, context, catalog, &mut suffixes);
            return Ok((
                resolved,
                Planned::Several(Box::new(plan.map_err(at("convert"))?)),
            ));
        }
        let plan = plan(&resolved, context, catalog, &mut suffixes).map_err(at("convert"))?;
        if plan.service.is_none() {
            k8s::job(&plan, 1).map_err(at("convert"))?;
        }
        Ok((resolved, Planned::One(Box::new(plan))))
    }

    fn dockerfile(&self, out: &mut Map<String, Value>) -> Result<(), Rejected> {
        let source = self.source("dockerfile.yaml").map_err(at("dockerfile"))?;
        let (node, _) = polyaxon_spec::yaml::read(&source).map_err(at("dockerfile"))?;
        let fields = node.to_json();
        let dockerfile = Dockerfile::from_json(&fields).map_err(|error| Rejected {
            stage: "dockerfile",
            message: error.to_string(),
        })?;
        let entry = json!({
            "path": format!("/plx-context/artifacts/{}", dockerfile.filename),
            "content": generate(&dockerfile),
        });
        out.insert("dockerfiles".into(), json!([entry]));
        out.insert("build_context".into(), fields);
        Ok(())
    }

    fn source(&self, file: &str) -> Result<Source, Report> {
        let bytes = fs::read(self.folder.join(file)).map_err(|error| {
            let code = polyaxon_spec::diagnostic::Code::UnresolvedReference;
            Report::error(code, format!("`{file}` cannot be read: {error}"))
        })?;
        Source::from_bytes(file, &bytes)
    }

    fn text(&self, key: &str) -> Option<String> {
        self.options[key].as_str().map(str::to_owned)
    }

    fn texts(&self, key: &str) -> Vec<String> {
        let items = self.options[key].as_array().into_iter().flatten();
        items
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    }

    fn operation(&self) -> Result<Operation, Report> {
        let overlays = self
            .texts("overlays")
            .iter()
            .map(|file| self.source(file))
            .collect::<Result<Vec<_>, _>>()?;
        let flags = Flags {
            params: self.texts("params"),
            presets: self.texts("presets"),
            queue: self.text("queue"),
            namespace: self.text("namespace"),
            cache: (self.options["nocache"] == true).then_some(false),
            strict_params: self.options["strict_params"].as_bool(),
            ..Flags::default()
        };
        let (mut operation, _) = if let Some(hub_ref) = self.text("hub_ref") {
            Operation::for_hub(&hub_ref, &overlays, &flags)?
        } else if let Some(url) = self.text("url_ref") {
            let file = self.file_of(ReferenceKind::Url, &url).unwrap_or_default();
            Operation::for_url(&url, &self.source(&file)?, &overlays, &flags)?
        } else {
            let file = self.text("operation");
            let file = file.as_deref().unwrap_or("operation.yaml");
            Operation::read(&self.source(file)?, &overlays, &flags)?
        };
        self.attach(&mut operation)?;
        Ok(operation)
    }

    /// Puts the components that references name into their places, as far as the case has them.
    fn attach(&self, operation: &mut Operation) -> Result<(), Report> {
        while let Some((reference, file)) = operation.references().into_iter().find_map(|found| {
            let file = self.file_of(found.kind, &found.value)?;
            Some((found, file))
        }) {
            operation.attach(&reference, &self.source(&file)?)?;
        }
        Ok(())
    }

    /// The file that a reference leads to.
    fn file_of(&self, kind: ReferenceKind, value: &str) -> Option<String> {
        let file = match kind {
            ReferenceKind::Hub => {
                let key = HubRef::parse(value).ok()?.to_string();
                self.options["hub"].get(&key)?
            }
            ReferenceKind::Url => self.options["urls"].get(value)?,
            ReferenceKind::Path => return Some(value.to_owned()),
        };
        Some(file.as_str()?.to_owned())
    }

    fn catalog(&self) -> Result<Catalog, Report> {
        AgentConfig::read(&self.source("agent.yaml")?).map(|config| config.catalog())
    }

    fn context(&self, name: &str) -> RunContext {
        RunContext {
            owner: "acme".into(),
            project: "vision".into(),
            project_uuid: "5a1c6f0e9b7d4c2f8e3a6b9d0c1f2e3d".into(),
            run_uuid: "8aac02e3a62a4f0aaa257c59da5eab80".into(),
            run_name: name.into(),
            created_at: "2024-01-02T03:04:05Z".parse().ok(),
            compiled_at: "2024-01-02T03:04:06Z".parse().ok(),
            api_host: "http://polyaxon-gateway:80".into(),
            external_host: Some("https://polyaxon.acme.example".into()),
            default_auth: self.options["default_auth"] == true,
            ..RunContext::default()
        }
    }
}

/// What a run is launched as.
fn launched(
    resolved: &ResolvedOperation,
    plan: &Planned,
    out: &mut Map<String, Value>,
) -> Result<(), Rejected> {
    out.insert("resolved".into(), resolved.document.clone());
    out.insert("lineage".into(), json!(resolved.lineage));
    let dockerfiles = dockerfiles(plan)?;
    if !dockerfiles.is_empty() {
        out.insert("dockerfiles".into(), json!(dockerfiles));
    }
    let resource = match plan {
        Planned::One(plan) => k8s::resource(plan),
        Planned::Several(plan) => k8s::distributed_resource(plan),
    };
    out.insert("k8s".into(), resource);
    Ok(())
}

/// What the dockerfile initializers of a plan write, read back from their command lines.
fn dockerfiles(plan: &Planned) -> Result<Vec<Value>, Rejected> {
    let broken = |message: String| Rejected {
        stage: "dockerfile",
        message,
    };
    let mut files = Vec::new();
    for container in plan.pods().into_iter().flat_map(|pod| &pod.init_containers) {
        if container.role != Role::Dockerfile {
            continue;
        }
        let argument = |flag: &str| container.args.iter().find_map(|arg| arg.strip_prefix(flag));
        let (Some(fields), Some(target)) =
            (argument("--build-context="), argument("--destination="))
        else {
            continue;
        };
        let fields: Value =
            serde_json::from_str(fields).map_err(|error| broken(error.to_string()))?;
        let dockerfile =
            Dockerfile::from_json(&fields).map_err(|error| broken(error.to_string()))?;
        files.push(json!({
            "container": container.name,
            "path": format!("{target}/{}", dockerfile.filename),
            "content": generate(&dockerfile),
        }));
    }
    Ok(files)
}
