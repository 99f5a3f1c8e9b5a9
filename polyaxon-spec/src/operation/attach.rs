//! Collecting the components that references name.

use serde_json::{Map, Value as Json};

use super::walk::at;
use super::{Operation, Origin, join};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::Document;
use crate::refs::{Reference, ReferenceKind};
use crate::source::Source;

impl Operation {
    /// Puts the component that was fetched for a reference into its place. The operation is unchanged on errors.
    ///
    /// # Errors
    ///
    /// When the text is not a component, when it leads back to a reference that led to it, when it names a local
    /// file and did not come from one, and when the operation has no such reference.
    pub fn attach(&mut self, reference: &Reference, source: &Source) -> Result<(), Report> {
        let document = Document::read(source).map_err(|report| because_of(reference, report))?;
        if !matches!(document.kind(), None | Some("component")) {
            let message = format!("{reference} leads to something that is not a component");
            let report = document.wrong_kind(&message, "refer to a file with `kind: component`");
            return Err(report);
        }
        let section = join(&reference.section, "component");
        let Some(fields) = section_mut(&mut self.fields, &reference.section) else {
            let message = format!("the operation has no {reference}");
            return Err(at(reference, Code::BadReference, message).into());
        };
        let before = fields.insert("component".into(), Json::Object(document.fields));
        self.origins.push(Origin {
            section: section.clone(),
            node: document.node,
        });
        let checked = self.check_attached(reference, &section);
        if checked.is_err() {
            self.origins.pop();
            if let Some(fields) = section_mut(&mut self.fields, &reference.section) {
                match before {
                    Some(before) => fields.insert("component".into(), before),
                    None => fields.shift_remove("component"),
                };
            }
        }
        checked
    }

    fn check_attached(&self, reference: &Reference, section: &str) -> Result<(), Report> {
        if reference.kind != ReferenceKind::Path {
            self.refuse_paths(section, &format!("the component of {reference}"))?;
        }
        self.check_references()
    }
}

/// What is wrong with a fetched text, and which reference led to it.
fn because_of(reference: &Reference, report: Report) -> Report {
    let first = at(
        reference,
        Code::BadReference,
        format!("{reference} does not lead to a valid component"),
    );
    let mut diagnostics: Vec<Diagnostic> = report.into_diagnostics();
    diagnostics.push(first);
    Report::from_diagnostics(diagnostics)
        .unwrap_or_else(|| Report::error(Code::BadReference, reference.to_string()))
}

/// The fields of a section such as `component.run.operations[2]`.
fn section_mut<'a>(
    fields: &'a mut Map<String, Json>,
    section: &str,
) -> Option<&'a mut Map<String, Json>> {
    if section.is_empty() {
        return Some(fields);
    }
    let mut steps = section.split(['.', '[']);
    let mut value = fields.get_mut(steps.next()?)?;
    for step in steps {
        value = match value {
            Json::Object(map) => map.get_mut(step)?,
            Json::Array(items) => {
                items.get_mut(step.trim_end_matches(']').parse::<usize>().ok()?)?
            }
            _ => return None,
        };
    }
    value.as_object_mut()
}
