//! Files that a command is asked for: named ones, and Polyaxonfiles of folders.

use std::path::{Path, PathBuf};

use polyaxon_spec::legacy;
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;

use crate::error::CommandError;
use crate::submission::files;

/// How deep folders are searched.
const MAX_DEPTH: usize = 64;

/// Most files that one command reads.
const MAX_FILES: usize = 10_000;

/// The files, in the order of the arguments; those of a folder by name.
pub(crate) fn collect(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CommandError> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        search(path, 0, &mut found)?;
        if found.len() == before {
            return Err(CommandError::Usage(format!(
                "there is no Polyaxonfile in `{}`; name the file",
                path.display()
            )));
        }
    }
    Ok(found)
}

/// Adds the Polyaxonfiles below a folder; hidden folders and links are left out.
fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::Usage(format!("cannot read `{}`: {error}", folder.display()))
    };
    let mut entries = std::fs::read_dir(folder)
        .map_err(failed)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(failed)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if kind.is_dir() && !is_hidden {
            if depth == MAX_DEPTH {
                return Err(CommandError::Usage(format!(
                    "`{}` is nested more than {MAX_DEPTH} folders deep; name the files",
                    path.display()
                )));
            }
            search(&path, depth + 1, found)?;
        } else if kind.is_file() && has_extension(&path) && is_polyaxonfile(&path) {
            if found.len() == MAX_FILES {
                return Err(CommandError::Usage(format!(
                    "there are more than {MAX_FILES} files; name fewer folders"
                )));
            }
            found.push(path);
        }
    }
    Ok(())
}

fn has_extension(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Whether a file of a folder is one of ours. One that cannot be read is, if its name or a line of it says so.
fn is_polyaxonfile(path: &Path) -> bool {
    if files::is_default_name(path) {
        return true;
    }
    // What is too large or no text is no file of ours unless it is named so.
    let Ok(source) = files::read(path) else {
        return false;
    };
    match yaml::read(&source) {
        Ok((node, _)) => {
            let Some(root) = node.value.as_mapping() else {
                return false;
            };
            let has = |field: &str| root.contains_key(field);
            let kind = root
                .get("kind")
                .and_then(|entry| entry.value.value.as_text());
            match kind {
                Some(kind) if is_kind(kind) => true,
                None if ["hubRef", "pathRef", "urlRef", "dagRef"]
                    .iter()
                    .any(|field| has(field)) =>
                {
                    true
                }
                _ => has("version") && (has("run") || has("build")) && is_legacy(&source),
            }
        }
        Err(_) => source.text().lines().any(|line| {
            line.strip_prefix("kind:")
                .is_some_and(|kind| is_kind(kind.trim()))
        }),
    }
}

/// Whether a text says that it is a component.
pub(super) fn is_component(source: &Source) -> bool {
    yaml::read(source).is_ok_and(|(node, _)| {
        let root = node.value.as_mapping();
        let kind = root.and_then(|root| root.get("kind"));
        kind.and_then(|entry| entry.value.value.as_text()) == Some("component")
    })
}

fn is_kind(kind: &str) -> bool {
    matches!(kind, "operation" | "component")
}

fn is_legacy(source: &Source) -> bool {
    !matches!(legacy::convert(source), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_folder_are_those_of_this_format() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["sub", ".hidden"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        for (name, text) in [
            ("b.yaml", "kind: operation\n"),
            ("a.yml", "kind: component\nrun: {}\n"),
            ("broken.yaml", "kind: operation\nname: [\n"),
            ("broken-other.yaml", "kind: Job\nname: [\n"),
            ("polyaxonfile.yaml", "x"),
            ("short.yaml", "hubRef: kaniko\n"),
            ("old.yaml", "version: 1\nrun: {image: i, cmd: c}\n"),
            ("gitlab.yaml", "build: {image: i, script: [make]}\n"),
            ("job.yaml", "apiVersion: batch/v1\nkind: Job\n"),
            ("list.yaml", "- kind: operation\n"),
            ("operation.json", "{\"kind\": \"operation\"}"),
            ("sub/c.yaml", "kind: operation\n"),
            (".hidden/d.yaml", "kind: operation\n"),
        ] {
            std::fs::write(root.join(name), text).unwrap();
        }
        let found = collect(&[root.to_owned(), "named.txt".into()]).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|path| {
                path.strip_prefix(root)
                    .unwrap_or(path)
                    .display()
                    .to_string()
            })
            .collect();
        assert_eq!(
            found,
            [
                "a.yml",
                "b.yaml",
                "broken.yaml",
                "old.yaml",
                "polyaxonfile.yaml",
                "short.yaml",
                "sub/c.yaml",
                "named.txt"
            ]
        );
    }

    #[test]
    fn a_folder_without_a_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = collect(&[folder.path().to_owned()]).unwrap_err();
        assert!(error.to_string().contains("no Polyaxonfile"), "{error}");
    }
}
