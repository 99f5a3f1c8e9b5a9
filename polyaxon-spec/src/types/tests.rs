use super::*;
use rstest::rstest;
use serde_json::json;

fn coerce(name: &str, value: &Value) -> Result<Value, TypeError> {
    IoType::parse(Some(name), false)?.coerce(value)
}

#[rstest]
#[case("any", json!({"a": 1}), json!({"a": 1}))]
#[case("str", json!("text"), json!("text"))]
#[case("str", json!(10), json!("10"))]
#[case("str", json!(true), json!("true"))]
#[case("str", json!(["a"]), json!("[\"a\"]"))]
#[case("str", json!("1.10"), json!("1.10"))]
#[case("int", json!("1"), json!(1))]
#[case("int", json!(1.0), json!(1))]
#[case("int", json!(true), json!(1))]
#[case("float", json!(1), json!(1.0))]
#[case("metric", json!("1e-3"), json!(0.001))]
#[case("bool", json!("Off"), json!(false))]
#[case("bool", json!(1), json!(true))]
#[case("dict", json!("{\"a\": 1}"), json!({"a": 1}))]
#[case("List[int]", json!([1, "2"]), json!([1, 2]))]
#[case("List[int]", json!("[1,2]"), json!([1, 2]))]
#[case("List[float]", json!([0.1, 1]), json!([0.1, 1.0]))]
#[case("Dict[str, List[int]]", json!({"a": ["1"]}), json!({"a": [1]}))]
#[case("Optional[int]", json!(null), json!(null))]
#[case("Union[int, str]", json!("x"), json!("x"))]
#[case("Union[int, str]", json!("1"), json!(1))]
#[case("Union[str, int]", json!(1), json!(1))]
#[case("Union[str, int]", json!("1"), json!("1"))]
#[case("Union[int, None]", json!(null), json!(null))]
#[case("Union[List[int], Dict[str, int]]", json!("{\"a\": 1}"), json!({"a": 1}))]
#[case("Optional[List[int]]", json!("[1]"), json!([1]))]
#[case("List[Optional[int]]", json!([1, null]), json!([1, null]))]
#[case("typing.List[List[str]]", json!([["a"], []]), json!([["a"], []]))]
#[case("Dict[int, str]", json!({"1": "a"}), json!({"1": "a"}))]
#[case("Literal['a', 'b']", json!("a"), json!("a"))]
#[case("Literal[1, 2.5, 'x,y', True]", json!("1"), json!(1))]
#[case("Literal[1, 2.5, 'x,y', True]", json!(1.0), json!(1))]
#[case("Literal[1, 2.5, 'x,y', True]", json!("x,y"), json!("x,y"))]
#[case("Literal[1, 2.5, 'x,y', True]", json!("true"), json!(true))]
#[case("Literal['1', 'a']", json!("1"), json!("1"))]
#[case("uri", json!("http://u:p@H:80/x"), json!("http://u:p@h/x"))]
#[case("uri", json!("https://user:pass@host.example"), json!("https://user:pass@host.example/"))]
#[case("uri", json!("redis://h:1/0"), json!("redis://h:1/0"))]
#[case("uri", json!("mailto:ana@h"), json!("mailto:ana@h"))]
#[case("tensorboard", json!({"uuids": "a, b"}), json!({"uuids": ["a", "b"]}))]
#[case("gcs", json!("gcs://b/k"), json!("gcs://b/k"))]
#[case("s3", json!("s3://b"), json!("s3://b"))]
#[case("wasb", json!("wasbs://c@user.blob.core.windows.net/p"), json!("wasbs://c@user.blob.core.windows.net/p"))]
#[case("image", json!({"name": "foo:1", "connection": "c"}), json!("foo:1"))]
#[case("git", json!({"revision": "r", "url": "u"}), json!({"url": "u", "revision": "r"}))]
#[case("git", json!("{\"url\": \"u\"}"), json!({"url": "u"}))]
#[case("dockerfile", json!({"lang_env": "C", "image": "a"}), json!({"image": "a", "langEnv": "C"}))]
#[case("artifacts", json!({"dirs": ["a"], "files": [["b", "c"]]}), json!({"files": [["b", "c"]], "dirs": ["a"]}))]
#[case("uuid", json!("d1410a91-4d18-4575-89b9-1926d8c23db4"), json!("d1410a914d18457589b91926d8c23db4"))]
#[case("email", json!("a@b.example"), json!("a@b.example"))]
#[case("date", json!("2024-05-06"), json!("2024-05-06"))]
#[case("datetime", json!("2020-01-01T10:00:00"), json!("2020-01-01T10:00:00"))]
#[case("timedelta", json!(90), json!(90.0))]
#[case("timedelta", json!("PT1H"), json!(3600.0))]
#[case("timedelta", json!("1 day"), json!(86400.0))]
fn takes(#[case] name: &str, #[case] value: Value, #[case] expected: Value) {
    let coerced = coerce(name, &value).expect("the value fits");
    assert_eq!(coerced.to_string(), expected.to_string());
}

