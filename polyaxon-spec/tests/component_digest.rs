//! The canonical JSON of components and their digests: vectors that any implementation has to agree with.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use polyaxon_spec::component::Component;
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;

fn vectors() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/testdata/component-digest");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are no vectors");
    paths
}

fn component(text: &str) -> Component {
    Component::read(&Source::new("component.yaml", text))
        .unwrap()
        .0
}

#[test]
fn vectors_hold() {
    for path in vectors() {
        let read = |extension| fs::read_to_string(path.with_extension(extension)).unwrap();
        let component = component(&read("yaml"));
        assert_eq!(
            component.canonical_json(),
            read("json"),
            "{}",
            path.display()
        );
        let digest = format!("sha256:{}", read("sha256").trim());
        assert_eq!(component.digest(), digest, "{}", path.display());
    }
}

/// What is stored and printed may be read again without another digest: as canonical JSON, and as YAML.
#[test]
fn the_digest_survives_every_form() {
    for path in vectors() {
        let first = component(&fs::read_to_string(&path).unwrap());
        let from_json = component(&first.canonical_json());
        assert_eq!(
            from_json.digest(),
            first.digest(),
            "{} as JSON",
            path.display()
        );
        let from_yaml = component(&yaml::write(first.to_json()));
        assert_eq!(
            from_yaml.digest(),
            first.digest(),
            "{} as YAML",
            path.display()
        );
    }
}

#[test]
fn comments_and_order_do_not_count_and_values_do() {
    let digest = |text: &str| component(text).digest();
    let one = digest("kind: component\nname: a\nrun: {kind: job, container: {image: x}}\n");
    let other =
        digest("# a\nrun:\n  container: {image: 'x'}\n  kind: job\nname: a\nkind: component");
    assert_eq!(one, other);
    let changed = digest("kind: component\nname: b\nrun: {kind: job, container: {image: x}}\n");
    assert_ne!(one, changed);
    let with_null =
        digest("kind: component\nname: a\ntags:\nrun: {kind: job, container: {image: x}}\n");
    assert_ne!(one, with_null);
}
