//! What an agent adds to the Job of an attempt beside the plan: who it belongs to, the image of our
//! own containers, and the sidecar as a native one.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PodSecurityContext, PodSpec, SeccompProfile};
use serde_json::json;

use super::{job, restriction::restriction};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::kaniko::{CA_VOLUME, RESULT_VOLUME};
use crate::plan::{
    ContainerPlan, EnvVar, MAIN, Mount, PodPlan, Role, VolumePlan, VolumeSource,
    auxiliary_resources,
};

/// Name of our sidecar.
pub const SIDECAR: &str = "polyaxon-sidecar";
/// Where the sidecar finds the files of the executor.
const RESULT_PATH: &str = "/plx-build/result";
/// Where the sidecar finds the credentials of the registry.
const SECRET_PATH: &str = "/plx-build/registry";
/// Where the sidecar finds certificate authorities.
const CA_PATH: &str = "/plx-build/ca.crt";
/// Where the sidecar finds the volume with the Dockerfile.
const CONTEXT_PATH: &str = "/plx-build/context";
/// Volume of a registry secret that the plan does not mount itself.
const SECRET_VOLUME: &str = "build-registry";
/// Seconds that the sidecar of a build may take after main has ended: five minutes of asking.
const CONFIRM_GRACE: i64 = 310;
/// The same for one that only collects.
const COLLECT_GRACE: i64 = 60;

/// One attempt as its agent makes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// Labels of the Job and of its pod, beside those of the plan.
    pub labels: BTreeMap<String, String>,
    /// Annotations of both.
    pub annotations: BTreeMap<String, String>,
    /// Image of our own containers for which the catalog names none.
    pub pod_image: Option<String>,
    /// What the sidecar asks the registry; `None` for anything that pushes nothing.
    pub confirm: Option<Confirm>,
    /// Path in the main container of a Dockerfile that the sidecar hands over: one that no step writes
    /// from its own arguments.
    pub dockerfile: Option<String>,
    /// Run the pod in a user namespace of its own.
    pub user_namespace: bool,
}

/// A question to the registry after a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirm {
    /// Image that was pushed, with its registry.
    pub image: String,
    /// Secret with the credentials for it.
    pub secret: Option<String>,
    /// Name of the file with the digest, in the volume of the executor's results.
    pub digest_file: String,
    /// Key of the bundle in the volume of certificate authorities; `None` without such a volume.
    pub ca_key: Option<String>,
    /// Registries (`host:port`) that are spoken to over plain HTTP.
    pub insecure_registries: Vec<String>,
}

/// The plan as the Job that an agent creates.
pub fn job_of_attempt(plan: &PodPlan, attempt: &Attempt) -> Result<Job, Report> {
    check_mounts(plan)?;
    let mut plan = plan.clone();
    make_sidecar_native(&mut plan, attempt);
    let restriction = restriction(&plan);
    let ours = plan.init_containers.iter_mut().chain(&mut plan.containers);
    for container in ours.filter(|container| container.role.is_auxiliary()) {
        if let Some(image) = &attempt.pod_image
            && container.image.is_empty()
        {
            container.image.clone_from(image);
        }
        if let Some(restriction) = &restriction {
            let context = container.rest.entry("securityContext".to_owned());
            context.or_insert_with(|| restriction.clone());
        }
    }
    let mut job = job::job(&plan, attempt.number)?;
    label(&mut job, attempt);
    if let Some(pod) = job
        .spec
        .as_mut()
        .and_then(|spec| spec.template.spec.as_mut())
    {
        finish(pod, &plan, attempt);
    }
    Ok(job)
}

/// Two volumes at one place, as two registries bring them, are no pod.
fn check_mounts(plan: &PodPlan) -> Result<(), Report> {
    for container in plan.init_containers.iter().chain(&plan.containers) {
        let mut places: BTreeMap<&str, &str> = BTreeMap::new();
        for mount in &container.mounts {
            if let Some(other) = places.insert(&mount.path, &mount.volume) {
                return Err(Diagnostic::error(
                    Code::CannotPlan,
                    format!(
                        "`{other}` and `{}` are both mounted at `{}` of container `{}`",
                        mount.volume, mount.path, container.name
                    ),
                )
                .with_help("request one of their connections, or give one another `mountPath` in the agent's configuration")
                .into());
            }
        }
    }
    Ok(())
}

fn label(job: &mut Job, attempt: &Attempt) {
    let of_pod = job
        .spec
        .as_mut()
        .and_then(|spec| spec.template.metadata.as_mut());
    for metadata in of_pod.into_iter().chain([&mut job.metadata]) {
        let labels = metadata.labels.get_or_insert_default();
        labels.extend(attempt.labels.clone());
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.extend(attempt.annotations.clone());
    }
}

