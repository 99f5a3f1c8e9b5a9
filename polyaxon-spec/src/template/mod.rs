//! Templates in the reference's dialect: Jinja with lenient names and Python printing.
//!
//! A text is a template when it holds `{{` or `{%`. Unknown names print as nothing, an
//! attribute of an unknown name is an error.

mod arguments;
mod checks;
mod collections;
mod filters;
mod image;
pub mod literal;
mod methods;
mod numbers;
mod operator;
mod percent;
mod pretty;
pub mod python;
mod text;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Enumerator, Object, Serde};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value as Var};
use serde_json::{Map, Value};
use thiserror::Error;

/// Instructions that one rendering may take; far above what real files need.
const FUEL: u64 = 200_000;
/// Longest text that a rendering may give, in bytes.
const MAX_RENDERED_BYTES: usize = 1 << 20;
/// How often a text whose result is a template again is rendered.
const MAX_ROUNDS: usize = 8;

/// Why a template could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// The text is no template.
    #[error("the template does not parse: {0}")]
    Syntax(String),
    /// A name, a filter or an operation failed.
    #[error("the template cannot be rendered: {0}")]
    Render(String),
    /// The template takes too long or its text grows too large.
    #[error("the template takes too many steps or its text is larger than 1 MiB; simplify it")]
    TooLarge,
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.set_unknown_method_callback(methods::call);
    env.set_recursion_limit(100);
    env.set_fuel(Some(FUEL));
    filters::register(&mut env);
    env
});

/// The names at the root of a template.
#[derive(Debug)]
struct Names(Map<String, Value>);

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Var) -> Option<Var> {
        self.0
            .get(key.as_str()?)
            .map(|value| Var::from(Serde(value)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Var::from(name.as_str())).collect())
    }
}

/// Whether the text is a template.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// The names that templates may use, with their values.
#[derive(Debug, Clone, Default)]
pub struct Context {
    root: Var,
    /// Names whose values are images.
    images: Vec<String>,
}

impl Context {
    /// Names and values. A value is read when a template asks for it.
    pub fn new(names: Map<String, Value>) -> Self {
        Self {
            root: Var::from_object(Names(names)),
            images: Vec::new(),
        }
    }

    /// Names and values from a JSON mapping; anything else has no names.
    pub fn of(names: &Value) -> Self {
        Self::new(names.as_object().cloned().unwrap_or_default())
    }

    /// The same names, some of them of images: those answer `.name`, `.value` and `.connection`, which are read from
    /// `params`, and print as text.
    #[must_use]
    pub fn with_images(mut self, images: Vec<String>) -> Self {
        self.images = images;
        self
    }

    /// Renders to text, once. A text that is no template comes back as it is.
    pub fn text(&self, source: &str) -> Result<String, TemplateError> {
        if !is_template(source) {
            return Ok(source.to_owned());
        }
        let rendered = ENVIRONMENT
            .template_from_str(&self.rewritten(source))
            .and_then(|template| template.render(&self.root))
            .map_err(|error| explain(&error))?;
        if rendered.len() > MAX_RENDERED_BYTES {
            return Err(TemplateError::TooLarge);
        }
        Ok(rendered)
    }

    /// The template with what the engine does not know in words that it knows.
    fn rewritten<'a>(&self, source: &'a str) -> Cow<'a, str> {
        match image::attributes(source, &self.images) {
            Cow::Borrowed(source) => operator::calls(source),
            Cow::Owned(source) => Cow::Owned(operator::calls(&source).into_owned()),
        }
    }

    /// Renders to text until nothing changes, so that values that are templates are expanded.
    pub fn stable_text(&self, source: &str) -> Result<String, TemplateError> {
        let mut text = source.to_owned();
        for _ in 0..MAX_ROUNDS {
            if !is_template(&text) {
                break;
            }
            let next = self.text(&text)?;
            if next == text {
                break;
            }
            text = next;
        }
        Ok(text)
    }

    /// Renders to a value: a text that is one whole `{{ expression }}` gives the value of the
    /// expression with its type, anything else gives text. Text is never read as a number.
    pub fn value(&self, source: &str) -> Result<Value, TemplateError> {
        let mut source = source.to_owned();
        for _ in 0..MAX_ROUNDS {
            let value = self.value_once(&source)?;
            match value {
                Value::String(text) if is_template(&text) && text != source => source = text,
                other => return Ok(other),
            }
        }
        Ok(Value::String(source))
    }

    fn value_once(&self, source: &str) -> Result<Value, TemplateError> {
        let rewritten = self.rewritten(source);
        let expression = whole_expression(&rewritten)
            .and_then(|inner| ENVIRONMENT.compile_expression(inner).ok());
        let Some(expression) = expression else {
            let text = self.text(source)?;
            // A template that writes a list or a mapping gives that value; plain text stays text.
            let collection = is_template(source)
                .then(|| literal::collection(&text))
                .flatten();
            return Ok(collection.unwrap_or(Value::String(text)));
        };
        let value = expression
            .eval(self.root.clone())
            .map_err(|error| explain(&error))?;
        if value.is_undefined() {
            return Ok(Value::String(String::new()));
        }
        serde_json::to_value(&value).map_err(|error| TemplateError::Render(error.to_string()))
    }
}

/// The inner part of a text that is nothing but one `{{ ... }}`.
fn whole_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    Some(inner.strip_suffix(['-', '+']).unwrap_or(inner))
}

fn explain(error: &minijinja::Error) -> TemplateError {
    let text = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    match error.kind() {
        ErrorKind::OutOfFuel => TemplateError::TooLarge,
        ErrorKind::SyntaxError => TemplateError::Syntax(text),
        _ => TemplateError::Render(text),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
