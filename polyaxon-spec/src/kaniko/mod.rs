//! What builds get beside the plan: the admin's executor, flags for logs, digests, mirrors, TLS and retries.

mod flags;
mod settings;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub use flags::{Arguments, REFUSED};
pub use settings::{BuildSettings, CaBundle, DEFAULT_EXECUTOR_IMAGE, EXECUTOR_IMAGES, Proxies};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::plan::{ContainerPlan, EnvVar, Mount, PodPlan, VolumePlan, VolumeSource};
use crate::resolve::Destination;

/// Volume for the files that the executor writes about its result.
pub const RESULT_VOLUME: &str = "build-result";
/// Where the executor writes them; it never puts anything below `/kaniko` into an image.
pub const RESULT_PATH: &str = "/kaniko/out";
/// Volume of the CA bundle.
pub const CA_VOLUME: &str = "build-ca";
/// Where programs in `RUN` look for certificate authorities on most base images.
const CA_FOR_RUN: &str = "/etc/ssl/certs/ca-certificates.crt";
/// A further file in the folder from which the executor itself reads certificate authorities.
const CA_FOR_EXECUTOR: &str = "/kaniko/ssl/certs/build-ca.crt";
/// What an executor needs to unpack and to change users, and nothing else.
const CAPABILITIES: [&str; 7] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "SETFCAP",
    "SETGID",
    "SETUID",
];

/// What the agent has to know of a build beyond its pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// All image names that are pushed, in order; the first one is that of the destination.
    pub images: Vec<String>,
    /// The connection with the credentials.
    pub connection: Option<String>,
    /// File in the main container with the digest, below [`RESULT_PATH`].
    pub digest_file: String,
    /// File in the main container with `name:tag@digest` lines, below [`RESULT_PATH`].
    pub names_file: String,
    /// False with `--no-push`.
    pub pushes: bool,
}

/// Turns the plan of a build into what really runs.
///
/// Flags that the user gave win, except for those in [`REFUSED`], which are errors. `None` means that the main
/// container starts something else than the executor, so that nothing can be added and nothing is known.
pub fn apply(
    plan: &mut PodPlan,
    settings: &BuildSettings,
    destination: &Destination,
) -> Result<Option<Build>, Report> {
    let Some(main) = plan.main_mut() else {
        return Ok(None);
    };
    if !starts_executor(main) {
        return Ok(None);
    }
    let arguments = Arguments::parse(&main.args);
    refuse(&arguments, main)?;
    if !settings.keep_executor_image {
        main.image.clone_from(&settings.executor_image);
        main.image_pull_policy = None;
    }
    if main.resources.is_null() {
        main.resources = settings.resources.clone();
    }
    main.rest
        .entry("securityContext")
        .or_insert_with(security_context);
    let digest_file = format!("{RESULT_PATH}/digest");
    let names_file = format!("{RESULT_PATH}/images");
    let own = own_flags(settings, &arguments, &digest_file, &names_file);
    main.args.extend(own);
    add_variables(main, settings);
    main.mounts.push(Mount {
        volume: RESULT_VOLUME.to_owned(),
        path: RESULT_PATH.to_owned(),
        ..Mount::default()
    });
    if let Some(bundle) = &settings.ca_bundle {
        for path in [CA_FOR_RUN, CA_FOR_EXECUTOR] {
            main.mounts.push(Mount {
                volume: CA_VOLUME.to_owned(),
                path: path.to_owned(),
                sub_path: bundle.key.clone(),
                read_only: Some(true),
                ..Mount::default()
            });
        }
        plan.volumes.push(VolumePlan {
            name: CA_VOLUME.to_owned(),
            source: bundle.source.clone(),
        });
    }
    plan.volumes.push(VolumePlan {
        name: RESULT_VOLUME.to_owned(),
        source: VolumeSource::EmptyDir {
            medium: None,
            size_limit: Some("16Mi".to_owned()),
        },
    });
    let mut images = arguments.values("destination");
    if images.is_empty() {
        images.push(destination.image.clone());
    }
    Ok(Some(Build {
        images,
        connection: destination.connection.clone(),
        digest_file,
        names_file,
        pushes: !arguments.is_on("no-push"),
    }))
}

/// Whether flags can be added: the entry point of the image, or the executor by its name.
fn starts_executor(main: &ContainerPlan) -> bool {
    match main.command.as_slice() {
        [] => true,
        [program] => program.rsplit('/').next() == Some("executor"),
        _ => false,
    }
}

fn refuse(arguments: &Arguments, main: &ContainerPlan) -> Result<(), Report> {
    let mut errors = Vec::new();
    for (name, index) in arguments.flags() {
        if flags::is_refused(name) {
            errors.push(
                Diagnostic::error(
                    Code::RefusedFlag,
                    format!("flag `--{name}` is not for builds to set"),
                )
                .in_field(format!("run.container.args[{index}]"))
                .with_help("remove it; TLS, mirrors and credentials come from the agent and the connection"),
            );
        }
    }
    for (index, variable) in main.env.iter().enumerate() {
        if flags::is_refused_variable(&variable.name) {
            errors.push(
                Diagnostic::error(
                    Code::RefusedFlag,
                    format!("variable `{}` is not for builds to set", variable.name),
                )
                .in_field(format!("run.container.env[{index}]"))
                .with_help("remove it"),
            );
        }
    }
    Report::from_diagnostics(errors).map_or(Ok(()), Err)
}

fn security_context() -> Value {
    json!({
        "capabilities": {"drop": ["ALL"], "add": CAPABILITIES},
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

fn own_flags(
    settings: &BuildSettings,
    given: &Arguments,
    digest_file: &str,
    names_file: &str,
) -> Vec<String> {
    let mut flags = vec![
        format!("--digest-file={digest_file}"),
        format!("--image-name-tag-with-digest-file={names_file}"),
    ];
    for (name, value) in [
        ("log-format", "json".to_owned()),
        ("push-retry", settings.push_retry.to_string()),
        ("image-download-retry", settings.download_retry.to_string()),
        ("image-fs-extract-retry", settings.extract_retry.to_string()),
    ] {
        if !given.has(name) {
            flags.push(format!("--{name}={value}"));
        }
    }
    for (name, values) in [
        ("registry-mirror", &settings.registry_mirrors),
        ("insecure-registry", &settings.insecure_registries),
        (
            "skip-tls-verify-registry",
            &settings.skip_tls_verify_registries,
        ),
    ] {
        flags.extend(values.iter().map(|value| format!("--{name}={value}")));
    }
    // A bare name takes the variable's value, so that a password in a proxy's address is on no command line.
    flags.extend(
        settings
            .proxies
            .variables()
            .map(|(name, _)| format!("--build-arg={name}")),
    );
    flags
}

fn add_variables(main: &mut ContainerPlan, settings: &BuildSettings) {
    let own = settings
        .proxies
        .variables()
        .map(|(name, value)| EnvVar::value(name, value))
        .chain([EnvVar::value("UPSTREAM_CLIENT_TYPE", "polyaxon")]);
    for variable in own {
        if !main.env.iter().any(|known| known.name == variable.name) {
            main.env.push(variable);
        }
    }
}
