//! `polyaxon fmt`.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::process::{Home, Output};

const LOOSE: &str = "\
# A build.
params:
    destination:   {connection: docker-connection, value: 'hello:1'}   # where it goes
kind: operation
hubRef: kaniko
";

const TIDY: &str = "\
# A build.
kind: operation
hubRef: kaniko
params:
  destination: {connection: docker-connection, value: 'hello:1'}   # where it goes
";

fn home() -> Result<Home> {
    Home::at("http://127.0.0.1:9")
}

fn piped(home: &Home, arguments: &[&str], text: &str) -> Result<Output> {
    let mut command = home.command(arguments);
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.spawn()?;
    child
        .stdin
        .take()
        .context("no pipe")?
        .write_all(text.as_bytes())?;
    Ok(Output::of(&child.wait_with_output()?))
}

#[test]
fn files_are_formatted_in_place() -> Result<()> {
    let home = home()?;
    std::fs::create_dir(home.path().join("builds"))?;
    home.write("builds/loose.yaml", LOOSE)?;
    home.write("builds/tidy.yaml", TIDY)?;
    home.write("builds/other.yaml", "a:    1\n")?;
    let first = home.polyaxon(&["fmt", "builds"])?;
    assert_eq!(first.status, Some(0), "{first}");
    assert_eq!(first.stdout, "builds/loose.yaml\n", "{first}");
    assert_eq!(first.stderr, "", "{first}");
    assert_eq!(
        std::fs::read_to_string(home.path().join("builds/loose.yaml"))?,
        TIDY
    );
    assert_eq!(
        std::fs::read_to_string(home.path().join("builds/other.yaml"))?,
        "a:    1\n"
    );
    let names: Vec<_> = std::fs::read_dir(home.path().join("builds"))?.collect();
    assert_eq!(names.len(), 3, "nothing is left behind");
    let second = home.polyaxon(&["fmt", "builds"])?;
    assert_eq!(
        (second.status, second.stdout.as_str()),
        (Some(0), ""),
        "{second}"
    );
    let checked = home.polyaxon(&["fmt", "--check", "builds"])?;
    assert_eq!(
        (checked.status, checked.stdout.as_str()),
        (Some(0), ""),
        "{checked}"
    );
    Ok(())
}

#[test]
fn check_names_the_files_and_writes_nothing() -> Result<()> {
    let home = home()?;
    home.write("polyaxonfile.yaml", LOOSE)?;
    let checked = home.polyaxon(&["fmt", "--check"])?;
    assert_eq!(
        (checked.status, checked.stdout.as_str()),
        (Some(1), "polyaxonfile.yaml\n"),
        "{checked}"
    );
    let diff = home.polyaxon(&["fmt", "--check", "--diff", "polyaxonfile.yaml"])?;
    assert_eq!(diff.status, Some(1), "{diff}");
    insta::assert_snapshot!(diff);
    assert_eq!(
        std::fs::read_to_string(home.path().join("polyaxonfile.yaml"))?,
        LOOSE
    );
    let alone = home.polyaxon(&["fmt", "--diff"])?;
    assert_eq!(alone.status, Some(2), "{alone}");
    Ok(())
}

#[test]
fn standard_input_goes_to_standard_output() -> Result<()> {
    let home = home()?;
    let formatted = piped(&home, &["fmt", "-"], LOOSE)?;
    assert_eq!(
        (formatted.status, formatted.stdout.as_str()),
        (Some(0), TIDY),
        "{formatted}"
    );
    let checked = piped(&home, &["fmt", "--check", "-"], LOOSE)?;
    assert_eq!(
        (checked.status, checked.stdout.as_str()),
        (Some(1), "standard input\n"),
        "{checked}"
    );
    let invalid = piped(&home, &["fmt", "-"], "kind: [")?;
    assert_eq!(
        (invalid.status, invalid.stdout.as_str()),
        (Some(2), ""),
        "{invalid}"
    );
    Ok(())
}

#[test]
fn what_cannot_be_formatted_is_left_alone() -> Result<()> {
    let home = home()?;
    let twice = "kind: operation\nhubRef:   a\nhubRef: b\n";
    let old = "version: 1\nkind: job\nrun:   {cmd: c}\n";
    home.write("twice.yaml", twice)?;
    home.write("old.yaml", old)?;
    home.write("loose.yaml", LOOSE)?;
    let formatted =
        home.polyaxon(&["fmt", "twice.yaml", "old.yaml", "absent.yaml", "loose.yaml"])?;
    assert_eq!(formatted.status, Some(2), "{formatted}");
    assert_eq!(
        std::fs::read_to_string(home.path().join("twice.yaml"))?,
        twice
    );
    assert_eq!(std::fs::read_to_string(home.path().join("old.yaml"))?, old);
    assert_eq!(
        std::fs::read_to_string(home.path().join("loose.yaml"))?,
        TIDY
    );
    insta::assert_snapshot!(formatted);
    Ok(())
}

