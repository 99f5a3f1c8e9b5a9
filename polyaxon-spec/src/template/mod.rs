//! Templates in the reference's dialect: Jinja with lenient names and Python printing.
//!
//! A text is a template when it holds `{{` or `{%`. Unknown names print as nothing, an
//! attribute of an unknown name is an error.

mod arguments;
mod checks;
mod collections;
mod filters;
mod image;
mod limits;
pub mod literal;
mod methods;
mod numbers;
mod operator;
mod percent;
mod pretty;
pub mod python;
mod text;

use std::sync::{Arc, LazyLock};

use limits::Budget;
use minijinja::value::{Enumerator, Object, Serde};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value as Var};
use serde_json::{Map, Value};
use thiserror::Error;

/// Instructions that one rendering may take; far above what real files need.
const FUEL: u64 = 50_000;
/// Instructions for a template of more than [`LONG`] bytes that keeps what it prints, or of more than eight times as
/// many: each of them may print as much as the template is long.
const LITTLE_FUEL: [u64; 2] = [5_000, 500];
/// A long template, in bytes.
const LONG: usize = 1 << 10;
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

/// The engine with fuel for templates that print their own text at most once, and with less for others.
static ENVIRONMENTS: LazyLock<[Environment<'static>; 3]> = LazyLock::new(|| {
    let engine = environment();
    let with = |fuel| {
        let mut engine = engine.clone();
        engine.set_fuel(Some(fuel));
        engine
    };
    let [less, least] = LITTLE_FUEL.map(with);
    [with(FUEL), less, least]
});

/// The engine for a template.
fn engine_for(source: &str) -> &'static Environment<'static> {
    let [full, less, least] = &*ENVIRONMENTS;
    let keeps_text = || {
        ["endset", "macro", "call", "filter"]
            .iter()
            .any(|word| source.contains(word))
    };
    if source.len() <= LONG || !source.contains("{%") || !keeps_text() {
        full
    } else if source.len() <= 8 * LONG {
        less
    } else {
        least
    }
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.set_unknown_method_callback(methods::call);
    env.set_recursion_limit(100);
    filters::register(&mut env);
    env
}

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
    budget: Budget,
}

impl Context {
    /// Names and values. A value is read when a template asks for it.
    pub fn new(names: Map<String, Value>) -> Self {
        Self {
            root: Var::from_object(Names(names)),
            images: Vec::new(),
            budget: Budget::default(),
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
        self.budget.take(source.len(), 1)?;
        let rewritten = self.rewritten(source)?;
        let engine = engine_for(source);
        let mut written = Bounded(Vec::new());
        let result = engine
            .template_from_str(&rewritten)
            .and_then(|template| {
                let done = template.render_captured_to(self.root.clone(), &mut written)?;
                Ok(done.state().fuel_levels().map_or(0, |(used, _)| used))
            })
            .map_err(|error| explain(&error));
        let steps = match &result {
            Ok(steps) => *steps,
            Err(TemplateError::TooLarge) => FUEL,
            Err(_) => 1,
        };
        self.budget.take(written.0.len(), steps)?;
        result?;
        String::from_utf8(written.0).map_err(|error| TemplateError::Render(error.to_string()))
    }

    /// The template with what the engine does not know in words that it knows.
    fn rewritten(&self, source: &str) -> Result<String, TemplateError> {
        let guarded = limits::guarded(source)?;
        let source = image::attributes(&guarded, &self.images);
        Ok(operator::calls(&source).into_owned())
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
        if !is_template(source) {
            return Ok(Value::String(source.to_owned()));
        }
        let rewritten = self.rewritten(source)?;
        let expression = whole_expression(&rewritten)
            .and_then(|inner| engine_for(source).compile_expression(inner).ok());
        let Some(expression) = expression else {
            let text = self.text(source)?;
            // A template that writes a list or a mapping gives that value; plain text stays text.
            let collection = literal::collection(&text);
            return Ok(collection.unwrap_or(Value::String(text)));
        };
        let value = expression
            .eval(self.root.clone())
            .map_err(|error| explain(&error))?;
        if value.is_undefined() {
            return Ok(Value::String(String::new()));
        }
        let size = limits::measured(&value).map_err(|error| explain(&error))?;
        self.budget.take(size, 1)?;
        serde_json::to_value(&value).map_err(|error| TemplateError::Render(error.to_string()))
    }
}

/// A text that is no longer than a field may be.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > limits::MAX_TEXT_BYTES {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
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
        ErrorKind::OutOfFuel | ErrorKind::WriteFailure => TemplateError::TooLarge,
        ErrorKind::SyntaxError => TemplateError::Syntax(text),
        _ => TemplateError::Render(text),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
