use serde_json::{Value as Json, json};

use super::*;

fn errors(document: Json) -> Vec<String> {
    let Json::Object(document) = document else {
        panic!("a mapping is needed")
    };
    match check(&document) {
        Ok(()) => Vec::new(),
        Err(report) => report
            .diagnostics()
            .iter()
            .map(|found| format!("{}: {}", found.field_path, found.message))
            .collect(),
    }
}

fn job() -> Json {
    json!({"kind": "job", "container": {"image": "a"}})
}

fn dag(operations: &Json) -> Json {
    json!({"run": {
        "kind": "dag",
        "operations": operations,
        "components": [{"name": "train", "run": job()}],
    }})
}

#[test]
fn operations_that_wait_for_each_other_in_an_order_are_fine() {
    let operations = json!([
        {"name": "c", "dependencies": ["a"], "params": {"x": {"ref": "ops.b", "value": "outputs.x"}}, "dagRef": "train"},
        {"name": "a", "component": {"run": job()}},
        {"name": "b", "run": job(), "events": [{"kinds": ["run_status_done"], "ref": "ops.a"}]},
    ]);
    assert_eq!(errors(dag(&operations)), Vec::<String>::new());
}

#[test]
fn what_cannot_be_ordered_or_is_not_there_is_refused() {
    for (operations, expected) in [
        (json!([]), "run.operations: a dag needs operations"),
        (
            json!([{"run": job()}]),
            "run.operations[0]: everything in `operations` needs a name",
        ),
        (
            json!([{"name": "a", "run": job()}, {"name": "a", "run": job()}]),
            "run.operations[1].name: there are two `a` in `operations`",
        ),
        (
            json!([{"name": "a", "dagRef": "trian"}]),
            "run.operations[0].dagRef: the dag has no component `trian`",
        ),
        (
            json!([{"name": "a"}]),
            "run.operations[0]: there is nothing to run",
        ),
        (
            json!([{"name": "a", "hubRef": "kaniko"}]),
            "run.operations[0].hubRef: the component of `hubRef: kaniko` is not known",
        ),
        (
            json!([{"name": "a", "run": job(), "schedule": {"kind": "cron", "cron": "* * * * *"}}]),
            "run.operations[0].schedule: an operation of a dag cannot have a schedule of its own",
        ),
        (
            json!([{"name": "a", "run": job(), "dependencies": ["b"]}]),
            "run.operations[0]: `a` waits for `b`, which is no operation of the dag",
        ),
        (
            json!([
                {"name": "a", "run": job(), "dependencies": ["b"]},
                {"name": "b", "run": job(), "dependencies": ["a"]},
                {"name": "c", "run": job()},
            ]),
            "run.operations[0]: these operations wait for each other: a, b",
        ),
    ] {
        assert_eq!(errors(dag(&operations)), [expected]);
    }
    let mut with_build = dag(&json!([{"name": "a", "run": job()}]));
    with_build["build"] = json!({"hubRef": "kaniko"});
    assert!(errors(with_build)[0].starts_with("build: "));
}

/// The order of a long chain is found in one pass.
#[test]
fn a_long_chain_takes_no_time() {
    let operations: Vec<Json> = (0..20_000)
        .map(|index| {
            let before = format!("n{}", index + 1);
            let last = index == 19_999;
            json!({
                "name": format!("n{index}"),
                "run": {"kind": "job"},
                "dependencies": if last { Vec::new() } else { vec![before] },
            })
        })
        .collect();
    let start = std::time::Instant::now();
    assert_eq!(errors(dag(&operations.into())), Vec::<String>::new());
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
