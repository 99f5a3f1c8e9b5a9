//! From the text of an operation to its Job, in process: the work of `polyaxon check` and of a launch.

#![expect(
    clippy::expect_used,
    reason = "a benchmark of a broken seed has to stop"
)]

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

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

/// Sizes of texts, in KiB; the last one is the largest that is read.
const SIZES: [usize; 5] = [4, 16, 64, 256, 1023];

/// An operation whose arguments, params and variables fill so many KiB.
fn text_of(kib: usize) -> Source {
    let mut text = "kind: operation\ncomponent:\n  run:\n    kind: job\n    container:\n      image: busybox\n      args:\n".to_owned();
    let third = kib * 1024 / 3;
    let mut number = 0;
    let mut fill = |text: &mut String, until: usize, line: &dyn Fn(usize) -> String| {
        while text.len() < until {
            number += 1;
            text.push_str(&line(number));
        }
    };
    fill(&mut text, third, &|number| {
        format!("      - --flag-{number}={{{{ p{number} }}}}\n")
    });
    text.push_str("      env:\n");
    fill(&mut text, 2 * third, &|number| {
        format!("      - {{name: V{number}, value: plain}}\n")
    });
    text.push_str("params:\n");
    fill(&mut text, 3 * third - 64, &|number| {
        format!("  p{number}: value {number}\n")
    });
    Source::new("large.yaml", text)
}

/// What a KiB costs, from text to compiled operation, for growing texts; a cost that is linear stays the same.
fn curve(_: &mut Criterion) {
    let mut costs = Vec::new();
    for kib in SIZES {
        let source = text_of(kib);
        let rounds = 1024 / kib + 2;
        let best = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                let (operation, _) = Operation::read(black_box(&source), &[], &Flags::default())
                    .expect("the text is valid");
                let compiled = compose(&operation).expect("the text is valid");
                params::check(&compiled).expect("the text is valid");
                black_box(compiled);
                start.elapsed()
            })
            .min()
            .unwrap_or_default();
        let size = source.text().len();
        #[expect(clippy::cast_precision_loss, reason = "sizes are small")]
        let cost = best.as_secs_f64() * 1e6 / (size as f64 / 1024.0);
        costs.push(cost);
        print(&format!("spec: a KiB of a text of {kib} KiB: {cost:.2} us"));
    }
    if let (Some(first), Some(last)) = (costs.first(), costs.last()) {
        print(&format!(
            "spec: a KiB of the largest text over one of the smallest: {:.2} x",
            last / first
        ));
    }
}

fn print(line: &str) {
    // A benchmark whose output nobody reads has measured all the same.
    let _ = writeln!(std::io::stdout(), "{line}");
}

criterion_group!(compile, benches, curve);
criterion_main!(compile);
