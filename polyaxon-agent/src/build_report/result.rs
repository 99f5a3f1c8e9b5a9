//! What a build did.

use std::time::Duration;

use polyaxon_proto::runs::v1::base_image::Source;
use polyaxon_proto::runs::v1::build_step::Kind;
use polyaxon_proto::runs::v1::{BaseImage, BuildStep};
use polyaxon_spec::plan::PodPlan;

use super::{BuildObserver, Known, dockerfile};
use crate::classify::{BuildLog, Instructions, Unpacking};
use crate::machine::StatusUpdate;

/// Entries of a list that are sent.
const MAX_ENTRIES: usize = 500;
/// Characters of an instruction that are sent.
const MAX_CHARACTERS: usize = 500;

pub(super) fn cut(text: &str) -> String {
    text.chars().take(MAX_CHARACTERS).collect()
}

fn all_cut(texts: &[String]) -> Vec<String> {
    texts
        .iter()
        .take(MAX_ENTRIES)
        .map(|text| cut(text))
        .collect()
}

/// Adds what the log says; a build that never wrote a line has no result.
pub(super) fn fill(update: &mut StatusUpdate, known: &Known<'_>, log: &BuildLog) {
    if update.build.is_none() && log.steps().is_empty() && log.retrieved().is_empty() {
        return;
    }
    let build = update.build.get_or_insert_default();
    build.base_images = base_images(known.pod, known.instructions, log)
        .iter()
        .take(MAX_ENTRIES)
        .map(|image| base_image(image, known.observer))
        .collect();
    build.cache_hits = all_cut(log.cache_hits());
    build.cache_misses = all_cut(log.cache_misses());
    build.timeline = timeline(log);
    build.cache_error = log.cache_errors().first().cloned().unwrap_or_default();
}

/// Images that a build starts from: those of the Dockerfile, else those of the log.
pub(super) fn base_images(
    pod: &PodPlan,
    instructions: Option<&Instructions>,
    log: &BuildLog,
) -> Vec<String> {
    let mut images = match instructions {
        Some(file) => file.base_images(&dockerfile::flag(pod, "build-arg")),
        None => log.retrieved().to_vec(),
    };
    images.retain(|image| image != "scratch");
    images
}

fn base_image(name: &str, observer: &BuildObserver) -> BaseImage {
    let (digest, source) = match name.split_once('@') {
        Some((_, digest)) => (digest.to_owned(), Source::Name),
        None => match observer.base_digest(name) {
            Some(digest) => (digest, Source::Registry),
            None => (String::new(), Source::Unspecified),
        },
    };
    BaseImage {
        name: cut(name),
        digest,
        digest_source: source.into(),
    }
}

fn seconds(from: Option<i64>, to: Option<i64>) -> f64 {
    let nanos = from.zip(to).map_or(0, |(from, to)| to.saturating_sub(from));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or_default()).as_secs_f64()
}

fn timeline(log: &BuildLog) -> Vec<BuildStep> {
    let Some((first, last)) = log.span_ns() else {
        return Vec::new();
    };
    let begun = log
        .unpackings()
        .first()
        .and_then(|unpacking| unpacking.started_ns)
        .or(log.steps().first().and_then(|step| step.started_ns));
    let mut timeline = vec![BuildStep {
        kind: Kind::Prepare.into(),
        seconds: seconds(Some(first), begun.or(log.push_started_ns()).or(Some(last))),
        ..BuildStep::default()
    }];
    let mut unpackings = log.unpackings().iter().peekable();
    for (index, step) in log.steps().iter().take(MAX_ENTRIES).enumerate() {
        while let Some(unpacking) = unpackings.next_if(|one| one.after_steps <= index) {
            timeline.push(unpacked(unpacking, last));
        }
        timeline.push(BuildStep {
            kind: Kind::Instruction.into(),
            instruction: cut(&step.instruction),
            stage: step.stage.unwrap_or_default(),
            seconds: seconds(step.started_ns, step.ended_ns.or(Some(last))),
            cached: step.cached,
            snapshot_seconds: seconds(Some(0), Some(step.snapshot_ns)),
        });
    }
    timeline.extend(
        unpackings
            .take(MAX_ENTRIES)
            .map(|unpacking| unpacked(unpacking, last)),
    );
    if let Some(started) = log.push_started_ns() {
        timeline.push(BuildStep {
            kind: Kind::Push.into(),
            seconds: seconds(Some(started), Some(last)),
            ..BuildStep::default()
        });
    }
    timeline
}

fn unpacked(unpacking: &Unpacking, last: i64) -> BuildStep {
    BuildStep {
        kind: Kind::Unpack.into(),
        stage: unpacking.stage.unwrap_or_default(),
        seconds: seconds(unpacking.started_ns, unpacking.ended_ns.or(Some(last))),
        ..BuildStep::default()
    }
}
