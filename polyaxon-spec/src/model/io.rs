//! Inputs, outputs and params.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::checker::{Checker, written};
use super::path::Path;
use super::table::{Field, Kind, Model, field};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::yaml::{Mapping, Node, Value, camel};

/// A declared input or output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Io {
    /// The name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The type; none takes any value.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// The default, or the value once params are applied. The outer level tells a null from nothing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub value: Option<Json>,
    /// Whether a param may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_optional: Option<bool>,
    /// Whether the value is a list of the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_list: Option<bool>,
    /// Whether the value renders as `--name` or as nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_flag: Option<bool>,
    /// The template of `as_arg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_format: Option<String>,
    /// The connection, where the param names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Whether the value becomes an initializer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_init: Option<bool>,
    /// The variable that exposes the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_env: Option<String>,
    /// The rules for the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Json>,
    /// The older form of `validation.delay`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_validation: Option<bool>,
    /// The older form of `validation.options`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<Json>>,
}

/// A param in long form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Param {
    /// The value. The outer level tells a null from nothing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub value: Option<Json>,
    /// Where the value comes from: `ops.NAME`, `runs.UUID` or `dag`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The connection that is bound to the param.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Whether the value becomes an initializer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_init: Option<bool>,
    /// The variable that exposes the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_env: Option<String>,
    /// Whether the value needs no declaration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_only: Option<bool>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// Names that templates use for something else.
pub(crate) const RESERVED: &[&str] = &["globals", "params", "connections"];

/// An input or output.
pub(crate) static IO: Model = Model::new(
    "an input or output",
    &[
        field("name", Kind::Text).required(),
        field("description", Kind::Text),
        field("type", Kind::Text),
        field("value", Kind::Any),
        field("isOptional", Kind::Bool).literal(),
        field("isList", Kind::Bool).literal(),
        field("isFlag", Kind::Bool).literal(),
        field("argFormat", Kind::Text),
        field("connection", Kind::Text),
        field("toInit", Kind::Bool).literal(),
        field("toEnv", Kind::Text),
        field("validation", Kind::Model(&VALIDATION)).literal(),
        field("delayValidation", Kind::Bool).literal(),
        field("options", Kind::List(&Kind::Any)).literal(),
    ],
)
.with_rules(io_rules);

static VALIDATION: Model = Model::new(
    "a validation",
    &[
        field("delay", Kind::Bool),
        field("gt", Kind::Number),
        field("ge", Kind::Number),
        field("lt", Kind::Number),
        field("le", Kind::Number),
        field("multipleOf", Kind::Number),
        field("minDigits", Kind::Integer),
        field("maxDigits", Kind::Integer),
        field("decimalPlaces", Kind::Integer),
        field("regex", Kind::Text),
        field("minLength", Kind::Integer),
        field("maxLength", Kind::Integer),
        field("contains", Kind::Any),
        field("excludes", Kind::Any),
        field("options", Kind::List(&Kind::Any)),
        field("minItems", Kind::Integer),
        field("maxItems", Kind::Integer),
        field("keys", Kind::Any),
        field("containsKeys", Kind::Any),
        field("excludesKeys", Kind::Any),
    ],
);

static PARAM: Model = Model::new(
    "a param",
    &[
        field("value", Kind::Any),
        field("ref", Kind::Text),
        field("connection", Kind::Text),
        field("toInit", Kind::Bool).literal(),
        field("toEnv", Kind::Text),
        field("contextOnly", Kind::Bool).literal(),
    ],
)
.with_rules(param_rules);

/// The fields of a param in long form.
pub(crate) fn param() -> &'static Model {
    &PARAM
}

/// `params` of an operation, with the short form.
pub(crate) const fn params_field() -> Field {
    field("params", Kind::Params(true)).literal()
}

/// `params` of the sections that take the long form only.
pub(crate) const fn long_params_field() -> Field {
    field("params", Kind::Params(false)).literal()
}

/// `params` of a join: paths of values of other runs.
pub(crate) const fn join_params_field() -> Field {
    field("params", Kind::Params(false))
}

fn io_rules(
    checker: &mut Checker,
    node: &Node,
    map: &Mapping,
    out: &mut Map<String, Json>,
    path: &Path<'_>,
) {
    let at = |name: &str| written(map, name).map_or(node, |entry| &entry.value);
    let name = out
        .get("name")
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned();
    if RESERVED.contains(&name.as_str()) {
        let message = format!(
            "`{name}` cannot be the name of an input or output: templates use it for something else"
        );
        checker
            .error(Code::BadIo, at("name"), &path.field("name"), message)
            .help = Some("choose another name".into());
    }
    let type_name = out.get("type").and_then(Json::as_str);
    if out.get("isFlag") == Some(&json!(true)) && type_name != Some("bool") {
        let found = type_name.map_or_else(|| "no type".to_owned(), |name| format!("type `{name}`"));
        let message = format!("`{name}` is a flag with {found}, and a flag has type `bool`");
        checker
            .error(Code::BadIo, at("isFlag"), &path.field("isFlag"), message)
            .help = Some("write `type: bool` or remove `isFlag`".into());
    }
    move_options(out);
    match (out.contains_key("value"), out.get("isOptional")) {
        (true, None) => {
            out.insert("isOptional".into(), true.into());
        }
        (true, Some(is_optional @ (Json::Bool(false) | Json::Null)))
            if is_optional.is_boolean() || !out.get("value").is_none_or(Json::is_null) =>
        {
            let message = format!("`{name}` is not optional and has a default value");
            checker
                .error(Code::BadIo, at("value"), &path.field("value"), message)
                .help = Some("remove `isOptional` or the default".into());
        }
        _ => {}
    }
}

