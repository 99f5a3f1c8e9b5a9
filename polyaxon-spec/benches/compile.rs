//! From the text of an operation to its Job, in process: the work of `polyaxon check` and of a launch.

#![expect(
    clippy::expect_used,
    reason = "a benchmark of a broken seed has to stop"
)]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use k8s_openapi::api::batch::v1::Job;
use polyaxon_spec::agent_config::AgentConfig;
use polyaxon_spec::catalog::Catalog;
use polyaxon_spec::compose::{CompiledOperation, compose};
use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::plan::plan;
use polyaxon_spec::resolve::{RunContext, resolve};
use polyaxon_spec::source::Source;
use polyaxon_spec::{k8s, params};

/// The files of the operation that every quick start begins with.
struct Seed {
    operation: Source,
    component: Source,
    catalog: Catalog,
    run: RunContext,
}

fn seed() -> Seed {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases/seed-quickstart-build");
    let source = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).expect("the golden case is there");
        Source::new(name, text)
    };
    Seed {
        operation: source("operation.yaml"),
        component: source("component.yaml"),
        catalog: AgentConfig::read(&source("agent.yaml"))
            .expect("the configuration is valid")
            .catalog(),
        run: RunContext {
            owner: "acme".into(),
            project: "vision".into(),
            run_uuid: "8aac02e3a62a4f0aaa257c59da5eab80".into(),
            run_name: "build".into(),
            api_host: "http://hub:8000".into(),
            ..RunContext::default()
        },
    }
}

fn compiled(seed: &Seed) -> Result<CompiledOperation, Report> {
    let (mut operation, _) = Operation::read(&seed.operation, &[], &Flags::default())?;
    for reference in operation.references() {
        operation.attach(&reference, &seed.component)?;
    }
    let compiled = compose(&operation)?;
    params::check(&compiled)?;
    Ok(compiled)
}

fn launched(seed: &Seed, compiled: &CompiledOperation) -> Result<Job, Report> {
    let resolved = resolve(compiled, &seed.run, &seed.catalog)?;
    let mut count = 0;
    let plan = plan(&resolved, &seed.run, &seed.catalog, &mut || {
        count += 1;
        format!("{count:010}")
    })?;
    k8s::job(&plan, 1)
}

fn benches(criterion: &mut Criterion) {
    let seed = seed();
    criterion.bench_function("spec: text to compiled operation", |bencher| {
        bencher.iter(|| compiled(black_box(&seed)).expect("the seed is valid"));
    });
    let ready = compiled(&seed).expect("the seed is valid");
    criterion.bench_function("spec: compiled operation to Job", |bencher| {
        bencher.iter(|| launched(black_box(&seed), &ready).expect("the seed is valid"));
    });
    criterion.bench_function("spec: text to Job", |bencher| {
        bencher.iter(|| {
            let compiled = compiled(black_box(&seed)).expect("the seed is valid");
            launched(&seed, &compiled).expect("the seed is valid")
        });
    });
}

criterion_group!(compile, benches);
criterion_main!(compile);
