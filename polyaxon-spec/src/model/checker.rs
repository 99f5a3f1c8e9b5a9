//! Checks a value tree against the tables, collects everything that is wrong, and gives the normalised form:
//! JSON with names in camel case, lax scalars in their own type, params in long form.

use serde_json::{Map, Value as Json};

use super::path::Path;
use super::suggest;
use super::table::{Field, Kind, Model, Object};
use super::{io, root, run};
use crate::diagnostic::{Code, Diagnostic, MAX_DIAGNOSTICS};
use crate::yaml::{Entry, Mapping, Node, Scalar, Value, camel};

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The run kind that a `runPatch` will patch, where it is known.
    pub(crate) run_kind: Option<String>,
}

impl Checker {
    /// Records an error at a node.
    pub(crate) fn error(
        &mut self,
        code: Code,
        node: &Node,
        path: &Path<'_>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Diagnostic::error(code, message), node, path)
    }

    /// Records a warning at a node.
    pub(crate) fn warning(
        &mut self,
        code: Code,
        node: &Node,
        path: &Path<'_>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Diagnostic::warning(code, message), node, path)
    }

    fn push(
        &mut self,
        mut diagnostic: Diagnostic,
        node: &Node,
        path: &Path<'_>,
    ) -> &mut Diagnostic {
        // Finding the line is as long as the text.
        if !self.is_full() {
            diagnostic.place = node.place();
        }
        diagnostic.field_path = path.to_string();
        let index = self.diagnostics.len();
        self.diagnostics.push(diagnostic);
        &mut self.diagnostics[index]
    }

    /// Whether there is more already than will be shown.
    fn is_full(&self) -> bool {
        self.diagnostics.len() >= MAX_DIAGNOSTICS
    }

    /// Records a value of the wrong type and gives it back as it is.
    pub(crate) fn wrong_type(&mut self, node: &Node, path: &Path<'_>, expected: &str) -> Json {
        let name = path.to_string();
        let found = node.value.describe();
        self.error(
            Code::WrongType,
            node,
            path,
            format!("`{name}` takes {expected}, not {found}"),
        );
        node.to_json()
    }

    /// A section.
    pub(crate) fn model(&mut self, node: &Node, model: &'static Model, path: &Path<'_>) -> Json {
        let Value::Mapping(map) = &node.value else {
            return self.wrong_type(node, path, "a mapping");
        };
        let mut out = Map::with_capacity(map.len());
        for (key, entry) in map {
            let name = if path.is_root() && map.contains_key("kind") {
                key.clone()
            } else {
                camel(key)
            };
            match model.field(&name) {
                Some(field) => {
                    let value = self.field(&entry.value, field, &path.field(field.name));
                    out.insert(name, value);
                }
                None => self.unknown_field(entry, key, model, path),
            }
        }
        for field in model.fields.iter().filter(|field| field.required) {
            if out.get(field.name).is_none_or(Json::is_null) {
                let message = format!("{} needs the field `{}`", model.name, field.name);
                self.error(Code::MissingField, node, path, message).help =
                    Some(format!("add `{}:`", field.name));
            }
        }
        if let Some(rules) = model.rules {
            rules(self, node, map, &mut out, path);
        }
        Json::Object(out)
    }

    fn unknown_field(&mut self, entry: &Entry, key: &str, model: &Model, path: &Path<'_>) {
        if !matches!(&entry.key.value, Value::Scalar(Scalar::Text(_))) {
            let message = format!(
                "the key `{key}` is {}, and names are text",
                entry.key.value.describe()
            );
            self.error(Code::UnknownField, &entry.key, &path.field(key), message)
                .help = Some("quote it if it is meant as text".into());
            return;
        }
        let help = if self.is_full() {
            None
        } else {
            suggest::field(key, model, path.is_root())
        };
        let message = format!("unknown field `{key}` in {}", model.name);
        self.error(Code::UnknownField, &entry.key, &path.field(key), message)
            .help = help;
    }

