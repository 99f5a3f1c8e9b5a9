//! Which names the templates of a run use.

use serde_json::Value;

use crate::template::is_template;

/// Whether a template anywhere in the value uses the name.
pub(super) fn name(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => is_template(text) && in_expressions(text, name),
        Value::Array(items) => items.iter().any(|item| self::name(item, name)),
        Value::Object(fields) => fields.iter().any(|(key, item)| {
            (is_template(key) && in_expressions(key, name)) || self::name(item, name)
        }),
        _ => false,
    }
}

/// Whether the name is a word of an expression, outside of quotes.
fn in_expressions(template: &str, name: &str) -> bool {
    let mut rest = template;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let inside = rest.get(start + 2..).unwrap_or_default();
        let end = inside
            .find("}}")
            .into_iter()
            .chain(inside.find("%}"))
            .min()
            .unwrap_or(inside.len());
        let (expression, after) = inside.split_at(end);
        if words(expression).any(|word| word == name) {
            return true;
        }
        rest = after;
    }
    false
}

/// The words of an expression that are names: of `params.NAME` and `NAME`, not what is quoted.
fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(['\'', '"'])
        .step_by(2)
        .flat_map(|part| {
            part.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-'))
        })
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_words_of_expressions() {
        for (value, expected) in [
            (json!("{{ image }}"), true),
            (
                json!({"a": [{"b": "-d {{ params.image.connection }}"}]}),
                true,
            ),
            (json!("{% if image %}x{% endif %}"), true),
            (json!({"{{ image }}": 1}), true),
            (json!("image {{ other }} image"), false),
            (json!("{{ images ~ my_image }}"), false),
            (json!("{{ 'image' }}"), false),
            (json!("image"), false),
            (json!(1), false),
        ] {
            assert_eq!(name(&value, "image"), expected, "{value}");
        }
    }
}
