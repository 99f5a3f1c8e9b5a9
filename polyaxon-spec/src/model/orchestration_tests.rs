use serde_json::json;

use crate::operation::{Flags, Operation};
use crate::source::Source;

const COMPONENT: &str = "component: {run: {kind: job, container: {image: a}}}\n";

/// The field paths of what is wrong with a file.
fn errors(text: &str) -> Vec<String> {
    let source = Source::new("file.yaml", format!("kind: operation\n{text}\n"));
    match Operation::read(&source, &[], &Flags::default()) {
        Ok(_) => Vec::new(),
        Err(report) => report
            .diagnostics()
            .iter()
            .map(|found| found.field_path.clone())
            .collect(),
    }
}

fn section(text: &str) -> Vec<String> {
    errors(&format!("{COMPONENT}{text}"))
}

#[test]
fn every_kind_of_matrix_is_read() {
    let search = "params: {a: {kind: uniform, value: [0, 1]}}";
    for matrix in [
        "kind: mapping, values: [{a: 1}, {a: 2}], concurrency: 2",
        "kind: grid, params: {a: {kind: range, value: '0:10:2'}}, numRuns: 3",
        &format!("kind: random, numRuns: 4, seed: 1, {search}"),
        &format!(
            "kind: hyperband, maxIterations: 81, eta: 3, resource: {{name: steps, type: int}}, \
             metric: {{name: loss, optimization: minimize}}, resume: false, {search}"
        ),
        &format!(
            "kind: bayes, numInitialRuns: 5, maxIterations: 15, metric: {{name: loss}}, {search}, \
             utilityFunction: {{acquisitionFunction: ucb, kappa: 1.2, \
             gaussianProcess: {{kernel: matern, lengthScale: 1.0, nu: 1.9}}}}"
        ),
        &format!(
            "kind: tpe, numRuns: 5, metric: {{name: loss}}, {search}, tuner: {{hubRef: acme/t}}"
        ),
        &format!("kind: iterative, maxIterations: 3, {search}"),
        "kind: random, numRuns: '{{ n }}', params: '{{ space }}', concurrency: '{{ c }}'",
    ] {
        assert_eq!(
            section(&format!("matrix: {{{matrix}}}")),
            Vec::<String>::new(),
            "{matrix}"
        );
    }
}

#[test]
fn every_space_of_values_is_read_in_all_its_forms() {
    for space in [
        "kind: choice, value: [1, a]",
        "kind: pchoice, value: [[1, 0.3], [2, 0.7]]",
        "kind: range, value: {start: 0, stop: 10, step: 2}",
        "kind: range, value: [0, 10, 2]",
        "kind: daterange, value: [2024-01-01, 2024-02-01, 1]",
        "kind: datetimerange, value: {start: '2024-01-01T00:00:00', stop: '2024-01-02T00:00:00', step: 3600}",
        "kind: linspace, value: '0:1:5'",
        "kind: logspace, value: [0, 1, 5, 2]",
        "kind: geomspace, value: {start: 1, stop: 100, num: 3}",
        "kind: uniform, value: {low: 0, high: 1}",
        "kind: quniform, value: '0:1:0.1'",
        "kind: loguniform, value: [0, 1]",
        "kind: qloguniform, value: [0, 1, 0.1]",
        "kind: normal, value: {loc: 0, scale: 1, size: 3}",
        "kind: qnormal, value: [0, 1, 0.1]",
        "kind: lognormal, value: '0:1'",
        "kind: qlognormal, value: '{{ space }}'",
    ] {
        let text = format!("matrix: {{kind: random, numRuns: 1, params: {{a: {{{space}}}}}}}");
        assert_eq!(section(&text), Vec::<String>::new(), "{space}");
    }
}

#[test]
fn a_space_without_values_is_refused_at_its_place() {
    for (space, place) in [
        ("kind: rage, value: [0, 1, 1]", "kind"),
        ("value: [0, 1, 1]", "kind"),
        ("kind: choice", ""),
        ("kind: choice, value: 1", "value"),
        ("kind: choice, value: [1], step: 2", "step"),
        ("kind: pchoice, value: [[1, 2]]", "value[0]"),
        ("kind: pchoice, value: [[1, 0.6], [2, 0.6]]", "value"),
        ("kind: range, value: [0, 10]", "value"),
        ("kind: range, value: [10, 0, 1]", "value"),
        ("kind: range, value: [0, 10, 0]", "value"),
        ("kind: range, value: [0, ten, 1]", "value[1]"),
        (
            "kind: range, value: {start: 0, stop: 1, num: 1}",
            "value.num",
        ),
        ("kind: range, value: 3", "value"),
        ("kind: range, value: '0:a:1'", "value"),
        ("kind: daterange, value: [a, 2024-02-01, 1]", "value[0]"),
        ("kind: quniform, value: [0, 1]", "value"),
    ] {
        let text = format!("matrix: {{kind: random, numRuns: 1, params: {{a: {{{space}}}}}}}");
        let path = format!("matrix.params.a.{place}");
        assert_eq!(section(&text), [path.trim_end_matches('.')], "{space}");
    }
}