    /// The value of a field.
    pub(crate) fn field(&mut self, node: &Node, field: &'static Field, path: &Path<'_>) -> Json {
        if node.value.is_null() {
            return Json::Null;
        }
        if field.templated
            && !matches!(field.kind, Kind::Text | Kind::Any | Kind::Tags)
            && let Some(text) = node.value.as_text().filter(|text| is_template(text))
        {
            return text.into();
        }
        let before = self.diagnostics.len();
        let json = self.kind(node, &field.kind, path);
        if !field.templated
            && node.value.as_text().is_some_and(is_template)
            && let Some(found) = self.diagnostics.get_mut(before)
            && found.field_path == path.to_string()
        {
            found.help = Some(format!(
                "a template cannot stand for all of `{}`; write the value",
                field.name
            ));
        }
        json
    }

    /// A value of a kind.
    pub(crate) fn kind(&mut self, node: &Node, kind: &'static Kind, path: &Path<'_>) -> Json {
        match kind {
            Kind::Any => node.to_json(),
            Kind::Text => self.text(node, path),
            Kind::Bool => self.bool(node, path),
            Kind::Integer => self.integer(node, path),
            Kind::Number => self.number(node, path),
            Kind::OneOf(words) => self.one_of(node, words, path),
            Kind::Tags => self.tags(node, path),
            Kind::TextMap => self.text_map(node, path),
            Kind::Map => self.map(node, path),
            Kind::List(item) => self.list(node, item, path),
            Kind::Model(model) => self.model(node, model, path),
            Kind::Tagged(models) => self.tagged(node, models, path),
            Kind::Kubernetes(object) => self.kubernetes(node, object, path),
            Kind::Run => run::check_run(self, node, path),
            Kind::RunPatch => run::check_patch(self, node, path),
            Kind::Component => root::check_component(self, node, path),
            Kind::Params(short) => self.params(node, *short, path),
            Kind::Custom(custom) => (custom.0)(self, node, path),
        }
    }

    pub(crate) fn text(&mut self, node: &Node, path: &Path<'_>) -> Json {
        match &node.value {
            Value::Scalar(Scalar::Text(text)) => text.as_str().into(),
            Value::Scalar(scalar) if *scalar != Scalar::Null => {
                let name = path.to_string();
                let found = node.value.describe();
                let message = format!("`{name}` takes text, not {found}");
                let written = node
                    .written()
                    .map_or_else(|| scalar.to_key(), str::to_owned);
                self.error(Code::WrongType, node, path, message).help =
                    Some(format!("quote it: `\"{written}\"`"));
                node.to_json()
            }
            _ => self.wrong_type(node, path, "text"),
        }
    }