#[test]
fn programs_get_a_document() -> Result<()> {
    let home = home()?;
    home.write("loose.yaml", LOOSE)?;
    home.write("tidy.yaml", TIDY)?;
    home.write("twice.yaml", "hubRef: a\nhubRef: b\n")?;
    let json = home.polyaxon(&[
        "fmt",
        "--check",
        "-o",
        "json",
        "loose.yaml",
        "tidy.yaml",
        "twice.yaml",
    ])?;
    assert_eq!((json.status, json.stderr.as_str()), (Some(2), ""), "{json}");
    let found: Value = serde_json::from_str(&json.stdout)?;
    assert_eq!(found[0], json!({"file": "loose.yaml", "changed": true}));
    assert_eq!(found[1], json!({"file": "tidy.yaml", "changed": false}));
    assert_eq!(found[2]["diagnostics"][0]["place"]["line"], 2, "{json}");
    let text = piped(&home, &["fmt", "-", "-o", "json"], LOOSE)?;
    let found: Value = serde_json::from_str(&text.stdout)?;
    assert_eq!(found, json!([{"file": "-", "changed": true, "text": TIDY}]));
    Ok(())
}

#[cfg(unix)]
#[test]
fn mode_and_links_stay() -> Result<()> {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let home = home()?;
    home.write("loose.yaml", LOOSE)?;
    let path = home.path().join("loose.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640))?;
    symlink("loose.yaml", home.path().join("link.yaml"))?;
    let formatted = home.polyaxon(&["fmt", "link.yaml"])?;
    assert_eq!(formatted.status, Some(0), "{formatted}");
    assert!(std::fs::symlink_metadata(home.path().join("link.yaml"))?.is_symlink());
    assert_eq!(std::fs::read_to_string(&path)?, TIDY);
    assert_eq!(
        std::fs::metadata(&path)?.permissions().mode() & 0o777,
        0o640
    );
    std::fs::write(&path, LOOSE)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440))?;
    let refused = home.polyaxon(&["fmt", "loose.yaml"])?;
    assert_eq!(refused.status, Some(1), "{refused}");
    assert!(
        refused
            .stderr
            .contains("cannot write `loose.yaml`: permission denied"),
        "{refused}"
    );
    Ok(())
}

/// The blocks of YAML on a page.
fn snippets(page: &str) -> impl Iterator<Item = &str> {
    page.split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
}

#[test]
fn everything_that_is_shipped_is_formatted() -> Result<()> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let home = home()?;
    home.polyaxon(&["init", "--polyaxonfile"])?;
    let mut texts = vec![(
        "the file of `init`".to_owned(),
        std::fs::read_to_string(home.path().join("polyaxonfile.yaml"))?,
    )];
    for folder in ["examples", "components/kaniko"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            texts.push((path.display().to_string(), std::fs::read_to_string(&path)?));
        }
    }
    let mut pages = vec![root.join("README.md")];
    for folder in ["docs", "docs/errors"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            pages.push(entry?.path());
        }
    }
    for path in pages
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
    {
        let page = std::fs::read_to_string(path)?;
        let of_runs = ["kind: operation", "kind: component", "hubRef:"];
        let of_agents = ["connections:", "executor:", "engine:"];
        for (index, text) in snippets(&page).enumerate() {
            let says = |words: &[&str]| {
                let is_field = |line: &str| words.iter().any(|word| line.starts_with(word));
                text.lines().any(is_field)
            };
            if says(&of_runs) || says(&of_agents) {
                texts.push((format!("{} {index}", path.display()), text.to_owned()));
            }
        }
    }
    let mut checked = 0;
    for (name, text) in &texts {
        let formatted = piped(&home, &["fmt", "-"], text)?;
        // Pages show files that cannot be read as well.
        if formatted.status == Some(0) {
            checked += 1;
            assert_eq!(&formatted.stdout, text, "{name}");
        }
    }
    assert!(checked > 25, "{checked} of {}", texts.len());
    Ok(())
}
