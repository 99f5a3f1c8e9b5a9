//! The generator behind `init: [{dockerfile: ...}]`: fields in, the bytes of a Dockerfile out.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::template::python;
use crate::types::image::{self, ImageError};

/// Folder that is made the working directory, and into which bare sources are copied.
pub const DEFAULT_WORKDIR: &str = "/code";
/// Name of the generated file.
pub const DEFAULT_FILENAME: &str = "Dockerfile";
const DEFAULT_SHELL: &str = "/bin/bash";
const DEFAULT_USERNAME: &str = "polyaxon";

/// Names of all fields, as the file spells them.
pub const FIELDS: [&str; 14] = [
    "image",
    "env",
    "path",
    "copy",
    "postRunCopy",
    "run",
    "langEnv",
    "uid",
    "gid",
    "username",
    "filename",
    "workdir",
    "workdirPath",
    "shell",
];

/// Why fields are no Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DockerfileError {
    /// The fields are not a mapping.
    #[error("a dockerfile is a mapping with at least an `image`")]
    NotAMapping,
    /// A field that does not exist.
    #[error("`{0}` is not a field of a dockerfile; the fields are {list}", list = FIELDS.join(", "))]
    UnknownField(String),
    /// The image is missing or malformed.
    #[error("field `image`: {0}")]
    Image(#[from] ImageError),
    /// A field of another type.
    #[error("field `{field}` has to be {expected}")]
    Type {
        /// Name of the field.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
}

/// The fields of a dockerfile initializer with their defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Dockerfile {
    /// Base image.
    pub image: String,
    /// Variables in order; the value prints as Python prints it.
    pub env: Vec<(String, Value)>,
    /// Folders that are added to `PATH`.
    pub path: Vec<String>,
    /// Copied before the steps.
    pub copy: Vec<Copy>,
    /// Copied after the steps.
    pub post_run_copy: Vec<Copy>,
    /// Steps, one `RUN` each.
    pub run: Vec<String>,
    /// Locale.
    pub lang_env: Option<String>,
    /// User id; 0 counts as absent.
    pub uid: Option<i64>,
    /// Group id; 0 counts as absent.
    pub gid: Option<i64>,
    /// Name of the user that is created.
    pub username: String,
    /// Name of the file.
    pub filename: String,
    /// Working directory. An explicit null prints `None`, as in the reference.
    pub workdir: String,
    /// Folder of the context that is copied last into the working directory.
    pub workdir_path: Option<String>,
    /// Value of the variable `SHELL`.
    pub shell: Option<String>,
}

/// One thing to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Path in the context.
    pub source: String,
    /// Path in the image; the working directory when not given.
    pub destination: Option<String>,
}

impl Dockerfile {
    /// Reads the fields of a dockerfile initializer.
    pub fn from_json(value: &Value) -> Result<Self, DockerfileError> {
        let fields = value.as_object().ok_or(DockerfileError::NotAMapping)?;
        if let Some(key) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(DockerfileError::UnknownField(key.clone()));
        }
        let image = optional_text(fields, "image")?.unwrap_or_default();
        image::check(&image)?;
        Ok(Self {
            image,
            env: env(fields.get("env"))?,
            path: texts(fields, "path")?,
            copy: copies(fields, "copy")?,
            post_run_copy: copies(fields, "postRunCopy")?,
            run: texts(fields, "run")?,
            lang_env: non_empty(fields, "langEnv")?,
            uid: integer(fields, "uid")?,
            gid: integer(fields, "gid")?,
            username: text_or(fields, "username", DEFAULT_USERNAME)?,
            filename: optional_text(fields, "filename")?
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| DEFAULT_FILENAME.to_owned()),
            workdir: text_or(fields, "workdir", DEFAULT_WORKDIR)?,
            workdir_path: non_empty(fields, "workdirPath")?,
            shell: if fields.contains_key("shell") {
                non_empty(fields, "shell")?
            } else {
                Some(DEFAULT_SHELL.to_owned())
            },
        })
    }
}