#[rstest]
#[case("str", json!(null))]
#[case("int", json!(1.5))]
#[case("int", json!("1.5"))]
#[case("int", json!("x"))]
#[case("float", json!("nan"))]
#[case("float", json!("x"))]
#[case("bool", json!("x"))]
#[case("bool", json!(2))]
#[case("path", json!(1))]
#[case("dict", json!("a: 1"))]
#[case("list", json!("a,b"))]
#[case("List[str]", json!([1]))]
#[case("uri", json!("host/x"))]
#[case("uri", json!({"user": "u"}))]
#[case("gcs", json!("b/k"))]
#[case("s3", json!("s3://"))]
#[case("wasb", json!("wasb://c@host"))]
#[case("image", json!("a b"))]
#[case("git", json!("https://git"))]
#[case("git", json!({"url": "u", "connection": "c"}))]
#[case("dockerfile", json!({"run": []}))]
#[case("file", json!({"filename": "f"}))]
#[case("artifacts", json!([]))]
#[case("event", json!({"x": 1}))]
#[case("uuid", json!("not-a-uuid"))]
#[case("email", json!("a@b"))]
#[case("email", json!("http://c@host.example"))]
#[case("uri", json!("http:x"))]
#[case("uri", json!("1a:x"))]
#[case("date", json!("2024-13-01"))]
#[case("timedelta", json!("soon"))]
#[case("auth", json!({"user": "u"}))]
#[case("foo", json!(1))]
#[case("List[foo", json!([]))]
#[case("Optional[int]", json!("x"))]
#[case("Union[int, bool]", json!("x"))]
#[case("Union[]", json!(1))]
#[case("Dict[int, str]", json!({"a": "b"}))]
#[case("Dict[str]", json!({}))]
#[case("Literal['a', 'b']", json!("c"))]
#[case("Literal['1']", json!(1))]
#[case("Literal[a]", json!("a"))]
#[case("Literal['a]", json!("a"))]
#[case("Literal[True]", json!(1))]
fn refuses(#[case] name: &str, #[case] value: Value) {
    assert!(coerce(name, &value).is_err());
}

#[rstest]
#[case(json!({"options": ["full", "redo"]}), json!("redo"), true)]
#[case(json!({"options": ["full", "redo"]}), json!("x"), false)]
#[case(json!({"options": [1, 2]}), json!(1.0), true)]
#[case(json!({"options": [1, 2]}), json!(true), true)]
#[case(json!({"options": ["1", 2]}), json!(true), false)]
#[case(json!({"gt": 1, "le": 3}), json!(3), true)]
#[case(json!({"gt": 1}), json!(1), false)]
#[case(json!({"gt": 1}), json!([2, 1]), false)]
#[case(json!({"multipleOf": 0.1}), json!(0.3), true)]
#[case(json!({"multipleOf": 2}), json!(3), false)]
#[case(json!({"regex": "v[0-9]+"}), json!("v1.2"), true)]
#[case(json!({"regex": "[0-9]+"}), json!("v1"), false)]
#[case(json!({"minLength": 2}), json!("é"), false)]
#[case(json!({"maxItems": 1}), json!([1, 2]), false)]
#[case(json!({"keys": ["a"]}), json!({"a": 1, "b": 2}), false)]
#[case(json!({"containsKeys": ["a"]}), json!({"a": 1, "b": 2}), true)]
#[case(json!({"decimalPlaces": 1}), json!(0.25), false)]
#[case(json!({"options": ["x"]}), json!(null), true)]
fn validation_rules(#[case] rules: Value, #[case] value: Value, #[case] holds: bool) {
    let any = IoType::Named("any".to_owned());
    assert_eq!(validate(&rules, &value, &any).is_ok(), holds);
}