    fn bool(&mut self, node: &Node, path: &Path<'_>) -> Json {
        let value = match &node.value {
            Value::Scalar(Scalar::Bool(value)) => Some(*value),
            Value::Scalar(Scalar::Integer(number)) => match number.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Value::Scalar(Scalar::Float(float)) if *float == 0.0 => Some(false),
            Value::Scalar(Scalar::Float(float)) if float.to_bits() == 1.0_f64.to_bits() => {
                Some(true)
            }
            Value::Scalar(Scalar::Text(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "y" | "t" | "on" | "1" => Some(true),
                "false" | "no" | "n" | "f" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        value.map_or_else(
            || self.wrong_type(node, path, "`true` or `false`"),
            Json::from,
        )
    }

    fn integer(&mut self, node: &Node, path: &Path<'_>) -> Json {
        if let Value::Scalar(Scalar::Integer(number)) = &node.value {
            return Json::Number(number.clone());
        }
        let json = self.wrong_type(node, path, "an integer");
        let is_quoted = node
            .value
            .as_text()
            .is_some_and(|text| text.trim().parse::<i64>().is_ok());
        if let Some(last) = self.diagnostics.last_mut().filter(|_| is_quoted) {
            last.help = Some("write it without quotes".into());
        }
        json
    }

    /// An integer, or a float or text that says one.
    pub(crate) fn lax_integer(&mut self, node: &Node, path: &Path<'_>) -> Json {
        let value = match &node.value {
            Value::Scalar(Scalar::Integer(number)) => Some(Json::Number(number.clone())),
            Value::Scalar(Scalar::Float(float)) if float.fract() == 0.0 => {
                format!("{float:.0}").parse::<i64>().ok().map(Json::from)
            }
            Value::Scalar(Scalar::Text(text)) => text.trim().parse::<i64>().ok().map(Json::from),
            _ => None,
        };
        value.unwrap_or_else(|| self.wrong_type(node, path, "an integer"))
    }

    /// Like [`Self::lax_integer`], and at least 1.
    pub(crate) fn positive(&mut self, node: &Node, path: &Path<'_>) -> Json {
        let before = self.diagnostics.len();
        let json = self.lax_integer(node, path);
        if self.diagnostics.len() == before && json.as_i64().is_some_and(|number| number < 1) {
            let message = format!("`{path}` is at least 1, not {json}");
            self.error(Code::BadValue, node, path, message);
        }
        json
    }

    pub(crate) fn number(&mut self, node: &Node, path: &Path<'_>) -> Json {
        let value = match &node.value {
            Value::Scalar(Scalar::Integer(number)) => number.as_f64(),
            Value::Scalar(Scalar::Float(float)) => Some(*float),
            Value::Scalar(Scalar::Text(text)) => text
                .trim()
                .parse()
                .ok()
                .filter(|float: &f64| float.is_finite()),
            _ => None,
        };
        value.map_or_else(|| self.wrong_type(node, path, "a number"), Json::from)
    }

    fn one_of(&mut self, node: &Node, words: &[&str], path: &Path<'_>) -> Json {
        match node.value.as_text() {
            Some(text) if words.contains(&text) => text.into(),
            Some(text) => {
                let name = path.to_string();
                let message = format!("`{name}` cannot be `{text}`");
                let help = suggest::value(text, words);
                self.error(Code::BadValue, node, path, message).help = Some(help);
                node.to_json()
            }
            None => self.wrong_type(node, path, "text"),
        }
    }

    fn tags(&mut self, node: &Node, path: &Path<'_>) -> Json {
        match &node.value {
            Value::Scalar(Scalar::Text(text)) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .collect(),
            Value::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.text(item, &path.index(index)))
                .collect(),
            _ => self.wrong_type(node, path, "a list of text"),
        }
    }

    fn text_map(&mut self, node: &Node, path: &Path<'_>) -> Json {
        let Value::Mapping(map) = &node.value else {
            return self.wrong_type(node, path, "a mapping of text to text");
        };
        let mut out = Map::with_capacity(map.len());
        for (key, entry) in map {
            let path = path.field(key);
            self.text_key(entry, key, &path);
            let value = match &entry.value.value {
                Value::Scalar(Scalar::Null) => self.wrong_type(&entry.value, &path, "text"),
                Value::Scalar(scalar) => scalar.to_key().into(),
                Value::Sequence(_) | Value::Mapping(_) => entry.value.to_json().to_string().into(),
            };
            out.insert(key.clone(), value);
        }
        Json::Object(out)
    }

    pub(crate) fn text_key(&mut self, entry: &Entry, key: &str, path: &Path<'_>) {
        if !matches!(&entry.key.value, Value::Scalar(Scalar::Text(_))) {
            let found = entry.key.value.describe();
            let message = format!("this key reads as {found} (`{key}`), and it has to be text");
            self.error(Code::WrongType, &entry.key, path, message).help =
                Some("quote the key".into());
        }
    }

    pub(crate) fn map(&mut self, node: &Node, path: &Path<'_>) -> Json {
        match &node.value {
            Value::Mapping(_) => node.to_json(),
            _ => self.wrong_type(node, path, "a mapping"),
        }
    }

    /// A list of values of one kind.
    pub(crate) fn list(&mut self, node: &Node, item: &'static Kind, path: &Path<'_>) -> Json {
        let Value::Sequence(items) = &node.value else {
            let json = self.wrong_type(node, path, "a list");
            if let (Some(last), true) = (self.diagnostics.last_mut(), matches!(item, Kind::Text)) {
                last.help = Some("put it into brackets: `[...]`".into());
            }
            return json;
        };
        items
            .iter()
            .enumerate()
            .map(|(index, node)| self.kind(node, item, &path.index(index)))
            .collect()
    }

    fn tagged(
        &mut self,
        node: &Node,
        models: &'static [(&'static str, &'static Model)],
        path: &Path<'_>,
    ) -> Json {
        let Value::Mapping(map) = &node.value else {
            return self.wrong_type(node, path, "a mapping");
        };
        let words: Vec<&str> = models.iter().map(|(name, _)| *name).collect();
        let Some(kind) = map.get("kind").filter(|entry| !entry.value.value.is_null()) else {
            let message = format!("`{path}` needs the field `kind`");
            self.error(Code::MissingField, node, path, message).help =
                Some(format!("it is one of {}", suggest::quoted_list(&words)));
            return node.to_json();
        };
        let found = kind.value.value.as_text().unwrap_or_default();
        if let Some((_, model)) = models.iter().find(|(name, _)| *name == found) {
            self.model(node, model, path)
        } else {
            self.one_of(&kind.value, &words, &path.field("kind"));
            node.to_json()
        }
    }

    fn kubernetes(&mut self, node: &Node, object: &'static Object, path: &Path<'_>) -> Json {
        let Value::Mapping(map) = &node.value else {
            return self.wrong_type(node, path, "a mapping");
        };
        let mut out = Map::with_capacity(map.len());
        for (key, entry) in map {
            let name = kubernetes_name(key);
            if object.fields.contains(&name.as_str()) {
                out.insert(name, entry.value.to_json());
            } else {
                let message = format!("unknown field `{key}` in {}", object.name);
                let help = suggest::name(key, object.fields.iter().copied());
                self.error(Code::UnknownField, &entry.key, &path.field(key), message)
                    .help = help;
            }
        }
        if let Some(rules) = object.rules {
            rules(self, map, path);
        }
        if let Some(name) = object
            .required
            .filter(|name| out.get(*name).is_none_or(Json::is_null))
        {
            let message = format!("{} needs the field `{name}`", object.name);
            self.error(Code::MissingField, node, path, message).help =
                Some(format!("add `{name}:`"));
        }
        Json::Object(out)
    }

    /// Params by name. A short form is a value without the field `value` around it.
    pub(crate) fn params(&mut self, node: &Node, short: bool, path: &Path<'_>) -> Json {
        let Value::Mapping(map) = &node.value else {
            return self.wrong_type(node, path, "a mapping of names to params");
        };
        let mut out = Map::with_capacity(map.len());
        for (name, entry) in map {
            let value = io::check_param(self, &entry.value, short, &path.field(name));
            out.insert(name.clone(), value);
        }
        Json::Object(out)
    }
}

/// The camel case name of a field of Kubernetes, whose abbreviations stay in upper case.
fn kubernetes_name(key: &str) -> String {
    match key {
        "downward_api" => "downwardAPI".into(),
        "scale_io" => "scaleIO".into(),
        key => camel(key),
    }
}

/// Whether text may stand for a value of another type until templates are rendered.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// The text of a field of a mapping as it was written, in either spelling.
pub(crate) fn written<'a>(map: &'a Mapping, name: &str) -> Option<&'a Entry> {
    map.get(name).or_else(|| {
        map.iter()
            .find(|(key, _)| camel(key) == name)
            .map(|(_, entry)| entry)
    })
}
