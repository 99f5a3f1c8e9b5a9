//! The build context and the Dockerfile.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::error::{Failure, errno_text};
use crate::files::pattern::IgnoreRules;
use crate::files::{self, Root};
use crate::flags::Options;
use crate::log::Log;

/// Prefixes that the real executor knows and the double does not.
const UNKNOWN: &[&str] = &["gs://", "s3://", "git://", "https://"];
/// How a gzip stream begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const NO_DOCKERFILE: &str =
    "please provide a valid path to a Dockerfile within the build context with --dockerfile";

/// What is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    /// The folder that `COPY` reads; it may be missing.
    pub folder: PathBuf,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// Its text.
    pub text: String,
}

/// Finds context and Dockerfile, and puts a copy of the latter among the executor's own files.
///
/// # Errors
///
/// A failure that prints the usage.
pub(super) fn resolve(options: &Options, root: &Root) -> Result<Context, Failure> {
    let folder = folder(&options.context, root)
        .map_err(|failure| match failure {
            Error::Reason(reason) => {
                Failure::usage(format_args!("error resolving source context: {reason}"))
            }
            Error::Unsupported(what) => Failure::unsupported(what),
        })?
        .join(&options.context_sub_path);
    let (dockerfile, text) =
        find(&options.dockerfile, &folder).map_err(|failure| match failure {
            Error::Reason(reason) => {
                Failure::usage(format_args!("error resolving dockerfile path: {reason}"))
            }
            Error::Unsupported(what) => Failure::unsupported(what),
        })?;
    let copy = root.own("Dockerfile");
    let failed = |error: io::Error| {
        Failure::usage(format_args!(
            "error resolving dockerfile path: copying dockerfile: creating file: open {}: {}",
            copy.display(),
            errno_text(&error)
        ))
    };
    fs::create_dir_all(root.own("")).map_err(failed)?;
    fs::write(&copy, &text).map_err(failed)?;
    Ok(Context {
        folder,
        dockerfile,
        text,
    })
}

impl Context {
    /// The rules of the Dockerfile's own ignore file, else of the context's.
    pub(super) fn ignore_rules(&self, log: &Log) -> IgnoreRules {
        let mut own = self.dockerfile.clone().into_os_string();
        own.push(".dockerignore");
        for path in [PathBuf::from(own), self.folder.join(".dockerignore")] {
            if let Ok(text) = fs::read_to_string(&path) {
                log.info(format_args!("Using dockerignore file: {}", path.display()));
                return IgnoreRules::parse(&text);
            }
        }
        IgnoreRules::default()
    }
}

enum Error {
    Reason(String),
    Unsupported(String),
}

fn folder(context: &str, root: &Root) -> Result<PathBuf, Error> {
    if context.is_empty() {
        return Err(Error::Reason(
            "please specify a path to the build context with the --context flag or a bucket with the --bucket flag".to_owned(),
        ));
    }
    if let Some(path) = context.strip_prefix("dir://") {
        return Ok(PathBuf::from(path));
    }
    if let Some(path) = context.strip_prefix("tar://") {
        let folder = root.own("buildcontext");
        unpack(Path::new(path), &folder).map_err(Error::Reason)?;
        return Ok(folder);
    }
    if let Some(prefix) = UNKNOWN.iter().find(|prefix| context.starts_with(**prefix)) {
        return Err(Error::Unsupported(format!("--context={prefix}")));
    }
    if context.contains("://") {
        return Err(Error::Reason(
            "unknown build context prefix provided, please use one of the following: gs://, dir://, tar://, s3://, git://, https://".to_owned(),
        ));
    }
    Ok(PathBuf::from(context))
}

fn unpack(archive: &Path, folder: &Path) -> Result<(), String> {
    let mut file = File::open(archive)
        .map_err(|error| format!("open {}: {}", archive.display(), errno_text(&error)))?;
    let mut magic = [0; 2];
    if file.read_exact(&mut magic).is_err() || magic != GZIP_MAGIC {
        return Err("gzip: invalid header".to_owned());
    }
    fs::create_dir_all(folder).map_err(|error| errno_text(&error))?;
    let stream = GzDecoder::new(io::Cursor::new(magic).chain(file));
    files::unpack::layer(&Root::plain(folder), stream).map_err(|error| error.to_string())
}

fn find(name: &str, context: &Path) -> Result<(PathBuf, String), Error> {
    if name.starts_with("https://") || name.starts_with("http://") {
        return Err(Error::Unsupported("--dockerfile=https://".to_owned()));
    }
    for path in [PathBuf::from(name), context.join(name)] {
        if !path.is_file() {
            continue;
        }
        return match fs::read(&path) {
            Ok(bytes) => Ok((path, String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) => Err(Error::Reason(format!(
                "copying dockerfile: open {}: {}",
                path.display(),
                errno_text(&error)
            ))),
        };
    }
    Err(Error::Reason(NO_DOCKERFILE.to_owned()))
}

#[cfg(test)]
mod tests;