#[test]
fn rules_about_keys_are_for_keys_of_ones_own() {
    let rules = json!({"containsKeys": ["a"]});
    let value = json!({"url": "u"});
    for (name, holds) in [("dict", false), ("Optional[dict]", false), ("git", true)] {
        let io_type = IoType::parse(Some(name), false).expect("a known type");
        assert_eq!(validate(&rules, &value, &io_type).is_ok(), holds, "{name}");
    }
}

#[rstest]
#[case("float", json!(1), json!(1))]
#[case("float", json!("10"), json!(10))]
#[case("float", json!("1.50"), json!(1.5))]
#[case("int", json!(1.0), json!(1.0))]
#[case("bool", json!(1), json!(1))]
#[case("uri", json!("http://H:80"), json!("http://H:80"))]
#[case("timedelta", json!("PT1H"), json!("PT1H"))]
#[case("timedelta", json!(60), json!(60))]
#[case("uuid", json!("d1410a91-4d18-4575-89b9-1926d8c23db4"), json!("d1410a91-4d18-4575-89b9-1926d8c23db4"))]
#[case("str", json!("1.10"), json!("1.10"))]
#[case("dict", json!("{\"a\": \"1.10\"}"), json!({"a": "1.10"}))]
#[case("git", json!("{\"url\": \"u\"}"), json!({"url": "u"}))]
#[case("List[int]", json!("[1, \"2\"]"), json!([1, "2"]))]
#[case("List[float]", json!([1]), json!([1]))]
#[case("List[int]", json!([1, "2"]), json!([1, 2]))]
#[case("Dict[str, int]", json!({"a": "1", "b": 1.0}), json!({"a": 1, "b": 1.0}))]
#[case("list", json!(["1.10"]), json!(["1.10"]))]
fn defaults_stay_as_they_are_written(
    #[case] name: &str,
    #[case] value: Value,
    #[case] written: Value,
) {
    let io_type = IoType::parse(Some(name), false).expect("a known type");
    assert_eq!(io_type.written(&value), Some(written));
}

#[rstest]
#[case("bool", json!("false"))]
#[case("str", json!(true))]
#[case("Optional[int]", json!("1"))]
fn other_defaults_are_converted(#[case] name: &str, #[case] value: Value) {
    let io_type = IoType::parse(Some(name), false).expect("a known type");
    assert_eq!(io_type.written(&value), None);
}

#[test]
fn a_type_that_is_nested_too_deep_is_said_so() {
    let name = format!("{}int{}", "List[".repeat(9), "]".repeat(9));
    assert_eq!(IoType::parse(Some(&name), false), Err(TypeError::TooDeep));
    let name = format!("{}int{}", "List[".repeat(8), "]".repeat(8));
    assert!(IoType::parse(Some(&name), false).is_ok());
}

#[test]
fn lists_come_from_the_flag_too() {
    let list = IoType::parse(Some("float"), true).expect("a known type");
    assert_eq!(list.coerce(&json!("[1.5]")), Ok(json!([1.5])));
    let lists = IoType::parse(Some("List[int]"), true).expect("a known type");
    assert_eq!(lists.coerce(&json!([["1"], [2]])), Ok(json!([[1], [2]])));
    assert!(lists.coerce(&json!([1])).is_err());
    let anything = IoType::parse(None, true).expect("no type");
    assert_eq!(anything.coerce(&json!("x")), Ok(json!("x")));
}
