//! Development tasks: `cargo run -p xtask -- proto [--check]` and `cargo run -p xtask -- bench [--cluster]`.

mod bench;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use prost::Message;

use self::bench::Part;

/// The files that are compiled, relative to `proto/`.
const PROTOS: [&str; 5] = [
    "polyaxon/hub/v1/components.proto",
    "polyaxon/hub/v1/access.proto",
    "polyaxon/runs/v1/runs.proto",
    "polyaxon/agent/v1/agent.proto",
    "polyaxon/transfer/v1/transfer.proto",
];

/// Messages with a secret; `polyaxon_proto` says what may be shown of them.
const SECRET: [&str; 2] = [
    ".polyaxon.hub.v1.CreateTokenResponse",
    ".polyaxon.runs.v1.Endpoint",
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["proto"] => generate(&workspace().join("proto/src/generated")),
        ["proto", "--check"] => check(),
        ["bench"] => bench::run(&workspace(), Part::All),
        ["bench", "--cluster"] => bench::run(&workspace(), Part::Cluster),
        _ => bail!("usage: cargo run -p xtask -- (proto [--check] | bench [--cluster])"),
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn generate(out: &Path) -> Result<()> {
    std::fs::create_dir_all(out)?;
    let descriptors = protox::compile(PROTOS, [workspace().join("proto")])?;
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .bytes(".")
        .skip_debug(SECRET)
        .out_dir(out)
        .compile_fds(descriptors)?;
    Ok(())
}

/// Fails when the checked-in code is not what the `.proto` files give now.
fn check() -> Result<()> {
    let fresh = std::env::temp_dir().join(format!("polyaxon-proto-{}", std::process::id()));
    generate(&fresh)?;
    let kept = workspace().join("proto/src/generated");
    let mut stale = Vec::new();
    for entry in std::fs::read_dir(&fresh)? {
        let name = entry?.file_name();
        let old = std::fs::read(kept.join(&name)).unwrap_or_default();
        if old != std::fs::read(fresh.join(&name)).context("reading fresh code")? {
            stale.push(name.to_string_lossy().into_owned());
        }
    }
    std::fs::remove_dir_all(&fresh)?;
    if !stale.is_empty() {
        bail!(
            "generated code is out of date: {}; run `cargo run -p xtask -- proto`",
            stale.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    /// Whoever changes a `.proto` file renews the code in the same commit.
    #[test]
    fn generated_code_is_current() {
        super::check().unwrap();
    }
}
