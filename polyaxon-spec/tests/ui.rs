//! What people read when a file is wrong: one snapshot per mistake, at least one for each code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use polyaxon_spec::agent_config::AgentConfig;
use polyaxon_spec::compose::compose;
use polyaxon_spec::diagnostic::{Code, Report, render};
use polyaxon_spec::kaniko::{self, BuildSettings};
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::plan::plan;
use polyaxon_spec::policy::{self, Policy};
use polyaxon_spec::refs::ReferenceKind;
use polyaxon_spec::resolve::{RunContext, check_launchable, preview};
use polyaxon_spec::source::{MAX_SOURCE_BYTES, Source};
use polyaxon_spec::{k8s, params};
use strum::IntoEnumIterator as _;

/// Files that others refer to, and that are no operation themselves.
const PARTS: &[&str] = &[
    "agent",
    "agent_wrong",
    "broken_template",
    "circle_b",
    "circle_c",
    "job",
    "kaniko",
    "overlay_names_component",
];

/// What only a hub finds: components, versions and presets are its own.
const OF_THE_HUB: &[Code] = &[Code::UnknownComponent, Code::UnknownPreset];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui")
}

fn source(file: &str) -> Source {
    Source::from_bytes(file, &fs::read(folder().join(file)).unwrap()).unwrap()
}

/// Reads, collects the files that are referred to, and goes all the way to a Job of the agent in `agent.yaml`. Gives
/// the warnings of what is accepted.
fn run(main: &Source, overlays: &[Source], flags: &Flags) -> Result<String, Report> {
    let (mut operation, warnings) = Operation::read(main, overlays, flags)?;
    while let Some(reference) = operation
        .references()
        .into_iter()
        .find(|reference| reference.kind == ReferenceKind::Path)
    {
        operation.attach(&reference, &source(&reference.resolved_path()))?;
    }
    let compiled = compose(&operation)?;
    let located = |report: Report| operation.located(report, &compiled.document);
    params::check(&compiled).map_err(located)?;
    if let Err(report) = check_launchable(&compiled.document) {
        let warnings = warnings.into_iter();
        let all = warnings.chain(located(report).into_diagnostics());
        return Ok(render(&all.collect::<Vec<_>>(), false));
    }
    let catalog = AgentConfig::read(&source("agent.yaml"))?.catalog();
    let context = RunContext::default();
    let resolved = preview(&compiled, &context, &catalog).map_err(located)?;
    let mut plan =
        plan(&resolved, &context, &catalog, &mut || "0123456789".into()).map_err(located)?;
    policy::check(&plan, &Policy::default(), &catalog).map_err(located)?;
    if let Some(destination) = resolved.destination() {
        kaniko::apply(&mut plan, &BuildSettings::default(), &destination).map_err(located)?;
    }
    k8s::job(&plan, 1).map_err(located)?;
    Ok(render(&warnings, false))
}

fn assert_snapshot(name: &str, result: Result<String, Report>) {
    let text = result.unwrap_or_else(|report| report.render(false));
    insta::with_settings!({
        snapshot_path => "ui",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// The names of the files with an ending, without it.
fn names(ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder()).unwrap();
    files
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            Some(name.strip_suffix(ending)?.to_owned())
        })
        .collect()
}

#[test]
fn files() {
    for name in names(".yaml") {
        if !PARTS.contains(&name.as_str()) {
            let main = source(&format!("{name}.yaml"));
            assert_snapshot(&name, run(&main, &[], &Flags::default()));
        }
    }
}

#[test]
fn every_code_has_a_snapshot() {
    let shown: String = names(".snap")
        .iter()
        .map(|name| fs::read_to_string(folder().join(format!("{name}.snap"))).unwrap())
        .collect();
    let missing: Vec<Code> = Code::iter()
        .filter(|code| !OF_THE_HUB.contains(code))
        .filter(|code| !shown.contains(&format!("[{code}]")))
        .collect();
    assert_eq!(missing, []);
}

#[test]
fn texts_that_are_no_files() {
    let read = |name: &str, bytes: &[u8]| {
        let main = Source::from_bytes(format!("{name}.yaml"), bytes)?;
        run(&main, &[], &Flags::default())
    };
    let large = "#".repeat(MAX_SOURCE_BYTES + 1);
    assert_snapshot("too_large", read("large", large.as_bytes()));
    assert_snapshot("not_utf8", read("not_utf8", b"name: caf\xe9\n"));
    assert_snapshot("not_text", read("not_text", b"kind: operation\0\n"));
    let deep = format!("a: {}", "[".repeat(10_000));
    assert_snapshot("too_deep", read("deep", deep.as_bytes()));
}

#[test]
fn an_overlay_that_names_a_component() {
    let main = source("missing_component.yaml");
    let overlay = source("overlay_names_component.yaml");
    assert_snapshot(
        "overlay_names_component",
        run(&main, &[overlay], &Flags::default()),
    );
}

#[test]
fn a_second_file_is_named() {
    let main = source("refused_flag.yaml");
    let overlay = Source::new(
        "second.yaml",
        "patchStrategy: replace\nrunPatch:\n  container:\n    args: [\"{{ nowhere.at.all }}\"]\n",
    );
    assert_snapshot("second_file", run(&main, &[overlay], &Flags::default()));
}

#[test]
fn a_wrong_agent() {
    let result = AgentConfig::read(&source("agent_wrong.yaml"));
    assert_snapshot("agent_wrong", result.map(|_| String::new()));
}

#[test]
fn flags() {
    let main = source("job.yaml");
    for (name, flags) in [
        (
            "flag_without_value",
            Flags {
                params: vec!["destination".into()],
                ..Flags::default()
            },
        ),
        (
            "flag_twice",
            Flags {
                params: vec!["a=1".into(), "a=2".into()],
                ..Flags::default()
            },
        ),
        (
            "flag_queue",
            Flags {
                queue: Some("a/b/c".into()),
                ..Flags::default()
            },
        ),
        (
            "flag_name",
            Flags {
                name: Some("my build".into()),
                ..Flags::default()
            },
        ),
    ] {
        assert_snapshot(name, run(&main, &[], &flags));
    }
}

#[test]
fn a_file_from_an_url_that_names_a_file() {
    let main = source("circle_a.yaml");
    let result = Operation::for_url(
        "https://example.com/build.yaml",
        &main,
        &[],
        &Flags::default(),
    );
    assert_snapshot("url_names_path", result.map(|_| String::new()));
}
