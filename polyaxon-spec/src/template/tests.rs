use super::*;
use rstest::rstest;
use serde_json::json;

fn context() -> Context {
    Context::of(&json!({
        "text": "1.10", "empty": "", "nothing": null, "yes": true, "lr": 0.1, "n": 3,
        "tags": ["a", "b"], "map": {"k": null, "b": true},
        "nested": "{{ text }}", "loop_a": "{{ loop_b }}x", "loop_b": "{{ loop_a }}x",
    }))
}

#[rstest]
#[case("plain {# kept #}", "plain {# kept #}")]
#[case("{{ nothing }}", "None")]
#[case("{{ yes }}", "True")]
#[case("{{ tags }}", "['a', 'b']")]
#[case("{{ map }}", "{'k': None, 'b': True}")]
#[case("{{ missing }}|{{ text.name }}|", "||")]
#[case(
    "{{ 1e21 }} {{ [1e-7] }} {{ 3.0 }} {{ 10 / 4 }} {{ 10 // 4 }}",
    "1e+21 [1e-07] 3.0 2.5 2"
)]
#[case("{{ (1, 2) }} {{ (1,) }}", "(1, 2) (1,)")]
#[case("{{ tags | join(',') }}", "a,b")]
#[case("{{ text | replace('.', '-') | upper }}", "1-10")]
#[case(
    "{{ nothing | default('x') }} {{ nothing | default('x', true) }}",
    "None x"
)]
#[case("{% for t in tags %}--tag={{ t }} {% endfor %}", "--tag=a --tag=b ")]
#[case("{{ 'x' if nothing is none else 'y' }}", "x")]
#[case(
    "{{ 'x' | int }} {{ '7' | int }} {{ (lr * 10) | int }} {{ 'x' | int(default=4) }}",
    "0 7 1 4"
)]
#[case("{{ tags | map_format('--t=%s') }}", "--t=['a', 'b']")]
#[case("{{ tags | map('map_format', '--t=%s') | join(' ') }}", "--t=a --t=b")]
#[case("{{ text | map_format('-%(v)s-', 'v') }}", "-1.10-")]
#[case("{{ (n, lr) | map_format('%03d|%-6.2f|') }}", "003|0.10  |")]
#[case("{{ -5 | map_format('%+d %%') }}", "-5 %")]
#[case("{{ 5 | map_format('%d%%') }}", "5%")]
#[case("{{ 'a-b'.split('-')[1] }} {{ map.get('z', 1) }}", "b 1")]
#[case("one {{ n }}\n\ntwo\n", "one 3\n\ntwo")]
#[case("{{ 'a' ~ yes ~ nothing }}", "aTrueNone")]
#[case("{{ nested }}", "{{ text }}")]
fn text_prints_as_the_reference(#[case] source: &str, #[case] expected: &str) {
    assert_eq!(context().text(source).as_deref(), Ok(expected));
}

#[rstest]
#[case("{{ tags }}", json!(["a", "b"]))]
#[case("{{ tags[0] }}", json!("a"))]
#[case("{{ text }}", json!("1.10"))]
#[case("{{ nested }}", json!("1.10"))]
#[case("{{ lr }}", json!(0.1))]
#[case("{{- yes -}}", json!(true))]
#[case("{{ nothing }}", json!(null))]
#[case("{{ missing }}", json!(""))]
#[case("{{ n }}{{ n }}", json!("33"))]
#[case("{{ [text] if text else [] }}", json!(["1.10"]))]
#[case("1e3", json!("1e3"))]
fn value_keeps_types_and_text(#[case] source: &str, #[case] expected: Value) {
    assert_eq!(context().value(source), Ok(expected));
}

#[test]
fn failures_say_what_is_wrong() {
    let context = context();
    assert!(matches!(
        context.text("{{ lr + }}"),
        Err(TemplateError::Syntax(_))
    ));
    assert!(matches!(
        context.text("{{ missing.name }}"),
        Err(TemplateError::Render(text)) if text.contains("missing")
    ));
    assert!(matches!(
        context.value("{{ missing.name }}"),
        Err(TemplateError::Render(_))
    ));
    assert!(matches!(
        context.text("{{ text | nosuchfilter }}"),
        Err(TemplateError::Syntax(_) | TemplateError::Render(_))
    ));
}

#[test]
fn endless_work_ends() {
    let context = context();
    assert_eq!(
        context.text(
            "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}"
        ),
        Err(TemplateError::TooLarge)
    );
    assert_eq!(
        context.text("{{ 'x' * 5000000 }}"),
        Err(TemplateError::TooLarge)
    );
    assert!(context.stable_text("{{ loop_a }}").is_ok());
    assert!(context.value("{{ loop_a }}").is_ok());
}
