//! Laws that hold for every text: what is formatted means the same, has the same comments, and is formatted already.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Checks the laws, and says whether the text could be formatted.
#[track_caller]
fn hold(text: &str) -> bool {
    let source = Source::new("f.yaml", text);
    let Ok(formatted) = format(&source) else {
        return false;
    };
    let (before, _) = yaml::read(&source).unwrap();
    let (after, _) = yaml::read(&Source::new("f.yaml", formatted.as_str())).unwrap();
    assert_eq!(after.to_json(), before.to_json(), "{text:?}\n{formatted}");
    let comments = |text: &str| token::comments(&lines::with_line_feeds(text));
    assert_eq!(comments(&formatted), comments(text), "{formatted}");
    let again = format(&Source::new("f.yaml", formatted.as_str()));
    assert_eq!(again.as_deref().ok(), Some(formatted.as_str()), "{text:?}");
    assert!(!formatted.starts_with('\n') && !formatted.contains('\r'));
    true
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            found.push(path);
        }
    }
}

#[test]
fn every_file_of_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "tests",
        "../components",
        "../examples",
        "../e2e/fixtures",
        "../proto/testdata",
    ] {
        files_below(&root.join(folder), &mut files);
    }
    let formatted: Vec<bool> = files
        .iter()
        .map(|path| fs::read_to_string(path).is_ok_and(|text| hold(&text)))
        .collect();
    let count = formatted.iter().filter(|formatted| **formatted).count();
    assert!(count > 250, "{count} of {}", files.len());
}

#[test]
fn every_recorded_text() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yaml/vectors.jsonl");
    let mut count = 0;
    for line in fs::read_to_string(path).unwrap().lines() {
        let vector: Json = serde_json::from_str(line).unwrap();
        count += usize::from(hold(vector["text"].as_str().unwrap()));
    }
    assert!(count > 500, "{count}");
}

/// A file in any layout: a generated document, written with random indentation, order, comments and blank lines.
fn document() -> impl Strategy<Value = String> {
    (
        mapping(0, 3),
        select(vec![
            "",
            "---\n",
            "# top\n",
            "# top\n\n",
            "\n\n# a\n\n# b\n",
        ]),
        select(vec!["", "# end\n", "\n\n", "  # in\n# out\n", "...\n"]),
    )
        .prop_map(|(body, head, tail)| format!("{head}{body}{tail}"))
}

const KEYS: &[&str] = &[
    "kind",
    "version",
    "name",
    "run",
    "runPatch",
    "run_patch",
    "params",
    "hubRef",
    "inputs",
    "container",
    "image",
    "args",
    "env",
    "init",
    "git",
    "value",
    "connection",
    "other",
    "'quoted key'",
    "on",
    "12",
    "<<",
];

fn scalar(indent: usize) -> BoxedStrategy<String> {
    let pad = " ".repeat(indent + 3);
    prop_oneof![
        select(vec![
            " job",
            " '1.10'",
            "  on",
            " \"a # b\"",
            " [a, {b: c}]",
            " {a: 1}",
            "",
            " ~",
            " *a",
            " &a x",
            " !!str 1",
            " a#b",
            " 'it''s'",
            " \"\\\"#\"",
            " &a",
            " \t x",
        ])
        .prop_map(str::to_owned),
        Just(format!(" |\n{pad}one\n{pad}  two  \n\n{pad}three")),
        Just(format!(" >-\n{pad}one\n{pad}# two")),
        Just(format!(" |+ # kept\n{pad}one\n\n{pad}\n")),
        Just(format!(
            " |2\n{}  one\n{}two",
            " ".repeat(indent + 2),
            " ".repeat(indent + 2)
        )),
        Just(" |".to_owned()),
        Just(format!(" plain\n{pad}text")),
        Just(format!(" \"one \\\n{pad} two  \n\n{pad}three\"")),
        Just(format!(" [a, # in\n\n{pad}b,\n{pad}{{c: d}}]")),
        Just(format!("\n{pad}later")),
        Just(format!(" # why\n{pad}# more\n{pad}later")),
    ]
    .boxed()
}

