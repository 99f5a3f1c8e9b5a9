use super::*;
use rstest::rstest;

struct Setting {
    folder: tempfile::TempDir,
    root: Root,
}

fn setting() -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::plain(folder.path().join("root"));
    fs::create_dir_all(folder.path().join("ctx/sub")).unwrap();
    Setting { folder, root }
}

impl Setting {
    fn put(&self, path: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(path);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn resolve(&self, context: &str, sub: &str, dockerfile: &str) -> Result<Context, Failure> {
        let options = Options {
            context: context.to_owned(),
            context_sub_path: sub.to_owned(),
            dockerfile: dockerfile.to_owned(),
            ..Options::default()
        };
        resolve(&options, &self.root)
    }

    fn context(&self) -> String {
        format!("dir://{}", self.folder.path().join("ctx").display())
    }
}

fn archive(name: &str, text: &str) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(encoder);
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_uid(rustix::process::getuid().as_raw().into());
    header.set_gid(rustix::process::getgid().as_raw().into());
    builder
        .append_data(&mut header, name, text.as_bytes())
        .unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn the_dockerfile_is_found_in_the_context_and_copied() {
    let setting = setting();
    setting.put("ctx/sub/Dockerfile", b"FROM a\n");
    let context = setting
        .resolve(&setting.context(), "sub", "Dockerfile")
        .unwrap();
    assert_eq!(context.text, "FROM a\n");
    assert!(context.folder.ends_with("ctx/sub"));
    assert_eq!(
        fs::read_to_string(setting.root.own("Dockerfile")).unwrap(),
        "FROM a\n"
    );
}

#[test]
fn an_archive_is_unpacked() {
    let setting = setting();
    let path = setting.put("c.tar.gz", &archive("Dockerfile", "FROM b\n"));
    let context = setting
        .resolve(&format!("tar://{path}"), "", "Dockerfile")
        .unwrap();
    assert_eq!(context.text, "FROM b\n");
}

#[rstest]
#[case(
    "tar:///nowhere/ctx.tar.gz",
    "error resolving source context: open /nowhere/ctx.tar.gz: no such file or directory"
)]
#[case(
    "",
    "error resolving source context: please specify a path to the build context with the --context flag or a bucket with the --bucket flag"
)]
#[case(
    "http://a.test/x",
    "error resolving source context: unknown build context prefix provided, please use one of the following: gs://, dir://, tar://, s3://, git://, https://"
)]
#[case(
    "/nowhere",
    "error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile"
)]
fn failures_have_the_recorded_words(#[case] context: &str, #[case] expected: &str) {
    let failure = setting().resolve(context, "", "Dockerfile").unwrap_err();
    assert_eq!(failure, Failure::usage(expected));
}

#[test]
fn broken_archives_are_told_apart() {
    let setting = setting();
    let plain = setting.put("plain.tar", b"not compressed at all");
    let whole = archive("Dockerfile", &"FROM a\n".repeat(500));
    let half = setting.put("half.tar.gz", &whole[..whole.len() / 2]);
    for (path, reason) in [(plain, "gzip: invalid header"), (half, "unexpected EOF")] {
        let failure = setting
            .resolve(&format!("tar://{path}"), "", "x")
            .unwrap_err();
        let expected = format!("error resolving source context: {reason}");
        assert_eq!(failure, Failure::usage(expected));
    }
}

#[test]
fn other_sources_are_refused() {
    for context in [
        "git://a.test/b.git",
        "https://a.test/b",
        "s3://b/c",
        "gs://b/c",
    ] {
        let failure = setting().resolve(context, "", "Dockerfile").unwrap_err();
        assert!(matches!(failure, Failure::Unsupported { .. }), "{failure}");
    }
}
