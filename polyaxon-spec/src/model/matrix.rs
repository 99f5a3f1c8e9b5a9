//! `matrix`: many runs of one operation, each with its own params.

use serde_json::{Map, Value as Json};

use super::checker::Checker;
use super::hyper_param::{Distribution, check_hyper_params, distribution_of};
use super::io::long_params_field;
use super::orchestration::{EARLY_STOPPING, OPTIMIZATIONS};
use super::path::Path;
use super::sections::hub_ref_field;
use super::table::{CustomKind, Field, Kind, Model, custom, field};
use crate::diagnostic::Code;
use crate::yaml::{Mapping, Node};

macro_rules! matrix_model {
    ($name:literal, $($own:expr),* $(,)?) => {
        Model::new(
            $name,
            &[
                field("kind", Kind::Text),
                positive("concurrency"),
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
    ("iterative", &ITERATIVE),
]);

const fn positive(name: &'static str) -> Field {
    custom(name, Checker::positive)
}

const fn params() -> Field {
    field("params", Kind::Custom(CustomKind(check_hyper_params)))
}

static MAPPING: Model = matrix_model!(
    "a mapping",
    field("values", Kind::List(&Kind::Map)).required()
);

static GRID: Model = matrix_model!(
    "a grid search",
    params().required().literal(),
    positive("numRuns"),
)
.with_rules(no_distributions);

static RANDOM: Model = matrix_model!(
    "a random search",
    params().required(),
    positive("numRuns").required(),
    field("seed", Kind::Integer),
);

static HYPERBAND: Model = matrix_model!(
    "a hyperband search",
    params(),
    positive("maxIterations").literal(),
    custom("eta", check_eta),
    field("resource", Kind::Model(&RESOURCE)).literal(),
    field("metric", Kind::Model(&METRIC)).literal(),
    field("resume", Kind::Bool),
    field("seed", Kind::Integer),
    field("tuner", Kind::Model(&TUNER)).literal(),
);

static BAYES: Model = matrix_model!(
    "a bayesian search",
    field("utilityFunction", Kind::Model(&UTILITY_FUNCTION)).literal(),
    positive("numInitialRuns").required(),
    positive("maxIterations").required(),
    field("metric", Kind::Model(&METRIC)).required().literal(),
    params().required().literal(),
    field("seed", Kind::Integer),
    field("tuner", Kind::Model(&TUNER)),
)
.with_rules(uniform_only);

static TPE: Model = matrix_model!(
    "a tpe search",
    positive("numRuns"),
    field("maxIterations", Kind::Integer),
    field("metric", Kind::Model(&METRIC)).required().literal(),
    params().required(),
    field("seed", Kind::Integer),
    field("tuner", Kind::Model(&TUNER)).literal(),
);

static ITERATIVE: Model = matrix_model!(
    "an iterative search",
    params(),
    positive("maxIterations").required(),
    field("seed", Kind::Integer),
    field("tuner", Kind::Model(&TUNER)).literal(),
);

static METRIC: Model = Model::new(
    "a metric",
    &[
        field("name", Kind::Text).required(),
        field("optimization", Kind::OneOf(OPTIMIZATIONS)).literal(),
    ],
);

static RESOURCE: Model = Model::new(
    "a resource",
    &[
        field("name", Kind::Text).required(),
        field(
            "type",
            Kind::OneOf(&["int", "float", "Int", "Float", "INT", "FLOAT"]),
        )
        .literal(),
    ],
);

static TUNER: Model = Model::new(
    "a tuner",
    &[
        hub_ref_field(),
        field("presets", Kind::List(&Kind::Text)),
        field("queue", Kind::Text),
        field("namespace", Kind::Text),
        long_params_field().templated(),
    ],
);

static UTILITY_FUNCTION: Model = Model::new(
    "a utility function",
    &[
        field("acquisitionFunction", Kind::OneOf(&["ucb", "ei", "poi"])).literal(),
        field("gaussianProcess", Kind::Model(&GAUSSIAN_PROCESS)).literal(),
        field("kappa", Kind::Number).literal(),
        field("eps", Kind::Number).literal(),
        custom("numWarmup", Checker::lax_integer).literal(),
        custom("numIterations", Checker::lax_integer).literal(),
    ],
)
.with_rules(utility_rules);

static GAUSSIAN_PROCESS: Model = Model::new(
    "a gaussian process",
    &[
        field("kernel", Kind::OneOf(&["rbf", "matern"])).literal(),
        field("lengthScale", Kind::Number).literal(),
        field("nu", Kind::Number).literal(),
        custom("numRestartsOptimizer", Checker::lax_integer).literal(),
    ],
);

fn check_eta(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let json = checker.number(node, path);
    if json.as_f64().is_some_and(|eta| eta < 0.0) {
        let message = format!("`{path}` is at least 0, not {json}");
        checker.error(Code::BadValue, node, path, message);
    }
    json
}

fn no_distributions(
    checker: &mut Checker,
    node: &Node,
    _: &Mapping,
    out: &mut Map<String, Json>,
    path: &Path<'_>,
) {
    let message = "a grid search has no end with a distribution";
    refuse(checker, node, out, path, message, |found| {
        found == Distribution::None
    });
}

fn uniform_only(
    checker: &mut Checker,
    node: &Node,
    _: &Mapping,
    out: &mut Map<String, Json>,
    path: &Path<'_>,
) {
    let message = "a bayesian search takes no distribution but `uniform`";
    refuse(checker, node, out, path, message, |found| {
        found != Distribution::Other
    });
}

fn refuse(
    checker: &mut Checker,
    node: &Node,
    out: &Map<String, Json>,
    path: &Path<'_>,
    message: &str,
    is_allowed: impl Fn(Distribution) -> bool,
) {
    let params = out.get("params").and_then(Json::as_object);
    if params.is_some_and(Map::is_empty) {
        let at = node.find("params").unwrap_or(node);
        let path = path.field("params");
        checker
            .error(
                Code::BadValue,
                at,
                &path,
                "a search without params has nothing to try",
            )
            .help =
            Some("name a param, for example `lr: {kind: choice, value: [0.1, 0.2]}`".into());
    }
    for (name, param) in params.into_iter().flatten() {
        let kind = param.get("kind").and_then(Json::as_str).unwrap_or_default();
        if !is_allowed(distribution_of(kind)) {
            let at = node.find(&format!("params.{name}")).unwrap_or(node);
            let path = path.field("params");
            let path = path.field(name);
            let message = format!("`{name}` is of kind `{kind}`, and {message}");
            checker.error(Code::BadValue, at, &path, message);
        }
    }
}

fn utility_rules(
    checker: &mut Checker,
    node: &Node,
    _: &Mapping,
    out: &mut Map<String, Json>,
    path: &Path<'_>,
) {
    let function = out.get("acquisitionFunction").and_then(Json::as_str);
    let function = function.unwrap_or("ucb");
    let needed = if function == "ucb" { "kappa" } else { "eps" };
    if out.get(needed).is_none_or(Json::is_null) {
        let message = format!("the acquisition function `{function}` needs `{needed}`");
        checker.error(Code::MissingField, node, path, message).help =
            Some(format!("add `{needed}:`"));
    }
}
