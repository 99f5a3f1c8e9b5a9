//! The executor's command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Failure;
use crate::log::{self, Format, Level};

mod help;
mod values;

pub(crate) use help::usage;

/// What the process is asked to do.
#[derive(Debug)]
pub(crate) enum Request {
    /// Print the version and end.
    Version,
    /// Print the usage and end.
    Help,
    /// Build an image.
    Build(Box<Options>),
}

/// The flags of a build.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one switch of the command line each"
)]
pub(crate) struct Options {
    /// `--context`: a folder, with or without `dir://`, or `tar://` and a gzipped archive.
    pub context: String,
    /// `--context-sub-path`.
    pub context_sub_path: String,
    /// `--dockerfile`.
    pub dockerfile: String,
    /// `--destination`, in the order given.
    pub destinations: Vec<String>,
    /// `--build-arg` as `NAME=VALUE` or `NAME`.
    pub build_args: Vec<String>,
    /// `--label`.
    pub labels: Vec<String>,
    /// `--target`.
    pub target: String,
    /// `--ignore-path`.
    pub ignore_paths: Vec<String>,
    /// `--cache`.
    pub cache: bool,
    /// `--cache-repo`.
    pub cache_repo: String,
    /// `--cache-ttl`.
    pub cache_ttl: Duration,
    /// `--cache-run-layers`.
    pub cache_run_layers: bool,
    /// `--cache-copy-layers`.
    pub cache_copy_layers: bool,
    /// `--no-push-cache`.
    pub no_push_cache: bool,
    /// `--no-push`.
    pub no_push: bool,
    /// `--digest-file`.
    pub digest_file: Option<PathBuf>,
    /// `--image-name-with-digest-file`.
    pub name_digest_file: Option<PathBuf>,
    /// `--image-name-tag-with-digest-file`.
    pub name_tag_digest_file: Option<PathBuf>,
    /// `--image-format`, empty: as the base image.
    pub image_format: String,
    /// `--push-retry`.
    pub push_retry: u32,
    /// `--image-download-retry`.
    pub download_retry: u32,
    /// `--image-fs-extract-retry`.
    pub extract_retry: u32,
    /// `--skip-push-permission-check`.
    pub skip_permission_check: bool,
    /// `--force`.
    pub force: bool,
    /// `--registry-mirror`, in the order of trial.
    pub mirrors: Vec<String>,
    /// `--registry-map`: registry to its replacements.
    pub registry_map: BTreeMap<String, Vec<String>>,
    /// `--skip-default-registry-fallback`.
    pub skip_fallback: bool,
    /// How connections are made.
    pub transport: TransportFlags,
    /// `--credential-helpers` that stay on.
    pub helpers: Vec<String>,
    /// `--log-format`.
    pub log_format: Option<Format>,
    /// `--log-timestamp`.
    pub log_timestamp: bool,
    /// `--verbosity`.
    pub verbosity: Option<Level>,
}

/// The flags that say how registries are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one switch of the command line each"
)]
pub(crate) struct TransportFlags {
    /// `--insecure`: plain HTTP for the push.
    pub insecure_push: bool,
    /// `--insecure-pull`.
    pub insecure_pull: bool,
    /// `--insecure-registry`.
    pub insecure_registries: Vec<String>,
    /// `--skip-tls-verify`: for the push.
    pub skip_verify_push: bool,
    /// `--skip-tls-verify-pull`.
    pub skip_verify_pull: bool,
    /// `--skip-tls-verify-registry`.
    pub skip_verify_registries: Vec<String>,
    /// `--registry-certificate`: registry to a file in PEM form.
    pub certificates: BTreeMap<String, PathBuf>,
}

/// Flags of the real executor that the double refuses; `true`: the flag is a switch.
const REFUSED: &[(&str, bool)] = &[
    ("annotation", false),
    ("bucket", false),
    ("cleanup", true),
    ("compression", false),
    ("compression-level", false),
    ("custom-platform", false),
    ("customPlatform", false),
    ("dryrun", true),
    ("git", false),
    ("ignore-var-run", true),
    ("kaniko-dir", false),
    ("materialize", true),
    ("oci-layout-path", false),
    ("pre-cleanup", true),
    ("preserve-context", true),
    ("push-ignore-immutable-tag-errors", true),
    ("registry-client-cert", false),
    ("reproducible", true),
    ("secret", false),
    ("single-snapshot", true),
    ("tar-path", false),
    ("tarPath", false),
    ("use-new-run", true),
];

