use rstest::rstest;
use serde_json::json;

use super::*;
use crate::agent_config::AgentConfig;
use crate::plan::EnvVar;
use crate::source::Source;

fn catalog() -> Catalog {
    let text = "runsSa: runs\nagentSecretName: agent-token\nsecrets: [{name: shared}]\nconnections:\n\
        - {name: data, kind: host_path, schema: {hostPath: /srv/data, mountPath: /data}}\n\
        - {name: registry, kind: registry, secret: {name: conf, mountPath: /kaniko/.docker}}\n\
        - {name: blocks, kind: volume_claim, schema: {volumeClaim: disk, mountPath: /disk}}\n\
        - {name: code, kind: git, schema: {url: https://h/r}, configMap: {name: git-settings}, env: [{name: GIT_SSL_CAINFO, value: /ca.pem}]}\n";
    AgentConfig::read(&Source::new("agent.yaml", text))
        .expect("valid")
        .catalog()
}

fn plan() -> PodPlan {
    let volume = |name: &str, source| VolumePlan {
        name: name.into(),
        source,
    };
    let host = |path: &str| VolumeSource::HostPath {
        path: path.into(),
        kind: None,
    };
    let secret = |name: &str| VolumeSource::Secret {
        name: name.into(),
        items: vec![],
        default_mode: None,
    };
    PodPlan {
        containers: vec![ContainerPlan {
            env_from: vec![EnvFrom::Secret("shared".into())],
            ..ContainerPlan::default()
        }],
        volumes: vec![
            volume("data", host("/srv/data")),
            volume("conf", secret("conf")),
        ],
        scheduling: Scheduling {
            service_account_name: Some("runs".into()),
            ..Scheduling::default()
        },
        ..PodPlan::default()
    }
}

fn raw(source: Value) -> VolumePlan {
    VolumePlan {
        name: "v".into(),
        source: VolumeSource::Raw(source),
    }
}

fn host(name: &str, path: &str) -> VolumePlan {
    VolumePlan {
        name: name.into(),
        source: VolumeSource::HostPath {
            path: path.into(),
            kind: None,
        },
    }
}

#[test]
fn what_the_catalog_offers_is_allowed() {
    assert_eq!(check(&plan(), &Policy::default(), &catalog()), Ok(()));
}

type Change = fn(&mut PodPlan);

fn device(plan: &mut PodPlan, volume: &str, claim: &str) {
    plan.volumes.push(VolumePlan {
        name: volume.into(),
        source: VolumeSource::Claim {
            name: claim.into(),
            read_only: None,
        },
    });
    plan.containers[0].rest.insert(
        "volumeDevices".into(),
        json!([{"name": volume, "devicePath": "/dev/xvda"}]),
    );
}

fn context(plan: &mut PodPlan, context: Value) {
    plan.containers[0]
        .rest
        .insert("securityContext".into(), context);
}

#[rstest]
#[case(|p: &mut PodPlan| context(p, json!({"privileged": true})), "run.container.securityContext.privileged")]
#[case(|p: &mut PodPlan| context(p, json!({"seccompProfile": {"type": "Unconfined"}})), "seccompProfile")]
#[case(|p: &mut PodPlan| context(p, json!({"procMount": "Unmasked"})), "procMount")]
#[case(|p: &mut PodPlan| context(p, json!({"capabilities": {"add": ["SYS_ADMIN"]}})), "capabilities.add")]
#[case(|p: &mut PodPlan| p.scheduling.host_network = Some(true), "run.environment.hostNetwork")]
#[case(|p: &mut PodPlan| p.scheduling.host_pid = Some(true), "run.environment.hostPID")]
#[case(|p: &mut PodPlan| p.scheduling.security_context = json!({"sysctls": [{"name": "a", "value": "b"}]}), "sysctls")]
#[case(|p: &mut PodPlan| p.scheduling.service_account_name = Some("admin".into()), "service account `admin`")]
#[case(|p: &mut PodPlan| p.volumes.push(host("data", "/")), "host path `/`")]
#[case(|p: &mut PodPlan| p.volumes.push(host("docker", "/var/run/docker.sock")), "plugins.docker")]
#[case(|p: &mut PodPlan| p.volumes.push(raw(json!({"secret": {"secretName": "other", "optional": true}}))), "Secret `other`")]
#[case(|p: &mut PodPlan| p.volumes.push(raw(json!({"projected": {"sources": [{"secret": {"name": "other"}}]}}))), "Secret `other`")]
#[case(|p: &mut PodPlan| p.volumes.push(raw(json!({"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}))), "serviceAccountToken")]
#[case(|p: &mut PodPlan| p.volumes.push(raw(json!({"nfs": {"server": "h", "path": "/"}}))), "kind `nfs`")]
#[case(|p: &mut PodPlan| p.volumes.push(raw(json!({"emptyDir": {}, "hostPath": {"path": "/"}}))), "kind `hostPath`")]
#[case(|p: &mut PodPlan| p.containers[0].env_from.push(EnvFrom::Secret("agent-token".into())), "Secret `agent-token`")]
#[case(|p: &mut PodPlan| p.containers[0].ports.push(json!({"containerPort": 1, "hostPort": 1})), "a host port")]
#[case(
    |p: &mut PodPlan| p.containers[0].env.push(EnvVar { name: "T".into(), source: EnvSource::Raw(json!({"valueFrom": {"secretKeyRef": {"name": "other"}, "x": 1}})), shortcut: false }),
    "run.container.env[T]"
)]
#[case(|p: &mut PodPlan| p.scheduling.image_pull_secrets.push("other".into()), "run.environment.imagePullSecrets")]
#[case(|p: &mut PodPlan| device(p, "v", "disk"), "run.container.volumeDevices")]
#[case(|p: &mut PodPlan| device(p, "blocks", "another"), "the block device `blocks`")]
fn what_reaches_beyond_the_pod_is_denied(#[case] change: Change, #[case] expected: &str) {
    let mut plan = plan();
    change(&mut plan);
    let report = check(&plan, &Policy::default(), &catalog()).expect_err("denied");
    let text = report.to_string();
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("policy."), "{text}");
}

