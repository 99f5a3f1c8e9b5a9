//! What a build did, read from its log while it streams.

use std::collections::VecDeque;

use serde::Serialize;

use super::final_error::FinalErrorFinder;
use super::log_line::{Level, LogLine};
use super::message::Message;
use polyaxon_registry::Reference;

/// Last lines kept for a message; table 3.5 of error classes shows 20 of them.
const LAST_LINES: usize = 20;
/// Characters kept of a shown line.
const MAX_SHOWN: usize = 1000;
/// Facts of one kind kept; a log is input from outside.
const MAX_FACTS: usize = 10_000;
/// Bytes of all facts together.
const MAX_FACT_BYTES: usize = 1024 * 1024;
/// A line longer than this is cut; the rest does not change what it means.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// One instruction that the executor began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The instruction as the log writes it, continuation lines joined.
    pub instruction: String,
    /// Index of its stage among all stages of the Dockerfile.
    pub stage: Option<u32>,
    /// When it began, unix nanoseconds of the container's runtime.
    pub started_ns: Option<i64>,
    /// When the next thing began.
    pub ended_ns: Option<i64>,
    /// Its layer came from the cache.
    pub cached: bool,
    /// Nanoseconds of it that looking for changed files took.
    pub snapshot_ns: i64,
}

/// The unpacking of a base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unpacking {
    /// Number of steps before it.
    pub after_steps: usize,
    /// Index of its stage among all stages of the Dockerfile.
    pub stage: Option<u32>,
    /// When it began, unix nanoseconds of the container's runtime.
    pub started_ns: Option<i64>,
    /// When the next thing began.
    pub ended_ns: Option<i64>,
}

/// An image that was pushed or recognised as being there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// Repository without tag.
    pub repository: String,
    /// `sha256:` and 64 hex digits.
    pub digest: String,
}

/// Everything that the log of one container says, in bounded memory.
#[derive(Debug, Clone, Default)]
pub struct BuildLog {
    pending: Vec<u8>,
    finder: FinalErrorFinder,
    steps: Vec<Step>,
    stage: Option<u32>,
    unpacking_for: Option<String>,
    unpackings: Vec<Unpacking>,
    /// Since when changed files are looked for.
    snapshot_since: Option<i64>,
    retrieved: Vec<String>,
    cache_hits: Vec<String>,
    cache_misses: Vec<String>,
    pushed: Vec<Pushed>,
    cache_errors: Vec<String>,
    building: bool,
    pushing: bool,
    /// References of cache layers whose push was announced.
    cache_pushes: Vec<String>,
    crash: Option<String>,
    disk_full: Option<String>,
    last_lines: VecDeque<String>,
    /// Bytes of facts kept so far.
    kept: usize,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    push_ns: Option<i64>,
}

fn shown(text: &str) -> String {
    text.trim_end().chars().take(MAX_SHOWN).collect()
}

impl BuildLog {
    /// Reads a whole log.
    pub fn read(log: &[u8]) -> Self {
        let mut read = Self::default();
        read.push(log, None);
        read.finish();
        read
    }

