//! What the writer probably meant.

use super::table::Model;

/// How similar two names have to be, from 0 to 1; at 0.8 `nodeSelectors` finds `nodeSelector` and `foo` finds nothing.
const SIMILAR: f64 = 0.8;

/// The most names that are listed where nothing is similar.
const LISTED: usize = 14;

/// Help for an unknown field of a section.
pub(crate) fn field(name: &str, model: &Model, is_root: bool) -> Option<String> {
    if is_root && matches!(name, "declarations" | "project" | "settings" | "logging") {
        return Some(
            "this looks like the format before version 1.0; rewrite it as an operation".into(),
        );
    }
    self::name(name, model.fields.iter().map(|field| field.name))
}

/// Help for an unknown name.
pub(crate) fn name<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(nearest) = nearest(name, known.clone()) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    let known: Vec<&str> = known.collect();
    (known.len() <= LISTED).then(|| format!("the fields are {}", quoted_list(&known)))
}

/// Help for a word that is not one of several.
pub(crate) fn value(found: &str, words: &[&str]) -> String {
    match nearest(found, words.iter().copied()) {
        Some(nearest) => format!(
            "did you mean `{nearest}`? it is one of {}",
            quoted_list(words)
        ),
        None => format!("it is one of {}", quoted_list(words)),
    }
}

/// The most similar of several names, if one is similar enough.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known))
        .filter(|(score, _)| *score >= SIMILAR)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, known)| known)
}

/// Names in backticks with commas.
pub(crate) fn quoted_list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let known = ["nodeSelector", "labels", "restartPolicy", "tolerations"];
        for (name, expected) in [
            ("nodeSelectors", Some("nodeSelector")),
            ("node_selector", Some("nodeSelector")),
            ("lables", Some("labels")),
            ("toleration", Some("tolerations")),
            ("foo", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
    }
}
