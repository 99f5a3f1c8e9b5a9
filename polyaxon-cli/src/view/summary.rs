//! How a run ended, in a few lines for people.

use polyaxon_proto::runs::v1::{Run, Status};

use super::attempts;
use super::failure::{self, Extent};
use super::run::{is_final, status_name};
use crate::ui::time;
use crate::ui::{BAD, BOLD, DIM, GOOD, WARNING};

/// Lines that end the following of a run.
pub(crate) fn lines(run: &Run, extent: Extent) -> Vec<String> {
    let status = run.status();
    let colour = match status {
        Status::Succeeded => GOOD,
        Status::Failed | Status::UpstreamFailed => BAD,
        _ => WARNING,
    };
    let mut lines = vec![format!(
        "{colour}{}{colour:#}{}{}",
        status_name(status),
        duration(run).map_or_else(String::new, |duration| format!(" in {duration}")),
        why(run),
    )];
    result(run, &mut lines);
    lines.extend(attempts::lines(run));
    lines.extend(failure::lines(run, extent));
    lines
}

/// The time from the start, or from the acceptance of a run that never started, to the end.
pub(crate) fn duration(run: &Run) -> Option<String> {
    let start = time::timestamp(run.started_at.as_ref().or(run.created_at.as_ref()))?;
    let end = time::timestamp(run.finished_at.as_ref())?;
    Some(time::between(start, end))
}

fn why(run: &Run) -> String {
    if run.status() == Status::Succeeded || !is_final(run.status()) {
        return String::new();
    }
    match (run.reason.as_str(), run.message.as_str()) {
        ("", "") => String::new(),
        (reason, "") => format!(": {reason}"),
        (_, message) => format!(": {message}"),
    }
}

fn result(run: &Run, lines: &mut Vec<String>) {
    let Some(build) = &run.build else { return };
    if !build.image.is_empty() {
        lines.push(format!("{BOLD}image{BOLD:#}   {}", build.image));
    }
    if !build.digest.is_empty() {
        lines.push(format!(
            "{BOLD}digest{BOLD:#}  {} {DIM}(the registry confirmed it){DIM:#}",
            build.digest
        ));
    } else if !build.digest_claimed.is_empty() {
        lines.push(format!(
            "{BOLD}digest{BOLD:#}  {} {WARNING}not confirmed{WARNING:#}: {}",
            build.digest_claimed, build.reason
        ));
    }
}

#[cfg(test)]
mod tests {
    use polyaxon_proto::runs::v1::{BuildResult, Failure};

    use super::*;

    fn shown(run: &Run, with_log: bool) -> String {
        let extent = Extent {
            log: with_log,
            excerpt: false,
        };
        anstream::adapter::strip_str(&lines(run, extent).join("\n")).to_string()
    }

    fn run(status: Status) -> Run {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        Run {
            status: status.into(),
            created_at: at(0),
            started_at: at(2),
            finished_at: at(75),
            ..Run::default()
        }
    }

    #[test]
    fn a_build_shows_image_and_digest() {
        let mut run = run(Status::Succeeded);
        run.build = Some(BuildResult {
            image: "127.0.0.1:5000/team/app:1".to_owned(),
            digest: "sha256:aa".to_owned(),
            confirmed: true,
            ..BuildResult::default()
        });
        insta::assert_snapshot!(shown(&run, true), @r"
        succeeded in 1m 13s
        image   127.0.0.1:5000/team/app:1
        digest  sha256:aa (the registry confirmed it)
        ");
        if let Some(build) = &mut run.build {
            build.digest_claimed = std::mem::take(&mut build.digest);
            build.confirmed = false;
            build.reason = "the credentials belong to a cloud helper".to_owned();
        }
        insta::assert_snapshot!(shown(&run, true), @r"
        succeeded in 1m 13s
        image   127.0.0.1:5000/team/app:1
        digest  sha256:aa not confirmed: the credentials belong to a cloud helper
        ");
    }

    #[test]
    fn a_failure_shows_status_and_last_lines_once() {
        let mut run = run(Status::Failed);
        run.message = "the build failed".to_owned();
        run.failure = Some(Failure {
            exit_code: 7,
            has_exit_code: true,
            container: "polyaxon-main".to_owned(),
            last_lines: vec!["no space".to_owned()],
            ..Failure::default()
        });
        insta::assert_snapshot!(shown(&run, true), @r"
        failed in 1m 13s: the build failed
        exit    container `polyaxon-main` ended with exit status 7
        last lines of the log
          no space
        ");
        assert!(!shown(&run, false).contains("no space"));
        run.message = "container `polyaxon-main` ended with exit status 7".to_owned();
        assert_eq!(shown(&run, false).matches("exit status 7").count(), 1);
        if let Some(failure) = &mut run.failure {
            failure.container = "polyaxon-init-git".to_owned();
        }
        assert!(shown(&run, false).contains("no space"));
    }

    #[test]
    fn a_stop_says_why() {
        let mut run = run(Status::Stopped);
        run.started_at = None;
        run.reason = "DeadlineExceeded".to_owned();
        assert_eq!(shown(&run, true), "stopped in 1m 15s: DeadlineExceeded");
    }
}
