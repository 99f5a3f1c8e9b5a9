//! Where something was written: in the operation, in a file over it, or in one of its components.

use serde_json::Value as Json;

use super::{Operation, join, within};
use crate::diagnostic::{Place, Report};
use crate::yaml::{Node, Value};

/// The longest chain of components that is looked through.
const DEEPEST: usize = 16;

/// Sections that a component has a part in, and that may be missing in the file.
const OF_COMPONENTS: &[&str] = &["params", "inputs", "outputs", "run"];

/// Fields that lead to the component.
const SOURCES: &[&str] = &["hubRef", "pathRef", "urlRef", "dagRef"];

/// How a field is found in what was written: its value, or its name.
type Find = for<'a> fn(&'a Node, &str) -> Option<&'a Node>;

impl Operation {
    /// Where a field of the operation, or of what it is composed to, was written; or else the nearest section around
    /// it. None if nothing was written in a file.
    pub fn locate(&self, field_path: &str) -> Option<Place> {
        if let Some(place) = self.written_at(field_path, Node::find) {
            return Some(place);
        }
        let mut path = field_path;
        while !path.is_empty() {
            // What is not there is shown by the name of what it would be in.
            if let Some(place) = self.written_at(path, Node::find_key) {
                return Some(place);
            }
            if self.is_from_flags(path) {
                return None;
            }
            path = path.get(..path.rfind(['.', '[']).unwrap_or(0))?;
        }
        let root = field_path.split(['.', '[']).next()?;
        if root == "build" {
            // A file of the old format says what is built in its `run`.
            return self.written_at("run", Node::find_key);
        }
        let mut sources = SOURCES.iter().filter(|_| OF_COMPONENTS.contains(&root));
        sources
            .find_map(|field| self.written_at(field, Node::find))
            .or_else(|| self.declaration(field_path.strip_prefix("params.")?))
    }

    /// Whether a param is there, and no file says it.
    fn is_from_flags(&self, path: &str) -> bool {
        let name = path.strip_prefix("params.");
        let params = self.fields().get("params");
        name.is_some_and(|name| params.is_some_and(|params| params.get(name).is_some()))
    }

    /// Where an input or output of this name is declared.
    fn declaration(&self, name: &str) -> Option<Place> {
        let mut fields = self.fields();
        let mut section = String::new();
        for _ in 0..DEEPEST {
            for list in ["inputs", "outputs"] {
                let items = fields.get(list).and_then(Json::as_array);
                let index = items.and_then(|items| {
                    let is_named =
                        |item: &Json| item.get("name").and_then(Json::as_str) == Some(name);
                    items.iter().position(is_named)
                });
                if let Some(index) = index {
                    return self.place_of(&join(&section, &format!("{list}[{index}]")), Node::find);
                }
            }
            section = join(&section, "component");
            fields = fields.get("component")?.as_object()?;
        }
        None
    }

    /// Gives places to the diagnostics of a composed document that have none. What was merged from several texts is
    /// found by what it says.
    #[must_use]
    pub fn located(&self, report: Report, composed: &Json) -> Report {
        report.located(|field_path| {
            let text = value_at(composed, field_path).and_then(Json::as_str);
            let field = name_of(field_path);
            text.and_then(|text| self.written_as(field, text))
                .or_else(|| self.locate(field_path))
        })
    }

    /// The place of exactly this field, in the operation, its patch, or one of the components below it.
    fn written_at(&self, path: &str, find: Find) -> Option<Place> {
        if let Some(place) = self.place_of(path, find) {
            return Some(place);
        }
        let mut patched = path
            .strip_prefix("run.")
            .map(|rest| format!("runPatch.{rest}"));
        let mut path = path.to_owned();
        for _ in 0..DEEPEST {
            if let Some(place) = patched
                .as_deref()
                .and_then(|path| self.place_of(path, find))
            {
                return Some(place);
            }
            path = join("component", &path);
            patched = patched.map(|patched| join("component", &patched));
            if let Some(place) = self.place_of(&path, find) {
                return Some(place);
            }
        }
        None
    }

    fn place_of(&self, path: &str, find: Find) -> Option<Place> {
        self.origins
            .iter()
            .rev()
            .find_map(|origin| find(&origin.node, within(path, &origin.section)?)?.place())
    }

    /// Where a text was written as a field of this name, or as an item of one.
    fn written_as(&self, field: &str, text: &str) -> Option<Place> {
        self.origins
            .iter()
            .rev()
            .find_map(|origin| find_text(&origin.node, "", field, text)?.place())
    }
}

/// The first node below that says a text under a name.
fn find_text<'a>(node: &'a Node, name: &str, field: &str, text: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Scalar(_) => (name == field && node.value.as_text() == Some(text)).then_some(node),
        Value::Sequence(items) => items
            .iter()
            .find_map(|item| find_text(item, name, field, text)),
        Value::Mapping(map) => map
            .iter()
            .find_map(|(key, entry)| find_text(&entry.value, key, field, text)),
    }
}

/// The name of the field that a path leads to or into: `args` of `run.container.args[1]`.
fn name_of(field_path: &str) -> &str {
    let path = field_path
        .trim_end_matches(|letter: char| "[]".contains(letter) || letter.is_ascii_digit());
    path.rsplit('.').next().unwrap_or(path)
}

fn value_at<'a>(document: &'a Json, field_path: &str) -> Option<&'a Json> {
    let steps = field_path.split(['.', '[']);
    steps
        .map(|step| step.trim_end_matches(']'))
        .try_fold(document, |value, step| match value {
            Json::Object(fields) => fields.get(step),
            Json::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
}
