//! Texts that nobody wrote by hand: they are read or refused, in bounded time and depth, and nothing else happens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use polyaxon_spec::compose::compose;
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;
use proptest::prelude::*;

const SEED: &str = include_str!("golden/cases/patch-operation-post-merge/operation.yaml");
const COMPONENT: &str = include_str!("golden/cases/patch-operation-post-merge/component.yaml");

/// The whole way of a text; whether it arrives is not the question.
fn run(text: &str) {
    let flags = Flags {
        params: vec!["a=1".into()],
        ..Flags::default()
    };
    let overlay = Source::new("overlay.yaml", text);
    let main = Source::new("main.yaml", text);
    let Ok((mut operation, _)) = Operation::read(&main, &[overlay], &flags) else {
        return;
    };
    for reference in operation.references() {
        let _ = operation.attach(&reference, &Source::new("component.yaml", COMPONENT));
    }
    if let Ok(compiled) = compose(&operation) {
        let again = Operation::from_json(&operation.to_json()).unwrap();
        assert_eq!(compose(&again).unwrap(), compiled);
        let written = yaml::write(&compiled.document);
        let (read, _) = yaml::read(&Source::new("written.yaml", written)).unwrap();
        assert_eq!(read.to_json(), compiled.document);
    }
}

/// A line of the seed, moved, doubled, indented or with another value.
fn change() -> impl Strategy<Value = (usize, usize, String)> {
    let text = prop::sample::select(vec![
        "",
        "  ",
        "null",
        "~",
        "[]",
        "{}",
        "[a, b]",
        "{kind: job}",
        "{{ x }}",
        "\"{{ x }}\"",
        "on",
        "0777",
        "1.0",
        "&a",
        "*a",
        "<<: *a",
        "!x",
        "- ",
        "kind: service",
        "component: {}",
        "- {}",
        "\u{feff}",
        "é",
        "? a",
    ]);
    (0..40_usize, 0..5_usize, text.prop_map(str::to_owned))
}

fn changed(changes: &[(usize, usize, String)]) -> String {
    let mut lines: Vec<String> = SEED.lines().map(str::to_owned).collect();
    for (line, how, text) in changes {
        let index = line % lines.len();
        let Some(old) = lines.get(index).cloned() else {
            continue;
        };
        let new = match how {
            0 => format!("{old}\n{old}"),
            1 => format!("{old}{text}"),
            2 => format!("{text}{old}"),
            3 => match old.split_once(": ") {
                Some((key, _)) => format!("{key}: {text}"),
                None => text.clone(),
            },
            _ => text.clone(),
        };
        if let Some(line) = lines.get_mut(index) {
            *line = new;
        }
    }
    lines.join("\n")
}

proptest! {
    #[test]
    fn changed_files(changes in prop::collection::vec(change(), 1..6)) {
        run(&changed(&changes));
    }

    #[test]
    fn any_text(text in "[ -~\n\t{}\\[\\]:,&*!|>'\"%@`#?-]{0,120}") {
        run(&text);
    }
}

#[test]
fn components_inside_of_components() {
    let text = format!("{}{{}}{}", "{component: ".repeat(100), "}".repeat(100));
    run(&text);
    let text = format!(
        "{}{{}}{}",
        "{run: {kind: dag, components: [".repeat(40),
        "]}}".repeat(40)
    );
    run(&text);
    let text = format!("{}x{}", "{a: [".repeat(50_000), "]}".repeat(50_000));
    run(&text);
}

#[test]
fn many_references() {
    let operations = "    - {hubRef: a}\n".repeat(20_000);
    run(&format!(
        "kind: operation\nrun:\n  kind: dag\n  operations:\n{operations}"
    ));
}

#[test]
fn wrong_everywhere() {
    let many = |line: &dyn Fn(usize) -> String| (0..20_000).map(line).collect::<String>();
    let unknown = many(&|index| format!("a{index}: 1\n"));
    let main = Source::new("main.yaml", unknown.as_str());
    let report = Operation::read(&main, &[], &Flags::default()).unwrap_err();
    assert!(report.diagnostics().len() < 200);
    run(&unknown);
    run(&many(&|_| "tags: [a]\n".to_owned()));
    run(&format!(
        "hubRef: a\ntags:\n{}",
        many(&|index| format!("- {index}\n"))
    ));
    run(&format!(
        "hubRef: a\ninputs:\n{}",
        many(&|_| "- {}\n".to_owned())
    ));
}
