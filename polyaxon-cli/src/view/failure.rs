//! Why a run failed, in a few lines for people: where, of which kind, what to change.

use polyaxon_proto::runs::v1::{Failure, Run, Status};

use crate::ui::log_line::message;
use crate::ui::{BAD, BOLD, DIM};

/// The container whose log is followed.
const MAIN_CONTAINER: &str = "polyaxon-main";

/// Characters of an instruction that a line for people holds.
const MAX_INSTRUCTION: usize = 120;

/// How much of a failure is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The last lines of main's log, for a reader who did not see the log itself; those of another container are
    /// always shown.
    pub(crate) log: bool,
    /// Lines of the Dockerfile around the failed one.
    pub(crate) excerpt: bool,
}

/// The lines, most important first.
pub(crate) fn lines(run: &Run, extent: Extent) -> Vec<String> {
    let Some(failure) = &run.failure else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let shown = if extent.excerpt {
        excerpt(failure)
    } else {
        Vec::new()
    };
    if shown.is_empty() {
        lines.extend(place(failure).map(|place| format!("{BOLD}where{BOLD:#}   {place}")));
    } else {
        // The excerpt has the instruction as it was written.
        let line = failure.dockerfile_line;
        lines.push(format!(
            "{BOLD}where{BOLD:#}   line {line} of the Dockerfile"
        ));
        lines.extend(shown);
    }
    if failure.class == "cancelled" {
        return lines;
    }
    let exit_status = format!("exit status {}", failure.exit_code);
    if failure.has_exit_code && failure.exit_code != 0 && !run.message.contains("exit status ") {
        lines.push(format!(
            "{BOLD}exit{BOLD:#}    container `{}` ended with {exit_status}",
            failure.container
        ));
    }
    if !failure.class.is_empty() {
        let outlook = outlook(&failure.retry)
            .map_or_else(String::new, |outlook| format!(" {DIM}({outlook}){DIM:#}"));
        lines.push(format!("{BOLD}class{BOLD:#}   {}{outlook}", failure.class));
    }
    if !failure.hint.is_empty() {
        lines.push(format!("{BOLD}fix{BOLD:#}     {}", failure.hint));
    }
    let is_seen = !extent.log && failure.container == MAIN_CONTAINER;
    if run.status() != Status::Stopped && !is_seen && !failure.last_lines.is_empty() {
        lines.push(format!("{BOLD}last lines of the log{BOLD:#}"));
        lines.extend(last_lines(failure));
    }
    lines
}

/// The instruction and its line in the Dockerfile, as far as they are known.
pub(crate) fn place(failure: &Failure) -> Option<String> {
    let instruction = shortened(&failure.instruction);
    match (failure.dockerfile_line, instruction.as_str()) {
        (0, "") => None,
        (0, instruction) => Some(format!("`{instruction}`")),
        (line, "") => Some(format!("line {line} of the Dockerfile")),
        (line, instruction) => Some(format!("line {line} of the Dockerfile: `{instruction}`")),
    }
}

fn shortened(instruction: &str) -> String {
    let mut text: String = instruction.chars().take(MAX_INSTRUCTION).collect();
    if text.len() < instruction.len() {
        text.push('…');
    }
    text
}

/// Whether another attempt can help.
pub(crate) fn outlook(retry: &str) -> Option<&'static str> {
    match retry {
        "no" => Some("another attempt would end in the same way"),
        "yes" => Some("another attempt may pass"),
        "once" => Some("another attempt helps only with a changed setting"),
        "wait" => Some("another attempt may pass after a while"),
        _ => None,
    }
}

/// The lines of the Dockerfile, the one that matters marked.
pub(crate) fn excerpt(failure: &Failure) -> Vec<String> {
    let lines = &failure.dockerfile_excerpt;
    let width = lines.last().map_or(0, |line| line.number.to_string().len());
    lines
        .iter()
        .map(|line| {
            let (number, text) = (line.number, &line.text);
            if number == failure.dockerfile_line {
                format!("  {BAD}>{BAD:#} {number:>width$} {DIM}|{DIM:#} {BOLD}{text}{BOLD:#}")
            } else {
                format!("    {DIM}{number:>width$} | {text}{DIM:#}")
            }
        })
        .collect()
}

/// The last lines of the log, indented.
pub(crate) fn last_lines(failure: &Failure) -> impl Iterator<Item = String> {
    failure
        .last_lines
        .iter()
        .map(|line| format!("  {}", message(line)))
}

#[cfg(test)]
mod tests {
    use polyaxon_proto::runs::v1::DockerfileLine;

    use super::*;

    fn failed() -> Run {
        let line = |number, text: &str| DockerfileLine {
            number,
            text: text.to_owned(),
        };
        Run {
            status: Status::Failed.into(),
            message: "`RUN make` ended with exit status 2".to_owned(),
            failure: Some(Failure {
                class: "run_failed".to_owned(),
                retry: "no".to_owned(),
                message: "`RUN make` ended with exit status 2".to_owned(),
                hint: "read the output".to_owned(),
                instruction: "RUN make".to_owned(),
                dockerfile_line: 9,
                dockerfile_excerpt: vec![
                    line(8, "COPY . /src"),
                    line(9, "RUN make"),
                    line(10, "CMD [\"app\"]"),
                ],
                exit_code: 1,
                has_exit_code: true,
                container: MAIN_CONTAINER.to_owned(),
                last_lines: vec!["make: no rule".to_owned()],
            }),
            ..Run::default()
        }
    }

    fn shown(run: &Run, extent: Extent) -> String {
        anstream::adapter::strip_str(&lines(run, extent).join("\n")).to_string()
    }

    #[test]
    fn a_failed_instruction_is_shown_in_its_place() {
        let all = Extent {
            log: true,
            excerpt: true,
        };
        insta::assert_snapshot!(shown(&failed(), all), @r#"
        where   line 9 of the Dockerfile
             8 | COPY . /src
          >  9 | RUN make
            10 | CMD ["app"]
        class   run_failed (another attempt would end in the same way)
        fix     read the output
        last lines of the log
          make: no rule
        "#);
        insta::assert_snapshot!(shown(&failed(), Extent::default()), @r"
        where   line 9 of the Dockerfile: `RUN make`
        class   run_failed (another attempt would end in the same way)
        fix     read the output
        ");
    }

    #[test]
    fn a_long_instruction_is_cut() {
        let failure = Failure {
            instruction: format!("RUN {}", "ü".repeat(500)),
            ..Failure::default()
        };
        let place = place(&failure).unwrap();
        assert_eq!(place.chars().count(), MAX_INSTRUCTION + 3);
        assert!(place.ends_with("…`"), "{place}");
    }

    #[test]
    fn a_stop_needs_no_advice() {
        let mut run = failed();
        run.status = Status::Stopped.into();
        if let Some(failure) = &mut run.failure {
            failure.class = "cancelled".to_owned();
            failure.dockerfile_line = 0;
        }
        assert_eq!(shown(&run, Extent::default()), "where   `RUN make`");
    }

    #[test]
    fn every_verdict_has_words() {
        for retry in ["no", "yes", "once", "wait"] {
            assert!(outlook(retry).is_some(), "{retry}");
        }
        assert_eq!(outlook(""), None);
    }
}
