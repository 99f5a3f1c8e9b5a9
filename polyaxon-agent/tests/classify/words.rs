//! Words of the executor and of registries that no recorded run has, one by one.

use polyaxon_agent::classify::{BuildLog, Class, Evidence, PlatformState, Retry, classify};
use rstest::rstest;
use serde_json::json;

const USAGE: &str = "\nUsage:\n  executor [flags]\n";
const BUILD: &str = "error building image: ";
const STAGE: &str = "error building image: error building stage: ";
const COMMAND: &str = "error building image: error building stage: failed to execute command: ";
const CHECK: &str =
    "error checking push permissions: checking push permission for \"r.test/a/b:1\": ";
const PUSH: &str = "error pushing image: failed to push to destination r.test/a/b:1: ";
const BASE: &str =
    "error building image: unable to complete operation after 3 attempts, last error: ";

fn class_of(log: &str, exit_code: i32) -> (Class, Retry) {
    let log = BuildLog::read(log.as_bytes());
    let verdict = classify(&Evidence {
        intent: None,
        exit_code: Some(exit_code),
        platform: &PlatformState::default(),
        log: &log,
        init_log: "",
        dockerfile: None,
    });
    (verdict.class, verdict.retry)
}

#[rstest]
#[case::destination("you must provide --destination, or use --no-push", Class::Config)]
#[case::cache("cache flags invalid", Class::Config)]
#[case::compression("--compression=zstd cannot be used with --tar-path", Class::Config)]
#[case::shorthand("unknown shorthand flag: 'x' in -x", Class::Config)]
#[case::secret_variable(
    "error resolving secrets: environment variable for secret tok is not set",
    Class::SecretMissing
)]
#[case::context_disk(
    "error resolving source context: write /kaniko/buildcontext/x: no space left on device",
    Class::DiskFull
)]
#[case::context_archive("error resolving source context: no data found", Class::ContextMissing)]
#[case::dockerfile(
    "error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile",
    Class::DockerfileMissing
)]
fn before_the_build(#[case] words: &str, #[case] class: Class) {
    let (found, retry) = class_of(&format!("Error: {words}{USAGE}"), 1);
    assert_eq!((found, retry), (class, class.retry()));
}

#[rstest]
#[case("HTTPSTar bad status from server: 502 Bad Gateway", Retry::Yes)]
#[case(
    "Get \"https://git.test/x\": dial tcp: lookup git.test: no such host",
    Retry::Yes
)]
#[case("HTTPSTar bad status from server: 403 Forbidden", Retry::No)]
#[case("gzip: invalid header", Retry::No)]
fn a_context_may_come_later(#[case] words: &str, #[case] retry: Retry) {
    let log = format!("Error: error resolving source context: {words}{USAGE}");
    assert_eq!(class_of(&log, 1), (Class::ContextMissing, retry));
}

#[rstest]
#[case::label(BUILD, "labels must be of the form key=value, got x", Class::Config)]
#[case::snapshot_mode(BUILD, "fast is not a valid snapshot mode", Class::Config)]
#[case::reference(BUILD, "could not parse reference: A/b", Class::Config)]
#[case::target(
    BUILD,
    "error finding target stage: \"9\" is not a valid target build stage",
    Class::DockerfileStage
)]
#[case::no_from(
    BUILD,
    "dockerfile must contain at least one FROM",
    Class::DockerfileStage
)]
#[case::substitution(
    BUILD,
    "failed to process \"${A\": syntax error: missing '}'",
    Class::DockerfileParse
)]
#[case::substitution_in_a_command(
    COMMAND,
    "failed to process \"${A:?no}\": A: no",
    Class::DockerfileParse
)]
#[case::unreadable(
    BUILD,
    "reading dockerfile at path /x: open /x: permission denied",
    Class::DockerfileMissing
)]
#[case::download(BUILD, "request failed: 404 Not Found", Class::DockerfileMissing)]
#[case::assertion(BUILD, "Assertion violated [stage_order]: x", Class::ExecutorBug)]
#[case::assertion_of_a_stage(STAGE, "Assertion violated [stage_order]: x", Class::ExecutorBug)]
#[case::platform(
    BASE,
    "platform and architecture is not supported",
    Class::BaseImagePlatform
)]
#[case::format(
    COMMAND,
    "starting command: fork/exec /bin/sh: exec format error",
    Class::BaseImagePlatform
)]
#[case::busy(
    STAGE,
    "failed to get filesystem from image: unlinkat //etc/hosts: device or resource busy",
    Class::MountConflict
)]
#[case::read_only(
    COMMAND,
    "creating file: open /data/x: read-only file system",
    Class::MountConflict
)]
#[case::full(
    STAGE,
    "failed to get filesystem from image: write /usr/lib/x: no space left on device",
    Class::DiskFull
)]
#[case::full_while_saving(
    BUILD,
    "could not save file: write /kaniko/deps/0/x: no space left on device",
    Class::DiskFull
)]
#[case::unpack_reset(
    STAGE,
    "failed to get filesystem from image: Get \"https://r/v2/\": net/http: TLS handshake timeout",
    Class::UnpackNetwork
)]
#[case::unpack_rights(
    STAGE,
    "failed to get filesystem from image: chmod /tmp: operation not permitted",
    Class::UnpackFailed
)]
#[case::user(COMMAND, "resolving user x: lookup user x: unknown", Class::RunUser)]
#[case::source(COMMAND, "resolving src: no such file", Class::CopyMissing)]
#[case::snapshot(
    STAGE,
    "failed to save snapshot to image: open /x: bad file descriptor",
    Class::SnapshotFailed
)]
#[case::status(
    COMMAND,
    "waiting for process to exit: exit status 77",
    Class::RunFailed
)]
#[case::killed(COMMAND, "waiting for process to exit: signal: killed", Class::Oom)]
#[case::terminated(
    COMMAND,
    "waiting for process to exit: signal: terminated",
    Class::RunFailed
)]
fn in_the_build(#[case] prefix: &str, #[case] words: &str, #[case] class: Class) {
    assert_eq!(
        class_of(&format!("{prefix}{words}\n"), 1),
        (class, class.retry())
    );
}

