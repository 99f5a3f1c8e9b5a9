use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::layer::{Changes, Layer};
use super::snapshot::Snapshot;
use super::*;

struct Tree {
    folder: tempfile::TempDir,
    root: Root,
}

fn tree() -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::of_process(folder.path(), &[]);
    Tree { folder, root }
}

impl Tree {
    fn put(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.folder.path().join(path)).is_ok()
    }

    fn layer(&self, changes: &Changes) -> Layer {
        layer::write(&self.root, changes, &self.root.own("layers/0")).unwrap()
    }

    fn layer_since(&self, before: &Snapshot) -> Layer {
        let after = Snapshot::take(&self.root).unwrap();
        self.layer(&before.changes_to(&after))
    }
}

fn unzipped(layer: &Layer) -> flate2::read::GzDecoder<File> {
    flate2::read::GzDecoder::new(File::open(&layer.path).unwrap())
}

/// Name to kind and mode.
fn listing(layer: &Layer) -> BTreeMap<String, (tar::EntryType, u32)> {
    tar::Archive::new(unzipped(layer))
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let header = entry.header();
            (name, (header.entry_type(), header.mode().unwrap()))
        })
        .collect()
}

fn names(layer: &Layer) -> Vec<String> {
    listing(layer).into_keys().collect()
}

#[test]
fn a_layer_holds_what_changed_and_the_folders_above() {
    let tree = tree();
    tree.put("bin/sh", "x");
    tree.put("bin/vi", "x");
    tree.put("srv/app.py", "1");
    tree.put("kaniko/executor", "x");
    let before = Snapshot::take(&tree.root).unwrap();
    tree.put("srv/app.py", "2");
    tree.put("kaniko/deps/0/x", "x");
    fs::remove_file(tree.folder.path().join("bin/vi")).unwrap();
    let layer = tree.layer_since(&before);
    assert_eq!(names(&layer), ["bin/", "bin/.wh.vi", "srv/", "srv/app.py"]);
    assert_eq!(listing(&layer)["bin/.wh.vi"], (tar::EntryType::Regular, 0));
}

#[test]
fn a_change_that_hides_its_time_is_seen() {
    let tree = tree();
    tree.put("a", "1");
    let time = fs::metadata(tree.folder.path().join("a"))
        .unwrap()
        .modified()
        .unwrap();
    let before = Snapshot::take(&tree.root).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    tree.put("a", "2");
    File::options()
        .write(true)
        .open(tree.folder.path().join("a"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(names(&tree.layer_since(&before)), ["a"]);
}

#[test]
fn nothing_changed_is_an_empty_layer_that_is_always_the_same() {
    let tree = tree();
    tree.put("a", "1");
    let before = Snapshot::take(&tree.root).unwrap();
    let first = tree.layer_since(&before);
    assert!(names(&first).is_empty());
    assert_eq!(first.digest, tree.layer(&Changes::default()).digest);
}

#[test]
fn only_the_top_of_what_is_gone_is_hidden() {
    let tree = tree();
    tree.put("opt/a/b/c", "x");
    tree.put("opt/d", "x");
    let before = Snapshot::take(&tree.root).unwrap();
    fs::remove_dir_all(tree.folder.path().join("opt/a")).unwrap();
    assert_eq!(names(&tree.layer_since(&before)), ["opt/", "opt/.wh.a"]);
}

#[test]
fn files_of_an_earlier_layer_are_not_repeated() {
    let tree = tree();
    let mut state = Snapshot::take(&tree.root).unwrap();
    tree.put("srv/main.py", "x");
    state.note(&tree.root, [PathBuf::from("/srv/main.py")]);
    assert!(names(&tree.layer_since(&state)).is_empty());
}

#[test]
fn what_is_packed_is_unpacked_the_same() {
    let source = tree();
    let long = "d/".repeat(80) + "a-name-of-some-length-that-no-header-has-room-for";
    source.put(&long, "long");
    source.put("bin/tool", "tool");
    fs::set_permissions(
        source.folder.path().join("bin/tool"),
        fs::Permissions::from_mode(0o4755),
    )
    .unwrap();
    fs::hard_link(
        source.folder.path().join("bin/tool"),
        source.folder.path().join("bin/twin"),
    )
    .unwrap();
    symlink("tool", source.folder.path().join("bin/link")).unwrap();
    let layer = source.layer_since(&Snapshot::default());
    assert_eq!(listing(&layer)["bin/twin"].0, tar::EntryType::Link);

    let target = tree();
    unpack::layer(&target.root, unzipped(&layer)).unwrap();
    let place = |path: &str| target.folder.path().join(path);
    assert_eq!(fs::read_to_string(place(&long)).unwrap(), "long");
    assert_eq!(fs::read_link(place("bin/link")).unwrap(), Path::new("tool"));
    let mode = |path: &str| fs::metadata(place(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("bin/twin"), 0o4755);
    let modified = |path: PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    assert_eq!(
        modified(place("bin")),
        modified(source.folder.path().join("bin"))
    );
}

#[test]
fn removals_are_carried_out_and_own_files_are_spared() {
    let lower = tree();
    lower.put("etc/old", "x");
    lower.put("etc/keep", "x");
    lower.put("kaniko/executor", "x");
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["etc/.wh.old", "kaniko/.wh.executor", "kaniko/evil"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &[][..]).unwrap();
    }
    let bytes = builder.into_inner().unwrap();
    unpack::layer(&lower.root, bytes.as_slice()).unwrap();
    assert!(!lower.has("etc/old"));
    assert!(lower.has("etc/keep"));
    assert!(lower.has("kaniko/executor"));
    assert!(!lower.has("kaniko/evil"));
}

#[test]
fn an_opaque_folder_hides_what_was_below_it_only() {
    let lower = tree();
    lower.put("opt/old/x", "x");
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["opt/new", "opt/.wh..wh..opq"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &[][..]).unwrap();
    }
    let bytes = builder.into_inner().unwrap();
    unpack::layer(&lower.root, bytes.as_slice()).unwrap();
    assert!(lower.has("opt/new"));
    assert!(!lower.has("opt/old"));
}

#[test]
fn a_broken_archive_has_the_recorded_words() {
    let tree = tree();
    tree.put("a", &"x".repeat(4096));
    let layer = tree.layer_since(&Snapshot::default());
    let bytes = fs::read(&layer.path).unwrap();
    let half = &bytes[..bytes.len() / 2];
    let error = unpack::layer(&tree.root, flate2::read::GzDecoder::new(half)).unwrap_err();
    assert_eq!(error.to_string(), "unexpected EOF");
}
