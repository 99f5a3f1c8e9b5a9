//! Files of the format before version 1.0, translated to operations.
//!
//! Values keep the places that they were written at, so that what is wrong with them is shown in the old text. What
//! has no form in an operation is an error, never left out.

mod build;
mod matrix;
mod node;
mod run;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use crate::diagnostic::{Code, Diagnostic, MAX_DIAGNOSTICS, Report};
use crate::model::Document;
use crate::source::Source;
use crate::yaml::{self, Mapping, Node};
use node::{entry, list, map, text};

/// Kinds that only the old format has.
const KINDS: &[&str] = &[
    "experiment",
    "group",
    "job",
    "build",
    "plugin",
    "notebook",
    "tensorboard",
];

/// Root fields that only the old format has.
const ROOTS: &[&str] = &["declarations", "project", "settings", "logging", "hptuning"];

/// An old file in the new form.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// The operation, ready to be written as YAML.
    pub operation: Json,
    /// The project that the file named; now the command line does.
    pub project: Option<String>,
    /// What was translated to what, and what to add.
    pub notes: Vec<Diagnostic>,
}

/// Translates a file of the old format; none for a file of today's.
///
/// # Errors
///
/// When the text is not YAML, when something in it has no form in an operation, and when the operation is wrong.
pub fn convert(source: &Source) -> Result<Option<Conversion>, Report> {
    let (node, _) = yaml::read(source)?;
    if !is_legacy(&node) {
        return Ok(None);
    }
    let project = project_of(&node);
    let document = Document::read(source)?;
    let notes = document.warnings;
    Ok(Some(Conversion {
        operation: document.node.to_json(),
        project,
        notes,
    }))
}

/// Whether a file is of the old format.
pub(crate) fn is_legacy(node: &Node) -> bool {
    let Some(root) = node.value.as_mapping() else {
        return false;
    };
    let kind = root
        .get("kind")
        .and_then(|entry| entry.value.value.as_text());
    if let Some(kind) = kind {
        return KINDS.contains(&kind);
    }
    let has = |section: &str, fields: &[&str], not: &str| {
        let section = root
            .get(section)
            .and_then(|entry| entry.value.value.as_mapping());
        section.is_some_and(|section| {
            !section.contains_key(not) && fields.iter().any(|field| section.contains_key(*field))
        })
    };
    ROOTS.iter().any(|field| root.contains_key(*field))
        || has(
            "run",
            &["image", "steps", "build_steps", "cmd", "env_vars"],
            "kind",
        )
        || has(
            "build",
            &["image", "build_steps", "dockerfile", "steps"],
            "hubRef",
        )
}

/// The operation that an old file asks for, and notes.
pub(crate) fn translate(node: &Node) -> Result<(Node, Vec<Diagnostic>), Report> {
    let Some(root) = node.value.as_mapping() else {
        return Ok((node.clone(), Vec::new()));
    };
    let mut old = Old {
        errors: Vec::new(),
        notes: Vec::new(),
    };
    let operation = old.operation(node, root);
    match Report::from_diagnostics(old.errors) {
        Some(report) => Err(report),
        None => Ok((operation, old.notes)),
    }
}

fn project_of(node: &Node) -> Option<String> {
    let project = &node.value.as_mapping()?.get("project")?.value;
    let name = match project.value.as_mapping() {
        Some(fields) => &fields.get("name")?.value,
        None => project,
    };
    name.value.as_text().map(str::to_owned)
}

/// A translation under way.
struct Old {
    errors: Vec<Diagnostic>,
    notes: Vec<Diagnostic>,
}

impl Old {
    fn error(
        &mut self,
        code: Code,
        at: &Node,
        field: &str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let mut diagnostic = Diagnostic::error(code, message).in_field(field);
        if self.errors.len() < MAX_DIAGNOSTICS {
            diagnostic.place = at.place();
        }
        let index = self.errors.len();
        self.errors.push(diagnostic);
        &mut self.errors[index]
    }

    fn note(
        &mut self,
        at: &Node,
        field: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let mut diagnostic = Diagnostic::warning(Code::Deprecated, message)
            .in_field(field)
            .with_help(help);
        diagnostic.place = at.place();
        self.notes.push(diagnostic);
    }

    /// Refuses a field that no operation has.
    fn no_form(&mut self, at: &Node, field: &str) {
        let message =
            format!("`{field}` of the format before version 1.0 has no form in an operation");
        self.error(Code::Unsupported, at, field, message).help =
            Some("remove it, or write the operation anew".into());
    }

