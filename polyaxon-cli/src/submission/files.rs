//! Polyaxonfiles on this machine.

use std::io::Read;
use std::path::{Path, PathBuf};

use polyaxon_spec::diagnostic::{Code, Report};
use polyaxon_spec::source::{MAX_SOURCE_BYTES, Source};

use crate::error::CommandError;

/// Names that are looked for when none is given, in this order.
const NAMES: [&str; 5] = [
    "polyaxon",
    "polyaxonci",
    "polyaxon-ci",
    "polyaxon.ci",
    "polyaxonfile",
];
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Source, CommandError> {
    let shown = path.display().to_string();
    let failed =
        |error: std::io::Error| CommandError::Usage(format!("cannot read `{shown}`: {error}"));
    if shown == "-" {
        let bytes = bounded(std::io::stdin()).map_err(failed)?;
        return source("standard input", &bytes);
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let bytes = bounded(file).map_err(failed)?;
    source(&shown, &bytes)
}

/// The text of bytes that were read with a limit.
pub(super) fn source(name: &str, bytes: &[u8]) -> Result<Source, CommandError> {
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(Report::error(
            Code::TooLarge,
            format!("`{name}` has more than 1 MiB; a Polyaxonfile is a few kilobytes, check that this is the one you mean"),
        )
        .into());
    }
    Ok(Source::from_bytes(name, bytes)?)
}

/// At most one byte more than a source may have, so that a huge file costs nothing.
fn bounded(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(MAX_SOURCE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file of this folder that runs when none is named.
pub(crate) fn default_file() -> Result<PathBuf, CommandError> {
    default_file_of(Path::new("")).ok_or_else(|| {
        CommandError::Usage(
            "nothing to run is named; pass `-f FILE`, `--url ADDRESS` or `--hub COMPONENT`, or write `polyaxonfile.yaml`"
                .to_owned(),
        )
    })
}

/// Whether a file has one of the names that are looked for.
pub(crate) fn is_default_name(path: &Path) -> bool {
    path.file_stem()
        .and_then(std::ffi::OsStr::to_str)
        .is_some_and(|stem| NAMES.contains(&stem))
}

/// The file of a folder that runs when none is named.
pub(crate) fn default_file_of(folder: &Path) -> Option<PathBuf> {
    NAMES
        .iter()
        .flat_map(|name| {
            EXTENSIONS
                .iter()
                .map(move |extension| format!("{name}.{extension}"))
        })
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_wins() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(default_file_of(folder.path()), None);
        for name in ["polyaxonfile.yaml", "polyaxon.json", "polyaxon.yml"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = default_file_of(folder.path()).unwrap();
        assert_eq!(found.file_name().unwrap(), "polyaxon.yml");
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let bytes = bounded(std::io::repeat(b' ')).unwrap();
        assert_eq!(bytes.len(), MAX_SOURCE_BYTES + 1);
    }
}
