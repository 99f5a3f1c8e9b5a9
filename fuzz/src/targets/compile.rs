use polyaxon_spec::agent_config::AgentConfig;
use polyaxon_spec::compose::{CompiledOperation, compose};
use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::plan::{distributed, is_distributed, plan};
use polyaxon_spec::resolve::{RunContext, preview, resolve};
use polyaxon_spec::source::Source;
use polyaxon_spec::{k8s, params};
use serde_json::Value;

use super::{check_report, texts};

/// Most references that are followed.
const MAX_REFERENCES: usize = 20;

/// From texts to a Job, or to the resource of several pods: it arrives or is refused, the same each time.
pub(crate) fn run(data: &[u8]) {
    let Some([operation, component, agent]) = texts(data) else {
        return;
    };
    let compiled = match compiled(operation, component) {
        Ok(compiled) => compiled,
        Err(report) => return check_report(&report),
    };
    let sent = CompiledOperation::from_json(compiled.to_json());
    assert_eq!(sent.as_ref().ok(), Some(&compiled), "sent");
    let first = job(&compiled, agent);
    if let Err(report) = &first {
        check_report(report);
    }
    assert_eq!(job(&compiled, agent), first, "a second time");
}

fn compiled(operation: &str, component: &str) -> Result<CompiledOperation, Report> {
    let main = Source::new("operation.yaml", operation);
    let component = Source::new("component.yaml", component);
    let (mut operation, _) = Operation::read(&main, &[], &Flags::default())?;
    for _ in 0..MAX_REFERENCES {
        let Some(reference) = operation.references().into_iter().next() else {
            break;
        };
        operation.attach(&reference, &component)?;
    }
    let compiled = compose(&operation)?;
    assert_eq!(
        compose(&operation).as_ref(),
        Ok(&compiled),
        "composed again"
    );
    params::check(&compiled)?;
    Ok(compiled)
}

fn job(compiled: &CompiledOperation, agent: &str) -> Result<Value, Report> {
    let catalog = AgentConfig::read(&Source::new("agent.yaml", agent))?.catalog();
    let run = RunContext {
        owner: "acme".into(),
        project: "vision".into(),
        run_uuid: "8aac02e3a62a4f0aaa257c59da5eab80".into(),
        run_name: "build".into(),
        api_host: "http://hub:8000".into(),
        ..RunContext::default()
    };
    let mut count = 0;
    let mut suffixes = || {
        count += 1;
        format!("{count:010}")
    };
    let kind = compiled.document["run"]["kind"].as_str();
    if kind.is_some_and(is_distributed) {
        let resolved = preview(compiled, &run, &catalog)?;
        let plan = distributed(&resolved, &run, &catalog, &mut suffixes)?;
        return Ok(k8s::distributed_resource(&plan));
    }
    let resolved = resolve(compiled, &run, &catalog)?;
    let plan = plan(&resolved, &run, &catalog, &mut suffixes)?;
    let job = k8s::job(&plan, 1)?;
    Ok(serde_json::to_value(job).unwrap_or_else(|error| panic!("a Job is no JSON: {error}")))
}