    fn operation(&mut self, node: &Node, root: &Mapping) -> Node {
        let first = root.first().map_or(node, |(_, entry)| &entry.key);
        self.note(
            first,
            "",
            "this is a file of the format before version 1.0; it is read as an operation",
            "`polyaxon convert FILE` prints the operation",
        );
        let mut fields = vec![("kind", text("operation"))];
        for (name, written) in root {
            match name.as_str() {
                "version" | "run" | "build" | "declarations" | "params" | "matrix" | "settings"
                | "hptuning" | "environment" | "kind" | "ttl" | "timeout" | "max_restarts"
                | "max_retries" => {}
                "name" => fields.push(("name", written.value.clone())),
                "description" => fields.push(("description", written.value.clone())),
                "tags" => fields.push(("tags", written.value.clone())),
                "logging" => fields.extend(self.logging(&written.value)),
                "project" => self.project(&written.value),
                _ => self.no_form(&written.key, name),
            }
        }
        fields.extend(termination(root));
        let is_build = self.check_kind(root);
        fields.extend(self.matrix(root));
        if is_build {
            fields.extend(self.build_alone(node, root));
        } else {
            fields.extend(self.build_section(root));
            fields.push(("component", self.component(node, root)));
        }
        map(fields)
    }

    /// Checks the kind; the answer is whether the file only builds.
    fn check_kind(&mut self, root: &Mapping) -> bool {
        let Some(kind) = root.get("kind") else {
            return !root.contains_key("run") && root.contains_key("build");
        };
        let name = kind.value.value.as_text().unwrap_or_default();
        if matches!(name, "plugin" | "notebook" | "tensorboard") {
            let message = format!("a `{name}` of the format before version 1.0 is not translated");
            self.error(Code::Unsupported, &kind.value, "kind", message)
                .help = Some("write an operation with `run: {kind: service}`".into());
        }
        name == "build"
    }

    fn project(&mut self, project: &Node) {
        let name = project
            .value
            .as_mapping()
            .map_or_else(
                || Some(project),
                |fields| fields.get("name").map(|entry| &entry.value),
            )
            .and_then(|name| name.value.as_text());
        let Some(name) = name else {
            self.error(
                Code::WrongType,
                project,
                "project",
                "`project` takes a name",
            );
            return;
        };
        self.note(
            project,
            "project",
            "the file does not choose the project any more",
            format!("run it with `-p {name}`"),
        );
    }

    fn logging(&mut self, logging: &Node) -> Option<(&'static str, Node)> {
        let fields = logging.value.as_mapping()?;
        for (name, written) in fields {
            if name != "level" {
                self.no_form(&written.key, &format!("logging.{name}"));
            }
        }
        let level = fields.get("level")?;
        Some(("plugins", map(vec![("logLevel", level.value.clone())])))
    }

    /// The component: what was declared, and what is run.
    fn component(&mut self, node: &Node, root: &Mapping) -> Node {
        let mut inputs = Vec::new();
        for section in ["declarations", "params"] {
            let Some(declared) = entry(root, section) else {
                continue;
            };
            let Some(declared) = declared.value.as_mapping() else {
                self.error(
                    Code::WrongType,
                    declared,
                    section,
                    format!("`{section}` takes a mapping"),
                );
                continue;
            };
            inputs.extend(declared.iter().map(|(name, written)| {
                map(vec![
                    ("name", text(name)),
                    ("type", text(type_of(&written.value))),
                    ("value", written.value.clone()),
                ])
            }));
        }
        inputs.extend(matrix::inputs(root));
        let mut fields = Vec::new();
        if !inputs.is_empty() {
            fields.push(("inputs", list(inputs)));
        }
        fields.push(("run", self.run(node, root)));
        map(fields)
    }
}

fn termination(root: &Mapping) -> Option<(&'static str, Node)> {
    let limits: Vec<(&str, Node)> = [
        ("max_restarts", "maxRetries"),
        ("max_retries", "maxRetries"),
        ("timeout", "timeout"),
        ("ttl", "ttl"),
    ]
    .into_iter()
    .filter_map(|(old, new)| Some((new, entry(root, old)?.clone())))
    .collect();
    (!limits.is_empty()).then(|| ("termination", map(limits)))
}

/// The type that a declared value has.
fn type_of(value: &Node) -> &'static str {
    match value.to_json() {
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
        Json::Null => "any",
    }
}
