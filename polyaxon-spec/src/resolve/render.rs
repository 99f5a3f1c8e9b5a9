//! Templates rendered throughout a document.

use serde_json::{Map, Value};

use super::context::Names;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::params::{coerce, declarations};
use crate::template::{Context, TemplateError, is_template, python};

/// What becomes of the result of a template.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// The type of the expression.
    Type,
    /// Text, where the result is a number: fields that have to be text.
    Text,
}

/// Renders everything outside of `run`, `build` and `hooks`.
pub(super) fn operation(document: &mut Value, names: &Names) -> Result<(), Report> {
    const LATER: [&str; 7] = [
        "run",
        "build",
        "hooks",
        "kind",
        "component",
        "template",
        "inputs",
    ];
    let mut errors = Vec::new();
    render_values(document, names, &mut errors);
    if let Some(root) = document.as_object_mut() {
        for (key, value) in root.iter_mut() {
            if !LATER.contains(&key.as_str()) && key != "outputs" && key != "contexts" {
                Walk {
                    context: &names.context,
                    errors: &mut errors,
                }
                .any(value, key, Keep::Type);
            }
        }
    }
    Report::from_diagnostics(errors).map_or(Ok(()), Err)
}

/// Renders `run`.
pub(super) fn run(document: &mut Value, names: &Names) -> Result<(), Report> {
    let mut errors = Vec::new();
    if let Some(run) = document.get_mut("run") {
        let mut walk = Walk {
            context: &names.context,
            errors: &mut errors,
        };
        walk.any(run, "run", Keep::Type);
    }
    Report::from_diagnostics(errors).map_or(Ok(()), Err)
}

/// The diagnostic for a template that fails.
pub(super) fn failure(error: &TemplateError, field: &str) -> Report {
    diagnostic(error, field).into()
}

fn diagnostic(error: &TemplateError, field: &str) -> Diagnostic {
    let code = match error {
        TemplateError::Syntax(_) => Code::TemplateSyntax,
        TemplateError::Render(_) | TemplateError::TooLarge => Code::TemplateFailed,
    };
    Diagnostic::error(code, error.to_string()).in_field(field)
}

/// Renders the values of inputs, outputs and contexts and checks them against their types again.
fn render_values(document: &mut Value, names: &Names, errors: &mut Vec<Diagnostic>) {
    for declaration in declarations(document) {
        let io = &declaration.io;
        let Some(value) = io
            .value
            .as_ref()
            .filter(|value| crate::params::has_template(value))
        else {
            continue;
        };
        let path = declaration.value_path();
        let mut value = value.clone();
        let keep = match crate::params::type_of(io) {
            Ok(io_type) if io_type.is_text() => Keep::Text,
            _ => Keep::Type,
        };
        let before = errors.len();
        Walk {
            context: &names.context,
            errors: &mut *errors,
        }
        .any(&mut value, &path, keep);
        if errors.len() > before {
            continue;
        }
        if !value.is_null() {
            match coerce(io, &value) {
                Ok(coerced) => value = coerced,
                Err(reason) => errors.push(
                    Diagnostic::error(
                        Code::WrongParamType,
                        format!("the value of `{}` does not fit: {reason}", io.name),
                    )
                    .in_field(path),
                ),
            }
        }
        if let Some(slot) = document
            .get_mut(declaration.section.key())
            .and_then(|items| items.get_mut(declaration.index))
            .and_then(Value::as_object_mut)
        {
            slot.insert("value".into(), value);
        }
    }
}

