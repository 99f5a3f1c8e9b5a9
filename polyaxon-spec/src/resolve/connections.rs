//! Names of connections: rendered, checked against the catalog, and inputs turned into initializers.

use serde_json::{Map, Value, json};

use super::context::Names;
use super::render::failure;
use crate::catalog::Catalog;
use crate::diagnostic::{Code, Diagnostic, MAX_DIAGNOSTICS, Report};
use crate::model::pods_of;
use crate::operation::join;
use crate::params::{Params, declarations, type_of};
use crate::template::is_template;
use crate::types::IoType;

/// Resolves `connections` and `init[].connection` of each pod of the run, gives artifacts without a connection the
/// default store, and puts inputs with `toInit` before the initializers. A name that no agent has is reported where
/// the user wrote it: in the param that brought it, else in the run.
pub(super) fn bind(
    document: &mut Value,
    params: &Params,
    names: &Names,
    catalog: &Catalog,
) -> Result<(), Report> {
    let from_params = initializers(document, params)?;
    let mut binding = Binding {
        from_params,
        names,
        catalog,
        written: Written::new(params),
        unknown: Vec::new(),
    };
    let Some(run) = document.get_mut("run") else {
        return Ok(());
    };
    for steps in pods_of(run) {
        let mut field = "run".to_owned();
        let mut section = &mut *run;
        for step in &steps {
            field = join(&field, step);
            let Some(inner) = section.get_mut(step) else {
                return Ok(());
            };
            section = inner;
        }
        if let Some(section) = section.as_object_mut() {
            binding.section(section, &field)?;
        }
    }
    Report::from_diagnostics(binding.unknown).map_or(Ok(()), Err)
}

/// What the sections of a run are bound with, one after the other.
struct Binding<'a> {
    from_params: Vec<Value>,
    names: &'a Names,
    catalog: &'a Catalog,
    written: Written<'a>,
    unknown: Vec<Diagnostic>,
}

impl Binding<'_> {
    /// The section of one pod, or of several that are alike.
    fn section(&mut self, section: &mut Map<String, Value>, field: &str) -> Result<(), Report> {
        let (names, catalog) = (self.names, self.catalog);
        let field_of = |name: &str| format!("{field}.{name}");
        if let Some(value) = section.get("connections").filter(|value| !value.is_null()) {
            let listed = requested(value, &field_of("connections"), names, &mut self.written)?;
            section.insert("connections".into(), json!(listed));
        }
        let list = field_of("init");
        let mut inits = match section.get("init") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) if is_template(text) => {
                let rendered = names
                    .context
                    .value(text)
                    .map_err(|error| failure(&error, &list))?;
                match rendered {
                    Value::Array(items) => items,
                    Value::Null => Vec::new(),
                    _ => return Err(wrong(&list, "`init` has to be a list")),
                }
            }
            Some(Value::Array(items)) => items.clone(),
            Some(_) => return Err(wrong(&list, "`init` has to be a list")),
        };
        for (index, init) in inits.iter_mut().enumerate() {
            if let Some(init) = init.as_object_mut() {
                bind_init(init, &format!("{list}[{index}]"), names, &mut self.written)?;
            }
        }
        let had_none = inits.is_empty();
        inits.splice(0..0, self.from_params.iter().cloned());
        for (index, init) in inits.iter_mut().enumerate() {
            if let Some(init) = init.as_object_mut() {
                default_store(init, &format!("{list}[{index}]"), catalog)?;
            }
        }
        if !(had_none && inits.is_empty()) {
            section.insert("init".into(), Value::Array(inits));
        }
        let references = named(section.get("connections"), &field_of("connections"), Some)
            .into_iter()
            .chain(named(section.get("init"), &list, |init| {
                init.get("connection")
            }));
        for (name, field) in references {
            if self.unknown.len() < MAX_DIAGNOSTICS && catalog.connection(name).is_none() {
                let field = self.written.field(name, field);
                let finding = unknown_connection(name, &field, catalog);
                if !self.unknown.contains(&finding) {
                    self.unknown.push(finding);
                }
            }
        }
        Ok(())
    }
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

/// Names in `connections` of the pods of a run, once they are resolved.
pub(crate) fn run_names(run: &Value) -> Vec<String> {
    unique(items_of_pods(run, "connections").filter_map(Value::as_str))
}

/// Names in `init[].connection` of the pods of a run, once they are resolved.
pub(crate) fn init_names(run: &Value) -> Vec<String> {
    unique(items_of_pods(run, "init").filter_map(|init| init.get("connection")?.as_str()))
}

/// The items of a list of each pod of a run.
fn items_of_pods<'a>(run: &'a Value, list: &'a str) -> impl Iterator<Item = &'a Value> {
    let sections = pods_of(run).into_iter().filter_map(move |steps| {
        let mut steps = steps.iter();
        steps.try_fold(run, |section, step| section.get(step))
    });
    sections.flat_map(move |section| {
        let items = section.get(list).and_then(Value::as_array);
        items.into_iter().flatten()
    })
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
    list: &str,
    names: &Names,
    written: &mut Written<'_>,
) -> Result<Vec<String>, Report> {
    let rendered = match value {
        Value::String(text) => names
            .context
            .value(text)
            .map_err(|error| failure(&error, list))?,
        other => other.clone(),
    };
    let Value::Array(items) = rendered else {
        return Err(wrong(list, "`connections` has to be a list of names"));
    };
    let mut listed = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let field = format!("{list}[{index}]");
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
        let item = match &io_type {
            IoType::List(item) => item.name(),
            other => other.name(),
        };
        let is_initializer = matches!(item, Some("git" | "dockerfile" | "artifacts"));
        if !is_initializer && io.connection.is_none() {
            return Err(refused(
                "its type is not git, artifacts or dockerfile, and it has no connection",
            ));
        }
        let values = match (&io_type, &io.value) {
            (_, None | Some(Value::Null)) => Vec::new(),
            (IoType::List(_), Some(Value::Array(values))) => values.clone(),
            (_, Some(value)) => vec![value.clone()],
        };
        if let (true, Some(connection)) = (values.is_empty(), &io.connection) {
            inits.push(json!({ "connection": connection }));
        }
        for value in values {
            let mut init = Map::new();
            match item {
                Some(kind @ ("git" | "dockerfile" | "artifacts")) => {
                    init.insert(kind.into(), value);
                }
                Some("path") if io.connection.is_some() => {
                    init.insert("paths".into(), json!([value]));
                }
                _ => {}
            }
            if let Some(connection) = &io.connection {
                init.insert("connection".into(), json!(connection));
            }
            inits.push(Value::Object(init));
        }
    }
    Ok(inits)
}
