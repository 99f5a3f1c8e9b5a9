use proptest::prelude::{
    Just, Strategy as Generator, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use serde_json::{Map, Value as Json, json};

use super::{Strategy, merge};
use crate::model::{ROOT, runtime_of};

const ALL: [Strategy; 4] = [
    Strategy::PostMerge,
    Strategy::PreMerge,
    Strategy::Replace,
    Strategy::IsNull,
];

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

fn merged(base: &Map<String, Json>, patch: &Map<String, Json>, strategy: Strategy) -> Json {
    let mut base = base.clone();
    merge(&ROOT, &mut base, patch, strategy);
    Json::Object(base)
}

/// A part of a job, base and patch, and the result with post_merge, pre_merge, replace and isnull.
fn job_table() -> Vec<(&'static str, Json, Json, [Json; 4])> {
    let init = |list: &[&str]| -> Json {
        list.iter()
            .map(|url| json!({"git": {"url": url}}))
            .collect()
    };
    vec![
        (
            "connections",
            json!(["a", "b"]),
            json!(["b", "c"]),
            [
                json!(["a", "b", "c"]),
                json!(["b", "c", "a"]),
                json!(["b", "c"]),
                json!(["a", "b"]),
            ],
        ),
        (
            "init",
            init(&["u1", "u2"]),
            init(&["u1", "u3"]),
            [
                init(&["u1", "u2", "u3"]),
                init(&["u1", "u3", "u2"]),
                init(&["u1", "u3"]),
                init(&["u1", "u2"]),
            ],
        ),
        (
            "container",
            json!({"image": "img", "args": ["a1"], "resources": {"requests": {"cpu": 1, "memory": 1}, "limits": {"cpu": 2}}}),
            json!({"image": "img2", "args": ["a2"], "resources": {"requests": {"memory": 2}}, "tty": true}),
            [
                json!({"image": "img2", "args": ["a1", "a2"], "resources": {"requests": {"cpu": 1, "memory": 2}, "limits": {"cpu": 2}}, "tty": true}),
                json!({"image": "img", "args": ["a2", "a1"], "resources": {"requests": {"cpu": 1, "memory": 1}, "limits": {"cpu": 2}}, "tty": true}),
                json!({"image": "img2", "args": ["a2"], "resources": {"requests": {"memory": 2}}, "tty": true}),
                json!({"image": "img", "args": ["a1"], "resources": {"requests": {"cpu": 1, "memory": 1}, "limits": {"cpu": 2}}, "tty": true}),
            ],
        ),
        (
            "environment",
            json!({"labels": {"x": "1", "y": "2"}, "nodeName": "n1"}),
            json!({"labels": {"x": "9", "z": "3"}, "nodeName": "n2", "priority": 1}),
            [
                json!({"labels": {"x": "9", "y": "2", "z": "3"}, "nodeName": "n2", "priority": 1}),
                json!({"labels": {"x": "1", "y": "2", "z": "3"}, "nodeName": "n1", "priority": 1}),
                json!({"labels": {"x": "9", "z": "3"}, "nodeName": "n2", "priority": 1}),
                json!({"labels": {"x": "1", "y": "2"}, "nodeName": "n1", "priority": 1}),
            ],
        ),
    ]
}

#[test]
fn parts_of_a_job() {
    for (name, base, patch, results) in job_table() {
        for (strategy, expected) in ALL.into_iter().zip(results) {
            let mut run = object(json!({"kind": "job", name: base}));
            let model = runtime_of(&run);
            merge(model, &mut run, &object(json!({name: patch})), strategy);
            assert_eq!(run.get(name), Some(&expected), "{name} {strategy:?}");
        }
    }
}

#[test]
fn a_null_clears_a_plain_field_and_no_section() {
    let base = object(json!({
        "queue": "q",
        "tags": ["a"],
        "termination": {"ttl": 1},
        "run": {"kind": "job", "container": {"image": "x"}},
    }));
    let patch = object(json!({"queue": null, "tags": null, "termination": null, "run": null}));
    let cleared = json!({"queue": null, "tags": null, "termination": base["termination"], "run": base["run"]});
    for strategy in ALL {
        let expected = match strategy {
            Strategy::PostMerge | Strategy::Replace => cleared.clone(),
            Strategy::PreMerge | Strategy::IsNull => Json::Object(base.clone()),
        };
        assert_eq!(merged(&base, &patch, strategy), expected, "{strategy:?}");
    }
}

#[test]
fn a_param_is_one_value() {
    let base = object(json!({"params": {"a": {"value": 1, "connection": "c"}, "b": {"value": 2}}}));
    let patch = object(json!({"params": {"a": {"value": 9}}}));
    for (strategy, expected) in [
        (
            Strategy::PostMerge,
            json!({"a": {"value": 9}, "b": {"value": 2}}),
        ),
        (Strategy::Replace, json!({"a": {"value": 9}})),
        (Strategy::PreMerge, base["params"].clone()),
        (Strategy::IsNull, base["params"].clone()),
    ] {
        assert_eq!(
            merged(&base, &patch, strategy)["params"],
            expected,
            "{strategy:?}"
        );
    }
}

#[test]
fn a_run_of_another_kind_wins_or_loses_as_a_whole() {
    let base = object(json!({"run": {"kind": "job", "connections": ["a"]}}));
    let patch = object(json!({"run": {"kind": "service", "ports": [80]}}));
    for strategy in ALL {
        let winner = if strategy.patch_wins() { &patch } else { &base };
        assert_eq!(
            merged(&base, &patch, strategy)["run"],
            winner["run"],
            "{strategy:?}"
        );
    }
}

fn values() -> impl Generator<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (0..4_i64).prop_map(Json::from),
        "[a-c]{1,2}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Fields with every rule of the engine, with values that need not fit them.
fn documents() -> impl Generator<Value = Map<String, Json>> {
    let names = prop::sample::select(vec![
        "queue",
        "tags",
        "params",
        "plugins",
        "run",
        "runPatch",
        "container",
        "matrix",
        "unknown",
    ]);
    prop::collection::btree_map(names, values(), 0..6).prop_map(|map| {
        map.into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    })
}

fn strategies() -> impl Generator<Value = Strategy> {
    prop::sample::select(ALL.to_vec())
}

proptest! {
    #[test]
    fn an_empty_patch_changes_nothing(base in documents(), strategy in strategies()) {
        prop_assert_eq!(merged(&base, &Map::new(), strategy), Json::Object(base));
    }

    #[test]
    fn an_empty_base_takes_the_patch(patch in documents(), strategy in strategies()) {
        prop_assert_eq!(merged(&Map::new(), &patch, strategy), Json::Object(patch));
    }

    #[test]
    fn the_second_time_changes_nothing(
        base in documents(), patch in documents(), strategy in strategies(),
    ) {
        let once = object(merged(&base, &patch, strategy));
        prop_assert_eq!(merged(&once, &patch, strategy), Json::Object(once));
    }

    #[test]
    fn no_field_is_lost_and_none_invented(
        base in documents(), patch in documents(), strategy in strategies(),
    ) {
        let result = object(merged(&base, &patch, strategy));
        for name in base.keys().chain(patch.keys()) {
            prop_assert!(result.contains_key(name));
        }
        for name in result.keys() {
            prop_assert!(base.contains_key(name) || patch.contains_key(name));
        }
    }

    #[test]
    fn isnull_keeps_what_is_set(base in documents(), patch in documents()) {
        let result = merged(&base, &patch, Strategy::IsNull);
        for (name, value) in base.iter().filter(|(_, value)| !value.is_null() && !value.is_object()) {
            prop_assert_eq!(&result[name], value);
        }
    }

    #[test]
    fn merging_lists_keeps_every_element(base in documents(), patch in documents()) {
        for strategy in [Strategy::PostMerge, Strategy::PreMerge] {
            let result = merged(&base, &patch, strategy);
            let (old, new) = (base.get("tags"), patch.get("tags"));
            let (Some(Json::Array(old)), Some(Json::Array(new))) = (old, new) else { continue };
            let tags = result["tags"].as_array().unwrap();
            prop_assert!(old.iter().chain(new).all(|item| tags.contains(item)));
        }
    }
}
