//! Why a build ended, in the words of the classifier.

use polyaxon_proto::runs::v1::{DockerfileLine, Failure, Status};
use polyaxon_spec::plan::PodPlan;

use super::Known;
use super::result::cut;
use crate::classify::{
    BuildLog, Class, ContainerState, Evidence, Intent, PlatformState, Retry, Verdict, classify,
};
use crate::executor::{Ending, OBJECT_VANISHED};
use crate::machine::{End, StatusUpdate};

/// The hub's reason of a stop for lack of time.
const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
/// Last lines of an init container that count.
const INIT_LINES: usize = 20;
/// Lines of the Dockerfile that are shown before and after the one that matters.
const AROUND: u32 = 2;

/// Adds class, verdict, instruction, lines and sentences.
pub(super) fn fill(update: &mut StatusUpdate, known: &Known<'_>, log: &BuildLog) {
    let Some(end) = update.end.clone() else {
        return;
    };
    let nothing = Ending::default();
    let (intent, ending) = match &*end {
        End::Container(ending) => (None, ending),
        End::Stopped { reason } if reason == DEADLINE_EXCEEDED => (Some(Intent::Timeout), &nothing),
        End::Stopped { .. } => (Some(Intent::Stop), &nothing),
        End::Unconfirmed { .. } | End::Vanished => (None, &nothing),
    };
    let verdict = match &*end {
        End::Unconfirmed { reason, definite } => unconfirmed(reason, *definite),
        End::Vanished => vanished(&update.message),
        End::Container(ending) if ending.reason == OBJECT_VANISHED => vanished(&update.message),
        End::Container(_) | End::Stopped { .. } => {
            let platform = platform(known.pod, ending);
            let init_log = if platform.init.is_empty() {
                String::new()
            } else {
                init_log(known, ending)
            };
            classify(&Evidence {
                intent,
                exit_code: platform.main.exit_code,
                platform: &platform,
                log,
                init_log: &init_log,
                dockerfile: known.instructions,
            })
        }
    };
    let failure = update.failure.get_or_insert_default();
    put(failure, &verdict, known.text);
    if update.status == Status::Failed {
        update.reason = camel(verdict.class.as_str());
        update.message.clone_from(&verdict.message);
    } else if intent == Some(Intent::Timeout) {
        update.message.clone_from(&verdict.message);
    }
}

/// The last lines of the init container that failed.
fn init_log(known: &Known<'_>, ending: &Ending) -> String {
    let tail = known.observer.tail(&ending.container);
    let lines: Vec<&str> = tail
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return ending.last_lines.join("\n");
    }
    let from = lines.len().saturating_sub(INIT_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

fn put(failure: &mut Failure, verdict: &Verdict, text: Option<&str>) {
    verdict.class.as_str().clone_into(&mut failure.class);
    verdict.retry.as_str().clone_into(&mut failure.retry);
    failure.message.clone_from(&verdict.message);
    failure.hint.clone_from(&verdict.hint);
    if let Some(failed) = &verdict.failed_instruction {
        failure.instruction = cut(&failed.text);
    }
    if !verdict.lines.is_empty() {
        failure.last_lines.clone_from(&verdict.lines);
    }
    failure.dockerfile_line = verdict.dockerfile_line.unwrap_or_default();
    if let (Some(line), Some(text)) = (verdict.dockerfile_line, text) {
        failure.dockerfile_excerpt = excerpt(text, line);
    }
}

/// The lines around an instruction, which may go on over several of them.
fn excerpt(text: &str, line: u32) -> Vec<DockerfileLine> {
    let numbered = || (1_u32..).zip(text.lines());
    let last = numbered()
        .skip_while(|(number, _)| *number < line)
        .find(|(_, text)| !text.trim_end().ends_with('\\'))
        .map_or(line, |(number, _)| number)
        .min(line.saturating_add(10));
    numbered()
        .skip_while(|(number, _)| number.saturating_add(AROUND) < line)
        .take_while(|(number, _)| *number <= last.saturating_add(AROUND))
        .map(|(number, text)| DockerfileLine {
            number,
            text: cut(text.trim_end()),
        })
        .collect()
}

/// The executor's words for what an engine cannot do, in those of Kubernetes.
fn platform(pod: &PodPlan, ending: &Ending) -> PlatformState {
    if let Some(platform) = &ending.platform {
        return (**platform).clone();
    }
    let reason = match ending.reason.as_str() {
        "ImagePull" => "ErrImagePull",
        "CreateError" => "CreateContainerError",
        "Refused" => "CreateContainerConfigError",
        other => other,
    };
    let state = ContainerState {
        name: ending.container.clone(),
        exit_code: ending.exit_code,
        reason: reason.to_owned(),
        message: ending.message.clone(),
    };
    let is_init = pod
        .init_containers
        .iter()
        .any(|init| init.name == ending.container);
    if is_init {
        PlatformState {
            init: vec![state],
            ..PlatformState::default()
        }
    } else {
        PlatformState {
            main: state,
            ..PlatformState::default()
        }
    }
}

fn unconfirmed(reason: &str, definite: bool) -> Verdict {
    let verdict = Verdict::of(Class::PushUnconfirmed, reason);
    if definite {
        return verdict;
    }
    // The image may well be there: building it again would not make it easier to see.
    Verdict {
        retry: Retry::No,
        message: format!("the registry did not confirm the pushed image: {reason}"),
        hint: "give the agent credentials that it can use, or set `requireConfirmation: false` in its settings"
            .to_owned(),
        ..verdict
    }
}

fn vanished(message: &str) -> Verdict {
    Verdict {
        message: message.to_owned(),
        hint: "find out who removes containers on that machine, then start it again with `polyaxon run`"
            .to_owned(),
        ..Verdict::of(Class::Unknown, "")
    }
}

/// `push_denied` as `PushDenied`.
fn camel(word: &str) -> String {
    word.split('_')
        .flat_map(|part| {
            let mut letters = part.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}