/// What the plan has no words for.
fn finish(pod: &mut PodSpec, plan: &PodPlan, attempt: &Attempt) {
    // A further try is a further attempt with a log of its own.
    pod.restart_policy = Some("Never".to_owned());
    let context = pod
        .security_context
        .get_or_insert_with(PodSecurityContext::default);
    context
        .seccomp_profile
        .get_or_insert_with(|| SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        });
    let has_sidecar = plan
        .init_containers
        .iter()
        .any(|container| container.role == Role::Sidecar);
    if attempt.confirm.is_some() {
        pod.termination_grace_period_seconds = Some(CONFIRM_GRACE);
    } else if has_sidecar {
        pod.termination_grace_period_seconds = Some(COLLECT_GRACE);
    }
    if attempt.user_namespace && pod.host_network != Some(true) {
        pod.host_users = Some(false);
    }
}

/// Our sidecar as an init container that goes on: Kubernetes ends it after main, and that is how it
/// learns of main's end.
fn make_sidecar_native(plan: &mut PodPlan, attempt: &Attempt) {
    let position = plan
        .containers
        .iter()
        .position(|container| container.role == Role::Sidecar);
    let confirm = attempt.confirm.as_ref();
    let dockerfile = attempt
        .dockerfile
        .as_deref()
        .and_then(|path| Some((path, mount_of(plan, path)?)));
    let mut sidecar = match position {
        Some(position) => plan.containers.remove(position),
        None if confirm.is_some() || dockerfile.is_some() => sidecar_that_only_asks(),
        None => return,
    };
    sidecar
        .rest
        .insert("restartPolicy".to_owned(), json!("Always"));
    if let Some((path, mount)) = dockerfile {
        sidecar.args.extend([
            format!("--dockerfile={path}"),
            format!("--main-folder={}", mount.path),
            format!("--main-folder-at={CONTEXT_PATH}"),
        ]);
        sidecar.mounts.push(Mount {
            path: CONTEXT_PATH.to_owned(),
            read_only: Some(true),
            ..mount
        });
    }
    if let Some(confirm) = confirm {
        ask(plan, &mut sidecar, confirm);
    }
    plan.init_containers.push(sidecar);
}

/// Where main has a file from, if that is a volume with files of the run. Secrets are not among them: what is handed
/// over becomes a part of the log.
fn mount_of(plan: &PodPlan, path: &str) -> Option<Mount> {
    let mount = plan
        .main()?
        .mounts
        .iter()
        .filter(|mount| Path::new(path).starts_with(&mount.path))
        .max_by_key(|mount| Path::new(&mount.path).components().count())?;
    let volume = plan
        .volumes
        .iter()
        .find(|volume| volume.name == mount.volume)?;
    let has_files = matches!(
        volume.source,
        VolumeSource::EmptyDir { .. } | VolumeSource::Claim { .. } | VolumeSource::HostPath { .. }
    );
    (has_files && mount.rest.is_empty()).then(|| mount.clone())
}

fn sidecar_that_only_asks() -> ContainerPlan {
    let mut sidecar = ContainerPlan {
        name: SIDECAR.to_owned(),
        role: Role::Sidecar,
        command: vec!["polyaxon".to_owned(), "sidecar".to_owned()],
        args: vec![
            format!("--container-id={MAIN}"),
            "--collect=false".to_owned(),
        ],
        env: vec![EnvVar::value("POLYAXON_CONTAINER_ID", MAIN)],
        resources: auxiliary_resources(),
        ..ContainerPlan::default()
    };
    sidecar.rest.insert(
        "securityContext".to_owned(),
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        }),
    );
    sidecar
}

fn ask(plan: &mut PodPlan, sidecar: &mut ContainerPlan, confirm: &Confirm) {
    sidecar.args.push(format!("--confirm={}", confirm.image));
    sidecar.args.push(format!(
        "--digest-file={RESULT_PATH}/{}",
        confirm.digest_file
    ));
    let mut show = |volume: &str, path: &str, sub_path: Option<String>| {
        sidecar.mounts.push(Mount {
            volume: volume.to_owned(),
            path: path.to_owned(),
            sub_path,
            read_only: Some(true),
            ..Mount::default()
        });
    };
    show(RESULT_VOLUME, RESULT_PATH, None);
    if let Some(secret) = &confirm.secret {
        show(&secret_volume(plan, secret), SECRET_PATH, None);
        sidecar
            .args
            .push(format!("--registry-secret={SECRET_PATH}"));
    }
    if let Some(key) = &confirm.ca_key {
        show(CA_VOLUME, CA_PATH, Some(key.clone()));
        sidecar.args.push(format!("--ca-bundle={CA_PATH}"));
    }
    for registry in &confirm.insecure_registries {
        sidecar.args.push(format!("--insecure-registry={registry}"));
    }
}

