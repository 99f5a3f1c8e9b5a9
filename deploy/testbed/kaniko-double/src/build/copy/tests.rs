use super::*;
use crate::log::{Format, Level};
use rstest::rstest;

struct Setting {
    _folder: tempfile::TempDir,
    place: Place,
    root: Root,
}

fn setting(ignore: &str) -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let context = folder.path().join("context");
    for path in [
        "a",
        "b.log",
        "app/main.sh",
        "app/conf/a.ini",
        "data/1.csv",
        "data/2.csv",
    ] {
        let path = context.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, path.file_name().unwrap().as_bytes()).unwrap();
    }
    std::os::unix::fs::symlink("nowhere", context.join("link")).unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    std::os::unix::fs::symlink("usr/bin", root.join("bin")).unwrap();
    Setting {
        place: Place {
            folder: context,
            ignore: IgnoreRules::parse(ignore),
        },
        root: Root::plain(root),
        _folder: folder,
    }
}

fn log() -> Log {
    Log {
        format: Format::Json,
        timestamp: false,
        threshold: Level::Fatal,
        start: std::time::Instant::now(),
    }
}

impl Setting {
    fn copy(&self, sources: &[&str], destination: &str) -> Result<Vec<String>, Error> {
        let sources: Vec<_> = sources.iter().map(|text| (*text).to_owned()).collect();
        let sources = self.place.find(&sources, &log())?;
        let metadata = fs::metadata(&self.place.folder).unwrap();
        let target = Target {
            destination,
            working_dir: Path::new("/shared"),
            owner: Owner {
                uid: metadata.uid(),
                gid: metadata.gid(),
            },
            mode: None,
            add: true,
        };
        let written = copy(&self.root, &self.place, &sources, &target)?;
        Ok(written
            .iter()
            .map(|path| path.display().to_string())
            .collect())
    }
}

#[rstest]
#[case(&["a"], "/x", &["/x"])]
#[case(&["a"], "/x/", &["/x", "/x/a"])]
#[case(&["a"], "y", &["/shared", "/shared/y"])]
#[case(&["a"], ".", &["/shared", "/shared/a"])]
#[case(&["a"], "/bin", &["/usr/bin/a"])]
#[case(&["a"], "/bin/tool", &["/usr/bin/tool"])]
#[case(&["app/"], "/app/", &["/app", "/app/conf", "/app/conf/a.ini", "/app/main.sh"])]
#[case(&["data/*.csv"], "/d/", &["/d", "/d/1.csv", "/d/2.csv"])]
#[case(&["data/*.txt"], "/d/", &[])]
#[case(&["../../a", "./b.log"], "/d/", &["/d", "/d/a", "/d/b.log"])]
#[case(&["link"], "/l", &["/l"])]
fn files_land_where_they_should(
    #[case] sources: &[&str],
    #[case] destination: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(setting("").copy(sources, destination).unwrap(), expected);
}

#[test]
fn what_is_left_out_is_skipped_without_a_word() {
    let setting = setting("*.log\napp\n!app/conf\n");
    assert_eq!(
        setting.copy(&["b.log", "a"], "/x/").unwrap(),
        ["/x", "/x/a"]
    );
    assert_eq!(
        setting.copy(&["."], "/y").unwrap(),
        [
            "/y",
            "/y/a",
            "/y/app",
            "/y/app/conf",
            "/y/app/conf/a.ini",
            "/y/data",
            "/y/data/1.csv",
            "/y/data/2.csv",
            "/y/link"
        ]
    );
}

#[test]
fn a_missing_source_is_named_with_its_path() {
    let setting = setting("");
    let path = setting.place.folder.join("app.py").display().to_string();
    assert_eq!(
        setting.copy(&["app.py"], "/srv/").unwrap_err().to_string(),
        format!("failed to get fileinfo for {path}: lstat {path}: no such file or directory")
    );
}

#[test]
fn several_sources_need_a_folder() {
    let error = setting("").copy(&["a", "b.log"], "/x").unwrap_err();
    assert_eq!(error, Error::Destination);
}

#[test]
fn an_archive_is_refused_by_add() {
    let setting = setting("");
    fs::write(setting.place.folder.join("x.tar.gz"), b"\x1f\x8b\x08\x00").unwrap();
    assert_eq!(
        setting.copy(&["x.tar.gz"], "/x/").unwrap_err(),
        Error::Archive
    );
}

#[test]
fn the_digest_follows_name_mode_and_content() {
    let setting = setting("");
    let digest = || {
        let sources = setting.place.find(&["app".to_owned()], &log()).unwrap();
        setting.place.digest(&sources).unwrap()
    };
    let first = digest();
    assert_eq!(first, digest());
    let file = setting.place.folder.join("app/main.sh");
    fs::write(&file, "other").unwrap();
    let second = digest();
    assert_ne!(first, second);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
    let third = digest();
    assert_ne!(second, third);
    fs::rename(&file, file.with_file_name("n")).unwrap();
    assert_ne!(third, digest());
}
