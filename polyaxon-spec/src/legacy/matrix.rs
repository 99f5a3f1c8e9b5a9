//! `matrix` and what was around it: a search over several runs.

use super::Old;
use super::node::{entry, map, text};
use crate::diagnostic::Code;
use crate::yaml::{Mapping, Node};

/// Spaces of values by their old names.
const SPACES: &[(&str, &str)] = &[
    ("values", "choice"),
    ("pvalues", "pchoice"),
    ("range", "range"),
    ("linspace", "linspace"),
    ("logspace", "logspace"),
    ("geomspace", "geomspace"),
    ("uniform", "uniform"),
    ("quniform", "quniform"),
    ("loguniform", "loguniform"),
    ("qloguniform", "qloguniform"),
    ("normal", "normal"),
    ("qnormal", "qnormal"),
    ("lognormal", "lognormal"),
    ("qlognormal", "qlognormal"),
];

impl Old {
    /// The `matrix` of the operation: a grid, or a random search where the number of runs was given.
    pub(super) fn matrix(&mut self, root: &Mapping) -> Option<(&'static str, Node)> {
        let mut settings = Vec::new();
        let mut written = entry(root, "matrix");
        for section in ["settings", "hptuning"] {
            let Some(fields) = entry(root, section).and_then(|node| node.value.as_mapping()) else {
                continue;
            };
            for (name, field) in fields {
                let path = format!("{section}.{name}");
                match name.as_str() {
                    "matrix" => written = Some(&field.value),
                    "concurrency" | "concurrent_experiments" => {
                        settings.push(("concurrency", field.value.clone()));
                    }
                    "seed" => settings.push(("seed", field.value.clone())),
                    "random_search" | "grid_search" => {
                        settings.extend(self.search(&field.value, &path));
                    }
                    _ => self.no_form(&field.key, &path),
                }
            }
        }
        let params = written?;
        let Some(spaces) = params.value.as_mapping() else {
            self.error(
                Code::WrongType,
                params,
                "matrix",
                "`matrix` takes a mapping",
            );
            return None;
        };
        let spaces: Vec<(&String, Node)> = spaces
            .iter()
            .filter_map(|(name, space)| Some((name, self.space(name, &space.value)?)))
            .collect();
        let is_drawn = spaces.iter().any(|(_, space)| {
            let kind = space.find("kind").and_then(|kind| kind.value.as_text());
            kind.is_some_and(|kind| {
                kind.ends_with("uniform") || kind.ends_with("normal") || kind == "pchoice"
            })
        });
        let is_counted = settings.iter().any(|(name, _)| *name == "numRuns");
        if is_drawn && !is_counted {
            let message = "values are drawn at random, and the number of runs is not given";
            self.error(
                Code::MissingField,
                params,
                "settings.random_search",
                message,
            )
            .help = Some("add `random_search: {n_experiments: ...}`".into());
        }
        let kind = if is_drawn || is_random(root) {
            "random"
        } else {
            "grid"
        };
        let mut matrix = vec![("kind", text(kind)), ("params", map(spaces))];
        if kind == "grid" {
            settings.retain(|(name, _)| *name != "seed");
        }
        matrix.extend(settings);
        Some(("matrix", map(matrix)))
    }

    fn search(&mut self, search: &Node, path: &str) -> Option<(&'static str, Node)> {
        let fields = search.value.as_mapping()?;
        for (name, field) in fields {
            if name != "n_experiments" {
                self.no_form(&field.key, &format!("{path}.{name}"));
            }
        }
        Some(("numRuns", entry(fields, "n_experiments")?.clone()))
    }

    fn space(&mut self, name: &str, space: &Node) -> Option<Node> {
        let field = space.value.as_mapping().and_then(|fields| fields.first());
        let known = field.and_then(|(old, field)| {
            let (_, kind) = SPACES.iter().find(|(known, _)| known == old)?;
            Some((*kind, field.value.clone()))
        });
        let Some((kind, value)) = known else {
            let message = format!("`{name}` names no values");
            self.error(Code::BadValue, space, &format!("matrix.{name}"), message)
                .help = Some("for example `values: [1, 2]`".into());
            return None;
        };
        Some(map(vec![("kind", text(kind)), ("value", value)]))
    }
}

fn is_random(root: &Mapping) -> bool {
    ["settings", "hptuning"].into_iter().any(|section| {
        let fields = entry(root, section).and_then(|node| node.value.as_mapping());
        fields.is_some_and(|fields| fields.contains_key("random_search"))
    })
}

/// The inputs that the matrix gives values to.
pub(super) fn inputs(root: &Mapping) -> Vec<Node> {
    let of_settings = |section: &str| entry(entry(root, section)?.value.as_mapping()?, "matrix");
    let matrix = entry(root, "matrix")
        .or_else(|| of_settings("settings"))
        .or_else(|| of_settings("hptuning"));
    let spaces = matrix.and_then(|matrix| matrix.value.as_mapping());
    spaces
        .into_iter()
        .flatten()
        .map(|(name, space)| {
            let is_listed = space.value.value.as_mapping().is_some_and(|fields| {
                fields.contains_key("values") || fields.contains_key("pvalues")
            });
            let mut input = vec![("name", text(name))];
            if !is_listed {
                input.push(("type", text("float")));
            }
            map(input)
        })
        .collect()
}
