//! The words in which the tables of fields are written.

use serde_json::{Map, Value as Json};

use super::checker::Checker;
use super::path::Path;
use crate::yaml::{Mapping, Node};

/// A section of a file: a closed set of fields.
pub struct Model {
    /// What the section is called in messages.
    pub name: &'static str,
    /// The fields, in the order of the documentation.
    pub fields: &'static [Field],
    /// Rules over several fields, given the section as written and as normalised.
    pub(crate) rules: Option<Rules>,
}

/// Rules over several fields of a section; they may also complete the normalised form.
pub(crate) type Rules = fn(&mut Checker, &Node, &Mapping, &mut Map<String, Json>, &Path<'_>);

/// A field that needs its own code.
pub(crate) type Custom = fn(&mut Checker, &Node, &Path<'_>) -> Json;

/// A field of a [`Model`].
pub struct Field {
    /// The name, in camel case.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// Whether a `{{ }}` may stand for the value.
    pub templated: bool,
}

/// What values a field takes.
pub enum Kind {
    /// Anything.
    Any,
    /// Text.
    Text,
    /// A bool.
    Bool,
    /// An integer.
    Integer,
    /// A number.
    Number,
    /// One of several words.
    OneOf(&'static [&'static str]),
    /// A list of text; text alone is split at its commas.
    Tags,
    /// A mapping whose values are turned to text.
    TextMap,
    /// A mapping.
    Map,
    /// A list of values of one kind.
    List(&'static Kind),
    /// A section.
    Model(&'static Model),
    /// A section that one of several models describes, chosen by its `kind`.
    Tagged(&'static [(&'static str, &'static Model)]),
    /// An object of Kubernetes, of which only the names of the first level are known.
    Kubernetes(&'static Object),
    /// The `run` section.
    Run,
    /// The `runPatch` section, whose kind is that of the run that it will patch.
    RunPatch,
    /// A component inside of an operation.
    Component,
    /// Params by name, in long form; `true` where the short form is allowed as well.
    Params(bool),
    /// Values that need their own code. They merge as plain mappings, lists or scalars.
    Custom(CustomKind),
}

/// The code of a [`Kind::Custom`], and what it takes, for messages.
pub struct CustomKind(pub(crate) Custom);

/// An object of Kubernetes.
pub struct Object {
    /// What it is called in messages.
    pub name: &'static str,
    /// The names of its fields.
    pub fields: &'static [&'static str],
    /// The field that must be there.
    pub required: Option<&'static str>,
    /// What its fields take, where that is known.
    pub(crate) rules: Option<ObjectRules>,
}

/// Rules about the values of the fields of an object.
pub(crate) type ObjectRules = fn(&mut Checker, &Mapping, &Path<'_>);

impl Model {
    /// A section without rules over several fields.
    pub(crate) const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        Self {
            name,
            fields,
            rules: None,
        }
    }

    /// The same section with rules.
    pub(crate) const fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// The field with this name in camel case.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Field {
    /// The same field, required.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same field, with templates.
    pub(crate) const fn templated(mut self) -> Self {
        self.templated = true;
        self
    }

    /// The same field, without templates.
    pub(crate) const fn literal(mut self) -> Self {
        self.templated = false;
        self
    }
}

/// An optional field that may be a template.
pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
        templated: true,
    }
}

/// An optional field with its own code.
pub(crate) const fn custom(name: &'static str, check: Custom) -> Field {
    field(name, Kind::Custom(CustomKind(check)))
}
