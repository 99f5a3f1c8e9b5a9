//! The repository of this folder, as a preset.

use std::path::Path;
use std::process::Command;

use polyaxon_spec::source::Source;

use crate::error::CommandError;
use crate::folder::Binding;

/// The preset of `--git-preset`: the bound repository at `revision`, else at the commit that is checked out.
pub(super) fn source(revision: Option<&str>) -> Result<Source, CommandError> {
    let folder = Path::new("");
    let binding = Binding::read(folder)?;
    let Some(git) = binding.and_then(|binding| binding.git) else {
        return Err(CommandError::Usage(
            "this folder is bound to no repository; bind it with `polyaxon init -p PROJECT --git-url URL` or `--git-connection CONNECTION`"
                .to_owned(),
        ));
    };
    let revision = match revision {
        Some(revision) => revision.to_owned(),
        None => checked_out()?,
    };
    Ok(Source::new(
        "--git-preset".to_owned(),
        git.preset(Some(&revision)),
    ))
}

/// The commit that is checked out in this folder.
fn checked_out() -> Result<String, CommandError> {
    let failed = |reason: &str| {
        CommandError::Usage(format!(
            "which commit is checked out here is not known: {reason}; name one with `--git-revision`"
        ))
    };
    let output = Command::new("git")
        .args(["rev-parse", "--verify", "HEAD"])
        .output()
        .map_err(|error| failed(&format!("`git` cannot be run: {error}")))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(failed(words.lines().next().unwrap_or("`git` says nothing")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
