//! Why a build ended: from what is known of it to a class, the failed instruction, a sentence on
//! what happened and one on what to change.
//!
//! Pure: the log is read by [`BuildLog`] while it streams, the platform's state is a value.

mod build_log;
mod class;
mod dockerfile;
mod error_rules;
mod explain;
mod final_error;
mod log_line;
mod message;
mod platform;
mod registry_error;

pub use build_log::{BuildLog, Pushed, Step, Unpacking};
pub use class::{Class, Retry};
pub use dockerfile::{Instruction, Instructions};
pub use platform::{ContainerState, Intent, PlatformState};

use error_rules::Finding;
use explain::Subject;

/// Exit status of a process that was killed with SIGKILL.
const KILLED: i32 = 137;
/// Exit status of a crash of the Go runtime.
const CRASHED: i32 = 2;

/// Everything that is known of an ended attempt.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What we had asked for.
    pub intent: Option<Intent>,
    /// Exit status of the executor; `None` if it never ran or nobody saw it end.
    pub exit_code: Option<i32>,
    /// Job, pod and containers.
    pub platform: &'a PlatformState,
    /// The executor's log.
    pub log: &'a BuildLog,
    /// The log of the init container that failed; empty if none did.
    pub init_log: &'a str,
    /// The Dockerfile, where it is known.
    pub dockerfile: Option<&'a Instructions>,
}

/// The instruction at which a build ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedInstruction {
    /// As the log writes it.
    pub text: String,
    /// Its line in the Dockerfile, from 1, where the Dockerfile is known.
    pub line: Option<u32>,
}

/// Why a build ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The class.
    pub class: Class,
    /// Whether another attempt can help.
    pub retry: Retry,
    /// The instruction at which it ended.
    pub failed_instruction: Option<FailedInstruction>,
    /// Line of the Dockerfile that the error names; that of the instruction if there is one.
    pub dockerfile_line: Option<u32>,
    /// What happened, one sentence.
    pub message: String,
    /// What to change, one sentence.
    pub hint: String,
    /// The lines of the log that matter, oldest first.
    pub lines: Vec<String>,
}

/// Says why an attempt ended.
pub fn classify(evidence: &Evidence<'_>) -> Verdict {
    let finding = find(evidence);
    let failed_instruction = failed_instruction(evidence, &finding);
    let subject = Subject {
        words: &finding.error,
        instruction: failed_instruction
            .as_ref()
            .map(|failed| failed.text.as_str()),
        exit_code: evidence.exit_code,
        missing_path: finding.missing_path.as_deref(),
        retry: Some(finding.retry),
    };
    Verdict {
        message: explain::message(finding.class, &subject),
        hint: explain::hint(finding.class, &subject),
        class: finding.class,
        retry: finding.retry,
        dockerfile_line: finding
            .line
            .or(failed_instruction.as_ref().and_then(|failed| failed.line)),
        failed_instruction,
        lines: lines(evidence, &finding),
    }
}

impl Verdict {
    /// A verdict that needs no evidence: `words` say what was seen.
    pub fn of(class: Class, words: &str) -> Self {
        let subject = Subject {
            words,
            retry: Some(class.retry()),
            ..Subject::default()
        };
        Self {
            class,
            retry: class.retry(),
            failed_instruction: None,
            dockerfile_line: None,
            message: explain::message(class, &subject),
            hint: explain::hint(class, &subject),
            lines: Vec::new(),
        }
    }
}

fn finding(class: Class, retry: Retry, words: &str, at_instruction: bool) -> Finding {
    Finding {
        class,
        retry,
        error: words.to_owned(),
        at_instruction,
        missing_path: None,
        line: None,
    }
}

fn plain(class: Class, words: &str, at_instruction: bool) -> Finding {
    finding(class, class.retry(), words, at_instruction)
}

fn find(evidence: &Evidence<'_>) -> Finding {
    let log = evidence.log;
    match evidence.intent {
        Some(Intent::Stop) => return plain(Class::Cancelled, "", true),
        Some(Intent::Timeout) => return plain(Class::TimedOut, "", true),
        None => {}
    }
    if let Some(decision) = evidence.platform.decide(evidence.init_log) {
        return finding(decision.class, decision.retry, &decision.words, true);
    }
    if evidence.exit_code == Some(0) {
        return match log.cache_errors().first() {
            Some(words) => plain(Class::CacheDegraded, words, false),
            None => plain(Class::Success, "", false),
        };
    }
    let final_error = log.final_error();
    match (evidence.exit_code, final_error) {
        (Some(KILLED), None) => plain(Class::Oom, "", true),
        (Some(CRASHED), None) if log.crash_line().is_some() => plain(
            Class::ExecutorBug,
            log.crash_line().unwrap_or_default(),
            false,
        ),
        (_, Some(error)) => of_final_error(log, &error),
        (_, None) => plain(Class::Unknown, "", false),
    }
}

fn of_final_error(log: &BuildLog, error: &str) -> Finding {
    let mut finding = error_rules::read(error);
    if finding.class == Class::RunFailed
        && let Some(line) = log.disk_full_line()
    {
        finding.class = Class::DiskFull;
        finding.retry = Class::DiskFull.retry();
        line.clone_into(&mut finding.error);
    }
    finding
}

fn failed_instruction(evidence: &Evidence<'_>, finding: &Finding) -> Option<FailedInstruction> {
    if !finding.at_instruction {
        return None;
    }
    if let Some(path) = &finding.missing_path {
        return copying(evidence, path);
    }
    let log = evidence.log;
    let step = log.current_step()?;
    let before = log
        .steps()
        .iter()
        .filter(|known| known.instruction == step.instruction && known.stage == step.stage)
        .count()
        .saturating_sub(1);
    let line = evidence
        .dockerfile
        .and_then(|file| file.find(&step.instruction, step.stage, before))
        .map(|instruction| instruction.line);
    Some(FailedInstruction {
        text: step.instruction.clone(),
        line,
    })
}

/// Files to copy are looked for before the first instruction of a stage begins.
fn copying(evidence: &Evidence<'_>, path: &str) -> Option<FailedInstruction> {
    if let Some(instruction) = evidence.dockerfile.and_then(|file| file.copying(path)) {
        return Some(FailedInstruction {
            text: instruction.text.clone(),
            line: Some(instruction.line),
        });
    }
    // An instruction that the base image brings (`ONBUILD`), or no Dockerfile at hand.
    let text = evidence.log.unpacking_for()?;
    Instructions::read(text).copying(path)?;
    Some(FailedInstruction {
        text: text.to_owned(),
        line: None,
    })
}

fn lines(evidence: &Evidence<'_>, finding: &Finding) -> Vec<String> {
    if evidence.log.last_lines().is_empty() {
        let words = if evidence.init_log.is_empty() {
            &finding.error
        } else {
            evidence.init_log
        };
        return words.lines().map(str::to_owned).collect();
    }
    evidence.log.last_lines()
}

#[cfg(test)]
mod tests;