#[test]
fn an_exception_allows_what_it_names_and_no_more() {
    let policy: Policy = serde_json::from_value(json!({
        "allowedHostPaths": ["/srv/shared/"], "allowPrivileged": true, "allowedSecrets": ["other"],
    }))
    .expect("policy");
    let with = |volume: VolumePlan| {
        let mut plan = plan();
        plan.volumes.push(volume);
        context(&mut plan, json!({"privileged": true}));
        check(&plan, &policy, &catalog())
    };
    assert_eq!(with(host("a", "/srv/shared/x")), Ok(()));
    assert_eq!(with(host("a", "/srv/shared")), Ok(()));
    assert!(with(host("a", "/srv/shared-not")).is_err());
    assert!(with(host("a", "/srv/shared/../../etc")).is_err());
    assert_eq!(
        with(raw(json!({"secret": {"secretName": "other"}}))),
        Ok(())
    );
    assert!(serde_json::from_value::<Policy>(json!({"allowAll": true})).is_err());
}

#[test]
fn the_agents_own_token_is_for_its_own_container() {
    let mut plan = plan();
    plan.init_containers.push(ContainerPlan {
        role: Role::Auth,
        env: vec![EnvVar {
            name: "POLYAXON_AUTH_TOKEN".into(),
            source: EnvSource::SecretKey {
                name: "agent-token".into(),
                key: "POLYAXON_AUTH_TOKEN".into(),
                optional: None,
            },
            shortcut: false,
        }],
        ..ContainerPlan::default()
    });
    assert_eq!(check(&plan, &Policy::default(), &catalog()), Ok(()));
}

/// A container of ours that a user's file adds to.
fn init(env: Vec<EnvVar>, env_from: Vec<EnvFrom>) -> PodPlan {
    let mut plan = plan();
    plan.init_containers.push(ContainerPlan {
        name: "clone".into(),
        role: Role::Git,
        env,
        env_from,
        ..ContainerPlan::default()
    });
    plan
}

#[rstest]
#[case("LD_PRELOAD")]
#[case("PATH")]
#[case("HOME")]
#[case("GIT_CONFIG_COUNT")]
#[case("GIT_CONFIG_GLOBAL")]
#[case("GIT_CONFIG_PARAMETERS")]
#[case("GIT_PROXY_COMMAND")]
#[case("GIT_TEMPLATE_DIR")]
#[case("GIT_SSH")]
#[case("GIT_SSH_VARIANT")]
#[case("PYTHONPATH")]
#[case("SSL_CERT_FILE")]
fn a_variable_that_turns_our_programs_around_is_denied(#[case] name: &str) {
    let given = init(vec![EnvVar::value(name, "/x")], vec![]);
    let report = check(&given, &Policy::default(), &catalog()).expect_err("denied");
    let text = report.to_string();
    assert!(
        text.contains(&format!("run.init[clone].container.env[{name}]")),
        "{text}"
    );
    let mut main = plan();
    main.containers[0].env = vec![EnvVar::value(name, "/x")];
    assert_eq!(check(&main, &Policy::default(), &catalog()), Ok(()));
}

#[test]
fn our_containers_take_what_the_admin_gave() {
    let is_allowed = |env: Vec<EnvVar>, env_from: Vec<EnvFrom>| {
        check(&init(env, env_from), &Policy::default(), &catalog()).is_ok()
    };
    assert!(is_allowed(
        vec![
            EnvVar::value("GIT_SSL_CAINFO", "/ca.pem"),
            EnvVar::value("https_proxy", "http://p"),
        ],
        vec![EnvFrom::ConfigMap("git-settings".into())],
    ));
    let other = EnvVar::value("GIT_SSL_CAINFO", "/mine.pem");
    assert!(!is_allowed(vec![other], vec![]));
    assert!(!is_allowed(vec![], vec![EnvFrom::ConfigMap("mine".into())]));
    let raw = json!({"prefix": "LD_", "configMapRef": {"name": "mine"}});
    assert!(!is_allowed(vec![], vec![EnvFrom::Raw(raw)]));
}

#[test]
fn a_block_device_of_a_connection_is_allowed() {
    let mut plan = plan();
    device(&mut plan, "blocks", "disk");
    assert_eq!(check(&plan, &Policy::default(), &catalog()), Ok(()));
}
