use rstest::rstest;
use serde_json::json;

use super::*;
use crate::plan::Role;

fn build(args: &[&str]) -> PodPlan {
    PodPlan {
        has_destination: true,
        containers: vec![ContainerPlan {
            role: Role::Main,
            image: "gcr.io/kaniko-project/executor:v1.23.2".into(),
            image_pull_policy: Some("Always".into()),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..ContainerPlan::default()
        }],
        ..PodPlan::default()
    }
}

fn destination() -> Destination {
    Destination {
        image: "r.example/app:1".into(),
        connection: Some("registry".into()),
    }
}

fn applied(plan: &mut PodPlan, settings: &BuildSettings) -> Build {
    apply(plan, settings, &destination())
        .expect("applied")
        .expect("a build")
}

#[test]
fn a_build_gets_the_executor_and_its_flags() {
    let mut plan = build(&["-c", "/ctx", "-d", "r.example/app:1", "--cache"]);
    let settings = BuildSettings {
        registry_mirrors: vec!["mirror.example".into()],
        insecure_registries: vec!["r.example:5000".into()],
        proxies: Proxies {
            http: Some("http://user:secret@proxy".into()),
            ..Proxies::default()
        },
        ca_bundle: Some(CaBundle {
            source: VolumeSource::HostPath {
                path: "/etc/company.pem".into(),
                kind: None,
            },
            key: None,
        }),
        ..BuildSettings::default()
    };
    let build = applied(&mut plan, &settings);
    assert_eq!(build.images, ["r.example/app:1"]);
    assert_eq!(build.connection.as_deref(), Some("registry"));
    assert!(build.pushes);
    let main = plan.main().expect("main");
    assert_eq!(main.image, DEFAULT_EXECUTOR_IMAGE);
    assert_eq!(main.image_pull_policy, None);
    assert_eq!(
        main.args,
        [
            "-c",
            "/ctx",
            "-d",
            "r.example/app:1",
            "--cache",
            "--digest-file=/kaniko/out/digest",
            "--image-name-tag-with-digest-file=/kaniko/out/images",
            "--log-format=json",
            "--push-retry=3",
            "--image-download-retry=3",
            "--image-fs-extract-retry=2",
            "--registry-mirror=mirror.example",
            "--insecure-registry=r.example:5000",
            "--build-arg=HTTP_PROXY",
            "--build-arg=http_proxy",
        ]
    );
    assert!(
        main.env
            .contains(&EnvVar::value("http_proxy", "http://user:secret@proxy"))
    );
    assert_eq!(main.resources["requests"]["memory"], "512Mi");
    assert_eq!(
        main.rest["securityContext"]["capabilities"]["drop"],
        json!(["ALL"])
    );
    let mounted: Vec<&str> = main
        .mounts
        .iter()
        .map(|mount| mount.path.as_str())
        .collect();
    assert_eq!(mounted, ["/kaniko/out", CA_FOR_RUN, CA_FOR_EXECUTOR]);
    let volumes: Vec<&str> = plan
        .volumes
        .iter()
        .map(|volume| volume.name.as_str())
        .collect();
    assert_eq!(volumes, [CA_VOLUME, RESULT_VOLUME]);
    assert!(!format!("{:?}", settings.proxies).contains("secret"));
}

#[test]
fn what_the_user_says_wins() {
    let mut plan = build(&[
        "--destination=a",
        "-d=b",
        "--log-format",
        "color",
        "--push-retry=0",
        "--no-push",
    ]);
    if let Some(main) = plan.main_mut() {
        main.resources = json!({"limits": {"cpu": "1"}});
        main.rest
            .insert("securityContext".into(), json!({"runAsUser": 0}));
    }
    let settings = BuildSettings {
        keep_executor_image: true,
        ..BuildSettings::default()
    };
    let build = applied(&mut plan, &settings);
    assert_eq!(build.images, ["a", "b"]);
    assert!(!build.pushes);
    let main = plan.main().expect("main");
    assert_eq!(main.image, "gcr.io/kaniko-project/executor:v1.23.2");
    assert_eq!(main.resources, json!({"limits": {"cpu": "1"}}));
    assert_eq!(main.rest["securityContext"], json!({"runAsUser": 0}));
    assert!(
        !main
            .args
            .iter()
            .any(|arg| arg == "--log-format=json" || arg == "--push-retry=3")
    );
}

#[rstest]
#[case(&["--insecure"], "--insecure")]
#[case(&["-d", "a", "--skip-tls-verify-registry=r"], "args[2]")]
#[case(&["--registry-mirror", "m"], "--registry-mirror")]
#[case(&["--digest-file=/x"], "--digest-file")]
#[case(&["--force"], "--force")]
fn refused_flags_are_errors(#[case] args: &[&str], #[case] expected: &str) {
    let report =
        apply(&mut build(args), &BuildSettings::default(), &destination()).expect_err("refused");
    assert!(report.to_string().contains(expected), "{report}");
}

#[test]
fn the_value_of_a_flag_is_no_flag() {
    let mut plan = build(&["--build-arg", "--insecure", "-d", "a"]);
    assert_eq!(applied(&mut plan, &BuildSettings::default()).images, ["a"]);
}

#[test]
fn refused_variables_are_errors() {
    for name in ["LD_PRELOAD", "KANIKO_DIR", "KANIKO_REGISTRY_MIRROR"] {
        let mut plan = build(&["-d", "a"]);
        if let Some(main) = plan.main_mut() {
            main.env.push(EnvVar::value(name, "x"));
        }
        let report =
            apply(&mut plan, &BuildSettings::default(), &destination()).expect_err("refused");
        assert!(report.to_string().contains(name), "{report}");
    }
}

#[test]
fn a_shell_is_left_alone() {
    let mut plan = build(&["-d", "a"]);
    if let Some(main) = plan.main_mut() {
        main.command = vec!["sh".into(), "-c".into()];
    }
    let before = plan.clone();
    assert_eq!(
        apply(&mut plan, &BuildSettings::default(), &destination()),
        Ok(None)
    );
    assert_eq!(plan, before);
}
