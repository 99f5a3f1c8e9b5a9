//! What an attempt leaves behind, between our values and those of the protocol.

use polyaxon_proto::runs::v1 as runs;
use polyaxon_proto::runs::v1::base_image::Source;
use polyaxon_proto::runs::v1::build_step::Kind;

use super::convert::timestamp;
use crate::domain::run::{
    BaseImage, BuildResult, BuildStep, DigestSource, EarlierAttempt, Failure, StepKind,
};

/// Entries of a list that are kept; agents send far fewer.
const MAX_ENTRIES: usize = 2000;

fn kept<T, U>(list: Vec<T>, convert: impl FnMut(T) -> U) -> Vec<U> {
    list.into_iter().take(MAX_ENTRIES).map(convert).collect()
}

pub(super) fn wire_build(build: BuildResult) -> runs::BuildResult {
    runs::BuildResult {
        image: build.image,
        digest: build.digest,
        digest_claimed: build.digest_claimed,
        confirmed: build.confirmed,
        reason: build.reason,
        executor_image: build.executor_image,
        base_images: kept(build.base_images, |base| runs::BaseImage {
            name: base.name,
            digest: base.digest,
            digest_source: base
                .digest_source
                .map_or(Source::Unspecified, wire_source)
                .into(),
        }),
        cache_hits: build.cache_hits,
        cache_misses: build.cache_misses,
        timeline: kept(build.timeline, wire_step),
        layers: build.layers,
        size_bytes: build.size_bytes,
        cache_error: build.cache_error,
    }
}

fn wire_step(step: BuildStep) -> runs::BuildStep {
    let kind = match step.kind {
        StepKind::Prepare => Kind::Prepare,
        StepKind::Instruction => Kind::Instruction,
        StepKind::Push => Kind::Push,
        StepKind::Unpack => Kind::Unpack,
    };
    runs::BuildStep {
        kind: kind.into(),
        instruction: step.instruction,
        stage: step.stage,
        seconds: std::time::Duration::from_millis(step.duration_ms).as_secs_f64(),
        cached: step.cached,
        snapshot_seconds: std::time::Duration::from_millis(step.snapshot_ms).as_secs_f64(),
    }
}

fn wire_source(source: DigestSource) -> Source {
    match source {
        DigestSource::Name => Source::Name,
        DigestSource::Registry => Source::Registry,
    }
}

fn digest_source(wire: Source) -> Option<DigestSource> {
    match wire {
        Source::Name => Some(DigestSource::Name),
        Source::Registry => Some(DigestSource::Registry),
        Source::Unspecified => None,
    }
}

pub(super) fn wire_earlier(earlier: EarlierAttempt) -> runs::EarlierAttempt {
    runs::EarlierAttempt {
        attempt: earlier.attempt,
        failure: Some(wire_failure(earlier.failure)),
        ended_at: Some(timestamp(earlier.ended_at)),
    }
}

pub(super) fn build(wire: runs::BuildResult) -> BuildResult {
    BuildResult {
        image: wire.image,
        digest: wire.digest,
        digest_claimed: wire.digest_claimed,
        confirmed: wire.confirmed,
        reason: wire.reason,
        executor_image: wire.executor_image,
        base_images: kept(wire.base_images, |base| BaseImage {
            digest_source: digest_source(base.digest_source()),
            name: base.name,
            digest: base.digest,
        }),
        cache_hits: kept(wire.cache_hits, |hit| hit),
        cache_misses: kept(wire.cache_misses, |miss| miss),
        timeline: kept(wire.timeline, step),
        layers: wire.layers,
        size_bytes: wire.size_bytes,
        cache_error: wire.cache_error,
    }
}

