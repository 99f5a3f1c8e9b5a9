//! Names of connections: rendered, checked against the catalog, and inputs turned into initializers.

use serde_json::{Map, Value, json};

use super::context::Names;
use super::render::failure;
use crate::catalog::Catalog;
use crate::diagnostic::{Code, Diagnostic, MAX_DIAGNOSTICS, Report};
use crate::params::{Params, declarations, type_of};
use crate::template::is_template;
use crate::types::IoType;

/// Resolves `run.connections` and `run.init[].connection`, gives artifacts without a connection the default
/// store, and puts inputs with `toInit` before the initializers of the run. A name that no agent has is reported where
/// the user wrote it: in the param that brought it, else in the run.
pub(super) fn bind(
    document: &mut Value,
    params: &Params,
    names: &Names,
    catalog: &Catalog,
) -> Result<(), Report> {
    let from_params = initializers(document, params)?;
    let mut written = Written::new(params);
    let Some(run) = document.get_mut("run").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    if let Some(value) = run.get("connections").filter(|value| !value.is_null()) {
        let listed = requested(value, names, &mut written)?;
        run.insert("connections".into(), json!(listed));
    }
    let mut inits = match run.get("init") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if is_template(text) => {
            let rendered = names
                .context
                .value(text)
                .map_err(|error| failure(&error, "run.init"))?;
            match rendered {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                _ => return Err(wrong("run.init", "`init` has to be a list")),
            }
        }
        Some(Value::Array(items)) => items.clone(),
        Some(_) => return Err(wrong("run.init", "`init` has to be a list")),
    };
    for (index, init) in inits.iter_mut().enumerate() {
        if let Some(init) = init.as_object_mut() {
            bind_init(init, &format!("run.init[{index}]"), names, &mut written)?;
        }
    }
    let had_none = inits.is_empty();
    inits.splice(0..0, from_params);
    for (index, init) in inits.iter_mut().enumerate() {
        let Some(init) = init.as_object_mut() else {
            continue;
        };
        default_store(init, &format!("run.init[{index}]"), catalog)?;
    }
    if !(had_none && inits.is_empty()) {
        run.insert("init".into(), Value::Array(inits));
    }
    let references = named(run.get("connections"), "run.connections", Some)
        .into_iter()
        .chain(named(run.get("init"), "run.init", |init| {
            init.get("connection")
        }));
    let mut unknown: Vec<Diagnostic> = Vec::new();
    for (name, field) in references {
        if unknown.len() < MAX_DIAGNOSTICS && catalog.connection(name).is_none() {
            let field = written.field(name, field);
            let finding = unknown_connection(name, &field, catalog);
            if !unknown.contains(&finding) {
                unknown.push(finding);
            }
        }
    }
    Report::from_diagnostics(unknown).map_or(Ok(()), Err)
}

/// Which names of connections the run says itself; others come from params.
struct Written<'a> {
    params: &'a Params,
    literals: Vec<String>,
}

impl<'a> Written<'a> {
    fn new(params: &'a Params) -> Self {
        Self {
            params,
            literals: Vec::new(),
        }
    }

    /// Takes note of a value of the run that is text without a template.
    fn note(&mut self, value: &Value) {
        if let Some(text) = value.as_str().filter(|text| !is_template(text)) {
            self.literals.push(text.to_owned());
        }
    }

    /// The field that says the name.
    fn field(&self, name: &str, in_run: String) -> String {
        let is_literal = self.literals.iter().any(|literal| literal == name);
        let param = self
            .params
            .iter()
            .find(|(_, param)| param.connection.as_deref() == Some(name));
        match param {
            Some((param, _)) if !is_literal => format!("params.{param}.connection"),
            _ => in_run,
        }
    }
}

/// The names in the items of a list, with their fields.
fn named<'a>(
    list: Option<&'a Value>,
    field: &str,
    name: impl Fn(&'a Value) -> Option<&'a Value>,
) -> Vec<(&'a str, String)> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items
        .enumerate()
        .filter_map(|(index, item)| {
            let name = name(item)?.as_str()?;
            let inner = if item.is_object() { ".connection" } else { "" };
            Some((name, format!("{field}[{index}]{inner}")))
        })
        .collect()
}

/// Names in `run.connections`, once they are resolved.
pub(crate) fn run_names(run: &Value) -> Vec<String> {
    let items = run.get("connections").and_then(Value::as_array);
    unique(items.into_iter().flatten().filter_map(Value::as_str))
}

/// Names in `run.init[].connection`, once they are resolved.
pub(crate) fn init_names(run: &Value) -> Vec<String> {
    let items = run.get("init").and_then(Value::as_array);
    unique(
        items
            .into_iter()
            .flatten()
            .filter_map(|init| init.get("connection")?.as_str()),
    )
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    found
}

fn wrong(field: &str, message: &str) -> Report {
    Diagnostic::error(Code::WrongType, message)
        .in_field(field)
        .into()
}

fn requested(
    value: &Value,
    names: &Names,
    written: &mut Written<'_>,
) -> Result<Vec<String>, Report> {
    let rendered = match value {
        Value::String(text) => names
            .context
            .value(text)
            .map_err(|error| failure(&error, "run.connections"))?,
        other => other.clone(),
    };
    let Value::Array(items) = rendered else {
        return Err(wrong(
            "run.connections",
            "`connections` has to be a list of names",
        ));
    };
    let mut listed = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let field = format!("run.connections[{index}]");
        written.note(item);
        let rendered = match item {
            Value::String(text) => names
                .context
                .value(text)
                .map_err(|error| failure(&error, &field))?,
            other => other.clone(),
        };
        match rendered {
            Value::String(name) if !name.is_empty() => listed.push(name),
            _ => return Err(nameless(item, &field, written.params)),
        }
    }
    Ok(listed)
}

