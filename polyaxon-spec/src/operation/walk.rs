//! Finding the references of an operation and of the components inside of it.

use serde_json::{Map, Value as Json};

use super::{Operation, join};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::refs::{HubRef, Reference, ReferenceKind};

/// The longest chain of components that refer to each other.
const MAX_CHAIN: usize = 16;

/// The most references of an operation and its components together. Each of them is fetched.
const MAX_REFERENCES: usize = 256;

/// A reference without its component, and the references that led to it.
pub(super) struct Found {
    pub(super) reference: Reference,
    pub(super) chain: Vec<Link>,
}

/// A reference on the way to another one.
#[derive(Clone)]
pub(super) struct Link {
    /// Equal for references to the same component.
    identity: String,
    /// The reference as it was written.
    text: String,
}

impl Operation {
    /// The references without components, outer ones first.
    pub(super) fn found(&self) -> Vec<Found> {
        let mut found = Vec::new();
        self.walk("", self.fields(), &[], &mut found);
        found
    }

    fn walk(
        &self,
        section: &str,
        fields: &Map<String, Json>,
        chain: &[Link],
        found: &mut Vec<Found>,
    ) {
        let mut chain = chain.to_vec();
        let component = fields.get("component").and_then(Json::as_object);
        if let Some(reference) = self.reference_of(section, fields) {
            let link = Link {
                identity: identity(&reference),
                text: reference.to_string(),
            };
            if component.is_none() {
                let chain = chain.clone();
                found.push(Found { reference, chain });
            }
            chain.push(link);
        }
        if let Some(component) = component {
            self.walk(&join(section, "component"), component, &chain, found);
        }
        for (list, index, item) in items_of_dag(fields) {
            let section = join(section, &format!("run.{list}[{index}]"));
            self.walk(&section, item, &chain, found);
        }
    }

    fn reference_of(&self, section: &str, fields: &Map<String, Json>) -> Option<Reference> {
        let (kind, value) = written_reference(fields)?;
        Some(Reference {
            kind,
            value: value.to_owned(),
            section: section.to_owned(),
            base: self.base_of(section).map(str::to_owned),
            place: self.locate(&join(section, kind.field())),
        })
    }

    /// Refuses references that lead back to themselves, chains without an end, and too many references.
    pub(super) fn check_references(&self) -> Result<(), Report> {
        let count = count_references(self.fields());
        if count > MAX_REFERENCES {
            let message = format!(
                "there are {count} references to components, more than the limit of {MAX_REFERENCES}"
            );
            return Err(Diagnostic::error(Code::Limit, message)
                .with_help("refer to fewer components, or write them into the file")
                .into());
        }
        for Found { reference, chain } in self.found() {
            let own = identity(&reference);
            if chain.iter().any(|link| link.identity == own) {
                let path: Vec<String> = chain
                    .iter()
                    .skip_while(|link| link.identity != own)
                    .map(|link| link.text.clone())
                    .chain([reference.to_string()])
                    .collect();
                let message = format!("the references form a circle: {}", path.join(" -> "));
                return Err(at(&reference, Code::ReferenceCycle, message)
                    .with_help("one of these components has to say `run` itself")
                    .into());
            }
            if chain.len() >= MAX_CHAIN {
                let message = format!("more than {MAX_CHAIN} components refer to each other");
                return Err(at(&reference, Code::Limit, message)
                    .with_help("refer to the last component of the chain")
                    .into());
            }
        }
        Ok(())
    }

    /// Refuses references to files in what came from elsewhere.
    pub(super) fn refuse_paths(&self, section: &str, what: &str) -> Result<(), Report> {
        let foreign = self
            .references()
            .into_iter()
            .filter(|reference| reference.kind == ReferenceKind::Path)
            .find(|reference| reference.section.starts_with(section));
        match foreign {
            Some(reference) => {
                let message = format!("{what} cannot refer to a file: `{}`", reference.value);
                Err(at(&reference, Code::BadReference, message)
                    .with_help("use `urlRef` or `hubRef`, or download it and run it from a folder")
                    .into())
            }
            None => Ok(()),
        }
    }
}

/// A diagnostic at a reference.
pub(super) fn at(reference: &Reference, code: Code, message: String) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::error(code, message).in_field(join(&reference.section, reference.kind.field()));
    diagnostic.place.clone_from(&reference.place);
    diagnostic
}

fn written_reference(fields: &Map<String, Json>) -> Option<(ReferenceKind, &str)> {
    [ReferenceKind::Hub, ReferenceKind::Url, ReferenceKind::Path]
        .into_iter()
        .find_map(|kind| Some((kind, fields.get(kind.field())?.as_str()?)))
}

/// The operations and components of a dag: the list, the index in it, the fields.
fn items_of_dag(
    fields: &Map<String, Json>,
) -> impl Iterator<Item = (&'static str, usize, &Map<String, Json>)> {
    let run = fields.get("run");
    ["operations", "components"]
        .into_iter()
        .flat_map(move |list| {
            let items = run.and_then(|run| run.get(list)).and_then(Json::as_array);
            items
                .into_iter()
                .flatten()
                .enumerate()
                .filter_map(move |(index, item)| Some((list, index, item.as_object()?)))
        })
}

/// All references, those with components as well.
fn count_references(fields: &Map<String, Json>) -> usize {
    let component = fields.get("component").and_then(Json::as_object);
    usize::from(written_reference(fields).is_some())
        + component.map_or(0, count_references)
        + items_of_dag(fields)
            .map(|(_, _, item)| count_references(item))
            .sum::<usize>()
}

fn identity(reference: &Reference) -> String {
    let value = match reference.kind {
        ReferenceKind::Hub => HubRef::parse(&reference.value)
            .map_or_else(|_| reference.value.clone(), |hub_ref| hub_ref.to_string()),
        ReferenceKind::Url => reference.value.clone(),
        ReferenceKind::Path => reference.resolved_path(),
    };
    format!("{} {value}", reference.kind.field())
}
