//! Failures that need a registry of a kind, and the cache.

use crate::base;
use crate::registry::{Access, Registry};
use crate::sandbox::{Ended, Sandbox};

fn build(sandbox: &Sandbox, dockerfile: &str, arguments: &[String]) -> Ended {
    sandbox.put("workspace/Dockerfile", dockerfile);
    let mut all = vec![
        "--context=dir:///workspace".to_owned(),
        "--log-format=text".to_owned(),
    ];
    all.extend_from_slice(arguments);
    sandbox.run(&all, &[])
}

fn last_line(ended: &Ended) -> &str {
    ended.log.lines().last().unwrap_or_default()
}

#[test]
fn a_push_without_a_login_fails_before_the_base_is_fetched() {
    let registry = Registry::start(Access::Login);
    let host = &registry.host;
    let ended = build(
        &Sandbox::new(),
        &format!("FROM {host}/library/busybox:1\nRUN true\n"),
        &[format!("--destination={host}/team/app:1")],
    );
    assert_eq!(ended.status, Some(1));
    assert_eq!(
        last_line(&ended),
        format!(
            "error checking push permissions: checking push permission for \"{host}/team/app:1\": POST http://{host}/v2/team/app/blobs/uploads/: UNAUTHORIZED: authentication required; [map[Action:pull Class: Name:team/app Type:repository] map[Action:push Class: Name:team/app Type:repository]]"
        )
    );
    assert!(
        !registry
            .requests()
            .iter()
            .any(|line| line.contains("busybox"))
    );
}

#[test]
fn a_push_that_was_not_checked_fails_at_the_manifest() {
    let registry = Registry::start(Access::Login);
    let bases = Registry::start(Access::Open);
    base::recorded(&bases);
    let host = &registry.host;
    let ended = build(
        &Sandbox::new(),
        &format!("FROM {}/library/busybox:1\nRUN true\n", bases.host),
        &[
            format!("--destination={host}/team/app:1"),
            "--skip-push-permission-check".to_owned(),
        ],
    );
    assert_eq!(ended.status, Some(1));
    assert_eq!(
        last_line(&ended),
        format!(
            "error pushing image: failed to push to destination {host}/team/app:1: HEAD http://{host}/v2/team/app/manifests/1: unexpected status code 401 Unauthorized (HEAD responses have no body, use GET for details)"
        )
    );
}

#[test]
fn a_login_of_config_json_pulls_and_pushes_and_is_never_shown() {
    let registry = Registry::start(Access::Login);
    base::recorded(&registry);
    let host = &registry.host;
    let sandbox = Sandbox::new();
    sandbox.put(
        "root/kaniko/.docker/config.json",
        &format!(r#"{{"auths":{{"{host}":{{"auth":"YnVpbGRlcjpzM2NyZXQ="}}}}}}"#),
    );
    let ended = build(
        &sandbox,
        &format!("FROM {host}/library/busybox:1\nRUN true\n"),
        &[
            format!("--destination={host}/team/app:1"),
            "--verbosity=debug".to_owned(),
        ],
    );
    assert_eq!(ended.status, Some(0), "{}", ended.log);
    assert!(registry.manifest("team/app", "1").is_some());
    assert!(!ended.log.contains("s3cret") && !ended.log.contains("YnVpbGRlcjpzM2NyZXQ="));
    assert!(ended.log.contains(
        "credential providers by priority: [file:/kaniko/.docker/config.json, env, google, ecr, acr, gitlab]"
    ));
}

/// Lines that tell of the cache, without keys and digests.
fn cache_lines(log: &str) -> Vec<String> {
    let volatile = regex::Regex::new("[0-9a-f]{64}").unwrap();
    log.lines()
        .filter(|line| {
            ["cached layer", "caching version", "Cache entry", "to cache"]
                .iter()
                .any(|word| line.contains(word))
        })
        .map(|line| {
            let message = line.split_once("msg=").map_or(line, |(_, message)| message);
            volatile
                .replace_all(message.trim_matches('"'), "KEY")
                .into_owned()
        })
        .collect()
}

#[test]
fn the_second_build_takes_its_layers_from_the_cache() {
    let registry = Registry::start(Access::Open);
    base::recorded(&registry);
    let host = &registry.host;
    let dockerfile = format!(
        "FROM {host}/library/python:3.12-slim\nRUN pip install numpy\nCOPY main.py /srv/\nRUN echo built > /srv/stamp\nENV MODE=prod\n"
    );
    let run = |text: &str, more: &[&str]| {
        let sandbox = Sandbox::new();
        sandbox.put("workspace/main.py", "print(1)\n");
        let mut arguments = vec![
            format!("--destination={host}/team/app:1"),
            format!("--cache-repo={host}/team/cache"),
            "--cache=true".to_owned(),
        ];
        arguments.extend(more.iter().map(|text| (*text).to_owned()));
        let ended = build(&sandbox, text, &arguments);
        assert_eq!(ended.status, Some(0), "{}", ended.log);
        ended.log
    };
    let key = format!("{host}/team/cache:KEY");
    assert_eq!(
        cache_lines(&run(&dockerfile, &[])),
        [
            format!("Checking for cached layer {key}..."),
            "No cached layer found for cmd RUN pip install numpy".to_owned(),
            format!("Pushing layer {key} to cache now"),
            format!("Pushing layer {key} to cache now"),
        ]
    );
    let again = run(&dockerfile, &[]);
    assert_eq!(
        cache_lines(&again),
        [
            format!("Checking for cached layer {key}..."),
            "Using caching version of cmd: RUN pip install numpy".to_owned(),
            format!("Checking for cached layer {key}..."),
            "Using caching version of cmd: RUN echo built > /srv/stamp".to_owned(),
            "Found cached layer, extracting to filesystem".to_owned(),
            "Found cached layer, extracting to filesystem".to_owned(),
        ]
    );
    assert!(!again.contains("Running: "));
    // With a cache every instruction is a layer and a history entry.
    let (_, manifest) = registry.manifest("team/app", "1").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 5);

    let expired = run(&dockerfile, &["--cache-ttl=0s"]);
    assert!(expired.contains("Cache entry expired: "), "{expired}");
    let changed = run(&dockerfile.replace("numpy", "scipy"), &[]);
    assert!(changed.contains("No cached layer found for cmd RUN pip install scipy"));
    assert!(changed.contains("Successfully installed scipy-1.0"));
}

