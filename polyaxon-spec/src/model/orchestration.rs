//! Sections that start runs at certain times, after other runs, or with their values.

use serde_json::Value as Json;

use super::checker::{Checker, is_template};
use super::io::join_params_field;
use super::path::Path;
use super::table::{CustomKind, Kind, Model, custom, field};
use crate::diagnostic::Code;
use crate::types::IoType;
use crate::yaml::{Node, Scalar, Value};

/// What happens to the rest of several runs, once one of them is good enough or too many fail.
pub(crate) const EARLY_STOPPING: Kind = Kind::Tagged(&[
    ("metric_early_stopping", &METRIC_EARLY_STOPPING),
    ("failure_early_stopping", &FAILURE_EARLY_STOPPING),
]);

/// Which way a metric gets better.
pub(crate) const OPTIMIZATIONS: &[&str] = &[
    "maximize", "minimize", "Maximize", "Minimize", "MAXIMIZE", "MINIMIZE",
];

static METRIC_EARLY_STOPPING: Model = Model::new(
    "an early stopping by metric",
    &[
        field("kind", Kind::Text),
        field("metric", Kind::Text).required(),
        field("value", Kind::Number).required(),
        field("optimization", Kind::OneOf(OPTIMIZATIONS))
            .required()
            .literal(),
        field("policy", POLICY).literal(),
    ],
);

static FAILURE_EARLY_STOPPING: Model = Model::new(
    "an early stopping by failures",
    &[
        field("kind", Kind::Text),
        field("percent", Kind::Number).required(),
    ],
);

const POLICY: Kind = Kind::Tagged(&[
    ("median", &MEDIAN),
    ("truncation", &TRUNCATION),
    ("diff", &DIFF),
]);

static MEDIAN: Model = Model::new(
    "a median policy",
    &[
        field("kind", Kind::Text),
        field("evaluationInterval", Kind::Integer),
        field("minInterval", Kind::Integer),
        field("minSamples", Kind::Integer),
    ],
);

static TRUNCATION: Model = Model::new(
    "a truncation policy",
    &[
        field("kind", Kind::Text),
        field("percent", Kind::Number).required(),
        field("evaluationInterval", Kind::Integer).required(),
        field("minInterval", Kind::Integer),
        field("minSamples", Kind::Integer),
        field("includeSucceeded", Kind::Bool),
    ],
);

static DIFF: Model = Model::new(
    "a diff policy",
    &[
        field("kind", Kind::Text),
        field("percent", Kind::Number).required(),
        field("evaluationInterval", Kind::Integer).required(),
        field("minInterval", Kind::Integer),
        field("minSamples", Kind::Integer),
    ],
);

/// `schedule`.
pub(crate) const SCHEDULE: Kind = Kind::Tagged(&[
    ("interval", &INTERVAL),
    ("cron", &CRON),
    ("datetime", &DATETIME),
]);

static INTERVAL: Model = Model::new(
    "an interval schedule",
    &[
        field("kind", Kind::Text),
        custom("frequency", check_duration).required(),
        custom("startAt", check_moment),
        custom("endAt", check_moment),
        field("maxRuns", Kind::Integer),
        field("dependsOnPast", Kind::Bool),
    ],
);

static CRON: Model = Model::new(
    "a cron schedule",
    &[
        field("kind", Kind::Text),
        field("cron", Kind::Text).required(),
        custom("startAt", check_moment),
        custom("endAt", check_moment),
        field("maxRuns", Kind::Integer),
        field("dependsOnPast", Kind::Bool),
    ],
);

static DATETIME: Model = Model::new(
    "a datetime schedule",
    &[
        field("kind", Kind::Text),
        custom("startAt", check_moment).required(),
    ],
);

/// An entry of `joins`.
pub(crate) static JOIN: Model = Model::new(
    "a join",
    &[
        field("ref", Kind::Text),
        field("query", Kind::Text).required(),
        field("sort", Kind::Text),
        field("limit", Kind::Integer),
        field("offset", Kind::Integer),
        join_params_field().required().literal(),
    ],
);

