use serde_json::json;

use super::*;
use crate::plan::{
    ContainerPlan, EnvFrom, EnvSource, EnvVar, Mount, PodPlan, Role, Termination, VolumePlan,
    VolumeSource,
};

fn plan() -> PodPlan {
    PodPlan {
        name: "plx-operation-1".into(),
        namespace: "builds".into(),
        kind: "job".into(),
        init_containers: vec![ContainerPlan {
            name: "polyaxon-init-auth".into(),
            role: Role::Auth,
            ..ContainerPlan::default()
        }],
        containers: vec![ContainerPlan {
            name: "polyaxon-main".into(),
            image: "executor".into(),
            args: vec!["-d".into(), "a".into()],
            env: vec![
                EnvVar::value("A", "1"),
                EnvVar {
                    name: "R".into(),
                    source: EnvSource::Raw(
                        json!({"valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}),
                    ),
                    shortcut: false,
                },
            ],
            env_from: vec![EnvFrom::Secret("s".into())],
            mounts: vec![Mount {
                volume: "conf".into(),
                path: "/conf".into(),
                read_only: Some(true),
                ..Mount::default()
            }],
            ..ContainerPlan::default()
        }],
        volumes: vec![VolumePlan {
            name: "conf".into(),
            source: VolumeSource::Secret {
                name: "conf".into(),
                items: vec![],
                default_mode: Some(0o600),
            },
        }],
        termination: Some(Termination {
            max_retries: Some(0),
            timeout_seconds: Some(100),
            ..Termination::default()
        }),
        ..PodPlan::default()
    }
}

#[test]
fn a_job_is_one_attempt() {
    let first = job(&plan(), 1).expect("job");
    assert_eq!(first.metadata.name.as_deref(), Some("plx-operation-1"));
    let second = job(&plan(), 2).expect("job");
    assert_eq!(second.metadata.name.as_deref(), Some("plx-operation-1-2"));
    let spec = second.spec.expect("spec");
    assert_eq!(spec.backoff_limit, Some(0));
    assert_eq!(spec.pod_replacement_policy.as_deref(), Some("Failed"));
    assert_eq!(spec.active_deadline_seconds, Some(700));
    let template = spec.template;
    let finalizers = template.metadata.and_then(|m| m.finalizers);
    assert_eq!(finalizers, Some(vec![FINALIZER.to_owned()]));
    let pod = template.spec.expect("pod");
    assert_eq!(pod.restart_policy.as_deref(), Some("Never"));
    assert_eq!(pod.automount_service_account_token, Some(false));
    assert_eq!(pod.containers[0].env.as_ref().map(Vec::len), Some(2));
    assert_eq!(
        pod.init_containers.expect("init")[0].image,
        Some(format!(
            "polyaxon/polyaxon-init:{}",
            env!("CARGO_PKG_VERSION")
        ))
    );
}

#[test]
fn a_field_that_kubernetes_does_not_take_is_an_error() {
    let mut plan = plan();
    plan.containers[0]
        .rest
        .insert("livenessProbe".into(), json!("soon"));
    let report = job(&plan, 1).expect_err("refused");
    assert!(report.to_string().contains("Kubernetes"), "{report}");
}

#[test]
fn a_resource_says_what_the_plan_says() {
    let resource = resource(&plan());
    assert_eq!(resource["kind"], "Job");
    assert_eq!(
        resource["termination"],
        json!({"activeDeadlineSeconds": 100})
    );
    let spec = &resource["batchJobSpec"]["template"]["spec"];
    assert_eq!(
        spec["volumes"],
        json!([{"name": "conf", "secret": {"secretName": "conf", "defaultMode": 384}}])
    );
    assert_eq!(
        spec["containers"][0],
        json!({
            "name": "polyaxon-main",
            "image": "executor",
            "args": ["-d", "a"],
            "env": [{"name": "A", "value": "1"},
                {"name": "R", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}],
            "envFrom": [{"secretRef": {"name": "s"}}],
            "volumeMounts": [{"name": "conf", "mountPath": "/conf", "readOnly": true}],
        })
    );
    assert!(spec.get("restartPolicy").is_none());
}

/// The types and the JSON are written by different code.
#[test]
fn the_pod_of_a_job_is_the_pod_of_the_resource() {
    let mut plan = plan();
    let raw = |value: serde_json::Value| value.as_object().cloned().unwrap_or_default();
    plan.scheduling.tolerations = vec![json!({"key": "a", "operator": "Exists"})];
    plan.scheduling.dns_config = json!({"options": [{"name": "ndots", "value": "x"}]});
    plan.scheduling.image_pull_secrets = vec!["pull".into()];
    plan.scheduling.restart_policy = Some("OnFailure".into());
    let main = &mut plan.containers[0];
    main.command = vec!["a".into()];
    main.working_dir = Some("/w".into());
    main.image_pull_policy = Some("Always".into());
    main.ports = vec![json!({"containerPort": 80})];
    main.resources = json!({"requests": {"cpu": "1"}});
    main.rest = raw(json!({"securityContext": {"runAsUser": 1}, "tty": true}));
    main.env_from.push(EnvFrom::ConfigMap("c".into()));
    main.env_from.push(EnvFrom::Raw(
        json!({"prefix": "P_", "secretRef": {"name": "s"}}),
    ));
    for source in [
        EnvSource::SecretKey {
            name: "s".into(),
            key: "k".into(),
            optional: Some(true),
        },
        EnvSource::ConfigMapKey {
            name: "s".into(),
            key: "k".into(),
            optional: None,
        },
        EnvSource::Field {
            path: "metadata.name".into(),
        },
    ] {
        main.env.push(EnvVar {
            name: "X".into(),
            source,
            shortcut: false,
        });
    }
    main.mounts.push(Mount {
        volume: "v".into(),
        path: "/v".into(),
        sub_path: Some("s".into()),
        rest: raw(json!({"mountPropagation": "None"})),
        ..Mount::default()
    });
    for source in [
        VolumeSource::EmptyDir {
            medium: Some("Memory".into()),
            size_limit: Some("1Gi".into()),
        },
        VolumeSource::EmptyDir {
            medium: None,
            size_limit: None,
        },
        VolumeSource::ConfigMap {
            name: "c".into(),
            items: vec![serde_json::from_value(json!({"key": "k", "path": "p"})).expect("a file")],
            default_mode: None,
        },
        VolumeSource::HostPath {
            path: "/h".into(),
            kind: Some("Socket".into()),
        },
        VolumeSource::Claim {
            name: "p".into(),
            read_only: Some(true),
        },
        VolumeSource::Raw(json!({"nfs": {"server": "s", "path": "/"}})),
    ] {
        plan.volumes.push(VolumePlan {
            name: "v".into(),
            source,
        });
    }
    let pod = job(&plan, 1)
        .expect("job")
        .spec
        .and_then(|spec| spec.template.spec);
    let mut expected = pod::spec(&plan);
    expected.insert("automountServiceAccountToken".into(), json!(false));
    // Reading the JSON drops what only JSON can say, such as the order of the fields.
    let expected: k8s_openapi::api::core::v1::PodSpec =
        serde_json::from_value(serde_json::Value::Object(expected)).expect("a pod");
    assert_eq!(pod, Some(expected));
}
