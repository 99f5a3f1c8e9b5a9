//! The double in a root of its own, as in a container.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Mounts what a container has, changes the root and runs the program there. The test's program
/// is not static, so its loader and libraries lie beside it.
const SCRIPT: &str = r#"
set -e
root=$1; shift
mount --make-rprivate /
mount --bind "$root/../workspace" "$root/workspace"
mount --bind "$root/../out" "$root/out"
mount --bind /dev/null "$root/dev/null"
for name in hosts hostname resolv.conf; do mount --bind "$root/../etc/$name" "$root/etc/$name"; done
mount -t proc proc "$root/proc"
exec /usr/bin/env -i PATH=/usr/local/bin:/kaniko HOME=/root USER=root DOCKER_CONFIG=/kaniko/.docker/ \
    BUILDER_OUTPUT="$BUILDER_OUTPUT" \
    /usr/bin/unshare --root="$root" --wd=/workspace \
    /kaniko/loader --library-path /kaniko/lib /kaniko/executor "$@"
"#;

pub(crate) struct Sandbox {
    folder: TempDir,
}

/// How a run ended.
pub(crate) struct Ended {
    pub status: Option<i32>,
    /// Both streams, merged.
    pub log: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        for name in [
            "kaniko/.docker",
            "kaniko/lib",
            "workspace",
            "out",
            "run",
            "dev",
            "etc",
            "proc",
        ] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for name in ["workspace", "out"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for path in [folder.path(), &root] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for name in [
            "run/.containerenv",
            "dev/null",
            "etc/hosts",
            "etc/hostname",
            "etc/resolv.conf",
        ] {
            File::create(root.join(name)).unwrap();
        }
        fs::create_dir(folder.path().join("etc")).unwrap();
        for name in ["hosts", "hostname", "resolv.conf"] {
            fs::write(folder.path().join("etc").join(name), "").unwrap();
        }
        install(&root);
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A folder that is mounted at its name.
    pub(crate) fn mounted(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn start(&self, arguments: &[String], environment: &[(&str, &str)]) -> Child {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let root = rustix::process::geteuid().is_root();
        let mut command = Command::new("unshare");
        if !root {
            command.arg("--map-root-user");
        }
        command
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                SCRIPT,
                "sh",
            ])
            .arg(self.root())
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn run(&self, arguments: &[String], environment: &[(&str, &str)]) -> Ended {
        let status = self.start(arguments, environment).wait().unwrap();
        Ended {
            status: status.code(),
            log: self.log(),
        }
    }
}

fn install(root: &Path) {
    let binary = env!("CARGO_BIN_EXE_kaniko-double");
    let executor = root.join("kaniko/executor");
    if fs::hard_link(binary, &executor).is_err() {
        fs::copy(binary, executor).unwrap();
    }
    let listing = Command::new("ldd").arg(binary).output().unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    for word in listing
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let path = Path::new(word);
        let name = path.file_name().unwrap();
        fs::copy(path, root.join("kaniko/lib").join(name)).unwrap();
        if name.to_str().is_some_and(|name| name.starts_with("ld-")) {
            fs::copy(path, root.join("kaniko/loader")).unwrap();
        }
    }
}
