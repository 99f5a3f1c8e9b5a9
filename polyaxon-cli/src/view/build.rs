//! What a build did, as rows for people.

use polyaxon_proto::runs::v1::base_image::Source;
use polyaxon_proto::runs::v1::build_step::Kind;
use polyaxon_proto::runs::v1::{BuildResult, BuildStep};

use super::result::step_name;

/// Seconds from which on looking for changed files is worth a remark.
const SHOWN_SNAPSHOT: f64 = 1.0;

/// Fields and values: where the image comes from, how large it is, what the cache had, where the time went.
pub(crate) fn rows(build: &BuildResult) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for base in &build.base_images {
        let digest = if base.digest.is_empty() || base.name.contains('@') {
            String::new()
        } else {
            format!("@{}", base.digest)
        };
        let remark = if base.digest_source() == Source::Registry {
            " (what the registry had under this name after the build)"
        } else {
            ""
        };
        rows.push(("base image", format!("{}{digest}{remark}", base.name)));
    }
    if build.size_bytes > 0 {
        let layers = match build.layers {
            1 => "1 layer".to_owned(),
            count => format!("{count} layers"),
        };
        rows.push(("size", format!("{} in {layers}", size(build.size_bytes))));
    }
    if !build.cache_hits.is_empty() || !build.cache_misses.is_empty() {
        let (hits, misses) = (build.cache_hits.len(), build.cache_misses.len());
        rows.push(("cache", format!("{hits} found, {misses} not found")));
    }
    if !build.cache_error.is_empty() {
        rows.push(("cache trouble", build.cache_error.clone()));
    }
    rows.extend(build.timeline.iter().map(|step| row(build, step)));
    rows
}

fn row(build: &BuildResult, step: &BuildStep) -> (&'static str, String) {
    let cache = if step.cached {
        "cached"
    } else if build.cache_misses.contains(&step.instruction) {
        "not cached"
    } else {
        ""
    };
    let snapshot = if step.snapshot_seconds >= SHOWN_SNAPSHOT {
        let seconds = time(step.snapshot_seconds);
        format!(" ({seconds} of it looking for changed files)")
    } else {
        String::new()
    };
    let text = format!(
        "{:>7}  {cache:<10}  {}{snapshot}",
        time(step.seconds),
        step.instruction
    );
    let name = match step.kind() {
        Kind::Instruction | Kind::Unspecified => "step",
        kind => step_name(kind),
    };
    (name, text.trim_end().to_owned())
}

fn time(seconds: f64) -> String {
    format!("{seconds:.1}s")
}

/// Bytes as people read them, in powers of 1024.
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut tenths = 0;
    let mut unit = "B";
    for next in units {
        if value < 1024 {
            break;
        }
        tenths = value % 1024 * 10 / 1024;
        value /= 1024;
        unit = next;
    }
    if unit == "B" {
        format!("{value} B")
    } else {
        format!("{value}.{tenths} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use polyaxon_proto::runs::v1::BaseImage;

    use super::*;

    #[test]
    fn a_build_shows_its_time_and_cache() {
        let step = |kind: Kind, instruction: &str, seconds, cached| BuildStep {
            kind: kind.into(),
            instruction: instruction.to_owned(),
            seconds,
            cached,
            ..BuildStep::default()
        };
        let build = BuildResult {
            base_images: vec![BaseImage {
                name: "busybox:1.36".to_owned(),
                digest: "sha256:aa".to_owned(),
                digest_source: Source::Registry.into(),
            }],
            cache_hits: vec!["RUN a".to_owned()],
            cache_misses: vec!["RUN b".to_owned()],
            cache_error: "denied".to_owned(),
            layers: 2,
            size_bytes: 2_300_000,
            timeline: vec![
                step(Kind::Prepare, "", 2.0, false),
                step(Kind::Unpack, "", 3.0, false),
                step(Kind::Instruction, "RUN a", 0.04, true),
                BuildStep {
                    snapshot_seconds: 8.0,
                    ..step(Kind::Instruction, "RUN b", 75.25, false)
                },
                step(Kind::Instruction, "ENV c=1", 0.0, false),
                step(Kind::Push, "", 1.0, false),
            ],
            ..BuildResult::default()
        };
        let lines: Vec<String> = rows(&build)
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        base image: busybox:1.36@sha256:aa (what the registry had under this name after the build)
        size: 2.1 MiB in 2 layers
        cache: 1 found, 1 not found
        cache trouble: denied
        prepare:    2.0s
        unpack:    3.0s
        step:    0.0s  cached      RUN a
        step:   75.2s  not cached  RUN b (8.0s of it looking for changed files)
        step:    0.0s              ENV c=1
        push:    1.0s
        ");
        assert!(rows(&BuildResult::default()).is_empty());
    }

    #[rstest::rstest]
    #[case(0, "0 B")]
    #[case(1023, "1023 B")]
    #[case(1536, "1.5 KiB")]
    #[case(u64::MAX, "16777215.9 TiB")]
    fn sizes(#[case] bytes: u64, #[case] expected: &str) {
        assert_eq!(size(bytes), expected);
    }
}