#[rstest]
#[case::harbor_project(
    "POST https://r.test/v2/a/b/blobs/uploads/: UNAUTHORIZED: project ml not found: project ml not found",
    Class::PushRepoMissing
)]
#[case::repository(
    "PUT https://r.test/v2/a/b/manifests/1: NOT_FOUND: repository a/b not found",
    Class::PushRepoMissing
)]
#[case::not_found(
    "POST https://r.test/v2/a/b/blobs/uploads/: unexpected status code 404 Not Found: 404 page not found",
    Class::PushRepoMissing
)]
#[case::github(
    "POST https://r.test/v2/a/b/blobs/uploads/: DENIED: permission_denied: write_package",
    Class::PushDenied
)]
#[case::forbidden(
    "PATCH https://r.test/v2/a: unexpected status code 403 Forbidden: <html>",
    Class::PushDenied
)]
#[case::scope(
    "GET https://r.test/token: insufficient_scope: authorization failed",
    Class::PushDenied
)]
#[case::azure(
    "POST https://r.test/v2/a/b/blobs/uploads/: UNAUTHORIZED: authentication required, visit https://aka.ms/acr/authorization",
    Class::PushAuth
)]
#[case::helper("error getting credentials - err: exit status 1", Class::PushAuth)]
#[case::config(
    "resolving authorization for r.test failed: parsing config file (/kaniko/.docker/config.json): invalid character 'x'",
    Class::PushAuth
)]
#[case::immutable(
    "PUT https://r.test/v2/a/b/manifests/1: TAG_INVALID: the tag is immutable",
    Class::PushImmutable
)]
#[case::large(
    "PATCH https://r.test/v2/a: unexpected status code 413 Payload Too Large",
    Class::PushTooLarge
)]
#[case::rate(
    "PUT https://r.test/v2/a/b/manifests/1: unexpected status code 429 Too Many Requests",
    Class::RegistryRateLimit
)]
#[case::gateway(
    "PUT https://r.test/v2/a/b/manifests/1: unexpected status code 504 Gateway Timeout",
    Class::RegistryNetwork
)]
#[case::proxy(
    "Put \"https://r.test/v2/a\": Bad Gateway: 502 Bad Gateway",
    Class::RegistryNetwork
)]
#[case::pipe(
    "Patch \"https://r.test/v2/a\": write tcp 10.0.0.1:1->10.0.0.2:443: write: broken pipe",
    Class::RegistryNetwork
)]
#[case::unreachable(
    "Get \"https://r.test/v2/\": dial tcp 10.0.0.2:443: connect: network is unreachable",
    Class::RegistryNetwork
)]
#[case::slow(
    "Get \"https://r.test/v2/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    Class::RegistryNetwork
)]
#[case::end("Put \"https://r.test/v2/a\": EOF", Class::RegistryNetwork)]
#[case::name(
    "Get \"https://r.test/v2/\": tls: failed to verify certificate: x509: certificate is valid for a.test, not r.test",
    Class::RegistryTls
)]
#[case::plain_to_tls(
    "Get \"http://r.test/v2/\": unexpected status code 400 Bad Request: Client sent an HTTP request to an HTTPS server.",
    Class::RegistryTls
)]
#[case::handshake(
    "Get \"https://r.test/v2/\": tls: first record does not look like a TLS handshake",
    Class::RegistryTls
)]
#[case::new(
    "PUT https://r.test/v2/a/b/manifests/1: MANIFEST_INVALID: unknown schema",
    Class::Unknown
)]
fn at_the_registry(#[case] words: &str, #[case] class: Class) {
    for prefix in [CHECK, PUSH] {
        assert_eq!(
            class_of(&format!("{prefix}{words}\n"), 1),
            (class, class.retry()),
            "{prefix}"
        );
    }
}