/// Flags that change nothing here; `true`: the flag is a switch.
const IGNORED: &[(&str, bool)] = &[
    ("cache-dir", false),
    ("compressed-caching", true),
    ("force-build-metadata", true),
    ("skip-unused-stages", true),
];

/// Switches.
const SWITCHES: &[&str] = &[
    "cache",
    "cache-copy-layers",
    "cache-run-layers",
    "force",
    "help",
    "insecure",
    "insecure-pull",
    "log-timestamp",
    "no-push",
    "no-push-cache",
    "skip-default-registry-fallback",
    "skip-push-permission-check",
    "skip-tls-verify",
    "skip-tls-verify-pull",
];

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: &[String]) -> Result<Request, Failure> {
    let mut options = Options {
        context: "/workspace/".to_owned(),
        dockerfile: "Dockerfile".to_owned(),
        cache_ttl: Duration::from_hours(336),
        cache_run_layers: true,
        helpers: ["env", "google", "ecr", "acr", "gitlab"]
            .map(str::to_owned)
            .to_vec(),
        ..Options::default()
    };
    let mut helpers_given = false;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let Some((name, inline)) = split(word)? else {
            return subcommand(word);
        };
        if name == "help" {
            return Ok(Request::Help);
        }
        let switch = is_switch(name)
            .ok_or_else(|| Failure::usage(format_args!("unknown flag: --{name}")))?;
        let value = match inline {
            Some(value) => value.to_owned(),
            None if switch => "true".to_owned(),
            None => words
                .next()
                .ok_or_else(|| Failure::usage(format_args!("flag needs an argument: --{name}")))?
                .clone(),
        };
        if REFUSED.iter().any(|(known, _)| *known == name) {
            return Err(Failure::unsupported(format_args!("--{name}")));
        }
        if name == "credential-helpers" && !std::mem::replace(&mut helpers_given, true) {
            options.helpers.clear();
        }
        if name.starts_with("snapshot") && ["redo", "time"].contains(&value.as_str()) {
            return Err(Failure::unsupported(format_args!("--{name}={value}")));
        }
        set(&mut options, name, &value).map_err(|reason| match name {
            "log-format" | "snapshot-mode" | "verbosity" => Failure::usage(reason),
            _ => Failure::usage(format_args!(
                "invalid argument {} for \"{}\" flag: {reason}",
                log::quote(&value),
                shown(name)
            )),
        })?;
    }
    check(&options)?;
    Ok(Request::Build(Box::new(options)))
}

/// The long name and the inline value of a flag; nothing for a word that is no flag.
fn split(word: &str) -> Result<Option<(&str, Option<&str>)>, Failure> {
    if let Some(rest) = word.strip_prefix("--") {
        return Ok(Some(match rest.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (rest, None),
        }));
    }
    let Some(rest) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
        return Ok(None);
    };
    let letter = rest.chars().next().unwrap_or_default();
    let name = match letter {
        'c' => "context",
        'd' => "destination",
        'f' => "dockerfile",
        'h' => "help",
        'v' => "verbosity",
        _ => {
            return Err(Failure::usage(format_args!(
                "unknown shorthand flag: '{letter}' in {word}"
            )));
        }
    };
    let value = rest.get(1..).filter(|value| !value.is_empty());
    Ok(Some((
        name,
        value.map(|value| value.strip_prefix('=').unwrap_or(value)),
    )))
}

fn shown(name: &str) -> String {
    match name {
        "context" => "-c, --context".to_owned(),
        "destination" => "-d, --destination".to_owned(),
        "dockerfile" => "-f, --dockerfile".to_owned(),
        "verbosity" => "-v, --verbosity".to_owned(),
        _ => format!("--{name}"),
    }
}

fn subcommand(word: &str) -> Result<Request, Failure> {
    match word {
        "version" => Ok(Request::Version),
        "help" => Ok(Request::Help),
        "push" | "login" | "completion" => {
            Err(Failure::unsupported(format_args!("executor {word}")))
        }
        _ => Err(Failure::Command {
            name: word.to_owned(),
        }),
    }
}

/// Whether a known flag is a switch; nothing for an unknown flag.
fn is_switch(name: &str) -> Option<bool> {
    if SWITCHES.contains(&name) {
        return Some(true);
    }
    if let Some((_, switch)) = REFUSED
        .iter()
        .chain(IGNORED)
        .find(|(known, _)| *known == name)
    {
        return Some(*switch);
    }
    VALUES.contains(&name).then_some(false)
}

