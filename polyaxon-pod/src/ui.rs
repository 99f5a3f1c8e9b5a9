//! The only place that prints. stdout is what a step made, stderr is what it has to say.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "all output of the program goes through this module"
)]

/// Prints a result of the step.
pub(crate) fn result(text: &str) {
    println!("{text}");
}

/// Prints what the step is doing, or what a program that it runs says.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Prints why a step failed, in one line.
pub(crate) fn failure(step: &str, error: &dyn std::error::Error) {
    let text = error.to_string();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    eprintln!("polyaxon {step}: error: {line}");
}