#[test]
fn a_cache_that_takes_nothing_is_a_warning() {
    let registry = Registry::start(Access::Open);
    base::recorded(&registry);
    let cache = Registry::start(Access::ReadOnly);
    let host = &registry.host;
    let ended = build(
        &Sandbox::new(),
        &format!("FROM {host}/library/busybox:1\nRUN echo a > /a\n"),
        &[
            format!("--destination={host}/team/app:1"),
            format!("--cache-repo={}/team/cache", cache.host),
            "--cache".to_owned(),
        ],
    );
    assert_eq!(ended.status, Some(0), "{}", ended.log);
    let warning = format!(
        "POST http://{}/v2/team/cache/blobs/uploads/: DENIED: requested access to the resource is denied",
        cache.host
    );
    assert!(
        ended.log.contains(
            "level=warning msg=\"Error uploading layer to cache: failed to push to destination "
        ) && ended.log.contains(&warning),
        "{}",
        ended.log
    );
}

#[test]
fn a_base_of_another_registry_is_carried_over() {
    let bases = Registry::start(Access::Open);
    base::recorded(&bases);
    let registry = Registry::start(Access::Open);
    let ended = build(
        &Sandbox::new(),
        &format!("FROM {}/library/busybox:1\nLABEL a=b\n", bases.host),
        &[format!("--destination={}/team/app:1", registry.host)],
    );
    assert_eq!(ended.status, Some(0), "{}", ended.log);
    let (_, manifest) = registry.manifest("team/app", "1").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    registry.blob(manifest["layers"][0]["digest"].as_str().unwrap());
}

#[test]
fn what_is_not_known_is_refused() {
    let sandbox = Sandbox::new();
    for (dockerfile, flag, what) in [
        ("FROM scratch\nVOLUME /x\n", "--no-push", "VOLUME"),
        ("FROM scratch\n", "--reproducible", "--reproducible"),
    ] {
        let flags = ["--no-push".to_owned(), flag.to_owned()];
        let ended = build(&sandbox, dockerfile, &flags);
        assert_eq!(ended.status, Some(1));
        assert_eq!(
            last_line(&ended),
            format!("kaniko-double: not supported: {what}")
        );
    }
}

#[test]
fn errors_of_the_command_line_are_followed_by_the_usage() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&["--no-such-flag".to_owned()], &[]);
    assert_eq!(ended.status, Some(1));
    assert!(
        ended
            .log
            .starts_with("Error: unknown flag: --no-such-flag\nUsage:\n  executor [flags]\n")
    );
    let ended = sandbox.run(&["build".to_owned()], &[]);
    assert_eq!(
        ended.log,
        "Error: unknown command \"build\" for \"executor\"\nRun 'executor --help' for usage.\n"
    );
    let ended = build(
        &Sandbox::new(),
        "",
        &["--no-push".to_owned(), "--dockerfile=none".to_owned()],
    );
    assert_eq!(ended.status, Some(1));
    assert!(ended.log.contains("\nError: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile\nUsage:\n"));
}