#[test]
fn the_places_of_a_space_take_the_numbers_of_the_reference() {
    for (space, place) in [
        ("kind: linspace, value: [0, 1, 2.5]", "value[2]"),
        ("kind: linspace, value: [0, 1, '5']", ""),
        ("kind: linspace, value: '0:1:2.5'", "value"),
        (
            "kind: logspace, value: {start: 0, stop: 1, num: 5, base: null}",
            "",
        ),
        ("kind: logspace, value: [0, 1, 5, 2.5]", "value[3]"),
        ("kind: uniform, value: {low: 0, high: 1, size: null}", ""),
        ("kind: uniform, value: {low: 1, high: 0}", ""),
        ("kind: quniform, value: [0, 1, 0]", "value[2]"),
        ("kind: qnormal, value: '0:1:0'", "value"),
        (
            "kind: daterange, value: [2024-01-01, 2024-02-01, 1.5]",
            "value[2]",
        ),
        (
            "kind: daterange, value: [2024-02-01, 2024-02-01, 1]",
            "value",
        ),
        (
            "kind: daterange, value: [2024-01-01, 2024-02-01, 0]",
            "value",
        ),
        ("kind: daterange, value: '1:2:3'", "value"),
        (
            "kind: datetimerange, value: ['2024-01-01T10:00:00', '2024-01-01T09:00:00', PT1H]",
            "value",
        ),
        (
            "kind: datetimerange, value: ['2024-01-01T10:00:00', '2024-01-01T11:00:00', 0]",
            "value",
        ),
        (
            "kind: datetimerange, value: ['2024-01-01T10:00:00', '2024-01-01T11:00:00', '1']",
            "value[2]",
        ),
        ("kind: datetimerange", ""),
    ] {
        let text = format!("matrix: {{kind: random, numRuns: 1, params: {{a: {{{space}}}}}}}");
        let path = format!("matrix.params.a.{place}");
        let expected: &[&str] = match place {
            "" if space.contains("value") => &[],
            _ => &[path.trim_end_matches('.')],
        };
        assert_eq!(section(&text), expected, "{space}");
    }
}

#[test]
fn a_search_that_cannot_work_is_refused() {
    let uniform = "params: {a: {kind: uniform, value: [0, 1]}}";
    let normal = "params: {a: {kind: normal, value: [0, 1]}}";
    for (matrix, path) in [
        (format!("kind: grid, {uniform}"), "matrix.params.a"),
        (
            format!(
                "kind: bayes, numInitialRuns: 1, maxIterations: 1, metric: {{name: m}}, {normal}"
            ),
            "matrix.params.a",
        ),
        (
            format!("kind: random, numRuns: 0, {uniform}"),
            "matrix.numRuns",
        ),
        (format!("kind: random, {uniform}"), "matrix"),
        ("kind: grid, params: {}".to_owned(), "matrix.params"),
        ("kind: grid, params: '{{ p }}'".to_owned(), "matrix.params"),
        (format!("kind: hyperband, eta: -1, {uniform}"), "matrix.eta"),
        (
            format!("kind: hyperband, maxIterations: '{{{{ n }}}}', {uniform}"),
            "matrix.maxIterations",
        ),
        (
            format!("kind: tpe, metric: '{{{{ m }}}}', {uniform}"),
            "matrix.metric",
        ),
        (
            format!(
                "kind: iterative, maxIterations: 1, tuner: {{hubRef: a, params: {{x: 1}}}}, {uniform}"
            ),
            "matrix.tuner.params.x",
        ),
        (
            format!(
                "kind: bayes, numInitialRuns: 1, maxIterations: 1, metric: {{name: m}}, {uniform}, \
                     utilityFunction: {{acquisitionFunction: ei, kappa: 1}}"
            ),
            "matrix.utilityFunction",
        ),
        ("kind: mapping, values: [1]".to_owned(), "matrix.values[0]"),
        ("kind: girid".to_owned(), "matrix.kind"),
    ] {
        assert_eq!(
            section(&format!("matrix: {{{matrix}}}")),
            [path],
            "{matrix}"
        );
    }
}