    /// Takes the next bytes; lines may be cut anywhere. `at_ns` is when the runtime saw them,
    /// unix nanoseconds.
    pub fn push(&mut self, bytes: &[u8], at_ns: Option<i64>) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if self.pending.is_empty() {
                self.line(line, at_ns);
            } else {
                self.hold(line);
                let whole = std::mem::take(&mut self.pending);
                self.line(&whole, at_ns);
            }
        }
        self.hold(rest);
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = MAX_LINE_BYTES.saturating_sub(self.pending.len());
        self.pending
            .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Takes the last line if it has no end.
    pub fn finish(&mut self) {
        if !self.pending.is_empty() {
            let whole = std::mem::take(&mut self.pending);
            self.line(&whole, None);
        }
    }

    fn line(&mut self, line: &[u8], at_ns: Option<i64>) {
        self.first_ns = self.first_ns.or(at_ns);
        self.last_ns = self.last_ns.max(at_ns);
        let line = LogLine::read(line.strip_suffix(b"\r").unwrap_or(line));
        self.finder.line(&line);
        if !line.plain.is_empty() {
            self.plain(&line.plain);
        }
        if let Some((level, message)) = line.record {
            self.record(level, &message, at_ns);
        }
    }

    fn plain(&mut self, text: &str) {
        let crashed = ["SIGQUIT: quit", "SIGABRT: abort", "panic: "]
            .iter()
            .any(|word| text.starts_with(word));
        if crashed && self.crash.is_none() {
            self.crash = Some(shown(text));
        }
        if self.disk_full.is_none() && is_disk_full(text) {
            self.disk_full = Some(shown(text));
        }
        self.show(text);
    }

    fn show(&mut self, text: &str) {
        if self.last_lines.len() == LAST_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(shown(text));
    }

    /// Whether there is room for another fact of this length.
    fn has_room(&mut self, facts: usize, bytes: usize) -> bool {
        let kept = self.kept.saturating_add(bytes);
        let has_room = facts < MAX_FACTS && kept <= MAX_FACT_BYTES;
        if has_room {
            self.kept = kept;
        }
        has_room
    }

    fn record(&mut self, level: Level, text: &str, at_ns: Option<i64>) {
        if level != Level::Debug {
            self.show(text);
        }
        let message = Message::read(level, text);
        if level == Level::Info && message.ends_phase() {
            self.end_phase(at_ns);
        }
        match message {
            Message::CacheHit(command) => {
                if self.has_room(self.cache_hits.len(), command.len()) {
                    self.cache_hits.push(command.to_owned());
                }
            }
            Message::CacheMiss(command) => {
                if self.has_room(self.cache_misses.len(), command.len()) {
                    self.cache_misses.push(command.to_owned());
                }
            }
            Message::Retrieving(reference) => self.retrieving(reference),
            Message::Stage(index) => {
                self.building = true;
                self.end_step(at_ns);
                self.stage = index;
            }
            Message::Unpacking(instruction) => self.unpacking(instruction, at_ns),
            Message::Snapshot => self.snapshot_since = at_ns,
            Message::LayerFromCache => {
                if let Some(step) = self.steps.last_mut() {
                    step.cached = true;
                }
            }
            Message::PushingLayer(layer) => {
                if self.has_room(self.cache_pushes.len(), layer.len()) {
                    self.cache_pushes.push(layer.to_owned());
                }
            }
            Message::PushingImage(image) => self.pushing_image(image, at_ns),
            Message::SkippingPush => {
                self.end_step(at_ns);
                self.pushing = true;
            }
            Message::Pushed { repository, digest } => {
                if self.has_room(self.pushed.len(), repository.len() + digest.len()) {
                    self.pushed.push(Pushed {
                        repository: repository.to_owned(),
                        digest: digest.to_owned(),
                    });
                }
            }
            Message::CacheError(reason) => {
                if self.has_room(self.cache_errors.len(), reason.len()) {
                    self.cache_errors.push(shown(reason));
                }
            }
            Message::DeletingFiles => self.end_step(at_ns),
            Message::Instruction(instruction) if self.building => self.step(instruction, at_ns),
            Message::Instruction(_) | Message::Beside | Message::Other => {}
        }
    }

    fn step(&mut self, instruction: &str, at_ns: Option<i64>) {
        self.end_step(at_ns);
        if self.has_room(self.steps.len(), instruction.len()) {
            self.steps.push(Step {
                instruction: instruction.to_owned(),
                stage: self.stage,
                started_ns: at_ns,
                ended_ns: None,
                cached: false,
                snapshot_ns: 0,
            });
        }
    }

    fn unpacking(&mut self, instruction: Option<&str>, at_ns: Option<i64>) {
        self.unpacking_for = instruction.map(str::to_owned);
        if self.unpackings.len() < MAX_FACTS {
            self.unpackings.push(Unpacking {
                after_steps: self.steps.len(),
                stage: self.stage,
                started_ns: at_ns,
                ended_ns: None,
            });
        }
    }

    /// A cache push runs beside the next instructions, the image's own ends them.
    fn pushing_image(&mut self, image: &str, at_ns: Option<i64>) {
        let is_layer = |layer: &String| same_image(layer, image);
        if !self.cache_pushes.iter().any(is_layer) {
            self.end_phase(at_ns);
            self.end_step(at_ns);
            self.pushing = true;
            self.push_ns = self.push_ns.or(at_ns);
        }
    }

    /// What the executor was doing between two lines is over.
    fn end_phase(&mut self, at_ns: Option<i64>) {
        if let Some(unpacking) = self.unpackings.last_mut()
            && unpacking.ended_ns.is_none()
        {
            unpacking.ended_ns = at_ns;
        }
        if let Some((since, now)) = self.snapshot_since.take().zip(at_ns)
            && let Some(step) = self.steps.last_mut()
        {
            let taken = now.saturating_sub(since).max(0);
            step.snapshot_ns = step.snapshot_ns.saturating_add(taken);
        }
    }

    fn retrieving(&mut self, reference: &str) {
        if !self.retrieved.iter().any(|known| known == reference)
            && self.has_room(self.retrieved.len(), reference.len())
        {
            self.retrieved.push(reference.to_owned());
        }
    }

    fn end_step(&mut self, at_ns: Option<i64>) {
        if let Some(step) = self.steps.last_mut()
            && step.ended_ns.is_none()
        {
            step.ended_ns = at_ns;
        }
    }

    /// The executor's own last words, without colours.
    pub fn final_error(&self) -> Option<String> {
        self.finder.finish()
    }

    /// Instructions in the order in which they began.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The instruction that was under way when the log ended; none once the push has begun.
    pub fn current_step(&self) -> Option<&Step> {
        self.steps.last().filter(|_| !self.pushing)
    }

    /// Whether the push of the image has begun.
    pub fn is_pushing(&self) -> bool {
        self.pushing
    }

    /// The instruction that made the executor unpack the base image last.
    pub fn unpacking_for(&self) -> Option<&str> {
        self.unpacking_for.as_deref()
    }

    /// Base images that were unpacked, in order.
    pub fn unpackings(&self) -> &[Unpacking] {
        &self.unpackings
    }

    /// When the first and the last line were written, unix nanoseconds of the runtime.
    pub fn span_ns(&self) -> Option<(i64, i64)> {
        self.first_ns.zip(self.last_ns)
    }

    /// When the push of the image began, unix nanoseconds of the runtime.
    pub fn push_started_ns(&self) -> Option<i64> {
        self.push_ns
    }

    /// Images whose manifests were asked for, in order.
    pub fn retrieved(&self) -> &[String] {
        &self.retrieved
    }

    /// Instructions whose layer came from the cache.
    pub fn cache_hits(&self) -> &[String] {
        &self.cache_hits
    }

    /// Instructions whose layer the cache did not have; lookups stop at the first of a stage.
    pub fn cache_misses(&self) -> &[String] {
        &self.cache_misses
    }

    /// Why layers could not be stored in the cache.
    pub fn cache_errors(&self) -> &[String] {
        &self.cache_errors
    }

    /// Digest of the image that was pushed to one of `destinations`; cache pushes use the same
    /// words with the cache's repository.
    pub fn digest(&self, destinations: &[String]) -> Option<&str> {
        self.pushed
            .iter()
            .rev()
            .find(|pushed| {
                destinations
                    .iter()
                    .any(|destination| same_repository(destination, &pushed.repository))
            })
            .map(|pushed| pushed.digest.as_str())
    }

    /// A line of a command that says that a disk is full.
    pub fn disk_full_line(&self) -> Option<&str> {
        self.disk_full.as_deref()
    }

    /// The first line that a crash of the executor, or of a command, printed.
    pub fn crash_line(&self) -> Option<&str> {
        self.crash.as_deref()
    }

    /// The last lines, oldest first, rendered without the executor's own marks.
    pub fn last_lines(&self) -> Vec<String> {
        self.last_lines.iter().cloned().collect()
    }
}

