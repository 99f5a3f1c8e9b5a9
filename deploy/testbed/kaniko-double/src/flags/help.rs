//! What `--help` prints, and every error of the command line after its reason.

use std::fmt::Write as _;

const HEAD: &str = "\
Usage:
  executor [flags]
  executor [command]

Available Commands:
  help        Print this text
  version     Print the version that the double stands in for

Flags:
";

/// Flag with the kind of its value, and what it does.
const FLAGS: &[(&str, &str)] = &[
    ("    --build-arg NAME=VALUE", "Value of an ARG (repeatable)"),
    (
        "    --cache",
        "Look up and store layers in the cache repository",
    ),
    (
        "    --cache-copy-layers",
        "Cache the layers of COPY and ADD, too",
    ),
    (
        "    --cache-repo string",
        "Cache repository (default: the destination's, with /cache)",
    ),
    (
        "    --cache-run-layers",
        "Cache the layers of RUN (default true)",
    ),
    (
        "    --cache-ttl duration",
        "Age from which a cache entry is not used (default 336h0m0s)",
    ),
    (
        "-c, --context string",
        "Folder, dir://FOLDER or tar://FILE (default \"/workspace/\")",
    ),
    (
        "    --context-sub-path string",
        "Folder inside the context that becomes the context",
    ),
    (
        "    --credential-helpers name",
        "Accepted; helpers are never asked",
    ),
    (
        "-d, --destination string",
        "Reference to push to (repeatable)",
    ),
    (
        "    --digest-file string",
        "File for the digest of the image",
    ),
    (
        "-f, --dockerfile string",
        "Path of the Dockerfile (default \"Dockerfile\")",
    ),
    (
        "    --force",
        "Build although nothing marks this as a container",
    ),
    ("-h, --help", "Print this text"),
    (
        "    --ignore-path path",
        "Path that is never in a layer (repeatable)",
    ),
    (
        "    --image-download-retry int",
        "Further tries of a base image's download",
    ),
    (
        "    --image-format docker|oci",
        "Media types of the image (default: the base image's)",
    ),
    (
        "    --image-fs-extract-retry int",
        "Further tries of unpacking the base image",
    ),
    (
        "    --image-name-tag-with-digest-file string",
        "File for name, tag and digest",
    ),
    (
        "    --image-name-with-digest-file string",
        "File for name and digest",
    ),
    ("    --insecure", "Push over plain HTTP"),
    ("    --insecure-pull", "Pull over plain HTTP"),
    (
        "    --insecure-registry host",
        "Plain HTTP for one registry (repeatable)",
    ),
    ("    --label NAME=VALUE", "Label of the image (repeatable)"),
    (
        "    --log-format string",
        "text, color or json (default \"color\")",
    ),
    (
        "    --log-timestamp",
        "Time instead of seconds since the start in colored lines",
    ),
    ("    --no-push", "Build only"),
    (
        "    --no-push-cache",
        "Look up the cache and do not store into it",
    ),
    ("    --push-retry int", "Further tries of the push"),
    (
        "    --registry-certificate host=FILE",
        "Certificate authority of one registry (repeatable)",
    ),
    (
        "    --registry-map old=new[;...]",
        "Registries to try before another one",
    ),
    (
        "    --registry-mirror host",
        "Registry to try before docker.io (repeatable)",
    ),
    (
        "    --skip-default-registry-fallback",
        "Do not fall back when no mirror has the image",
    ),
    (
        "    --skip-push-permission-check",
        "Do not ask the registry before the build",
    ),
    (
        "    --skip-tls-verify",
        "Do not verify certificates while pushing",
    ),
    (
        "    --skip-tls-verify-pull",
        "Do not verify certificates while pulling",
    ),
    (
        "    --skip-tls-verify-registry host",
        "Do not verify one registry's certificate (repeatable)",
    ),
    ("    --snapshot-mode string", "full"),
    ("    --target string", "Stage to build (default: the last)"),
    (
        "-v, --verbosity string",
        "debug, info, warn, error or fatal (default \"info\")",
    ),
];

/// The whole usage with its last newline.
pub(crate) fn usage() -> String {
    let width = FLAGS.iter().map(|(flag, _)| flag.len()).max().unwrap_or(0);
    let mut text = HEAD.to_owned();
    for (flag, what) in FLAGS {
        // A string takes everything.
        let _ = writeln!(text, "  {flag:<width$}   {what}");
    }
    text
}
