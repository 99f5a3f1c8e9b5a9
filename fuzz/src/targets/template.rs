use polyaxon_spec::template::{Context, is_template};

use super::{texts, value};

/// Longest text that a rendering may give.
const MAX_RENDERED_BYTES: usize = 1 << 20;

/// A template ends, with a bounded text or an error, the same each time; other text stays as it is.
pub(crate) fn run(data: &[u8]) {
    let Some([template, names]) = texts(data) else {
        return;
    };
    let names = value(names).unwrap_or_default();
    let context = Context::of(&names);
    let images = Context::of(&names).with_images(vec!["x".into(), "text".into()]);
    for context in [&context, &images] {
        let rendered = context.text(template);
        match &rendered {
            Ok(text) if is_template(template) => {
                assert!(text.len() <= MAX_RENDERED_BYTES, "{} bytes", text.len());
            }
            Ok(text) => assert_eq!(text, template),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        assert_eq!(context.text(template), rendered, "a second time");
        let _ = context.stable_text(template);
        let found = context.value(template);
        if let Ok(found) = &found {
            assert!(is_template(template) || found == template, "{found}");
        }
        assert_eq!(context.value(template), found, "a second time");
    }
}
