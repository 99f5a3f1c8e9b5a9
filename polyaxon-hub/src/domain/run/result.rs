//! What an attempt leaves behind, as agents report it and the database keeps it as JSON.

use serde::{Deserialize, Serialize};

use crate::domain::time::Millis;

/// What a build made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildResult {
    /// The reference without digest.
    pub image: String,
    /// Confirmed by the registry.
    pub digest: String,
    /// What the executor named and nobody confirmed.
    pub digest_claimed: String,
    /// The registry has the digest.
    pub confirmed: bool,
    /// Why it is not confirmed.
    pub reason: String,
    /// The image that executed.
    pub executor_image: String,
    /// Images that it started from.
    pub base_images: Vec<BaseImage>,
    /// Instructions whose layer came from the cache.
    pub cache_hits: Vec<String>,
    /// Instructions whose layer the cache did not have.
    pub cache_misses: Vec<String>,
    /// What it spent its time on, in order.
    pub timeline: Vec<BuildStep>,
    /// Layers of the image; 0: not known.
    pub layers: u32,
    /// Bytes of the image in the registry; 0: not known.
    pub size_bytes: u64,
    /// Why layers could not be stored in the cache; empty: they could.
    pub cache_error: String,
}

/// An image that a build started from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BaseImage {
    /// As the Dockerfile names it.
    pub name: String,
    /// Empty: not known.
    pub digest: String,
    /// How the digest is known.
    pub digest_source: Option<DigestSource>,
}

/// How the digest of a base image is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestSource {
    /// The name says it.
    Name,
    /// The registry had it under that name when the build had ended.
    Registry,
}

/// One part of a build's time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildStep {
    /// Which part.
    pub kind: StepKind,
    /// The instruction, if it is one.
    pub instruction: String,
    /// Index of its stage.
    pub stage: u32,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Its layer came from the cache.
    pub cached: bool,
    /// How much of it looking for changed files took, in milliseconds.
    pub snapshot_ms: u64,
}

/// Which part of a build's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Everything before the first instruction.
    Prepare,
    /// One instruction.
    #[default]
    Instruction,
    /// The push of the image.
    Push,
    /// Unpacking a stage's base image.
    Unpack,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// Empty: not classified.
    pub class: String,
    /// Exit status of the container.
    pub exit_code: Option<i32>,
    /// The container that ended it.
    pub container: String,
    /// The last lines of its log.
    pub last_lines: Vec<String>,
    /// Whether another attempt can help; `None`: not classified.
    pub retry: Option<Retry>,
    /// What happened.
    pub message: String,
    /// What to change.
    pub hint: String,
    /// The instruction at which it ended.
    pub instruction: String,
    /// Line of the Dockerfile, from 1; 0: not known.
    pub dockerfile_line: u32,
    /// Lines around it, with their numbers.
    pub dockerfile_excerpt: Vec<(u32, String)>,
}

/// An attempt that failed and was followed by another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EarlierAttempt {
    /// From 1.
    pub attempt: u32,
    /// Why it failed, without the lines of log and Dockerfile.
    pub failure: Failure,
    /// When the hub heard of it.
    pub ended_at: Millis,
}

impl Failure {
    /// The failure without the lines of log and Dockerfile.
    #[must_use]
    pub fn brief(mut self) -> Self {
        self.last_lines.clear();
        self.dockerfile_excerpt.clear();
        self
    }
}

/// Whether another attempt can help.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Retry {
    /// The same input fails again.
    No,
    /// A new attempt may pass.
    Yes,
    /// Only with a changed setting.
    Once,
    /// After a longer pause.
    Wait,
}
