use polyaxon_spec::plan::VolumePlan;

use super::*;
use crate::executor::engine::HostFolders;

fn pod(source: VolumeSource, mount: MountPlan) -> PodPlan {
    PodPlan {
        containers: vec![ContainerPlan {
            name: "main".to_owned(),
            mounts: vec![MountPlan {
                volume: "v".to_owned(),
                path: "/v".to_owned(),
                ..mount
            }],
            ..ContainerPlan::default()
        }],
        volumes: vec![VolumePlan {
            name: "v".to_owned(),
            source,
        }],
        ..PodPlan::default()
    }
}

fn shown(pod: &PodPlan, objects: &Objects) -> Result<Vec<String>, String> {
    mounts(&AttemptKey::new("ab", 1), pod, &pod.containers[0], objects)
        .map(|mounts| {
            mounts
                .iter()
                .map(|mount| {
                    format!(
                        "{}:{}{}",
                        mount.source.clone().unwrap_or_default(),
                        mount.target.clone().unwrap_or_default(),
                        if mount.read_only == Some(true) {
                            ":ro"
                        } else {
                            ""
                        }
                    )
                })
                .collect()
        })
        .map_err(|error| error.to_string())
}

fn empty(medium: Option<&str>) -> VolumeSource {
    VolumeSource::EmptyDir {
        medium: medium.map(str::to_owned),
        size_limit: None,
    }
}

#[test]
fn volumes_become_mounts() {
    let folder = tempfile::tempdir().expect("folder");
    let root = folder.path();
    std::fs::create_dir_all(root.join("reg")).expect("folder");
    std::fs::write(root.join("reg/config.json"), "{}").expect("file");
    let objects = Objects {
        secrets: Some(root.to_owned()),
        claims: Some(root.to_owned()),
        ..Objects::default()
    };
    let secret = |items: Vec<KeyFile>| VolumeSource::Secret {
        name: "reg".to_owned(),
        items,
        default_mode: None,
    };
    let item = KeyFile {
        key: "config.json".to_owned(),
        path: "a/b".to_owned(),
    };
    let sub_path = |path: &str| MountPlan {
        sub_path: Some(path.to_owned()),
        ..MountPlan::default()
    };
    let host = |name: &str| VolumeSource::HostPath {
        path: root.join(name).display().to_string(),
        kind: None,
    };
    let claim = || VolumeSource::Claim {
        name: "claim".to_owned(),
        read_only: None,
    };
    let expression = MountPlan {
        rest: serde_json::Map::from_iter([("subPathExpr".to_owned(), Value::from("$(A)"))]),
        ..MountPlan::default()
    };
    let root = root.display();
    for (source, mount, expected) in [
        (
            empty(None),
            MountPlan::default(),
            "plx-operation-ab-v:/v".to_owned(),
        ),
        (
            empty(Some("Memory")),
            MountPlan::default(),
            ":/v".to_owned(),
        ),
        (
            secret(vec![]),
            MountPlan::default(),
            format!("{root}/reg:/v:ro"),
        ),
        (
            secret(vec![item.clone()]),
            MountPlan::default(),
            format!("{root}/reg/config.json:/v/a/b:ro"),
        ),
        (
            secret(vec![item]),
            sub_path("a/b"),
            format!("{root}/reg/config.json:/v:ro"),
        ),
        (host("reg"), sub_path(""), format!("{root}/reg:/v")),
        (host("new"), MountPlan::default(), format!("{root}/new:/v")),
    ] {
        assert_eq!(shown(&pod(source, mount), &objects), Ok(vec![expected]));
    }
    for (source, mount, expected) in [
        (host("reg"), sub_path("x"), "mount the volume whole"),
        (claim(), sub_path("x"), "mount the volume whole"),
        (host("reg"), expression, "subPathExpr"),
        (empty(None), sub_path("x"), "subPath"),
        (
            VolumeSource::Raw(Value::Null),
            MountPlan::default(),
            "of a kind",
        ),
    ] {
        let error = shown(&pod(source, mount), &objects).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_a_run_can_replace_is_not_mounted() {
    let folder = tempfile::tempdir().expect("folder");
    let root = folder.path().canonicalize().expect("path");
    let store = root.join("store");
    std::fs::create_dir(&store).expect("folder");
    std::os::unix::fs::symlink("/", store.join("evil")).expect("link");
    let objects = Objects {
        host: HostFolders::new([store.clone()]),
        claims: Some(store.clone()),
        secrets: Some(store.clone()),
        ..Objects::default()
    };
    let name = "evil".to_owned();
    for source in [
        VolumeSource::HostPath {
            path: store.join("evil").display().to_string(),
            kind: None,
        },
        VolumeSource::Claim {
            name: name.clone(),
            read_only: Some(true),
        },
        VolumeSource::Secret {
            name,
            items: vec![],
            default_mode: None,
        },
    ] {
        let error = shown(&pod(source, MountPlan::default()), &objects).expect_err("refused");
        assert!(error.contains("inside of"), "{error}");
    }
}

#[test]
fn shared_memory_outlives_its_first_user() {
    let mut pod = pod(empty(Some("Memory")), MountPlan::default());
    assert_eq!(engine_volumes(&pod).count(), 0);
    pod.init_containers = pod.containers.clone();
    assert_eq!(engine_volumes(&pod).collect::<Vec<_>>(), ["v"]);
}
