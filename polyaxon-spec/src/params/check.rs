//! What is wrong with params, before anything runs.

use serde_json::Value;

use super::{Declaration, Params, Section, coerce, coerce_now, declarations, type_of};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::{self, RESERVED};

/// Checks params against the document of a compiled operation: required ones are there, values fit their
/// types, and undeclared ones are allowed. Values that are templates or references are checked once they
/// are known.
pub fn check_document(document: &Value, params: &Params) -> Result<(), Report> {
    let declared = declarations(document);
    let swept = names_from_elsewhere(document);
    let run = document.get("run").unwrap_or(&Value::Null);
    let mut errors = Vec::new();
    for declaration in &declared {
        let name = &declaration.io.name;
        if let Some(error) = default_error(declaration) {
            errors.push(error);
        }
        errors.extend(matrix_error(declaration, document));
        match params.get(name) {
            Some(param) if param.reference.is_some() => {}
            Some(param) => errors.extend(value_error(declaration, param.value.as_ref())),
            None if swept.iter().any(|swept| swept == name) => {}
            None if declaration.is_required(run) => errors.push(missing(declaration)),
            None => {}
        }
    }
    let strict = document.get("strictParams").and_then(Value::as_bool) == Some(true);
    for (name, param) in params {
        if declared
            .iter()
            .any(|d| d.io.name == *name && d.section != Section::Contexts)
        {
            continue;
        }
        if RESERVED.contains(&name.as_str()) {
            errors.push(reserved(name));
            continue;
        }
        let refused = match param.context_only {
            Some(true) => false,
            Some(false) => true,
            None => strict,
        };
        if refused {
            errors.push(undeclared(name, &declared, strict));
        }
    }
    Report::from_diagnostics(errors).map_or(Ok(()), Err)
}

/// Templates know these names already, so that the value could not be read.
fn reserved(name: &str) -> Diagnostic {
    Diagnostic::error(
        Code::BadIo,
        format!("`{name}` cannot be the name of a param: templates use it for something else"),
    )
    .in_field(format!("params.{name}"))
    .with_help("choose another name")
}

fn value_error(declaration: &Declaration, value: Option<&Value>) -> Option<Diagnostic> {
    let io = &declaration.io;
    match value {
        Some(Value::Null) if type_of(io).is_ok_and(|io_type| io_type.takes_null()) => None,
        None | Some(Value::Null) if io.type_name.is_some() && declaration.wants_value() => {
            Some(missing(declaration))
        }
        None | Some(Value::Null) => None,
        Some(value) => coerce(io, value).err().map(|reason| {
            Diagnostic::error(
                Code::WrongParamType,
                format!("the value of param `{}` does not fit: {reason}", io.name),
            )
            .in_field(format!("params.{}", io.name))
        }),
    }
}

/// A default of a component that does not fit its own type.
fn default_error(declaration: &Declaration) -> Option<Diagnostic> {
    let value = declaration.io.value.as_ref().filter(|v| !v.is_null())?;
    let reason = coerce_now(&declaration.io, value).err()?;
    Some(
        Diagnostic::error(
            Code::WrongParamType,
            format!(
                "the default value of `{}` does not fit: {reason}",
                declaration.io.name
            ),
        )
        .in_field(declaration.value_path()),
    )
}

fn missing(declaration: &Declaration) -> Diagnostic {
    let name = &declaration.io.name;
    let kind = match declaration.section {
        Section::Outputs => "output",
        Section::Inputs | Section::Contexts => "input",
    };
    Diagnostic::error(
        Code::MissingParam,
        format!("{kind} `{name}` is required, and no value was given"),
    )
    .in_field(format!("params.{name}"))
    .with_help(if declaration.io.type_name.as_deref() == Some("image") {
        format!("add `{name}: {{value: IMAGE, connection: REGISTRY}}` to `params`")
    } else {
        format!("add `{name}: ...` to `params`, or pass `-P {name}=...`")
    })
}

fn undeclared(name: &str, declared: &[Declaration], strict: bool) -> Diagnostic {
    let reason = if strict {
        "`strictParams` allows declared ones only"
    } else {
        "`contextOnly: false` wants a declaration"
    };
    let known = declared.iter().map(|d| d.io.name.as_str());
    let help = match model::nearest(name, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "declare an input or output, or set `contextOnly: true` on it".to_owned(),
    };
    Diagnostic::error(
        Code::UndeclaredParam,
        format!("param `{name}` matches no input or output, and {reason}"),
    )
    .in_field(format!("params.{name}"))
    .with_help(help)
}

/// Names that a matrix or a join gives values to.
fn names_from_elsewhere(document: &Value) -> Vec<String> {
    let keys = |value: Option<&Value>| -> Vec<String> {
        let fields = value.and_then(Value::as_object);
        fields
            .into_iter()
            .flat_map(|fields| fields.keys().cloned())
            .collect()
    };
    let items =
        |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let matrix = document.get("matrix").unwrap_or(&Value::Null);
    let mut names = keys(matrix.get("params"));
    let resource = matrix
        .get("resource")
        .and_then(|resource| resource.get("name"));
    names.extend(resource.and_then(Value::as_str).map(str::to_owned));
    for row in items(matrix.get("values")) {
        names.extend(keys(Some(&row)));
    }
    for join in items(document.get("joins")) {
        names.extend(keys(join.get("params")));
    }
    names
}

/// A param of a matrix whose values the input cannot take.
fn matrix_error(declaration: &Declaration, document: &Value) -> Option<Diagnostic> {
    let name = &declaration.io.name;
    let kind = document
        .get("matrix")?
        .get("params")?
        .get(name)?
        .get("kind")?
        .as_str()?;
    let wanted: &[&str] = match kind {
        "choice" | "pchoice" => return None,
        "daterange" => &["date"],
        "datetimerange" => &["datetime"],
        _ => &["int", "float"],
    };
    let found = declaration.io.type_name.as_deref().unwrap_or("any");
    if wanted.contains(&found) {
        return None;
    }
    let wanted = wanted
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(" or ");
    Some(
        Diagnostic::error(
            Code::WrongParamType,
            format!(
                "a `{kind}` gives values of type {wanted}, and input `{name}` has type `{found}`"
            ),
        )
        .in_field(format!("matrix.params.{name}"))
        .with_help(format!(
            "declare the input with type {wanted}, or list the values with `kind: choice`"
        )),
    )
}
