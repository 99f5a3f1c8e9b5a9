//! Images to registries, and the files that tell what was pushed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::image::{Image, Packed, Part};
use crate::error::{Failure, GENERAL, errno_text};
use crate::files::Root;
use crate::flags::Options;
use crate::log::Log;
use crate::registry::{Blob, Network, Purpose, Reference, Session};
use crate::retry::retry;

/// Asks every registry whether it would take a push.
///
/// # Errors
///
/// `error checking push permissions: …`.
pub(super) fn check_permissions(options: &Options, network: &Network) -> Result<(), Failure> {
    for destination in &options.destinations {
        check_one(destination, network).map_err(|reason| {
            network.log.warn("make sure you entered the correct tag name, that you are authenticated correctly, and try again.");
            Failure::Plain {
                text: format!("error checking push permissions: {reason}"),
                status: GENERAL,
            }
        })?;
    }
    Ok(())
}

fn check_one(destination: &str, network: &Network) -> Result<(), String> {
    let reference = Reference::parse(destination)
        .map_err(|error| format!("getting tag for destination: {error}"))?;
    let prefix = format!("checking push permission for \"{destination}\": ");
    let session = network
        .session(&reference, Purpose::Push)
        .map_err(|error| {
            format!(
                "{prefix}creating push check transport for {} failed: {error}",
                reference.registry
            )
        })?;
    session
        .check_push()
        .map_err(|error| format!("{prefix}{error}"))
}

