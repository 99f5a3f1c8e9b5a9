//! The layer cache.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::config::ImageConfig;
use super::image::{Image, Part};
use super::push;
use super::scope::Scope;
use crate::dockerfile::{Instruction, Kind};
use crate::error::Failure;
use crate::files::Root;
use crate::files::layer::Layer;
use crate::flags::Options;
use crate::registry::manifest::{Manifest, hex};
use crate::registry::{Network, Purpose, Reference, Session};

/// What an instruction's layer depends on: the base and all instructions up to it.
#[derive(Debug, Clone)]
pub(super) struct Key(Sha256);

impl Key {
    /// The key of a base image.
    pub(super) fn of_base(digest: &str) -> Self {
        let mut key = Self(Sha256::new());
        key.add(digest);
        key
    }

    /// Takes in an instruction; `files`: digest of what it copies.
    pub(super) fn add_step(&mut self, step: &Instruction, scope: &Scope<'_>, files: Option<&str>) {
        match &step.kind {
            // What an argument changes is seen where it is used.
            Kind::Arg(_) => return,
            Kind::Run(_) => {
                for (name, value) in &scope.args {
                    self.add(&format!("{name}={value}"));
                }
                self.add(&step.text);
            }
            // A text that is no word of the language, as a shell line, speaks for itself.
            _ => self.add(
                &scope
                    .expand(&step.text)
                    .unwrap_or_else(|_| step.text.clone()),
            ),
        }
        if let Some(files) = files {
            self.add(files);
        }
    }

    fn add(&mut self, text: &str) {
        self.0.update(text.len().to_le_bytes());
        self.0.update(text);
    }