/// `options` is the older place of `validation.options`.
fn move_options(out: &mut Map<String, Json>) {
    let Some(options) = out.get("options").filter(|options| options.is_array()) else {
        return;
    };
    let options = options.clone();
    let validation = match out.get_mut("validation") {
        None | Some(Json::Null) => {
            out.insert("validation".into(), json!({"options": options}));
            out.shift_remove("options");
            return;
        }
        Some(validation) => validation,
    };
    if let Json::Object(validation) = validation {
        validation.entry("options").or_insert(options);
        out.shift_remove("options");
    }
}

/// A param in either form, normalised to the long form.
pub(crate) fn check_param(
    checker: &mut Checker,
    node: &Node,
    short: bool,
    path: &Path<'_>,
) -> Json {
    match &node.value {
        Value::Mapping(map) if map.is_empty() => json!({}),
        Value::Mapping(map)
            if !short || map.keys().any(|key| PARAM.field(&camel(key)).is_some()) =>
        {
            let before = checker.diagnostics.len();
            let json = checker.model(node, &PARAM, path);
            for diagnostic in checker.diagnostics.iter_mut().skip(before) {
                if diagnostic.code == Code::UnknownField && short {
                    diagnostic.help = Some(format!(
                        "{}; a value that is a mapping with one of these names goes into `value:`",
                        diagnostic.help.take().unwrap_or_default()
                    ));
                }
            }
            json
        }
        _ if short => json!({"value": node.to_json()}),
        _ => {
            let json = checker.wrong_type(node, path, "a mapping here");
            if let Some(last) = checker.diagnostics.last_mut() {
                last.help = Some(
                    "write `{value: ...}`; the short form is for the params of an operation".into(),
                );
            }
            json
        }
    }
}

fn param_rules(
    checker: &mut Checker,
    node: &Node,
    map: &Mapping,
    out: &mut Map<String, Json>,
    path: &Path<'_>,
) {
    let Some(reference) = out.get("ref").and_then(Json::as_str) else {
        return;
    };
    let at = written(map, "ref").map_or(node, |entry| &entry.value);
    let parts: Vec<&str> = reference.split('.').collect();
    let is_valid = match parts.as_slice() {
        ["dag"] => true,
        ["ops", name] => !name.is_empty(),
        ["runs", uuid] => uuid::Uuid::try_parse(uuid).is_ok(),
        _ => false,
    };
    if !is_valid {
        let message = format!("`{reference}` is not a reference to the value of another run");
        checker
            .error(Code::BadValue, at, &path.field("ref"), message)
            .help = Some("it is `ops.NAME`, `runs.UUID` or `dag`".into());
    }
    if let Some(value) = out.get("value").and_then(Json::as_str) {
        if !is_path_of_run(value) {
            let message = format!("`{value}` is nothing that another run has");
            let at = written(map, "value").map_or(node, |entry| &entry.value);
            checker
                .error(Code::BadValue, at, &path.field("value"), message)
                .help = Some(
                "it is `inputs`, `outputs`, `artifacts` or `io`, or one of them as `outputs.NAME`, or `globals.NAME`"
                    .into(),
            );
        }
    } else {
        checker
            .error(
                Code::BadValue,
                at,
                &path.field("value"),
                "a param with `ref` needs a `value` that is text",
            )
            .help = Some("name what to take, for example `value: outputs.image`".into());
    }
}

/// Whether a value names what can be taken from another run: `outputs.image`, `{{ artifacts.model.path }}`.
fn is_path_of_run(value: &str) -> bool {
    let inner = value.trim();
    let inner = inner
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .unwrap_or(inner);
    let parts: Vec<&str> = inner.trim().split('.').collect();
    match parts.as_slice() {
        [section] => matches!(*section, "inputs" | "outputs" | "artifacts" | "io"),
        [section, name] => {
            matches!(*section, "inputs" | "outputs" | "artifacts" | "globals") && !name.is_empty()
        }
        ["artifacts", name, part] => !name.is_empty() && !part.is_empty(),
        _ => false,
    }
}

/// The inputs or outputs of checked fields.
pub(crate) fn read_ios(fields: &Map<String, Json>, name: &str) -> Result<Vec<Io>, Report> {
    match fields.get(name) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(ios) => serde_json::from_value(ios.clone()).map_err(|error| {
            Diagnostic::error(Code::BadIo, format!("`{name}` cannot be read: {error}"))
                .in_field(name)
                .into()
        }),
    }
}
