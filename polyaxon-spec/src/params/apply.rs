//! Params written into the inputs, outputs and contexts of a document.

use serde_json::{Map, Value, json};

use super::{Params, Section, check_document, coerce, declarations, default_of};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::Param;

/// Checks params and writes their values, connections and flags into the document of a compiled operation.
/// Params that nothing declares become entries of `contexts`.
pub fn apply_to(mut document: Value, params: &Params) -> Result<Value, Report> {
    if let Some((name, _)) = params.iter().find(|(_, param)| param.reference.is_some()) {
        return Err(Diagnostic::error(
            Code::Unsupported,
            format!("param `{name}` takes its value from another run, which is not supported by this version"),
        )
        .in_field(format!("params.{name}.ref"))
        .with_help("write the value itself")
        .into());
    }
    check_document(&document, params)?;
    let declared = declarations(&document);
    for declaration in &declared {
        let io = &declaration.io;
        let param = params.get(&io.name);
        let given = param
            .and_then(|param| param.value.as_ref())
            .filter(|value| !value.is_null());
        let used = given.or(io.value.as_ref()).filter(|value| !value.is_null());
        let value = used
            .map(|value| {
                if given.is_some() {
                    coerce(io, value)
                } else {
                    default_of(io, value)
                }
            })
            .transpose()
            .map_err(|reason| {
                Report::error(Code::WrongParamType, format!("`{}`: {reason}", io.name))
            })?;
        let slot = document
            .get_mut(declaration.section.key())
            .and_then(|items| items.get_mut(declaration.index))
            .and_then(Value::as_object_mut);
        let Some(slot) = slot else { continue };
        if let Some(value) = value {
            // Images were objects once, and said their connection themselves.
            if io.type_name.as_deref() == Some("image")
                && let Some(connection) = given.and_then(|given| given.get("connection"))
                && connection.is_string()
            {
                slot.insert("connection".into(), connection.clone());
            }
            slot.insert("value".into(), value);
        }
        if let Some(param) = param {
            if given.is_some() {
                slot.insert("isOptional".into(), true.into());
            }
            write_binding(slot, param);
        }
    }
    let mut contexts = Vec::new();
    for (name, param) in params {
        if declared
            .iter()
            .any(|d| d.io.name == *name && d.section != Section::Contexts)
        {
            continue;
        }
        let mut entry = Map::new();
        entry.insert("name".into(), json!(name));
        entry.insert("value".into(), param.value.clone().unwrap_or(Value::Null));
        entry.insert("isOptional".into(), true.into());
        write_binding(&mut entry, param);
        contexts.push(Value::Object(entry));
    }
    if let Some(root) = document.as_object_mut() {
        let existing = root
            .entry(Section::Contexts.key())
            .or_insert_with(|| json!([]));
        match existing.as_array_mut() {
            Some(items) => {
                items.retain(|item| {
                    let name = item.get("name").and_then(Value::as_str);
                    name.is_none_or(|name| !params.contains_key(name))
                });
                items.extend(contexts);
            }
            None => *existing = Value::Array(contexts),
        }
    }
    Ok(document)
}

/// What a param says beside its value; it overrides the declaration where it says something.
fn write_binding(slot: &mut Map<String, Value>, param: &Param) {
    if let Some(connection) = param.connection.as_ref().filter(|name| !name.is_empty()) {
        slot.insert("connection".into(), json!(connection));
    }
    if param.to_init == Some(true) {
        slot.insert("toInit".into(), true.into());
    }
    if let Some(variable) = param.to_env.as_ref().filter(|name| !name.is_empty()) {
        slot.insert("toEnv".into(), json!(variable));
    }
}
