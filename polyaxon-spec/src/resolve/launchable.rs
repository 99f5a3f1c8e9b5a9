//! What a file may say and no run here carries out yet.

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Report};

/// Sections that change what runs or when, each with what it asks for. Leaving one out silently would run
/// something else than the file says.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("build", "a build before the run"),
    ("matrix", "many runs"),
    ("joins", "values of other runs"),
    ("schedule", "runs at certain times"),
    ("hooks", "runs after the run"),
    ("events", "a start by events of other runs"),
    ("dependencies", "a start after other runs"),
    ("trigger", "a start that depends on other runs"),
    ("conditions", "a start under a condition"),
    ("mount", "files of the working directory"),
];

/// Refuses everything of a composed document that cannot be launched, all of it at once.
///
/// # Errors
///
/// One diagnostic for each such section, and for a run that is not a job.
pub fn check_launchable(document: &Value) -> Result<(), Report> {
    let is_set = |section: &str| match document.get(section) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    let mut refused: Vec<Diagnostic> = UNSUPPORTED
        .iter()
        .filter(|(section, _)| is_set(section))
        .map(|(section, asked)| section_refused(section, asked))
        .collect();
    let kind = document
        .pointer("/run/kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if kind != "job" {
        refused.push(
            Diagnostic::error(
                Code::Unsupported,
                format!("a run of kind `{kind}` cannot be launched by this version"),
            )
            .in_field("run.kind")
            .with_help("use `kind: job`"),
        );
    }
    Report::from_diagnostics(refused).map_or(Ok(()), Err)
}

fn section_refused(section: &str, asked: &str) -> Diagnostic {
    let help = match section {
        "build" => "run the build first, and name its image in `run.container.image`",
        "mount" => "bring the files with an entry of `init`",
        _ => "remove it, and start the runs one by one",
    };
    Diagnostic::error(
        Code::Unsupported,
        format!(
            "section `{section}` is not supported by this version: it asks for {asked}, and would be ignored"
        ),
    )
    .in_field(section)
    .with_help(help)
}
