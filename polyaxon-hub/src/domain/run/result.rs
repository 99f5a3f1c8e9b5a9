//! What an attempt leaves behind, as agents report it and the database keeps it as JSON.

use serde::{Deserialize, Serialize};

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