/// Pushes an image to all destinations.
///
/// # Errors
///
/// `error pushing image: …`.
pub(super) fn push_all(
    options: &Options,
    network: &Network,
    root: &Root,
    image: &Image,
) -> Result<(), Failure> {
    let log = &network.log;
    let packed = image.pack(jiff::Timestamp::now()).map_err(Failure::push)?;
    let references = options
        .destinations
        .iter()
        .map(|text| Reference::parse(text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::push(format_args!("getting tag for destination: {error}")))?;
    write_digests(options, &references, &packed.digest)?;
    if options.no_push {
        log.info("Skipping push to container registry due to --no-push flag");
        return Ok(());
    }
    for reference in &references {
        push(network, root, image, &packed, reference, options.push_retry)
            .map_err(Failure::push)?;
    }
    write_builder_output(&references, &packed.digest)
}

/// Pushes an image to one place.
///
/// # Errors
///
/// `failed to push to destination …`.
pub(super) fn push(
    network: &Network,
    root: &Root,
    image: &Image,
    packed: &Packed,
    reference: &Reference,
    retries: u32,
) -> Result<(), String> {
    let log = &network.log;
    let failed = |reason: String| format!("failed to push to destination {reference}: {reason}");
    let session = network.session(reference, Purpose::Push);
    log.info(format_args!("Pushing image to {reference}"));
    let session = session.map_err(|error| failed(error.to_string()))?;
    retry(retries, log, || {
        push_once(&session, root, image, packed, reference)
    })
    .map_err(failed)?;
    log.info(format_args!(
        "Pushed {}@{}",
        reference.name(),
        packed.digest
    ));
    Ok(())
}

fn push_once(
    session: &Session,
    root: &Root,
    image: &Image,
    packed: &Packed,
    reference: &Reference,
) -> Result<(), String> {
    let text = |error: crate::registry::Error| error.to_string();
    // The answer does not matter: the manifest is stored anyway, as the executor does it.
    session.has_manifest(&reference.identifier).map_err(text)?;
    for part in &image.parts {
        if session.has_blob(part.digest()).map_err(text)? {
            continue;
        }
        match part {
            Part::Local(layer) => session
                .upload(&layer.digest, Blob::File(&layer.path))
                .map_err(text)?,
            Part::Remote {
                session: source,
                descriptor,
            } => {
                let mounted = source.registry() == session.registry()
                    && session
                        .mount(&descriptor.digest, source.repository())
                        .map_err(text)?;
                if !mounted {
                    carry(session, source, &descriptor.digest, root)?;
                }
            }
        }
    }
    if !session.has_blob(&packed.config_digest).map_err(text)? {
        session
            .upload(&packed.config_digest, Blob::Bytes(&packed.config))
            .map_err(text)?;
    }
    session
        .put_manifest(&reference.identifier, &packed.media_type, &packed.manifest)
        .map_err(text)
}

/// Downloads a layer and uploads it elsewhere.
fn carry(target: &Session, source: &Session, digest: &str, root: &Root) -> Result<(), String> {
    let path = root.own("layers/carried");
    let failed = |error: io::Error| format!("write {}: {}", path.display(), errno_text(&error));
    fs::create_dir_all(root.own("layers")).map_err(failed)?;
    let mut file = File::create(&path).map_err(failed)?;
    let mut stream = source.blob(digest).map_err(|error| error.to_string())?;
    io::copy(&mut stream, &mut file).map_err(failed)?;
    target
        .upload(digest, Blob::File(&path))
        .map_err(|error| error.to_string())
}

/// Writes the files of the digest flags, for the image and for every cache entry.
pub(super) fn write_digests(
    options: &Options,
    references: &[Reference],
    digest: &str,
) -> Result<(), Failure> {
    let with_tag =
        |reference: &Reference| format!("{}:{}@{digest}\n", reference.name(), reference.identifier);
    let without_tag = |reference: &Reference| format!("{}@{digest}\n", reference.name());
    if let Some(path) = &options.digest_file {
        write(path, digest)?;
    }
    if let Some(path) = &options.name_digest_file {
        // As recorded: the tag is in both files when both are asked for.
        let text = if options.name_tag_digest_file.is_some() {
            references.iter().map(with_tag).collect::<String>()
        } else {
            references.iter().map(without_tag).collect()
        };
        write(path, &text)?;
    }
    if let Some(path) = &options.name_tag_digest_file {
        write(path, &references.iter().map(with_tag).collect::<String>())?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::push(format_args!(
            "writing digest to file failed: open {}: {}",
            path.display(),
            errno_text(&error)
        ))
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}

/// Writes `images` into the folder that `BUILDER_OUTPUT` names.
fn write_builder_output(references: &[Reference], digest: &str) -> Result<(), Failure> {
    let Some(folder) = std::env::var_os("BUILDER_OUTPUT").filter(|folder| !folder.is_empty())
    else {
        return Ok(());
    };
    let path = Path::new(&folder).join("images");
    let failed = |error: io::Error| {
        Failure::push(format_args!(
            "open {}: {}",
            path.display(),
            errno_text(&error)
        ))
    };
    let mut file = File::create(&path).map_err(failed)?;
    for reference in references {
        let name = format!("{}:{}", reference.name(), reference.identifier);
        let line = serde_json::json!({ "name": name, "digest": digest });
        writeln!(file, "{line}").map_err(failed)?;
    }
    Ok(())
}

/// Writes a warning for a cache entry that could not be stored; the build goes on.
pub(super) fn warn_cache(log: &Log, reason: &str) {
    log.warn(format_args!("Error uploading layer to cache: {reason}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_files_have_the_recorded_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join("new/folder").join(name);
        let references = [Reference::parse("127.0.0.1:5000/acme/app:1").unwrap()];
        let mut options = Options {
            digest_file: Some(path("digest")),
            name_digest_file: Some(path("name")),
            ..Options::default()
        };
        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        write_digests(&options, &references, "sha256:aa").unwrap();
        assert_eq!(read("digest"), "sha256:aa");
        assert_eq!(read("name"), "127.0.0.1:5000/acme/app@sha256:aa\n");
        options.name_tag_digest_file = Some(path("tag"));
        write_digests(&options, &references, "sha256:bb").unwrap();
        assert_eq!(read("name"), "127.0.0.1:5000/acme/app:1@sha256:bb\n");
        assert_eq!(read("tag"), read("name"));
    }

    #[test]
    fn a_digest_file_that_cannot_be_written_is_named() {
        let options = Options {
            digest_file: Some("/proc/nowhere".into()),
            ..Options::default()
        };
        let failure = write_digests(&options, &[], "sha256:aa").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "error pushing image: writing digest to file failed: open /proc/nowhere: no such file or directory"
        );
    }
}