#[rstest]
#[case::unauthorized(
    "GET https://r.test/v2/a/manifests/1: UNAUTHORIZED: no",
    Class::BaseImageAuth
)]
#[case::denied(
    "GET https://r.test/v2/a/manifests/1: DENIED: no",
    Class::BaseImageAuth
)]
#[case::forbidden(
    "GET https://r.test/v2/a/manifests/1: unexpected status code 403 Forbidden",
    Class::BaseImageAuth
)]
#[case::name(
    "GET https://r.test/v2/a/manifests/1: NAME_UNKNOWN: repository name not known",
    Class::BaseImageMissing
)]
#[case::rate(
    "GET https://r.test/v2/a/manifests/1: TOOMANYREQUESTS: slow down",
    Class::RegistryRateLimit
)]
#[case::server(
    "GET https://r.test/v2/a/manifests/1: unexpected status code 500 Internal Server Error",
    Class::RegistryNetwork
)]
#[case::name_server(
    "Get \"https://r.test/v2/\": dial tcp: lookup r.test on 10.0.0.1:53: server misbehaving",
    Class::RegistryNetwork
)]
#[case::unknown_authority(
    "Get \"https://r.test/v2/\": x509: certificate signed by unknown authority",
    Class::RegistryTls
)]
#[case::new("GET https://r.test/v2/a/manifests/1: something else", Class::Unknown)]
fn at_a_base_image(#[case] words: &str, #[case] class: Class) {
    for prefix in [
        BASE,
        BUILD,
        "error building image: failed to get baseImage: ",
    ] {
        assert_eq!(
            class_of(&format!("{prefix}{words}\n"), 1),
            (class, class.retry()),
            "{prefix}"
        );
    }
}

#[test]
fn a_crash_is_not_a_stop() {
    let assertion = "{\"level\":\"fatal\",\"msg\":\"Assertion violated [a]: b\",\"time\":\"t\"}\n";
    assert_eq!(class_of(assertion, 1).0, Class::ExecutorBug);
    assert_eq!(
        class_of(
            "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\n",
            2
        )
        .0,
        Class::ExecutorBug
    );
    assert_eq!(
        class_of(
            "runtime: out of memory: cannot allocate\n\nruntime stack:\n",
            2
        )
        .0,
        Class::Oom
    );
    // SIGTERM that nobody of us has sent leaves no word.
    assert_eq!(class_of("working\n", 2), (Class::Unknown, Retry::Once));
    assert_eq!(class_of("working\n", 137).0, Class::Oom);
}

fn of_platform(pod: &serde_json::Value, events: &serde_json::Value) -> (Class, Retry) {
    let platform =
        PlatformState::of_kubernetes(&json!(null), pod, "polyaxon-main").with_events(events);
    let verdict = classify(&Evidence {
        intent: None,
        exit_code: platform.main.exit_code,
        platform: &platform,
        log: &BuildLog::default(),
        init_log: "",
        dockerfile: None,
    });
    (verdict.class, verdict.retry)
}

#[test]
fn a_volume_that_cannot_be_mounted_is_told_by_events() {
    let waiting = |reason: &str| json!({"status": {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": reason}}}]}});
    let events = json!([
        {"reason": "Scheduled", "message": "assigned"},
        {"reason": "FailedMount", "message": "MountVolume.SetUp failed for volume \"auth\": secret \"gone\" not found"}
    ]);
    let list = json!({"items": events});
    for events in [&events, &list] {
        assert_eq!(
            of_platform(&waiting("ContainerCreating"), events).0,
            Class::StartError
        );
        assert_eq!(
            of_platform(&waiting("ImagePullBackOff"), events).0,
            Class::ExecutorImagePull
        );
    }
    let ended = json!({"status": {"containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}]}});
    assert_eq!(of_platform(&ended, &events).0, Class::Unknown);
    assert_eq!(
        of_platform(&waiting("ContainerCreating"), &json!(null)).0,
        Class::Unknown
    );
}

#[rstest]
#[case(
    "Evicted",
    "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
    Class::DiskFull
)]
#[case(
    "Evicted",
    "Usage of EmptyDir volume \"x\" exceeds the limit \"8Mi\". ",
    Class::DiskFull
)]
#[case(
    "Evicted",
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. ",
    Class::Evicted
)]
#[case("Preempting", "", Class::Preempted)]
#[case("NodeLost", "", Class::NodeLost)]
#[case(
    "NodeShutdown",
    "Pod was rejected as the node is shutting down.",
    Class::NodeLost
)]
fn the_pods_own_reason(#[case] reason: &str, #[case] message: &str, #[case] class: Class) {
    let pod = json!({"status": {"reason": reason, "message": message}});
    assert_eq!(of_platform(&pod, &json!(null)), (class, class.retry()));
}

#[rstest]
#[case(137, "ContainerStatusUnknown", Class::NodeLost)]
#[case(255, "Unknown", Class::NodeLost)]
#[case(1, "Unknown", Class::Unknown)]
fn what_a_runtime_lost_sight_of(
    #[case] exit_code: i32,
    #[case] reason: &str,
    #[case] class: Class,
) {
    let state = json!({"terminated": {"exitCode": exit_code, "reason": reason}});
    let pod = json!({"status": {"containerStatuses": [{"name": "polyaxon-main", "state": state}]}});
    assert_eq!(of_platform(&pod, &json!(null)), (class, class.retry()));
}