/// An entry of `events`.
pub(crate) static EVENT: Model = Model::new(
    "an event",
    &[
        field("kinds", Kind::List(&EVENT_KIND)).required().literal(),
        field("ref", Kind::Text).required(),
    ],
);

const EVENT_KIND: Kind = Kind::Custom(CustomKind(check_event));

/// What may happen that a run can wait for.
static EVENTS: Kind = Kind::OneOf(&[
    "run_status_created",
    "run_status_resuming",
    "run_status_compiled",
    "run_status_on_schedule",
    "run_status_queued",
    "run_status_scheduled",
    "run_status_starting",
    "run_status_running",
    "run_status_processing",
    "run_status_stopping",
    "run_status_failed",
    "run_status_stopped",
    "run_status_succeeded",
    "run_status_skipped",
    "run_status_warning",
    "run_status_unschedulable",
    "run_status_upstream_failed",
    "run_status_retrying",
    "run_status_unknown",
    "run_status_done",
    "run_approved_actor",
    "run_invalidated_actor",
    "run_new_artifacts",
    "connection_git_commit",
    "connection_dataset_version",
    "connection_registry_image",
    "alert_info",
    "alert_warning",
    "alert_critical",
    "model_version_new_metric",
    "project_custom_event",
    "org_custom_event",
]);

fn check_event(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    match node.value.as_text().filter(|text| is_template(text)) {
        Some(text) => text.into(),
        None => checker.kind(node, &EVENTS, path),
    }
}

/// A date with a time, or the seconds since 1970.
fn check_moment(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let is_seconds = match &node.value {
        Value::Scalar(Scalar::Integer(_) | Scalar::Float(_)) => true,
        Value::Scalar(Scalar::Text(text)) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
        _ => false,
    };
    if is_seconds {
        return node.to_json();
    }
    check_io_type(checker, node, path, "datetime", "2024-12-31T23:59:00")
}

/// Seconds, an ISO duration or `H:MM:SS`.
pub(crate) fn check_duration(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let text = node.value.as_text();
    if text.is_some_and(is_clock) {
        return node.to_json();
    }
    if text.is_some_and(|text| text.contains(':')) {
        let message = format!("`{path}` is no timedelta");
        checker.error(Code::BadValue, node, path, message).help =
            Some("minutes and seconds have two digits, as in `1:05:00`".into());
        return node.to_json();
    }
    if let Some(number) = text.filter(|text| text.trim().parse::<f64>().is_ok()) {
        let message = format!("`{path}` is no timedelta");
        checker.error(Code::BadValue, node, path, message).help =
            Some(format!("write seconds without quotes: `{}`", number.trim()));
        return node.to_json();
    }
    check_io_type(checker, node, path, "timedelta", "PT1H")
}

/// `1:30:00`, as durations are printed.
fn is_clock(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match parts.as_slice() {
        [hours, rest @ ..] => {
            matches!(rest.len(), 1 | 2)
                && is_number(hours)
                && rest.iter().all(|part| part.len() == 2 && is_number(part))
        }
        [] => false,
    }
}

/// A value that inputs of a type take as well; it stays as it is written.
pub(crate) fn check_io_type(
    checker: &mut Checker,
    node: &Node,
    path: &Path<'_>,
    name: &str,
    example: &str,
) -> Json {
    let json = node.to_json();
    let is_scalar = matches!(&node.value, Value::Scalar(scalar) if *scalar != Scalar::Null);
    let taken = is_scalar
        && IoType::parse(Some(name), false).is_ok_and(|io_type| io_type.coerce(&json).is_ok());
    if !taken {
        let message = format!("`{path}` is no {name}");
        checker.error(Code::BadValue, node, path, message).help =
            Some(format!("write it like `{example}`"));
    }
    json
}

#[cfg(test)]
#[path = "orchestration_tests.rs"]
mod tests;