/// Writes the Dockerfile, byte for byte as the reference does.
pub fn generate(dockerfile: &Dockerfile) -> String {
    let mut out = format!("\nFROM {}\n\n", dockerfile.image);
    if let Some(locale) = &dockerfile.lang_env {
        for name in ["LC_ALL", "LANG", "LANGUAGE"] {
            line(&mut out, format_args!("ENV {name} {locale}"));
        }
    }
    if let Some(shell) = &dockerfile.shell {
        line(&mut out, format_args!("\nENV SHELL {shell}"));
    }
    for path in &dockerfile.path {
        line(&mut out, format_args!("ENV PATH=\"${{PATH}}:{path}\""));
    }
    for (name, value) in &dockerfile.env {
        line(&mut out, format_args!("ENV {name} {}", python::text(value)));
    }
    let workdir = &dockerfile.workdir;
    line(&mut out, format_args!("WORKDIR {workdir}\n"));
    let copy = |out: &mut String, copies: &[Copy]| {
        for copy in copies {
            let destination = copy.destination.as_ref().unwrap_or(workdir);
            line(out, format_args!("COPY {} {destination}", copy.source));
        }
    };
    copy(&mut out, &dockerfile.copy);
    for step in &dockerfile.run {
        line(&mut out, format_args!("RUN {step}"));
    }
    copy(&mut out, &dockerfile.post_run_copy);
    if let (Some(uid @ 1..), Some(gid @ 1..)) = (dockerfile.uid, dockerfile.gid) {
        line(
            &mut out,
            format_args!("# Drop root user and use Polyaxon user"),
        );
        line(
            &mut out,
            format_args!(
                "RUN groupadd -g {gid} -r polyaxon && useradd -r -m -g polyaxon -u {uid} {}",
                dockerfile.username
            ),
        );
    }
    if let Some(source) = &dockerfile.workdir_path {
        line(&mut out, format_args!("COPY {source} {workdir}"));
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a `String` cannot fail.
    let _ = writeln!(out, "{text}");
}

fn optional_text(
    fields: &Map<String, Value>,
    field: &'static str,
) -> Result<Option<String>, DockerfileError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Object(image)) if field == "image" => {
            Ok(image.get("name").and_then(Value::as_str).map(str::to_owned))
        }
        Some(_) => Err(DockerfileError::Type {
            field,
            expected: "text",
        }),
    }
}

fn non_empty(
    fields: &Map<String, Value>,
    field: &'static str,
) -> Result<Option<String>, DockerfileError> {
    Ok(optional_text(fields, field)?.filter(|text| !text.is_empty()))
}

/// The text of a field, `default` when it is not there, and `None` as Python prints it when it is null.
fn text_or(
    fields: &Map<String, Value>,
    field: &'static str,
    default: &str,
) -> Result<String, DockerfileError> {
    if !fields.contains_key(field) {
        return Ok(default.to_owned());
    }
    Ok(optional_text(fields, field)?.unwrap_or_else(|| python::text(&Value::Null)))
}

fn integer(
    fields: &Map<String, Value>,
    field: &'static str,
) -> Result<Option<i64>, DockerfileError> {
    let wrong = DockerfileError::Type {
        field,
        expected: "an integer",
    };
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => number.as_i64().map(Some).ok_or(wrong),
        Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong),
        Some(_) => Err(wrong),
    }
}

fn items<'a>(
    fields: &'a Map<String, Value>,
    field: &'static str,
    expected: &'static str,
) -> Result<&'a [Value], DockerfileError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(DockerfileError::Type { field, expected }),
    }
}

fn texts(fields: &Map<String, Value>, field: &'static str) -> Result<Vec<String>, DockerfileError> {
    const EXPECTED: &str = "a list of text";
    items(fields, field, EXPECTED)?
        .iter()
        .map(|item| {
            item.as_str()
                .map(str::to_owned)
                .ok_or(DockerfileError::Type {
                    field,
                    expected: EXPECTED,
                })
        })
        .collect()
}

fn copies(fields: &Map<String, Value>, field: &'static str) -> Result<Vec<Copy>, DockerfileError> {
    const EXPECTED: &str = "a list of sources or `[source, destination]` pairs";
    items(fields, field, EXPECTED)?
        .iter()
        .map(|item| match item {
            Value::String(source) => Ok(Copy {
                source: source.clone(),
                destination: None,
            }),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(source), Value::String(destination)] => Ok(Copy {
                    source: source.clone(),
                    destination: Some(destination.clone()),
                }),
                _ => Err(DockerfileError::Type {
                    field,
                    expected: EXPECTED,
                }),
            },
            _ => Err(DockerfileError::Type {
                field,
                expected: EXPECTED,
            }),
        })
        .collect()
}

fn env(value: Option<&Value>) -> Result<Vec<(String, Value)>, DockerfileError> {
    let wrong = DockerfileError::Type {
        field: "env",
        expected: "a mapping or a list of `[name, value]` pairs",
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(map)) => Ok(map
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()),
        Some(Value::Array(pairs)) => pairs
            .iter()
            .map(|pair| match pair.as_array().map(Vec::as_slice) {
                Some([Value::String(name), value]) => Ok((name.clone(), value.clone())),
                _ => Err(wrong.clone()),
            })
            .collect(),
        Some(_) => Err(wrong),
    }
}

#[cfg(test)]
#[path = "dockerfile_tests.rs"]
mod tests;
