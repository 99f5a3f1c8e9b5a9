use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn document() -> Value {
    json!({
        "inputs": [
            {"name": "cache", "type": "bool", "value": true, "isFlag": true, "isOptional": true},
            {"name": "steps", "type": "int"},
            {"name": "mode", "type": "str", "isOptional": true, "validation": {"options": ["full", "redo"]}},
            {"name": "later", "type": "int", "delayValidation": true},
        ],
        "outputs": [{"name": "destination", "type": "image"}],
    })
}

fn params(value: Value) -> Params {
    serde_json::from_value(value).expect("params")
}

#[rstest]
#[case(json!({"steps": {"value": "3"}}), None)]
#[case(json!({"steps": {"value": "{{ globals.iteration }}"}}), None)]
#[case(json!({}), Some("input `steps` is required"))]
#[case(json!({"steps": {"value": null}}), Some("input `steps` is required"))]
#[case(json!({"steps": {"value": "x"}}), Some("param `steps` does not fit: `x` is not an integer"))]
#[case(json!({"steps": {"value": 1}, "mode": {"value": "none"}}), Some("be one of the values"))]
#[case(json!({"steps": {"value": 1}, "destination": {"value": "a b"}}), Some("has a space"))]
#[case(json!({"steps": {"value": 1}, "extra": {"value": 1}}), None)]
#[case(json!({"steps": {"value": 1}, "stesp": {"value": 1, "contextOnly": false}}), Some("did you mean `steps`?"))]
fn params_are_checked(#[case] given: Value, #[case] error: Option<&str>) {
    let result = check_document(&document(), &params(given));
    match (result, error) {
        (Ok(()), None) => {}
        (Err(report), Some(text)) => assert!(report.to_string().contains(text), "{report}"),
        (result, error) => panic!("{result:?} instead of {error:?}"),
    }
}

#[test]
fn strict_params_want_declarations() {
    let mut document = document();
    document["strictParams"] = json!(true);
    let report = check_document(
        &document,
        &params(json!({"steps": {"value": 1}, "extra": {"value": 1}})),
    )
    .expect_err("undeclared");
    assert!(report.to_string().contains("`extra`"), "{report}");
    let allowed = json!({"steps": {"value": 1}, "extra": {"value": 1, "contextOnly": true}});
    assert!(check_document(&document, &params(allowed)).is_ok());
}

#[test]
fn an_output_that_is_not_delayed_is_required() {
    let mut document = document();
    document["outputs"][0]["delayValidation"] = json!(false);
    let report = check_document(&document, &params(json!({"steps": {"value": 1}})))
        .expect_err("destination is missing");
    assert!(
        report
            .to_string()
            .contains("output `destination` is required"),
        "{report}"
    );
}

#[test]
fn values_defaults_and_connections_are_written() {
    let given = json!({
        "steps": {"value": "3"},
        "cache": {"value": null},
        "destination": {"value": "team/app:1", "connection": "registry"},
        "note": {"value": [1], "toEnv": "NOTE"},
    });
    let applied = apply_to(document(), &params(given)).expect("applied");
    assert_eq!(applied["inputs"][0]["value"], json!(true));
    assert_eq!(applied["inputs"][1]["value"], json!(3));
    assert_eq!(
        applied["outputs"][0],
        json!({"name": "destination", "type": "image", "value": "team/app:1", "isOptional": true,
               "connection": "registry"})
    );
    assert_eq!(
        applied["contexts"],
        json!([{"name": "note", "value": [1], "isOptional": true, "toEnv": "NOTE"}])
    );
}

#[test]
fn a_default_that_no_param_replaces_is_not_converted() {
    for (given, expected) in [
        (json!({}), json!(1)),
        (json!({"rate": {"value": null}}), json!(1)),
        (json!({"rate": {"value": 1}}), json!(1.0)),
    ] {
        let document = json!({
            "inputs": [{"name": "rate", "type": "float", "value": 1, "isOptional": true}],
        });
        let applied = apply_to(document, &params(given.clone())).expect("applied");
        assert_eq!(applied["inputs"][0]["value"], expected, "{given}");
    }
}

#[test]
fn nothing_is_checked_without_a_type() {
    for (type_name, is_taken) in [(json!(null), true), (json!("any"), false)] {
        let document = json!({
            "inputs": [{"name": "a", "type": type_name, "validation": {"options": [1]}}],
        });
        let result = check_document(&document, &params(json!({"a": {"value": 2}})));
        assert_eq!(result.is_ok(), is_taken, "{type_name}: {result:?}");
    }
}

#[test]
fn a_null_is_a_value_of_types_that_say_so_alone() {
    for (type_name, is_taken) in [
        ("any", false),
        ("int", false),
        ("List[any]", false),
        ("Optional[int]", true),
        ("Union[int, None]", true),
        ("Literal[1, None]", true),
    ] {
        let document = json!({"inputs": [{"name": "a", "type": type_name}]});
        let result = check_document(&document, &params(json!({"a": {"value": null}})));
        assert_eq!(result.is_ok(), is_taken, "{type_name}: {result:?}");
    }
}

/// A template may stand for a whole value, and is text like any other inside of one and as a default.
#[test]
fn templates_wait_only_as_whole_values() {
    for (type_name, value, is_taken) in [
        ("int", json!("{{ x }}"), true),
        ("int", json!(["{{ x }}"]), false),
        ("List[str]", json!(["{{ x }}"]), true),
        ("List[int]", json!(["{{ x }}"]), false),
        ("git", json!({"url": "{{ x }}"}), true),
    ] {
        let document = json!({"inputs": [{"name": "a", "type": type_name}]});
        let result = check_document(&document, &params(json!({"a": {"value": value}})));
        assert_eq!(result.is_ok(), is_taken, "{type_name} {value}: {result:?}");
    }
    for (type_name, is_taken) in [
        ("int", false),
        ("bool", false),
        ("str", true),
        ("path", true),
    ] {
        let document = json!({
            "inputs": [{"name": "a", "type": type_name, "value": "{{ x }}", "isOptional": true}],
        });
        let result = check_document(&document, &Params::default());
        assert_eq!(result.is_ok(), is_taken, "{type_name}: {result:?}");
    }
}