/// What stands before a child: comments at some indentation and blank lines.
fn gap(indent: usize) -> impl Strategy<Value = String> {
    let lines = vec![
        "",
        "",
        "",
        "",
        "\n",
        "# c\n",
        "\n\n\n",
        "# - x\n#   y\n",
        "# a\n\n# b\n",
        "# ' \" [\n",
    ];
    (select(lines), 0..3_usize).prop_map(move |(lines, more)| {
        let pad = " ".repeat(if more == 0 { indent } else { indent + more });
        lines.replace('#', &format!("{pad}#"))
    })
}

fn end() -> impl Strategy<Value = &'static str> {
    select(vec![
        "\n",
        "\n",
        "\n",
        "  \n",
        " # at the end\n",
        "\t# tab\n",
        "\r\n",
    ])
}

fn mapping(indent: usize, depth: u32) -> BoxedStrategy<String> {
    let entry = (
        select(KEYS),
        select(vec![":", ":", " :", ":  "]),
        gap(indent),
        value(indent, depth),
    );
    proptest::collection::btree_map(select(KEYS), entry, 1..5)
        .prop_map(move |entries| {
            let mut entries: Vec<_> = entries.into_iter().collect();
            // An order that is not sorted, and the same for the same entries.
            entries.sort_by_key(|(key, entry)| (entry.3.len() + key.len()) % 7);
            let pad = " ".repeat(indent);
            entries
                .iter()
                .map(|(key, (_, colon, gap, value))| format!("{gap}{pad}{key}{colon}{value}"))
                .collect::<Vec<_>>()
                .concat()
        })
        .boxed()
}

fn sequence(indent: usize, depth: u32) -> BoxedStrategy<String> {
    let pad = " ".repeat(indent);
    let item = prop_oneof![
        (scalar(indent), end()).prop_map(|(scalar, end)| format!("-{scalar}{end}")),
        mapping(indent + 2, depth).prop_map(move |mapping| {
            // The first entry beside the dash, where nothing stands before it.
            match mapping.strip_prefix(&" ".repeat(indent + 2)) {
                Some(mapping) if !mapping.starts_with(['#', ' ', '\n']) => format!("- {mapping}"),
                _ => format!("-\n{mapping}"),
            }
        }),
    ];
    proptest::collection::vec((gap(indent), item), 1..4)
        .prop_map(move |items| {
            items
                .iter()
                .map(|(gap, item)| format!("{gap}{pad}{item}"))
                .collect::<Vec<_>>()
                .concat()
        })
        .boxed()
}

fn value(indent: usize, depth: u32) -> BoxedStrategy<String> {
    let leaf = (scalar(indent), end()).prop_map(|(scalar, end)| format!("{scalar}{end}"));
    if depth == 0 {
        return leaf.boxed();
    }
    let header = || select(vec!["\n", " # why\n", " &h\n", "  \n"]);
    prop_oneof![
        2 => leaf,
        1 => (header(), (1..5_usize).prop_flat_map(move |more| mapping(indent + more, depth - 1)))
            .prop_map(|(header, block)| format!("{header}{block}")),
        1 => (header(), (0..4_usize).prop_flat_map(move |more| sequence(indent + more, depth - 1)))
            .prop_map(|(header, block)| format!("{header}{block}")),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn generated_documents(text in document()) {
        hold(&text);
    }

    #[test]
    fn any_text(text in "[ \n]{0,3}([a-c'\"#:,&*!|>{}\\[\\]-]{1,3}[ \n]{0,3}){0,12}") {
        hold(&text);
    }
}

#[test]
fn most_generated_documents_can_be_formatted() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut valid = 0;
    let mut refused = Vec::new();
    for _ in 0..400 {
        let text = document().new_tree(&mut runner).unwrap().current();
        let source = Source::new("f.yaml", text.as_str());
        let is_clean = yaml::read(&source).is_ok_and(|(node, warnings)| {
            warnings
                .iter()
                .all(|warning| warning.code != Code::DuplicateKey)
                && !legacy::is_legacy(&node)
        });
        if is_clean {
            valid += 1;
            if let Err(report) = format(&source) {
                refused.push(format!("{report}\n{text}"));
            }
        }
    }
    assert!(valid > 100, "{valid}");
    assert!(
        refused.is_empty(),
        "{} of {valid}\n{}",
        refused.len(),
        refused.join("\n=====\n")
    );
}
