//! Diagnostics as text with excerpts.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};

pub(super) fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    diagnostics
        .iter()
        .map(|diagnostic| renderer.render(&[group(diagnostic)]))
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(
        level
            .primary_title(&diagnostic.message)
            .id(diagnostic.code.as_str()),
    );
    match &diagnostic.place {
        Some(place) => {
            let mut annotation = AnnotationKind::Primary.span(place.range.clone());
            if !diagnostic.field_path.is_empty() {
                annotation = annotation.label(format!("in `{}`", diagnostic.field_path));
            }
            group = group.element(
                Snippet::source(place.source.text())
                    .path(place.source.name())
                    .annotation(annotation),
            );
        }
        None if !diagnostic.field_path.is_empty() => {
            group = group.element(Level::NOTE.message(format!("in `{}`", diagnostic.field_path)));
        }
        None => {}
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}
