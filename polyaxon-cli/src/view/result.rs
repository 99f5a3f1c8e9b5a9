//! What an attempt left behind, for programs.

use polyaxon_proto::runs::v1::base_image::Source;
use polyaxon_proto::runs::v1::build_step::Kind;
use polyaxon_proto::runs::v1::{BaseImage, BuildResult, BuildStep, DockerfileLine, Failure};
use serde::Serialize;

/// What a build made and did.
#[derive(Serialize)]
pub(crate) struct BuildView {
    image: String,
    digest: String,
    digest_claimed: String,
    confirmed: bool,
    reason: String,
    executor_image: String,
    base_images: Vec<BaseImageView>,
    cache_hits: Vec<String>,
    cache_misses: Vec<String>,
    cache_error: Option<String>,
    timeline: Vec<StepView>,
    layers: Option<u32>,
    size_bytes: Option<u64>,
}

#[derive(Serialize)]
struct BaseImageView {
    name: String,
    digest: Option<String>,
    /// `name` or `registry`.
    digest_source: Option<&'static str>,
}

#[derive(Serialize)]
struct StepView {
    kind: &'static str,
    instruction: Option<String>,
    stage: Option<u32>,
    seconds: f64,
    snapshot_seconds: Option<f64>,
    cached: bool,
}

/// Why an attempt failed.
#[derive(Serialize)]
pub(crate) struct FailureView {
    class: String,
    retry: Option<String>,
    message: Option<String>,
    hint: Option<String>,
    instruction: Option<String>,
    dockerfile_line: Option<u32>,
    dockerfile_excerpt: Vec<LineView>,
    exit_code: Option<i32>,
    container: String,
    last_lines: Vec<String>,
}

#[derive(Serialize)]
struct LineView {
    number: u32,
    text: String,
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl From<&BuildResult> for BuildView {
    fn from(build: &BuildResult) -> Self {
        Self {
            image: build.image.clone(),
            digest: build.digest.clone(),
            digest_claimed: build.digest_claimed.clone(),
            confirmed: build.confirmed,
            reason: build.reason.clone(),
            executor_image: build.executor_image.clone(),
            base_images: build.base_images.iter().map(BaseImageView::from).collect(),
            cache_hits: build.cache_hits.clone(),
            cache_misses: build.cache_misses.clone(),
            cache_error: filled(&build.cache_error),
            timeline: build.timeline.iter().map(StepView::from).collect(),
            layers: Some(build.layers).filter(|layers| *layers > 0),
            size_bytes: Some(build.size_bytes).filter(|size| *size > 0),
        }
    }
}

impl From<&BaseImage> for BaseImageView {
    fn from(base: &BaseImage) -> Self {
        Self {
            name: base.name.clone(),
            digest: filled(&base.digest),
            digest_source: match base.digest_source() {
                Source::Name => Some("name"),
                Source::Registry => Some("registry"),
                Source::Unspecified => None,
            },
        }
    }
}

impl From<&BuildStep> for StepView {
    fn from(step: &BuildStep) -> Self {
        let is_instruction = step.kind() == Kind::Instruction;
        let has_stage = is_instruction || step.kind() == Kind::Unpack;
        Self {
            kind: step_name(step.kind()),
            instruction: filled(&step.instruction),
            stage: has_stage.then_some(step.stage),
            seconds: step.seconds,
            snapshot_seconds: is_instruction.then_some(step.snapshot_seconds),
            cached: step.cached,
        }
    }
}

/// The word for a part of a build's time.
pub(crate) fn step_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Prepare => "prepare",
        Kind::Push => "push",
        Kind::Unpack => "unpack",
        Kind::Instruction | Kind::Unspecified => "instruction",
    }
}

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        Self {
            class: failure.class.clone(),
            retry: filled(&failure.retry),
            message: filled(&failure.message),
            hint: filled(&failure.hint),
            instruction: filled(&failure.instruction),
            dockerfile_line: Some(failure.dockerfile_line).filter(|line| *line > 0),
            dockerfile_excerpt: failure
                .dockerfile_excerpt
                .iter()
                .map(LineView::from)
                .collect(),
            exit_code: failure.has_exit_code.then_some(failure.exit_code),
            container: failure.container.clone(),
            last_lines: failure.last_lines.clone(),
        }
    }
}

impl From<&DockerfileLine> for LineView {
    fn from(line: &DockerfileLine) -> Self {
        Self {
            number: line.number,
            text: line.text.clone(),
        }
    }
}
