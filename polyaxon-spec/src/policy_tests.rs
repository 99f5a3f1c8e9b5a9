use rstest::rstest;
use serde_json::json;

use super::*;
use crate::agent_config::AgentConfig;
use crate::plan::EnvVar;
use crate::source::Source;

fn catalog() -> Catalog {
    let text = "runsSa: runs\nagentSecretName: agent-token\nsecrets: [{name: shared}]\nconnections:\n\
        - {name: data, kind: host_path, schema: {hostPath: /srv/data, mountPath: /data}}\n\
        - {name: registry, kind: registry, secret: {name: conf, mountPath: /kaniko/.docker}}\n";
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
#[case(
    |p: &mut PodPlan| p.init_containers.push(ContainerPlan { role: Role::Git, env: vec![EnvVar::value("LD_PRELOAD", "/x.so")], ..ContainerPlan::default() }),
    "`LD_PRELOAD`"
)]
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
