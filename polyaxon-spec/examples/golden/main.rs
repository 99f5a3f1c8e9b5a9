//! Computes golden cases: `golden CASES_DIR OUT_DIR [NAME...]` writes what this library makes of each case into
//! `OUT_DIR/NAME.json`, in the layout of `expected.json`, which it does not read.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

mod case;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cases, out, names @ ..] = arguments.as_slice() else {
        return fail("usage: golden CASES_DIR OUT_DIR [NAME...]");
    };
    match compute(Path::new(cases), Path::new(out), names) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn compute(cases: &Path, out: &Path, names: &[String]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(out).map_err(|error| format!("`{}`: {error}", out.display()))?;
    let names = if names.is_empty() {
        all(cases)?
    } else {
        names.to_vec()
    };
    for name in names {
        let case = case::Case::read(&cases.join(&name))
            .map_err(|error| format!("`{name}` is no golden case: {error}"))?;
        fs::write(
            out.join(format!("{name}.json")),
            format!("{:#}\n", case.compute()),
        )?;
    }
    Ok(())
}

/// The folders that hold a case.
fn all(cases: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    let folder = fs::read_dir(cases).map_err(|error| format!("`{}`: {error}", cases.display()))?;
    for entry in folder {
        let entry = entry?;
        if entry.path().join("case.json").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn fail(message: &str) -> ExitCode {
    // Nothing is left to do when even the message cannot be written.
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::from(2)
}