    /// The tag of the entry.
    pub(super) fn tag(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

/// Whether an instruction's layer is looked up and stored.
pub(super) fn is_cacheable(step: &Instruction, options: &Options) -> bool {
    match &step.kind {
        Kind::Run(_) => options.cache_run_layers,
        Kind::Workdir(_) => true,
        Kind::Copy(_) => options.cache_copy_layers,
        _ => false,
    }
}

/// The cache repository: the flag's, or the first destination's with `/cache`.
pub(super) fn repository(options: &Options) -> String {
    if !options.cache_repo.is_empty() {
        return options.cache_repo.clone();
    }
    options
        .destinations
        .first()
        .and_then(|destination| Reference::parse(destination).ok())
        .map(|reference| format!("{}/cache", reference.name()))
        .unwrap_or_default()
}

/// A layer of the cache.
#[derive(Clone)]
pub(super) struct Hit {
    /// The layer.
    pub part: Part,
    /// Its digest before compression.
    pub diff_id: String,
}

/// Looks up an entry; trouble of any kind is a miss.
pub(super) fn look_up(
    options: &Options,
    network: &Network,
    repository: &str,
    tag: &str,
    step: &Instruction,
) -> Option<Hit> {
    let log = &network.log;
    let name = format!("{repository}:{tag}");
    log.info(format_args!("Checking for cached layer {name}..."));
    let hit = Reference::parse(&name)
        .ok()
        .and_then(|reference| network.session(&reference, Purpose::Pull).ok())
        .and_then(|session| entry(session, tag))
        .filter(|(_, config)| {
            let expired = is_expired(&config.created, options.cache_ttl, Timestamp::now());
            if expired {
                log.info(format_args!("Cache entry expired: {name}"));
            }
            !expired
        })
        .map(|(hit, _)| hit);
    match hit {
        Some(_) => log.info(format_args!("Using caching version of cmd: {}", step.text)),
        None => log.info(format_args!("No cached layer found for cmd {}", step.text)),
    }
    hit
}

fn entry(session: Session, tag: &str) -> Option<(Hit, ImageConfig)> {
    let (bytes, _) = session.manifest(tag).ok()?;
    let manifest: Manifest = serde_json::from_slice(&bytes).ok()?;
    let config = session.small_blob(&manifest.config.digest).ok()?;
    let config: ImageConfig = serde_json::from_slice(&config).ok()?;
    let hit = Hit {
        diff_id: config.rootfs.diff_ids.first()?.clone(),
        part: Part::Remote {
            descriptor: manifest.layers.first()?.clone(),
            session,
        },
    };
    Some((hit, config))
}

/// Whether an entry is too old; one whose time cannot be read is.
fn is_expired(created: &str, ttl: std::time::Duration, now: Timestamp) -> bool {
    let ttl = jiff::SignedDuration::try_from(ttl).unwrap_or(jiff::SignedDuration::MAX);
    created
        .parse::<Timestamp>()
        .map_or(true, |created| now.duration_since(created) > ttl)
}

/// Stores a layer; trouble is a warning.
pub(super) fn store(
    options: &Options,
    network: &Network,
    root: &Root,
    entry: &Image,
    name: &str,
) -> Result<(), Failure> {
    let log = &network.log;
    log.info(format_args!("Pushing layer {name} to cache now"));
    let reference = match Reference::parse(name) {
        Ok(reference) => reference,
        Err(error) => {
            push::warn_cache(log, &format!("getting tag for destination: {error}"));
            return Ok(());
        }
    };
    let packed = entry.pack(Timestamp::now()).map_err(Failure::stage)?;
    // As recorded: the digest files are written for cache entries, too.
    push::write_digests(options, std::slice::from_ref(&reference), &packed.digest)?;
    if let Err(reason) = push::push(
        network,
        root,
        entry,
        &packed,
        &reference,
        options.push_retry,
    ) {
        push::warn_cache(log, &reason);
    }
    Ok(())
}

/// The entry of a layer.
pub(super) fn entry_of(layer: &Layer, step: &Instruction, image: &Image) -> Image {
    Image::cache_entry(layer, &step.text, image.family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::config::Runtime;
    use crate::dockerfile::expand::Variables;
    use crate::dockerfile::parse;
    use rstest::rstest;
    use std::time::Duration;

    /// The tag after the last instruction of a Dockerfile.
    fn tag(text: &str, args: &[(&str, &str)], files: &str) -> String {
        let none = Variables::new();
        let file = parse(text, &none).unwrap();
        let scope = Scope {
            config: Runtime::default(),
            args: args
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            global: &none,
            given: &none,
            escape: '\\',
        };
        let mut key = Key::of_base("sha256:aa");
        for step in &file.stages[0].instructions {
            let files = matches!(step.kind, Kind::Copy(_)).then_some(files);
            key.add_step(step, &scope, files);
        }
        key.tag()
    }

    #[test]
    fn keys_follow_what_the_layer_depends_on() {
        let run = "FROM a\nRUN x\n";
        assert_eq!(tag(run, &[], "1"), tag(run, &[], "2"));
        assert_eq!(tag(run, &[], "").len(), 64);
        assert_ne!(tag(run, &[], ""), tag("FROM a\nRUN y\n", &[], ""));
        assert_ne!(tag(run, &[], ""), tag("FROM a\nENV A=1\nRUN x\n", &[], ""));
        assert_ne!(tag(run, &[("V", "1")], ""), tag(run, &[("V", "2")], ""));
        let copy = "FROM a\nCOPY a /a\nRUN x\n";
        assert_ne!(tag(copy, &[], "1"), tag(copy, &[], "2"));
    }

    #[rstest]
    #[case("2026-11-21T03:00:00Z", 7200, false)]
    #[case("2026-11-21T03:00:00Z", 1, true)]
    #[case("", 7200, true)]
    fn old_entries_are_told_apart(#[case] created: &str, #[case] ttl: u64, #[case] expected: bool) {
        let now = "2026-11-21T04:00:00Z".parse().unwrap();
        assert_eq!(is_expired(created, Duration::from_secs(ttl), now), expected);
    }

    #[test]
    fn the_default_repository_is_beside_the_destination() {
        let options = Options {
            destinations: vec!["127.0.0.1:5000/team/app:2".to_owned()],
            ..Options::default()
        };
        assert_eq!(repository(&options), "127.0.0.1:5000/team/app/cache");
    }
}
