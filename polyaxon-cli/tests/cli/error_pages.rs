//! The pages of the error codes: what they show is what the program prints.
//!
//! `UPDATE_PAGES=1` writes the output of the examples and the index anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use polyaxon_spec::diagnostic::Code;
use strum::IntoEnumIterator as _;

/// Groups of the index by the first digits of a code.
const GROUPS: [(&str, &str); 6] = [
    ("PX01", "Text and YAML"),
    ("PX02", "Fields"),
    ("PX03", "References"),
    ("PX04", "Params and flags"),
    ("PX05", "Composition, templates and plans"),
    ("PX06", "Agent, policy and builds"),
];

/// What only a hub or an agent answers; the page shows its words without a command.
const OF_THE_HUB: [Code; 4] = [
    Code::UnknownComponent,
    Code::UnknownPreset,
    Code::PolicyDenied,
    Code::RefusedFlag,
];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn page(code: Code) -> Result<(PathBuf, String)> {
    let path = docs().join(format!("errors/{code}.md"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok((path, text))
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_PAGES").is_some()
}

/// The text is the page's, or becomes it.
fn assert_page(path: &Path, expected: &str) -> Result<()> {
    if is_update() {
        return Ok(std::fs::write(path, expected)?);
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    ensure!(
        found == expected,
        "`{}` is not what the program prints; `UPDATE_PAGES=1 cargo test -p polyaxon-cli --test cli error_pages` writes:\n{expected}",
        path.display()
    );
    Ok(())
}

/// The pieces of a page: prose, and fenced blocks with their language.
fn pieces(text: &str) -> Vec<(Option<&str>, &str)> {
    text.split("```")
        .enumerate()
        .map(|(index, piece)| {
            if index % 2 == 0 {
                (None, piece)
            } else {
                let (language, body) = piece.split_once('\n').unwrap_or((piece, ""));
                (Some(language), body)
            }
        })
        .collect()
}

/// Runs the lines that start with `$ ` in a folder, and answers them with what they print.
fn session(commands: &str, folder: &Path) -> Result<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_polyaxon"));
    let programs = program.parent().context("no folder of the program")?;
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let mut text = String::new();
    for line in commands.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let output = Command::new("/bin/sh")
            .args(["-c", &format!("{{ {line}\n}} 2>&1")])
            .env_clear()
            .env("PATH", &path)
            .env("POLYAXON_HOME", folder.join("home"))
            .current_dir(folder)
            .output()?;
        writeln!(text, "$ {line}\n{}", String::from_utf8(output.stdout)?)?;
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    Ok(text)
}

/// The page with its examples run.
fn rewritten(code: Code, text: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut out = String::new();
    let mut shows_code = false;
    for (language, body) in pieces(text) {
        let Some(language) = language else {
            out.push_str(body);
            continue;
        };
        let body = match language {
            "yaml" => {
                let name = body
                    .lines()
                    .next()
                    .and_then(|line| line.strip_prefix("# "))
                    .with_context(|| format!("{code}: a file without its name as a comment"))?;
                std::fs::write(folder.path().join(name), body)?;
                body.to_owned()
            }
            "console" => session(body, folder.path())?,
            _ => body.to_owned(),
        };
        let is_output = language == "console" || OF_THE_HUB.contains(&code);
        shows_code |= is_output && body.contains(&format!("[{code}]"));
        write!(out, "```{language}\n{body}```")?;
    }
    ensure!(shows_code, "the example of {code} does not give it:\n{out}");
    Ok(out)
}

#[test]
fn every_code_has_a_page_whose_example_gives_it() -> Result<()> {
    let mut wrong = String::new();
    for code in Code::iter() {
        let (path, text) = page(code)?;
        for heading in [
            &format!("# {code}: ")[..],
            "\n## Example\n",
            "\n## What to do\n",
        ] {
            ensure!(text.contains(heading), "{code}: no `{}`", heading.trim());
        }
        let result = rewritten(code, &text).and_then(|text| assert_page(&path, &text));
        if let Err(error) = result {
            writeln!(wrong, "{error:#}")?;
        }
    }
    assert_eq!(wrong, "");
    Ok(())
}

#[test]
fn every_page_is_of_a_code() -> Result<()> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(docs().join("errors"))? {
        pages.push(entry?.file_name().to_string_lossy().into_owned());
    }
    pages.sort();
    let mut codes: Vec<String> = Code::iter().map(|code| format!("{code}.md")).collect();
    codes.sort();
    assert_eq!(pages, codes);
    Ok(())
}

#[test]
fn the_index_is_that_of_the_pages() -> Result<()> {
    let mut text = "# Error codes\n\n\
        A finding about a document has a code that never changes its meaning, a place (`file:line:column`) where there is one, and a next step.\n\
        `polyaxon check -o json` prints findings for programs: `code`, `severity`, `message`, `field`, `place`, `help`.\n"
        .to_owned();
    for (start, heading) in GROUPS {
        write!(
            text,
            "\n## {heading}\n\n| code | meaning |\n| --- | --- |\n"
        )?;
        for code in Code::iter().filter(|code| code.as_str().starts_with(start)) {
            let (_, page) = page(code)?;
            let title = page
                .lines()
                .next()
                .and_then(|line| line.strip_prefix(&format!("# {code}: ")))
                .with_context(|| format!("{code}: no title"))?;
            writeln!(text, "| [{code}](errors/{code}.md) | {title} |")?;
        }
    }
    for code in Code::iter() {
        ensure!(text.contains(&format!("[{code}]")), "{code} has no group");
    }
    assert_page(&docs().join("errors.md"), &text)
}
