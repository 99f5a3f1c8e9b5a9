//! Texts that nobody wrote by hand: they are read or refused, in bounded time and depth, and nothing else happens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use polyaxon_spec::agent_config::AgentConfig;
use polyaxon_spec::compose::compose;
use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::resolve::{RunContext, resolve};
use polyaxon_spec::source::Source;
use polyaxon_spec::{format, legacy, params, yaml};
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

/// So many items, one after another.
fn many(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect()
}

/// From bytes to a resolved operation, as a hub and an agent take it; what refuses it.
fn resolved(bytes: &[u8]) -> Result<(), Report> {
    let source = Source::from_bytes("hostile.yaml", bytes)?;
    let _ = format::format(&source);
    let _ = legacy::convert(&source);
    let (operation, _) = Operation::read(&source, &[], &Flags::default())?;
    let compiled = compose(&operation)?;
    params::check(&compiled)?;
    let catalog = AgentConfig::read(&Source::new("agent.yaml", "namespace: n\n"))?.catalog();
    resolve(&compiled, &RunContext::default(), &catalog).map(|_| ())
}

/// A component that runs a job, with these root fields and arguments.
fn component(fields: &str, args: &str) -> String {
    format!(
        "kind: component\n{fields}\nrun:\n  kind: job\n  container:\n    image: i\n    args: [{args}]\n"
    )
}

fn input(fields: &str) -> String {
    component(&format!("inputs:\n- {{name: x, {fields}}}"), "a")
}

/// Tests run on threads with a stack of 2 MiB, so that what is too deep ends the test.
#[test]
fn what_is_too_much_is_refused_in_words() {
    let levels = 10_000;
    let bomb = many(8, |level| {
        let aliases = format!("*a{level}, ").repeat(10);
        format!("a{0}: &a{0} [{aliases}]\n", level + 1)
    });
    let utf16: Vec<u8> = "kind: operation"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("alias bomb", format!("a0: &a0 [x, x, x, x]\n{bomb}").into(), "more than 250000 values with its aliases expanded"),
        (
            "aliases of a long text",
            format!("a: &a {}\nb: [{}]\n", "x".repeat(300_000), "*a, ".repeat(100_000)).into(),
            "more than 4194304 bytes of text with its aliases expanded",
        ),
        ("deep brackets", format!("a: {}{}", "[".repeat(levels), "]".repeat(levels)).into(), "nested deeper than 128 levels"),
        ("deep braces", "{a: ".repeat(levels).into(), "nested deeper than 128 levels"),
        ("deep lists", "- ".repeat(levels).into(), "nested deeper than 128 levels"),
        (
            "deep blocks",
            many(1_000, |level| format!("{}a:\n", " ".repeat(level))).into(),
            "nested deeper than 128 levels",
        ),
        ("open quote", "\"".repeat(300_001).into(), "not valid YAML"),
        ("too large", vec![b'a'; (1 << 20) + 1], "more than the limit of 1048576"),
        ("NUL", b"kind: operation\n\0".to_vec(), "contains a NUL at byte 16"),
        ("no UTF-8", b"kind: \xff".to_vec(), "not UTF-8 text at byte 6"),
        ("UTF-16", [&[0xff, 0xfe], utf16.as_slice()].concat(), "not UTF-8 text at byte 0"),
        ("large number", format!("cost: {}", "9".repeat(100_000)).into(), "cannot be represented"),
        ("large exponent", input("type: float, value: 1.0e+999").into(), "cannot be represented"),
        (
            "large regex",
            input("type: str, value: a, validation: {regex: '(a{1000}){1000}'}").into(),
            "exceeds size limit",
        ),
        (
            "deep type",
            input(&format!("type: '{}int{}', value: a", "List[".repeat(levels), "]".repeat(levels))).into(),
            "nested deeper than",
        ),
        (
            "template without end",
            component("", "'{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}'").into(),
            "takes too many steps",
        ),
        (
            "template that doubles",
            component("", &format!("'{{% set s = 10 * \"a\" %}}{}{{{{ s }}}}'", "{% set s = s ~ s %}".repeat(50))).into(),
            "takes too many steps or its text is larger than 1 MiB",
        ),
        (
            "template of itself",
            input(&format!("type: str, value: '{}'", "{{ x }}".repeat(100_000))).into(),
            "takes too many steps or its text is larger than 1 MiB",
        ),
        (
            "long expression",
            component("", &format!("'{{{{ {}1 }}}}'", "-".repeat(500_000))).into(),
            "an expression has more than 120 operators",
        ),
        (
            "many heavy templates",
            component("", &"'{% for i in range(60000) %}{% endfor %}', ".repeat(9_000)).into(),
            "takes too many steps",
        ),
        (
            "many long results",
            component(
                &format!("inputs:\n- {{name: x, type: str, value: '{}'}}", "y".repeat(400_000)),
                &"'{{ x }}{{ x }}', ".repeat(20_000),
            )
            .into(),
            "takes too many steps or its text is larger than 1 MiB",
        ),
        (
            "many connections",
            format!(
                "kind: component\nrun:\n  kind: job\n  container: {{image: i}}\n  connections: [{}]\n",
                many(50_000, |index| format!("c{index}, "))
            )
            .into(),
            "is not in the catalog",
        ),
        (
            "many inputs without values",
            component(
                &format!(
                    "inputs:\n{}",
                    many(10_000, |index| format!("- {{name: a{index}}}\n"))
                ),
                "a",
            )
            .into(),
            "a0",
        ),
    ];
    for (name, bytes, expected) in cases {
        let report = resolved(&bytes).expect_err(name);
        let text = report.to_string();
        assert!(text.contains(expected), "{name}: {text:.300}");
        assert!(report.error_count() > 0, "{name}");
    }
}

#[test]
fn what_is_much_and_allowed_is_taken() {
    let inputs = many(5_000, |index| {
        format!("- {{name: a{index}, type: int, value: {index}}}\n")
    });
    let text = component(&format!("inputs:\n{inputs}"), "'{{ a4999 }}'");
    resolved(text.as_bytes()).unwrap();
    let with_mark = format!("\u{feff}{}", component("", "a"));
    resolved(with_mark.as_bytes()).unwrap();
    let deep = |value: &str| {
        format!(
            "hubRef: a\nparams: {{p: {{value: {}{value}{}}}}}\n",
            "{k: ".repeat(100),
            "}".repeat(100)
        )
    };
    let overlay = Source::new("overlay.yaml", deep("2"));
    let main = Source::new("main.yaml", deep("1"));
    let (merged, _) = Operation::read(&main, &[overlay], &Flags::default()).unwrap();
    assert!(merged.to_json().to_string().contains("{\"k\":2}"));
}
