//! The same run again: log, exit status, config, layers and files as recorded.

use std::fs;
use std::path::Path;

use flate2::read::GzDecoder;
use regex::Regex;
use serde_json::Value;

use crate::base;
use crate::registry::{Access, Registry};
use crate::sandbox::Sandbox;

/// Registries of the recordings.
const REGISTRY: &str = "127.0.0.1:5000";
const EMPTY_REGISTRY: &str = "127.0.0.1:5003";

/// Lines of a log without times, digests, padding and what only the double says.
fn lines(log: &str) -> Vec<String> {
    let volatile =
        Regex::new(r#""time":"[^"]*"|^time="[^"]*"|\[\d{4}\]|\[\d{4}-\d\d-\d\dT[0-9:]{8}Z\]"#)
            .unwrap();
    let digest = Regex::new("sha256:[0-9a-f]{64}").unwrap();
    log.lines()
        .filter(|line| !line.contains("a stand-in for the Kaniko executor"))
        .map(|line| {
            let line = volatile.replace_all(line, "");
            digest.replace_all(&line, "sha256:…").trim_end().to_owned()
        })
        .collect()
}

/// The lines of the executor in order, and the output of commands, whose two streams were merged
/// with the log in any order.
fn split(log: &str) -> (Vec<String>, Vec<String>) {
    let own = Regex::new("^(\\{\"level\"| level=|\u{1b}\\[3[1367]m[A-Z]{4}\u{1b}|error )").unwrap();
    let (own, mut output): (Vec<_>, Vec<_>) =
        lines(log).into_iter().partition(|line| own.is_match(line));
    output.sort();
    (own, output)
}

struct Case {
    folder: std::path::PathBuf,
    registry: Registry,
    empty: Registry,
}

impl Case {
    fn new(name: &str) -> Self {
        let registry = Registry::start(Access::Open);
        base::recorded(&registry);
        Self {
            folder: Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/fixtures/runs")
                .join(name),
            registry,
            empty: Registry::start(Access::Open),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        let bytes = fs::read(self.folder.join(name)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn json(&self, name: &str) -> Option<Value> {
        Some(serde_json::from_str(&self.text(name)?).unwrap())
    }

    /// With the registries of this test.
    fn here(&self, text: &str) -> String {
        text.replace(REGISTRY, &self.registry.host)
            .replace(EMPTY_REGISTRY, &self.empty.host)
    }

    /// With the registries of the recordings.
    fn there(&self, text: &str) -> String {
        text.replace(&self.registry.host, REGISTRY)
            .replace(&self.empty.host, EMPTY_REGISTRY)
    }

    fn prepare(&self) -> Sandbox {
        let sandbox = Sandbox::new();
        copy_folder(&self.folder.join("context"), &sandbox.mounted("workspace"));
        let dockerfile = self.text("Dockerfile").unwrap();
        sandbox.put("workspace/Dockerfile", &self.here(&dockerfile));
        sandbox
    }

    fn arguments(&self) -> Vec<String> {
        let arguments: Vec<String> =
            serde_json::from_value(self.json("args.json").unwrap()).unwrap();
        arguments
            .iter()
            .map(|argument| self.here(argument))
            .collect()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else {
        return;
    };
    fs::create_dir_all(to).unwrap();
    for entry in entries {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The layers above the first, one line per entry.
fn layers(registry: &Registry, manifest: &Value) -> String {
    let mut text = String::new();
    let descriptors = manifest["layers"].as_array().unwrap();
    for (index, descriptor) in descriptors.iter().enumerate().skip(1) {
        let bytes = registry.blob(descriptor["digest"].as_str().unwrap());
        let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let records: Vec<String> = entry
                .pax_extensions()
                .unwrap()
                .into_iter()
                .flatten()
                .map(|record| record.unwrap().key().unwrap().to_owned())
                .collect();
            let header = entry.header();
            let times = ["atime", "ctime", "mtime"];
            let name = entry.path().unwrap().display().to_string();
            let name = name.trim_end_matches('/');
            let shown = if times
                .iter()
                .all(|time| records.iter().any(|record| record == time))
            {
                format!("{name} times")
            } else {
                format!("{} {name}", header.mtime().unwrap())
            };
            let kind = char::from(header.entry_type().as_byte());
            text.push_str(&format!(
                "layer {index}: {kind} {:04o} {}:{} {} {shown}\n",
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
                header.size().unwrap()
            ));
        }
    }
    text
}

fn check_image(case: &Case, destination: &str, expected: &Value) {
    let (repository, tag) = destination
        .split_once('/')
        .unwrap()
        .1
        .rsplit_once(':')
        .unwrap();
    let (_, manifest) = case
        .registry
        .manifest(repository, tag)
        .expect("nothing was pushed");
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let config = case
        .registry
        .blob(manifest["config"]["digest"].as_str().unwrap());
    let config: Value = serde_json::from_slice(&config).unwrap();
    for field in ["architecture", "os", "history"] {
        assert_eq!(config[field], expected[field], "{field}");
    }
    // `Volumes` of a base and the like stay as they are.
    assert_eq!(config["config"], expected["config"]);
    let count = |config: &Value| config["rootfs"]["diff_ids"].as_array().unwrap().len();
    assert_eq!(count(&config), count(expected));
    let created = config["created"].as_str().unwrap();
    created.parse::<jiff::Timestamp>().unwrap();
    if let Some(expected) = case.text("layers.txt") {
        assert_eq!(layers(&case.registry, &manifest), expected);
    }
}

fn check(name: &str) {
    let case = Case::new(name);
    let sandbox = case.prepare();
    let status = case.json("exit.json").unwrap()["exit_code"]
        .as_i64()
        .unwrap();
    if status == 0 {
        fs::create_dir(sandbox.mounted("out/builder")).unwrap();
    }
    let environment = case.json("env.json").unwrap_or_default();
    let environment: Vec<(&str, &str)> = environment
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let arguments = case.arguments();
    let ended = sandbox.run(&arguments, &environment);
    let log = case.there(&ended.log);
    let recorded = case.text("log").unwrap();
    let (own, output) = split(&log);
    let (expected_own, expected_output) = split(&recorded);
    assert_eq!(own, expected_own, "{log}");
    assert_eq!(output, expected_output, "{log}");
    assert_eq!(ended.status.map(i64::from), Some(status));
    if let Some(expected) = case.json("config.json") {
        let destination = arguments
            .iter()
            .find_map(|argument| argument.strip_prefix("--destination="))
            .unwrap();
        check_image(&case, destination, &expected);
    }
    for (name, expected) in case
        .json("outputs.json")
        .iter()
        .filter_map(Value::as_object)
        .flatten()
    {
        let text = fs::read_to_string(sandbox.mounted("out").join(name)).unwrap();
        assert_eq!(
            lines(&case.there(&text)),
            lines(expected.as_str().unwrap()),
            "{name}"
        );
    }
}

macro_rules! recorded {
    ($($test:ident: $name:literal,)*) => {
        $(#[test] fn $test() { check($name); })*
    };
}

recorded! {
    base_image_missing_01: "base_image_missing-01",
    base_image_missing_04: "base_image_missing-04",
    config_01: "config-01",
    config_06: "config-06",
    copy_missing_01: "copy_missing-01",
    copy_missing_02: "copy_missing-02",
    copy_missing_05: "copy_missing-05",
    dockerfile_parse_01: "dockerfile_parse-01",
    dockerfile_parse_06: "dockerfile_parse-06",
    dockerfile_stage_01: "dockerfile_stage-01",
    mirror_only_miss_01: "mirror_only_miss-01",
    mirror_only_miss_02: "mirror_only_miss-02",
    registry_network_01: "registry_network-01",
    run_failed_04: "run_failed-04",
    run_failed_05: "run_failed-05",
    run_failed_06: "run_failed-06",
    run_failed_09: "run_failed-09",
    run_failed_11: "run_failed-11",
    run_failed_12: "run_failed-12",
    run_failed_14: "run_failed-14",
    run_failed_16: "run_failed-16",
    run_no_shell_01: "run_no_shell-01",
    run_no_shell_02: "run_no_shell-02",
    run_no_shell_04: "run_no_shell-04",
    run_user_01: "run_user-01",
    run_user_02: "run_user-02",
    success_06: "success-06",
    success_07: "success-07",
    success_08: "success-08",
    success_09: "success-09",
    success_10: "success-10",
    success_18: "success-18",
    success_19: "success-19",
    success_26: "success-26",
    success_32: "success-32",
    success_36: "success-36",
    success_40: "success-40",
    success_41: "success-41",
    success_51: "success-51",
    success_52: "success-52",
    success_53: "success-53",
    success_54: "success-54",
    success_55: "success-55",
    success_68: "success-68",
    success_85: "success-85",
    unknown_01: "unknown-01",
}