fn step(wire: runs::BuildStep) -> BuildStep {
    let kind = match wire.kind() {
        Kind::Prepare => StepKind::Prepare,
        Kind::Push => StepKind::Push,
        Kind::Unpack => StepKind::Unpack,
        Kind::Instruction | Kind::Unspecified => StepKind::Instruction,
    };
    let milliseconds = |seconds| {
        let duration = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
        u64::try_from(duration.as_millis()).unwrap_or_default()
    };
    BuildStep {
        kind,
        instruction: wire.instruction,
        stage: wire.stage,
        duration_ms: milliseconds(wire.seconds),
        cached: wire.cached,
        snapshot_ms: milliseconds(wire.snapshot_seconds),
    }
}

pub(super) fn wire_failure(failure: Failure) -> runs::Failure {
    let retry = failure.retry.map_or("", <&'static str>::from);
    runs::Failure {
        class: failure.class,
        exit_code: failure.exit_code.unwrap_or_default(),
        has_exit_code: failure.exit_code.is_some(),
        container: failure.container,
        last_lines: failure.last_lines,
        retry: retry.to_owned(),
        message: failure.message,
        hint: failure.hint,
        instruction: failure.instruction,
        dockerfile_line: failure.dockerfile_line,
        dockerfile_excerpt: kept(failure.dockerfile_excerpt, |(number, text)| {
            runs::DockerfileLine { number, text }
        }),
    }
}

pub(super) fn failure(wire: runs::Failure) -> Failure {
    Failure {
        // A word that this hub does not know counts as no verdict.
        retry: wire.retry.parse().ok(),
        exit_code: wire.has_exit_code.then_some(wire.exit_code),
        class: wire.class,
        container: wire.container,
        last_lines: kept(wire.last_lines, |line| line),
        message: wire.message,
        hint: wire.hint,
        instruction: wire.instruction,
        dockerfile_line: wire.dockerfile_line,
        dockerfile_excerpt: kept(wire.dockerfile_excerpt, |line| (line.number, line.text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_agent_database_and_user() {
        let sent = runs::BuildResult {
            image: "r/a:1".into(),
            digest: "sha256:1".into(),
            digest_claimed: "sha256:2".into(),
            confirmed: true,
            reason: "because".into(),
            executor_image: "kaniko".into(),
            base_images: vec![runs::BaseImage {
                name: "busybox".into(),
                digest: "sha256:3".into(),
                digest_source: Source::Registry.into(),
            }],
            cache_hits: vec!["RUN a".into()],
            cache_misses: vec!["RUN b".into()],
            timeline: vec![runs::BuildStep {
                kind: Kind::Push.into(),
                instruction: "x".into(),
                stage: 2,
                seconds: 1.25,
                cached: true,
                snapshot_seconds: 0.5,
            }],
            layers: 3,
            size_bytes: 9,
            cache_error: "denied".into(),
        };
        let stored = serde_json::to_string(&build(sent.clone())).unwrap();
        assert_eq!(wire_build(serde_json::from_str(&stored).unwrap()), sent);
        let sent = runs::Failure {
            class: "run_failed".into(),
            exit_code: 7,
            has_exit_code: true,
            container: "polyaxon-main".into(),
            last_lines: vec!["one".into()],
            retry: "once".into(),
            message: "it failed".into(),
            hint: "change it".into(),
            instruction: "RUN x".into(),
            dockerfile_line: 4,
            dockerfile_excerpt: vec![runs::DockerfileLine {
                number: 4,
                text: "RUN x".into(),
            }],
        };
        let stored = serde_json::to_string(&failure(sent.clone())).unwrap();
        assert_eq!(wire_failure(serde_json::from_str(&stored).unwrap()), sent);
    }

    #[test]
    fn strange_values_do_no_harm() {
        let wire = runs::BuildStep {
            seconds: f64::NAN,
            snapshot_seconds: -1.0,
            kind: 99,
            ..runs::BuildStep::default()
        };
        assert_eq!(step(wire), BuildStep::default());
        let wire = runs::Failure {
            retry: "perhaps".into(),
            ..runs::Failure::default()
        };
        assert_eq!(failure(wire).retry, None);
        let old: Failure = serde_json::from_str(r#"{"class":"oom","exit_code":137}"#).unwrap();
        assert_eq!((old.class.as_str(), old.retry), ("oom", None));
    }
}
