use super::*;

fn read(text: &str) -> Result<Component, Report> {
    Component::read(&Source::new("component.yaml", text)).map(|(component, _)| component)
}

fn refused(text: &str) -> (Code, String) {
    let report = read(text).unwrap_err();
    let first = &report.diagnostics()[0];
    (first.code, first.field_path.clone())
}

const RUN: &str = "run: {kind: job, container: {image: busybox}}\n";

#[test]
fn what_it_says_about_itself() {
    let component = read(&format!(
        "kind: component\nname: a\ndescription: d\ntags: x, y\n\
         inputs: [{{name: one, type: int, value: 1}}, {{name: two}}]\noutputs: [{{name: image, type: image}}]\n{RUN}"
    ))
    .unwrap();
    assert_eq!(component.name(), Some("a"));
    assert_eq!(component.description(), Some("d"));
    assert_eq!(component.tags(), ["x", "y"]);
    assert_eq!(component.run_kind(), Some("job"));
    let names = |ios: &[Io]| -> Vec<String> { ios.iter().map(|io| io.name.clone()).collect() };
    assert_eq!(names(component.inputs()), ["one", "two"]);
    assert_eq!(names(component.outputs()), ["image"]);
    assert_eq!(component.inputs()[0].is_optional, Some(true));
}

#[test]
fn what_is_filled_in_is_not_in_the_authored_document() {
    let component = read(&format!(
        "kind: component\ninputs: [{{name: a, value: 1}}]\n{RUN}"
    ))
    .unwrap();
    assert!(!component.canonical_json().contains("isOptional"));
}

#[test]
fn what_is_not_a_component_is_refused() {
    for (text, expected) in [
        ("kind: operation\nhubRef: a\n", (Code::UnknownKind, "kind")),
        ("kind: component\nname: a\n", (Code::NoRun, "")),
        (
            "kind: component\ninputs: [{name: a, type: int, value: x}]\nrun: {kind: job}\n",
            (Code::BadIo, "inputs[0].value"),
        ),
        (
            "kind: component\noutputs: [{name: a, type: nothing, value: x}]\nrun: {kind: job}\n",
            (Code::BadIo, "outputs[0].value"),
        ),
    ] {
        assert_eq!(refused(text), (expected.0, expected.1.to_owned()), "{text}");
    }
}

#[test]
fn a_default_with_a_template_waits_for_the_run() {
    assert!(
        read(&format!(
            "kind: component\ninputs: [{{name: a, type: int, value: \"{{{{ b }}}}\"}}]\n{RUN}"
        ))
        .is_ok()
    );
}
