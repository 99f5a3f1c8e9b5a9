//! Computes a golden case: `golden FOLDER` prints what this library makes of the files in the folder.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

mod case;

fn main() -> ExitCode {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [folder] = folders.as_slice() else {
        return fail("usage: golden FOLDER");
    };
    let actual = match case::Case::read(Path::new(folder)) {
        Ok(case) => case.compute(),
        Err(error) => return fail(&format!("`{folder}` is no golden case: {error}")),
    };
    match writeln!(std::io::stdout(), "{actual:#}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(message: &str) -> ExitCode {
    // Nothing is left to do when even the message cannot be written.
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::from(2)
}
