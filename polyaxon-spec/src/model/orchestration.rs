//! Sections that order runs in time or derive runs from each other.

use super::table::{Kind, Model, field};

/// Conditions under which the rest of several runs is stopped.
pub(crate) const EARLY_STOPPING: Kind = Kind::Tagged(&[
    ("metric_early_stopping", &METRIC_EARLY_STOPPING),
    ("failure_early_stopping", &FAILURE_EARLY_STOPPING),
]);

static METRIC_EARLY_STOPPING: Model = Model::new(
    "an early stopping by metric",
    &[
        field("kind", Kind::Text),
        field("metric", Kind::Text).required(),
        field("value", Kind::Number).required(),
        field("optimization", Kind::OneOf(&["maximize", "minimize"])).required(),
        field("policy", Kind::Map),
    ],
);

static FAILURE_EARLY_STOPPING: Model = Model::new(
    "an early stopping by failures",
    &[
        field("kind", Kind::Text),
        field("percent", Kind::Number).required(),
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
        field("frequency", Kind::Any).required(),
        field("startAt", Kind::Text),
        field("endAt", Kind::Text),
        field("maxRuns", Kind::Integer),
        field("dependsOnPast", Kind::Bool),
    ],
);

static CRON: Model = Model::new(
    "a cron schedule",
    &[
        field("kind", Kind::Text),
        field("cron", Kind::Text).required(),
        field("startAt", Kind::Text),
        field("endAt", Kind::Text),
        field("maxRuns", Kind::Integer),
        field("dependsOnPast", Kind::Bool),
    ],
);

static DATETIME: Model = Model::new(
    "a datetime schedule",
    &[
        field("kind", Kind::Text),
        field("startAt", Kind::Text).required(),
    ],
);

macro_rules! matrix_model {
    ($name:literal, $($own:expr),* $(,)?) => {
        Model::new(
            $name,
            &[
                field("kind", Kind::Text),
                field("concurrency", Kind::Integer),
                field("earlyStopping", Kind::List(&EARLY_STOPPING)),
                $($own),*
            ],
        )
    };
}

/// `matrix`.
pub(crate) const MATRIX: Kind = Kind::Tagged(&[
    ("mapping", &MAPPING),
    ("grid", &GRID),
    ("random", &RANDOM),
    ("hyperband", &HYPERBAND),
    ("bayes", &BAYES),
    ("tpe", &TPE),
    ("hyperopt", &TPE),
    ("iterative", &ITERATIVE),
]);

static MAPPING: Model = matrix_model!(
    "a mapping",
    field("values", Kind::List(&Kind::Any)).required()
);

static GRID: Model = matrix_model!(
    "a grid search",
    field("params", Kind::Map).required(),
    field("numRuns", Kind::Integer),
);

static RANDOM: Model = matrix_model!(
    "a random search",
    field("params", Kind::Map).required(),
    field("numRuns", Kind::Integer).required(),
    field("seed", Kind::Integer),
);

static HYPERBAND: Model = matrix_model!(
    "a hyperband search",
    field("params", Kind::Map).required(),
    field("maxIterations", Kind::Integer).required(),
    field("eta", Kind::Number).required(),
    field("resource", Kind::Map).required(),
    field("metric", Kind::Map).required(),
    field("resume", Kind::Bool),
    field("seed", Kind::Integer),
    field("tuner", Kind::Map),
);

static BAYES: Model = matrix_model!(
    "a bayesian search",
    field("utilityFunction", Kind::Map),
    field("numInitialRuns", Kind::Integer).required(),
    field("maxIterations", Kind::Integer).required(),
    field("metric", Kind::Map).required(),
    field("params", Kind::Map).required(),
    field("seed", Kind::Integer),
    field("tuner", Kind::Map),
);

static TPE: Model = matrix_model!(
    "a tpe search",
    field("algorithm", Kind::Text),
    field("numRuns", Kind::Integer),
    field("maxIterations", Kind::Integer),
    field("metric", Kind::Map).required(),
    field("params", Kind::Map).required(),
    field("seed", Kind::Integer),
    field("tuner", Kind::Map),
);

static ITERATIVE: Model = matrix_model!(
    "an iterative search",
    field("params", Kind::Map).required(),
    field("maxIterations", Kind::Integer).required(),
    field("seed", Kind::Integer),
    field("tuner", Kind::Map),
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
        field("params", Kind::Map),
    ],
);

/// An entry of `events`.
pub(crate) static EVENT: Model = Model::new(
    "an event",
    &[
        field("kinds", Kind::List(&Kind::Text)).required(),
        field("ref", Kind::Text).required(),
    ],
);