/// Volume with the secret: the one that the connection brought, or a new one.
fn secret_volume(plan: &mut PodPlan, secret: &str) -> String {
    let known = plan.volumes.iter().find(
        |volume| matches!(&volume.source, VolumeSource::Secret { name, .. } if name == secret),
    );
    if let Some(known) = known {
        return known.name.clone();
    }
    plan.volumes.push(VolumePlan {
        name: SECRET_VOLUME.to_owned(),
        source: VolumeSource::Secret {
            name: secret.to_owned(),
            items: Vec::new(),
            default_mode: None,
        },
    });
    SECRET_VOLUME.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PodPlan {
        let container = |name: &str, role: Role| ContainerPlan {
            name: name.to_owned(),
            role,
            ..ContainerPlan::default()
        };
        PodPlan {
            name: "plx-operation-1".to_owned(),
            init_containers: vec![container("polyaxon-init-git", Role::Git)],
            containers: vec![
                ContainerPlan {
                    image: "executor".to_owned(),
                    ..container(MAIN, Role::Main)
                },
                container(SIDECAR, Role::Sidecar),
            ],
            volumes: vec![VolumePlan {
                name: "reg".to_owned(),
                source: VolumeSource::Secret {
                    name: "registry".to_owned(),
                    items: Vec::new(),
                    default_mode: None,
                },
            }],
            ..PodPlan::default()
        }
    }

    fn attempt(confirm: Option<Confirm>) -> Attempt {
        Attempt {
            number: 2,
            labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            annotations: BTreeMap::from([("c".to_owned(), "d".to_owned())]),
            pod_image: Some("pod:1".to_owned()),
            confirm,
            dockerfile: None,
            user_namespace: true,
        }
    }

    fn pod(plan: &PodPlan, attempt: &Attempt) -> (Job, PodSpec) {
        let job = job_of_attempt(plan, attempt).expect("job");
        let spec = job.spec.clone().expect("spec");
        (job, spec.template.spec.expect("pod"))
    }

    #[test]
    fn two_volumes_at_one_place_are_refused() {
        let mut plan = plan();
        for volume in ["one", "two"] {
            let main = plan.containers.first_mut().expect("main");
            main.mounts.push(crate::plan::Mount {
                volume: volume.to_owned(),
                path: "/kaniko/.docker".to_owned(),
                ..crate::plan::Mount::default()
            });
        }
        let report = job_of_attempt(&plan, &attempt(None)).expect_err("no pod");
        let expected =
            format!("`one` and `two` are both mounted at `/kaniko/.docker` of container `{MAIN}`");
        assert!(report.to_string().contains(&expected), "{report}");
    }

    #[test]
    fn ours_are_restricted_with_main_but_for_what_the_file_says_of_a_step() {
        let mut plan = plan();
        plan.scheduling.security_context = json!({"runAsNonRoot": true});
        let main = plan.containers.first_mut().expect("main");
        let restricted =
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        main.rest
            .insert("securityContext".to_owned(), restricted.clone());
        let said = json!({"runAsUser": 7});
        let step = plan.init_containers.first_mut().expect("a step");
        step.rest.insert("securityContext".to_owned(), said.clone());
        let (_, pod) = pod(&plan, &attempt(None));
        let inits = pod.init_containers.expect("ours");
        let contexts: Vec<_> = inits
            .iter()
            .map(|init| json!(init.security_context))
            .collect();
        assert_eq!(contexts, [said, restricted]);
    }

    #[test]
    fn the_sidecar_starts_before_main_and_outlives_it() {
        let (job, pod) = pod(&plan(), &attempt(None));
        let inits = pod.init_containers.expect("init containers");
        let named: Vec<_> = inits
            .iter()
            .map(|init| (init.name.as_str(), init.restart_policy.as_deref()))
            .collect();
        assert_eq!(
            named,
            [("polyaxon-init-git", None), (SIDECAR, Some("Always"))]
        );
        assert!(
            inits
                .iter()
                .all(|init| init.image.as_deref() == Some("pod:1"))
        );
        assert_eq!(pod.containers.len(), 1);
        assert_eq!(pod.containers[0].image.as_deref(), Some("executor"));
        assert_eq!(pod.host_users, Some(false));
        assert_eq!(pod.termination_grace_period_seconds, Some(COLLECT_GRACE));
        let spec = job.spec.expect("spec");
        assert_eq!(spec.pod_replacement_policy.as_deref(), Some("Failed"));
        let of_pod = spec.template.metadata.expect("metadata");
        for metadata in [&job.metadata, &of_pod] {
            assert_eq!(
                metadata.labels.as_ref().map(|all| all["a"].as_str()),
                Some("b")
            );
            let annotations = metadata.annotations.as_ref().expect("annotations");
            assert_eq!(annotations["c"], "d");
            assert_eq!(annotations[super::super::ATTEMPT_ANNOTATION], "2");
        }
    }

    #[test]
    fn the_sidecar_of_a_build_asks_with_the_secret_of_the_connection() {
        let confirm = Confirm {
            image: "r:1/a:2".to_owned(),
            secret: Some("registry".to_owned()),
            digest_file: "digest".to_owned(),
            ca_key: Some("ca.pem".to_owned()),
            insecure_registries: vec!["i:5".to_owned()],
        };
        let mut alone = plan();
        alone.containers.pop();
        for (plan, volumes) in [(plan(), 1), (alone, 1)] {
            let (_, pod) = pod(&plan, &attempt(Some(confirm.clone())));
            assert_eq!(pod.volumes.map(|all| all.len()), Some(volumes));
            assert_eq!(pod.termination_grace_period_seconds, Some(CONFIRM_GRACE));
            let sidecar = pod.init_containers.expect("init").pop().expect("sidecar");
            let args = sidecar.args.expect("args").join(" ");
            for wanted in [
                "--confirm=r:1/a:2",
                "--digest-file=/plx-build/result/digest",
                "--registry-secret=/plx-build/registry",
                "--ca-bundle=/plx-build/ca.crt",
                "--insecure-registry=i:5",
            ] {
                assert!(args.contains(wanted), "{args}");
            }
            let mounts = sidecar.volume_mounts.expect("mounts");
            assert!(mounts.iter().all(|mount| mount.read_only == Some(true)));
            assert!(mounts.iter().any(|mount| mount.name == "reg"));
        }
        let other = Confirm {
            secret: Some("elsewhere".to_owned()),
            ..confirm
        };
        let (_, pod) = pod(&plan(), &attempt(Some(other)));
        assert_eq!(pod.volumes.map(|all| all.len()), Some(2));
    }

    #[test]
    fn the_sidecar_hands_over_a_dockerfile_that_came_into_a_volume() {
        let volume = |name: &str, source: VolumeSource| VolumePlan {
            name: name.to_owned(),
            source,
        };
        let mount = |volume: &str, path: &str| Mount {
            volume: volume.to_owned(),
            path: path.to_owned(),
            ..Mount::default()
        };
        let mut plan = plan();
        plan.volumes.push(volume(
            "context",
            VolumeSource::EmptyDir {
                medium: None,
                size_limit: None,
            },
        ));
        plan.containers[0].mounts = vec![
            mount("context", "/plx-context"),
            mount("reg", "/plx-context/secret"),
        ];
        let sidecar = |plan: &PodPlan, path: &str| {
            let attempt = Attempt {
                dockerfile: Some(path.to_owned()),
                ..attempt(None)
            };
            let (_, pod) = pod(plan, &attempt);
            pod.init_containers.expect("init").pop().expect("sidecar")
        };
        let mut alone = plan.clone();
        alone.containers.pop();
        for plan in [&plan, &alone] {
            let sidecar = sidecar(plan, "/plx-context/repo/Dockerfile");
            assert_eq!(sidecar.name, SIDECAR);
            let args = sidecar.args.expect("args").join(" ");
            assert!(
                args.ends_with(
                    "--dockerfile=/plx-context/repo/Dockerfile --main-folder=/plx-context --main-folder-at=/plx-build/context"
                ),
                "{args}"
            );
            let mounts = sidecar.volume_mounts.expect("mounts");
            let last = mounts.last().expect("a mount");
            assert_eq!(
                (last.name.as_str(), last.mount_path.as_str(), last.read_only),
                ("context", CONTEXT_PATH, Some(true))
            );
        }
        for elsewhere in ["/plx-context/secret/Dockerfile", "/plx-contexts/Dockerfile"] {
            let args = sidecar(&plan, elsewhere).args.unwrap_or_default().join(" ");
            assert!(!args.contains("--dockerfile"), "{args}");
            assert_eq!(sidecar(&alone, elsewhere).name, "polyaxon-init-git");
        }
    }
}