struct Walk<'a> {
    context: &'a Context,
    errors: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn any(&mut self, value: &mut Value, path: &str, keep: Keep) {
        match value {
            Value::String(text) if is_template(text) => match self.context.value(text) {
                Ok(number @ Value::Number(_)) if keep == Keep::Text => {
                    *value = Value::String(python::text(&number));
                }
                Ok(rendered) => *value = rendered,
                Err(error) => self.errors.push(diagnostic(&error, path)),
            },
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.any(item, &format!("{path}[{index}]"), keep);
                }
            }
            Value::Object(fields) => self.fields(fields, path, keep),
            _ => {}
        }
    }

    fn fields(&mut self, fields: &mut Map<String, Value>, path: &str, keep: Keep) {
        if fields.keys().any(|key| is_template(key)) {
            self.keys(fields, path);
        }
        for (key, value) in fields.iter_mut() {
            let path = format!("{path}.{key}");
            match key.as_str() {
                "container" => self.container(value, &path),
                "sidecars" => {
                    for (index, item) in value.as_array_mut().into_iter().flatten().enumerate() {
                        self.container(item, &format!("{path}[{index}]"));
                    }
                }
                "git" | "dockerfile" | "file" | "paths" | "artifacts" => {
                    self.any(value, &path, Keep::Text);
                }
                _ => self.any(value, &path, keep),
            }
        }
    }

    fn keys(&mut self, fields: &mut Map<String, Value>, path: &str) {
        let mut renamed = Map::with_capacity(fields.len());
        for (key, value) in std::mem::take(fields) {
            let key = match self.context.stable_text(&key) {
                Ok(key) => key,
                Err(error) => {
                    self.errors.push(diagnostic(&error, path));
                    key
                }
            };
            renamed.insert(key, value);
        }
        *fields = renamed;
    }

    /// A Kubernetes container: arguments and variables are text, empty arguments are dropped.
    fn container(&mut self, value: &mut Value, path: &str) {
        let Some(fields) = value.as_object_mut() else {
            return self.any(value, path, Keep::Type);
        };
        for (key, value) in fields.iter_mut() {
            let path = format!("{path}.{key}");
            match key.as_str() {
                "command" | "args" => self.arguments(value, &path),
                "env" => self.variables(value, &path),
                "image" | "name" | "imagePullPolicy" | "workingDir" => {
                    self.any(value, &path, Keep::Text);
                }
                _ => self.any(value, &path, Keep::Type),
            }
        }
    }

    fn arguments(&mut self, value: &mut Value, path: &str) {
        if let Value::String(text) = value
            && is_template(text)
        {
            match self.context.value(text) {
                Ok(Value::String(text)) => *value = Value::Array(vec![Value::String(text)]),
                Ok(rendered) => *value = rendered,
                Err(error) => self.errors.push(diagnostic(&error, path)),
            }
        }
        let Value::Array(items) = value else { return };
        let mut kept = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Value::Null => {}
                Value::String(text) if is_template(text) => match self.context.stable_text(text) {
                    Ok(text) if text.is_empty() || text == "None" => {}
                    Ok(text) => kept.push(Value::String(text)),
                    Err(error) => self
                        .errors
                        .push(diagnostic(&error, &format!("{path}[{index}]"))),
                },
                Value::String(text) if text.is_empty() => {}
                other => {
                    let mut other = other.clone();
                    self.any(&mut other, &format!("{path}[{index}]"), Keep::Text);
                    kept.push(Value::String(python::text(&other)));
                }
            }
        }
        *items = kept;
    }

    fn variables(&mut self, value: &mut Value, path: &str) {
        let Some(items) = value.as_array_mut() else {
            return self.any(value, path, Keep::Type);
        };
        for (index, variable) in items.iter_mut().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(Value::String(text)) = variable.get("value").filter(|_| variable.is_object())
            else {
                self.any(variable, &path, Keep::Type);
                continue;
            };
            let rendered = if is_template(text) {
                self.context
                    .value(text)
                    .map(|value| python::env_text(&value))
            } else {
                Ok(text.clone())
            };
            match rendered {
                Ok(text) => {
                    if let Some(fields) = variable.as_object_mut() {
                        fields.insert("value".into(), Value::String(text));
                    }
                    // The name may be a template too; the value is plain text now, and stays.
                    if let Some(name) = variable.get_mut("name") {
                        self.any(name, &format!("{path}.name"), Keep::Text);
                    }
                }
                Err(error) => self
                    .errors
                    .push(diagnostic(&error, &format!("{path}.value"))),
            }
        }
    }
}
