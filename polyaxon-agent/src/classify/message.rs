//! What a record of the executor's log says.

use super::log_line::Level;

const KEYWORDS: [&str; 17] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The records that tell what a build does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// The layer of this instruction comes from the cache.
    CacheHit(&'a str),
    /// The cache has no layer of this instruction.
    CacheMiss(&'a str),
    /// The manifest of this image is asked for.
    Retrieving(&'a str),
    /// A stage begins; its index among all stages of the Dockerfile.
    Stage(Option<u32>),
    /// A base image is unpacked, because this instruction needs its files.
    Unpacking(Option<&'a str>),
    /// Changed files are looked for.
    Snapshot,
    /// The instruction under way has its layer from the cache.
    LayerFromCache,
    /// This layer is pushed to the cache, beside the next instructions.
    PushingLayer(&'a str),
    /// This reference is pushed: an image, or a layer to the cache.
    PushingImage(&'a str),
    /// The image is not to be pushed.
    SkippingPush,
    /// The registry has it now, or had it before.
    Pushed {
        /// Repository without tag.
        repository: &'a str,
        /// `sha256:` and 64 hex digits.
        digest: &'a str,
    },
    /// A layer could not be stored in the cache.
    CacheError(&'a str),
    /// The files of a stage are removed.
    DeletingFiles,
    /// An instruction begins, as the Dockerfile writes it.
    Instruction(&'a str),
    /// Something that goes on beside the instructions.
    Beside,
    /// Anything else.
    Other,
}

impl<'a> Message<'a> {
    /// Reads the text of a record.
    pub(super) fn read(level: Level, text: &'a str) -> Self {
        let after = |start: &str| text.strip_prefix(start).map(str::trim_end);
        if let Some(command) = after("Using caching version of cmd: ") {
            Self::CacheHit(command)
        } else if let Some(command) = after("No cached layer found for cmd ") {
            Self::CacheMiss(command)
        } else if let Some(reference) = after("Retrieving image manifest ") {
            Self::Retrieving(reference)
        } else if let Some(rest) = after("Building stage '") {
            Self::Stage(stage_index(rest))
        } else if let Some(rest) = after("Unpacking rootfs as cmd ") {
            Self::Unpacking(rest.strip_suffix(" requires it."))
        } else if text.starts_with("Taking snapshot of ") {
            Self::Snapshot
        } else if text.starts_with("Found cached layer, ") {
            Self::LayerFromCache
        } else if let Some(rest) = after("Pushing layer ") {
            Self::PushingLayer(rest.trim_end_matches(" to cache now"))
        } else if let Some(image) = after("Pushing image to ") {
            Self::PushingImage(image)
        } else if text.starts_with("Skipping push to container registry") {
            Self::SkippingPush
        } else if let Some(named) = after("Pushed ") {
            pushed(named).unwrap_or(Self::Beside)
        } else if let Some(named) = after("Immutable tag error ignored for ") {
            pushed(named).unwrap_or(Self::Other)
        } else if let Some(reason) = after("Error uploading layer to cache: ")
            && level == Level::Warning
        {
            Self::CacheError(reason)
        } else if text.starts_with("Deleting filesystem...") {
            Self::DeletingFiles
        } else if text.starts_with("credential providers ")
            || text.starts_with("Retrying operation ")
        {
            Self::Beside
        } else if level == Level::Info && is_instruction(text) {
            Self::Instruction(text)
        } else {
            Self::Other
        }
    }

    /// Whether it tells that what went on before it is over: layers are pushed to the cache beside
    /// the next instructions.
    pub(super) fn ends_phase(self) -> bool {
        !matches!(
            self,
            Self::PushingLayer(_) | Self::PushingImage(_) | Self::Pushed { .. } | Self::Beside
        )
    }
}

fn pushed(named: &str) -> Option<Message<'_>> {
    let (repository, digest) = named.split_once('@')?;
    digest
        .starts_with("sha256:")
        .then_some(Message::Pushed { repository, digest })
}

fn is_instruction(message: &str) -> bool {
    message
        .split_once(char::is_whitespace)
        .is_some_and(|(word, rest)| {
            // The log writes it as the Dockerfile does, which may be in lower case.
            KEYWORDS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(word))
                && !rest.trim().is_empty()
        })
}

fn stage_index(rest: &str) -> Option<u32> {
    let (_, after) = rest.rsplit_once("[idx: '")?;
    let (index, _) = after.split_once('\'')?;
    index.parse().ok()
}
