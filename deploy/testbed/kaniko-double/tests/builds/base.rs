//! Base images as the recorded runs had them, on a static busybox.

use std::io::Write as _;
use std::process::Command;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::registry::{Access, Registry, digest};

const BUSYBOX: &str = "/bin/busybox";

/// A layer under construction.
pub(crate) struct Files(Builder<Vec<u8>>);

impl Files {
    pub(crate) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn header(kind: EntryType, mode: u32, owner: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_size(0);
        header
    }

    pub(crate) fn folder(mut self, name: &str, mode: u32, owner: u64) -> Self {
        let mut header = Self::header(EntryType::Directory, mode, owner);
        self.0.append_data(&mut header, name, &[][..]).unwrap();
        self
    }

    pub(crate) fn file(mut self, name: &str, bytes: &[u8], mode: u32, owner: u64) -> Self {
        let mut header = Self::header(EntryType::Regular, mode, owner);
        header.set_size(bytes.len() as u64);
        self.0.append_data(&mut header, name, bytes).unwrap();
        self
    }

    fn link(mut self, name: &str, target: &str) -> Self {
        let mut header = Self::header(EntryType::Symlink, 0o777, 0);
        self.0.append_link(&mut header, name, target).unwrap();
        self
    }

    pub(crate) fn busybox() -> Self {
        let binary = std::fs::read(BUSYBOX)
            .expect("these tests need a static busybox: run `deploy/testbed/install.sh images`");
        let list = Command::new(BUSYBOX).arg("--list").output().unwrap();
        let mut files = Self::new()
            .folder("bin", 0o755, 0)
            .folder("etc", 0o755, 0)
            .folder("tmp", 0o1777, 0)
            .file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644, 0)
            .file("bin/busybox", &binary, 0o755, 0);
        for applet in String::from_utf8(list.stdout).unwrap().lines() {
            if applet != "busybox" {
                files = files.link(&format!("bin/{applet}"), "busybox");
            }
        }
        files
    }
}

/// Stores an image of some layers.
pub(crate) fn image(
    registry: &Registry,
    name: &str,
    docker: bool,
    layers: Vec<Files>,
    config: &Value,
) {
    let (kind, config_kind, layer_kind) = if docker {
        (
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        )
    } else {
        (
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        )
    };
    let mut diff_ids = Vec::new();
    let mut descriptors = Vec::new();
    let mut history = Vec::new();
    for files in layers {
        let archive = files.0.into_inner().unwrap();
        diff_ids.push(digest(&archive));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&archive).unwrap();
        let bytes = encoder.finish().unwrap();
        descriptors.push(json!({"mediaType": layer_kind, "size": bytes.len(), "digest": registry.put_blob(&bytes)}));
        let author = if history.is_empty() {
            "mkimg"
        } else {
            "fixture"
        };
        history.push(json!({"created": "0001-01-01T00:00:00Z", "created_by": author}));
    }
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z", "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history
    })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind, "layers": descriptors,
        "config": {"mediaType": config_kind, "size": config.len(), "digest": registry.put_blob(config.as_bytes())}
    })
    .to_string();
    let (repository, tag) = name.split_once(':').unwrap();
    registry.put_manifest(repository, tag, kind, manifest.as_bytes());
}

/// The images that the recorded runs are built on.
pub(crate) fn recorded(registry: &Registry) {
    static IMAGES: LazyLock<Registry> = LazyLock::new(|| {
        let registry = Registry::start(Access::Open);
        make(&registry);
        registry
    });
    registry.fill(&IMAGES);
}

fn make(registry: &Registry) {
    let busybox = json!({"Cmd": ["sh"], "Env": ["PATH=/bin"]});
    image(
        registry,
        "library/busybox:1",
        false,
        vec![Files::busybox()],
        &busybox,
    );
    let alpine = json!({"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/local/bin:/bin"]});
    image(
        registry,
        "library/alpine:3.20",
        true,
        vec![Files::busybox()],
        &alpine,
    );
    let script = b"#!/bin/sh\necho Collecting $2\necho Successfully installed $2-1.0\n";
    let python = Files::busybox()
        .folder("srv", 0o755, 0)
        .file("bin/pip", script, 0o755, 0);
    image(
        registry,
        "library/python:3.12-slim",
        true,
        vec![python],
        &json!({"Cmd": ["python3"], "Env": ["PATH=/usr/local/bin:/bin", "PYTHON_VERSION=3.12.4", "LANG=C.UTF-8"], "Labels": {"maintainer": "test"}, "WorkingDir": "/srv"}),
    );
    let userbase = Files::busybox()
        .file(
            "etc/passwd",
            b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n",
            0o644,
            0,
        )
        .file("etc/group", b"root:x:0:\napp:x:1000:\n", 0o644, 0);
    image(
        registry,
        "acme/userbase:2",
        true,
        vec![userbase],
        &json!({"Entrypoint": ["/bin/sh", "-c"], "Env": ["PATH=/usr/local/bin:/bin"], "User": "app", "Volumes": {"/data": {}}, "ExposedPorts": {"8080/tcp": {}}}),
    );
    let owned = Files::new()
        .folder("srv", 0o750, 1000)
        .file("srv/app.py", b"print(1)\n", 0o640, 1000)
        .file("bin/su2", b"x", 0o4755, 0);
    let path = json!({"Env": ["PATH=/bin"]});
    image(
        registry,
        "acme/owned:1",
        false,
        vec![Files::busybox(), owned],
        &path,
    );
    let bare = Files::new().folder("etc", 0o755, 0);
    image(registry, "acme/static:1", false, vec![bare], &path);
}