/// A name that renders to nothing: usually a param without its `connection`, or one that is asked the wrong way.
fn nameless(item: &Value, field: &str, params: &Params) -> Report {
    let Some(text) = item.as_str().filter(|text| is_template(text)) else {
        let message = "the name of a connection has to be text";
        return Diagnostic::error(Code::UnknownConnection, message)
            .in_field(field)
            .into();
    };
    let diagnostic = match asked_param(text, params) {
        Some((param, true)) => Diagnostic::error(
            Code::UnknownConnection,
            format!("the connection `{text}` renders to no name"),
        )
        .with_help(format!("write `{{{{ params.{param}.connection }}}}`")),
        Some((param, false)) => Diagnostic::error(
            Code::UnknownConnection,
            format!("param `{param}` has no `connection`, and the component needs one"),
        )
        .with_help(format!(
            "write `{param}: {{value: ..., connection: NAME}}` under `params`"
        )),
        None => Diagnostic::error(
            Code::UnknownConnection,
            format!("the connection `{text}` renders to no name"),
        ),
    };
    diagnostic.in_field(field).into()
}

/// The param whose attribute a template asks for, and whether it has a connection.
fn asked_param<'a>(template: &'a str, params: &Params) -> Option<(&'a str, bool)> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let names: Vec<&str> = template.split(|letter| !is_name(letter)).collect();
    let before_connection = template
        .split_once(".connection")
        .and_then(|(before, _)| before.rsplit(|letter| !is_name(letter)).next());
    let known = names
        .iter()
        .find(|name| params.contains_key(**name))
        .copied();
    let name = known
        .or(before_connection)
        .filter(|name| !name.is_empty())?;
    let param = params.get(name);
    Some((name, param.is_some_and(|param| param.connection.is_some())))
}

pub(super) fn unknown_connection(name: &str, field: &str, catalog: &Catalog) -> Diagnostic {
    let known: Vec<&str> = catalog.names().collect();
    let help = match catalog.nearest(name) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => "the agent declares no connections".to_owned(),
        None => format!("the agent declares {}", known.join(", ")),
    };
    Diagnostic::error(
        Code::UnknownConnection,
        format!("connection `{name}` is not in the catalog of the agent"),
    )
    .in_field(field)
    .with_help(help)
}

fn bind_init(
    init: &mut Map<String, Value>,
    field: &str,
    names: &Names,
    written: &mut Written<'_>,
) -> Result<(), Report> {
    let field = format!("{field}.connection");
    if let Some(connection) = init.get("connection") {
        written.note(connection);
    }
    let rendered = match init.get("connection") {
        None => return Ok(()),
        Some(Value::String(text)) => names
            .context
            .value(text)
            .map_err(|error| failure(&error, &field))?,
        Some(other) => other.clone(),
    };
    match rendered {
        Value::Null => init.shift_remove("connection"),
        name @ Value::String(_) => init.insert("connection".into(), name),
        _ => return Err(wrong(&field, "the name of a connection has to be text")),
    };
    Ok(())
}

fn default_store(
    init: &mut Map<String, Value>,
    field: &str,
    catalog: &Catalog,
) -> Result<(), Report> {
    let is_set = |key: &str| init.get(key).is_some_and(|value| !value.is_null());
    if !(is_set("artifacts") || is_set("paths") || is_set("tensorboard")) || is_set("connection") {
        return Ok(());
    }
    let Some(store) = &catalog.artifacts_store else {
        return Err(Diagnostic::error(
            Code::UnknownConnection,
            "artifacts without a `connection` come from the artifacts store, and the agent has none",
        )
        .in_field(field)
        .with_help("name a `connection`, or set `artifactsStore` in the agent's configuration")
        .into());
    };
    init.insert("connection".into(), json!(store.name));
    Ok(())
}

/// Inputs and outputs that are turned into initializers.
fn initializers(document: &Value, params: &Params) -> Result<Vec<Value>, Report> {
    let mut inits = Vec::new();
    for declaration in declarations(document) {
        let io = &declaration.io;
        if io.to_init != Some(true) {
            continue;
        }
        let refused = |reason: &str| {
            Report::from(
                Diagnostic::error(
                    Code::BadInitializer,
                    format!("`{}` cannot become an initializer: {reason}", io.name),
                )
                .in_field(match params.get(&io.name) {
                    Some(param) if param.to_init == Some(true) => format!("params.{}", io.name),
                    _ => format!("{}[{}]", declaration.section.key(), declaration.index),
                }),
            )
        };
        let io_type = type_of(io).map_err(|error| refused(&error.to_string()))?;
        if io.type_name.is_none() {
            return Err(refused("it has no type"));
        }
        let Some(value) = io.value.as_ref().filter(|value| !value.is_null()) else {
            continue;
        };
        let (item, values) = match (&io_type, value) {
            (IoType::List(item), Value::Array(values)) => (item.name(), values.clone()),
            (other, value) => (other.name(), vec![value.clone()]),
        };
        for value in values {
            let mut init = Map::new();
            match item {
                Some(kind @ ("git" | "dockerfile" | "artifacts")) => {
                    init.insert(kind.into(), value);
                }
                Some("path") if io.connection.is_some() => {
                    init.insert("paths".into(), json!([value]));
                }
                _ if io.connection.is_some() => {}
                _ => {
                    return Err(refused(
                        "its type is not git, artifacts or dockerfile, and it has no connection",
                    ));
                }
            }
            if let Some(connection) = &io.connection {
                init.insert("connection".into(), json!(connection));
            }
            inits.push(Value::Object(init));
        }
    }
    Ok(inits)
}