#[test]
fn schedules_events_and_joins_are_read() {
    for (text, wrong) in [
        (
            "schedule: {kind: interval, frequency: 3600, startAt: 2024-01-01 10:00:00, maxRuns: 3}",
            "",
        ),
        (
            "schedule: {kind: interval, frequency: PT1H, dependsOnPast: true}",
            "",
        ),
        ("schedule: {kind: interval, frequency: '1:00:00'}", ""),
        (
            "schedule: {kind: cron, cron: '0 0 * * *', endAt: 2024-01-01}",
            "",
        ),
        ("schedule: {kind: datetime, startAt: '{{ when }}'}", ""),
        (
            "schedule: {kind: datetime, startAt: soon}",
            "schedule.startAt",
        ),
        (
            "schedule: {kind: interval, frequency: often}",
            "schedule.frequency",
        ),
        ("schedule: {kind: interval}", "schedule"),
        ("schedule: {kind: yearly}", "schedule.kind"),
        (
            "events: [{kinds: [run_status_done, '{{ e }}'], ref: ops.a}]",
            "",
        ),
        (
            "events: [{kinds: [run_status_don], ref: ops.a}]",
            "events[0].kinds[0]",
        ),
        (
            "joins: [{query: 'a: 1', params: {x: {value: outputs.x}}}]",
            "",
        ),
        ("joins: [{params: {x: {value: outputs.x}}}]", "joins[0]"),
        ("joins: [{query: a}]", "joins[0]"),
        (
            "joins: [{query: a, params: {x: outputs.x}}]",
            "joins[0].params.x",
        ),
        ("joins: [{query: a, params: '{{ p }}'}]", "joins[0].params"),
        ("joins: '{{ joins }}'", "joins"),
        ("schedule: '{{ schedule }}'", "schedule"),
        ("schedule: {kind: datetime, startAt: 1577836800}", ""),
        (
            "schedule: {kind: interval, frequency: '1:5:00'}",
            "schedule.frequency",
        ),
        (
            "schedule: {kind: interval, frequency: '60'}",
            "schedule.frequency",
        ),
        (
            "events: [{kinds: '{{ e }}', ref: ops.a}]",
            "events[0].kinds",
        ),
        ("skipOnUpstreamSkip: '{{ skip }}'", "skipOnUpstreamSkip"),
        ("skipOnUpstreamSkip: 1.0", ""),
        ("mount: '{{ m }}'", "mount"),
        ("matrix: '{{ m }}'", "matrix"),
        ("hooks: [{hubRef: a, presets: p}]", "hooks[0].presets"),
        ("hooks: [{hubRef: a, presets: [p], params: '{{ p }}'}]", ""),
        (
            "hooks: [{hubRef: a, trigger: '{{ t }}'}]",
            "hooks[0].trigger",
        ),
        ("build: {hubRef: a, presets: '{{ p }}'}", ""),
        ("build: {hubRef: a, presets: p}", "build.presets"),
        ("build: {hubRef: a, runPatch: '{{ p }}'}", "build.runPatch"),
        (
            "plugins: {notifications: [{trigger: done}]}",
            "plugins.notifications[0]",
        ),
        (
            "plugins: {notifications: [{connections: [a], trigger: over}]}",
            "plugins.notifications[0].trigger",
        ),
        (
            "plugins: {sidecar: {imagePullPolicy: Sometimes}}",
            "plugins.sidecar.imagePullPolicy",
        ),
        ("termination: {culling: {timeout: '30'}}", ""),
        ("termination: {culling: '{{ c }}'}", "termination.culling"),
        ("termination: {probe: {http: {port: http}}}", ""),
        (
            "termination: {probe: {http: {path: /}}}",
            "termination.probe.http",
        ),
        ("termination: {timeout: 3.0}", "termination.timeout"),
        ("termination: {maxRetries: '3'}", "termination.maxRetries"),
        ("trigger: all_done", ""),
        ("trigger: sometimes", "trigger"),
        (
            "hooks: [{hubRef: slack, trigger: done, disableDefaults: true}]",
            "",
        ),
    ] {
        let found = section(text);
        let expected: Vec<&str> = [wrong]
            .into_iter()
            .filter(|path| !path.is_empty())
            .collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn distributed_runs_are_read() {
    let replica = "{replicas: 2, container: {image: a}, environment: {labels: {a: b}}}";
    for (run, wrong) in [
        (
            format!(
                "kind: tfjob, chief: {replica}, ps: {replica}, cleanPodPolicy: All, schedulingPolicy: {{minAvailable: 2}}"
            ),
            "",
        ),
        (
            format!(
                "kind: pytorchjob, master: {replica}, elasticPolicy: {{rdvzPort: 1, standalone: true}}"
            ),
            "",
        ),
        (
            format!("kind: mpijob, launcher: {replica}, slotsPerWorker: 2"),
            "",
        ),
        (
            format!(
                "kind: raycluster, head: {replica}, workers: {{w: {{minReplicas: 1, rayStartParams: {{a: 1}}}}}}, autoscalerOptions: {{upscalingMode: a}}"
            ),
            "",
        ),
        (
            format!("kind: daskcluster, worker: {replica}, scheduler: {replica}, minReplicas: 1"),
            "",
        ),
        (
            "kind: job, container: '{{ c }}'".to_owned(),
            "run.container",
        ),
        (
            "kind: job, container: {image: a}, environment: {priority: '3'}".to_owned(),
            "",
        ),
        (format!("kind: tfjob, launcher: {replica}"), "run.launcher"),
        (
            "kind: tfjob, schedulingPolicy: '{{ p }}'".to_owned(),
            "run.schedulingPolicy",
        ),
        (
            "kind: mpijob, cleanPodPolicy: '{{ p }}'".to_owned(),
            "run.cleanPodPolicy",
        ),
        (
            "kind: pytorchjob, elasticPolicy: '{{ p }}'".to_owned(),
            "run.elasticPolicy",
        ),
        ("kind: pytorchjob, master: '{{ m }}'".to_owned(), ""),
        (
            "kind: raycluster, workers: '{{ w }}'".to_owned(),
            "run.workers",
        ),
        (
            "kind: raycluster, metadata: {a: 1}".to_owned(),
            "run.metadata.a",
        ),
        ("kind: raycluster, metadata: '{{ m }}'".to_owned(), ""),
        (
            "kind: job, environment: {labels: {a: null}}".to_owned(),
            "run.environment.labels.a",
        ),
        (
            "kind: job, environment: {labels: {a: [1, {b: c}]}}".to_owned(),
            "",
        ),
        (
            "kind: job, environment: {tolerations: '{{ t }}'}".to_owned(),
            "run.environment.tolerations",
        ),
        ("kind: job, environment: '{{ e }}'".to_owned(), ""),
        (
            "kind: job, environment: {hostAliases: [{hostnames: [a]}]}".to_owned(),
            "run.environment.hostAliases[0]",
        ),
        ("kind: job, volumes: [{}]".to_owned(), "run.volumes[0]"),
        ("kind: job, volumes: '{{ v }}'".to_owned(), "run.volumes"),
        ("kind: job, connections: '{{ c }}'".to_owned(), ""),
        (
            "kind: job, init: [{file: {content: a, kind: paper}}]".to_owned(),
            "run.init[0].file.kind",
        ),
        (
            "kind: job, init: [{dockerfile: {image: a, uid: '7', env: [[A, 1]]}}]".to_owned(),
            "run.init[0].dockerfile.env[0][1]",
        ),
        (
            "kind: job, init: [{tensorboard: {port: 1, uuids: a}}]".to_owned(),
            "run.init[0].tensorboard.uuids",
        ),
        (
            "kind: tfjob, chief: {minReplicas: 1}".to_owned(),
            "run.chief.minReplicas",
        ),
        (
            "kind: raycluster, workers: {w: {image: a}}".to_owned(),
            "run.workers.w.image",
        ),
        (
            "kind: mpijob, schedulingPolicy: {a: 1}".to_owned(),
            "run.schedulingPolicy.a",
        ),
    ] {
        let expected: Vec<&str> = [wrong]
            .into_iter()
            .filter(|path| !path.is_empty())
            .collect();
        assert_eq!(errors(&format!("run: {{{run}}}")), expected, "{run}");
    }
}

#[test]
fn a_patch_of_a_distributed_run_goes_to_every_replica() {
    let file = json!({
        "runPatch": {"connections": ["c"]},
        "component": {"run": {
            "kind": "raycluster",
            "head": {"container": {"image": "a"}},
            "workers": {"w": {"container": {"image": "b"}}},
        }},
    });
    let operation = Operation::from_json(&file).unwrap_or_else(|report| panic!("{report}"));
    let compiled = crate::compose::compose(&operation).unwrap_or_else(|report| panic!("{report}"));
    let run = &compiled.document["run"];
    assert_eq!(run["head"]["connections"], json!(["c"]));
    assert_eq!(run["workers"]["w"]["connections"], json!(["c"]));
}