fn is_disk_full(text: &str) -> bool {
    text.trim_end().ends_with("No space left on device")
        && text.split_once(": ").is_some_and(|(program, _)| {
            !program.is_empty() && !program.contains(char::is_whitespace)
        })
}

/// The same repository and tag, however the registry is written.
fn same_image(one: &str, other: &str) -> bool {
    fn tag(image: &str) -> &str {
        let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
        name.split_once(':').map_or("", |(_, tag)| tag)
    }
    one == other || (tag(one) == tag(other) && same_repository(one, other))
}

/// Tags and digests do not count. What is no reference was not pushed to.
fn same_repository(reference: &str, pushed: &str) -> bool {
    Reference::parse(reference).is_ok_and(|reference| Reference::parse(pushed) == Ok(reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = concat!(
        "INFO[0000] Retrieving image manifest acme/base:1\n",
        "INFO[0000] Building stage 'acme/base:1' [idx: '2', base-idx: '-1']\n",
        "INFO[0000] Checking for cached layer r/c:1...\n",
        "INFO[0000] Using caching version of cmd: RUN a\n",
        "INFO[0000] No cached layer found for cmd RUN b\n",
        "INFO[0000] RUN a\nINFO[0000] RUN b\nout",
        "INFO[0001] Pushing layer r.test/c:1 to cache now\n",
        "INFO[0001] Pushing image to r.test/c:1\n",
        "INFO[0001] COPY x /x\n",
        "INFO[0001] Pushed r.test/c@sha256:11\n",
    );

    #[test]
    fn a_cache_push_is_neither_the_image_nor_the_end() {
        let mut log = BuildLog::read(LOG.as_bytes());
        assert_eq!(log.cache_hits(), ["RUN a"]);
        assert_eq!(log.cache_misses(), ["RUN b"]);
        let current = log
            .current_step()
            .map(|step| (step.instruction.as_str(), step.stage));
        assert_eq!(current, Some(("COPY x /x", Some(2))));
        assert_eq!(log.digest(&["acme/app:1".to_owned()]), None);
        log.push(
            b"INFO[0002] Pushing image to index.docker.io/acme/app:1\n",
            None,
        );
        log.push(
            b"INFO[0002] Pushed index.docker.io/acme/app@sha256:22\n",
            None,
        );
        assert_eq!(log.digest(&["acme/app:1".to_owned()]), Some("sha256:22"));
        assert_eq!(log.current_step(), None);
        assert!(log.is_pushing());
    }

    #[test]
    fn pushes_to_the_cache_may_overlap() {
        let mut log = BuildLog::default();
        log.push(
            concat!(
                "INFO[0000] Building stage 'a' [idx: '0', base-idx: '-1']\n",
                "INFO[0000] RUN a\n",
                "INFO[0001] Pushing layer acme/c:1 to cache now\n",
                "INFO[0001] RUN b\n",
                "INFO[0001] Pushing layer acme/c:2 to cache now\n",
                "INFO[0001] Pushing image to index.docker.io/acme/c:1\n",
                "INFO[0001] Pushing image to index.docker.io/acme/c:2\n",
                "INFO[0001] Pushing layer oci:/out:3 to cache now\n",
            )
            .as_bytes(),
            None,
        );
        assert!(!log.is_pushing());
        assert!(log.current_step().is_some());
        log.push(b"INFO[0002] Pushing image to acme/c:latest\n", None);
        assert!(log.is_pushing());
    }

    #[test]
    fn lines_may_be_cut_anywhere() {
        let whole = BuildLog::read(LOG.as_bytes());
        for size in [1, 3, 7, 64] {
            let mut cut = BuildLog::default();
            for chunk in LOG.as_bytes().chunks(size) {
                cut.push(chunk, None);
            }
            cut.finish();
            assert_eq!(cut.steps(), whole.steps());
            assert_eq!(cut.last_lines(), whole.last_lines());
        }
    }

    #[test]
    fn an_instruction_ends_when_the_next_begins() {
        let mut log = BuildLog::default();
        log.push(
            b"INFO[0000] Building stage 'a' [idx: '0', base-idx: '-1']\n",
            Some(1),
        );
        log.push(b"INFO[0000] RUN a\n", Some(5));
        log.push(b"INFO[0000] RUN b\n", Some(9));
        let times: Vec<_> = log
            .steps()
            .iter()
            .map(|step| (step.started_ns, step.ended_ns))
            .collect();
        assert_eq!(times, [(Some(5), Some(9)), (Some(9), None)]);
    }

    #[test]
    fn a_line_without_end_does_not_grow_without_bound() {
        let mut log = BuildLog::default();
        for _ in 0..1000 {
            log.push(&[b'x'; 4096], None);
        }
        assert!(log.pending.len() <= MAX_LINE_BYTES);
    }

    #[test]
    fn facts_do_not_grow_without_bound() {
        let mut log = BuildLog::default();
        let line = format!(
            "INFO[0000] Using caching version of cmd: {}\n",
            "x".repeat(100_000)
        );
        for _ in 0..100 {
            log.push(line.as_bytes(), None);
        }
        assert_eq!(log.cache_hits().len(), 10);
    }

    #[test]
    fn the_push_has_its_time() {
        let mut log = BuildLog::default();
        log.push(b"INFO[0000] Retrieving image manifest a\n", Some(2));
        log.push(b"INFO[0000] Pushing image to r/a:1\n", Some(5));
        log.push(b"INFO[0000] Pushed r/a@sha256:1\n", Some(9));
        assert_eq!(
            (log.span_ns(), log.push_started_ns()),
            (Some((2, 9)), Some(5))
        );
    }

    #[test]
    fn repositories_compare_as_registries_see_them() {
        for (reference, pushed) in [
            ("acme/app:1", "index.docker.io/acme/app"),
            ("docker.io/busybox", "index.docker.io/library/busybox"),
            ("127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b"),
            ("localhost/a@sha256:1", "localhost/a"),
        ] {
            assert!(same_repository(reference, pushed), "{reference}");
            assert!(!same_repository(reference, &format!("{pushed}/cache")));
        }
    }
}