/// Flags with a value.
const VALUES: &[&str] = &[
    "build-arg",
    "cache-repo",
    "cache-ttl",
    "context",
    "context-sub-path",
    "credential-helpers",
    "destination",
    "digest-file",
    "dockerfile",
    "ignore-path",
    "image-download-retry",
    "image-format",
    "image-fs-extract-retry",
    "image-name-tag-with-digest-file",
    "image-name-with-digest-file",
    "insecure-registry",
    "label",
    "log-format",
    "push-retry",
    "registry-certificate",
    "registry-map",
    "registry-mirror",
    "skip-tls-verify-registry",
    "snapshot-mode",
    "snapshotMode",
    "target",
    "verbosity",
];

fn set(options: &mut Options, name: &str, value: &str) -> Result<(), String> {
    let text = || value.to_owned();
    let file = || Some(PathBuf::from(value)).filter(|path| !path.as_os_str().is_empty());
    let transport = &mut options.transport;
    match name {
        "build-arg" => options.build_args.push(text()),
        "cache" => options.cache = values::switch(value)?,
        "cache-copy-layers" => options.cache_copy_layers = values::switch(value)?,
        "cache-repo" => options.cache_repo = text(),
        "cache-run-layers" => options.cache_run_layers = values::switch(value)?,
        "cache-ttl" => options.cache_ttl = values::duration(value)?,
        "context" => options.context = text(),
        "context-sub-path" => options.context_sub_path = text(),
        "credential-helpers" if value.is_empty() => {}
        "credential-helpers" => options.helpers.push(text()),
        "destination" => options.destinations.push(text()),
        "digest-file" => options.digest_file = file(),
        "dockerfile" => options.dockerfile = text(),
        "force" => options.force = values::switch(value)?,
        "ignore-path" => options.ignore_paths.push(text()),
        "image-download-retry" => options.download_retry = values::count(value)?,
        "image-format" => options.image_format = values::image_format(value)?,
        "image-fs-extract-retry" => options.extract_retry = values::count(value)?,
        "image-name-tag-with-digest-file" => options.name_tag_digest_file = file(),
        "image-name-with-digest-file" => options.name_digest_file = file(),
        "insecure" => transport.insecure_push = values::switch(value)?,
        "insecure-pull" => transport.insecure_pull = values::switch(value)?,
        "insecure-registry" => transport.insecure_registries.push(text()),
        "label" => options.labels.push(text()),
        "log-format" => options.log_format = Some(value.parse()?),
        "log-timestamp" => options.log_timestamp = values::switch(value)?,
        "no-push" => options.no_push = values::switch(value)?,
        "no-push-cache" => options.no_push_cache = values::switch(value)?,
        "push-retry" => options.push_retry = values::count(value)?,
        "registry-certificate" => {
            let (registry, path) = values::pair(value)?;
            transport.certificates.insert(registry, PathBuf::from(path));
        }
        "registry-map" => values::registry_map(value, &mut options.registry_map)?,
        "registry-mirror" => options.mirrors.push(text()),
        "skip-default-registry-fallback" => options.skip_fallback = values::switch(value)?,
        "skip-push-permission-check" => options.skip_permission_check = values::switch(value)?,
        "skip-tls-verify" => transport.skip_verify_push = values::switch(value)?,
        "skip-tls-verify-pull" => transport.skip_verify_pull = values::switch(value)?,
        "skip-tls-verify-registry" => transport.skip_verify_registries.push(text()),
        "snapshot-mode" | "snapshotMode" => values::snapshot_mode(value)?,
        "target" => options.target = text(),
        "verbosity" => options.verbosity = Some(values::verbosity(value)?),
        _ => {}
    }
    Ok(())
}

fn check(options: &Options) -> Result<(), Failure> {
    if !options.no_push && options.destinations.is_empty() {
        return Err(Failure::usage(
            "you must provide --destination, or use --no-push",
        ));
    }
    if options.cache && options.no_push && options.cache_repo.is_empty() {
        return Err(Failure::usage(
            "cache flags invalid: if using cache with --no-push, specify cache repo with --cache-repo",
        ));
    }
    if (options.name_digest_file.is_some() || options.name_tag_digest_file.is_some())
        && options.destinations.is_empty()
    {
        return Err(Failure::usage(
            "you must provide --destination if setting ImageNameDigestFile",
        ));
    }
    if options.cache_repo.starts_with("oci:") {
        return Err(Failure::unsupported("--cache-repo=oci:"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
