//! Builds from their first line to what the hub is told.

use bytes::Bytes;
use polyaxon_proto::runs::v1::base_image::Source;
use polyaxon_proto::runs::v1::build_step::Kind;
use polyaxon_proto::runs::v1::{BuildResult, Failure};
use polyaxon_spec::plan::{ContainerPlan, PodPlan, Role};
use rstest::rstest;

use super::*;
use crate::executor::{Ending, LogPiece};
use crate::machine::{End, StatusUpdate};

const MAIN: &str = "polyaxon-main";

const GENERATED: &str =
    r#"--build-context={"image": "busybox", "run": ["echo one", "false"], "workdir": "/code"}"#;

fn pod(args: &[&str]) -> PodPlan {
    let init = |name: &str, role, args: Vec<String>| ContainerPlan {
        name: name.to_owned(),
        role,
        args,
        ..ContainerPlan::default()
    };
    PodPlan {
        init_containers: vec![
            init("polyaxon-init-git-a", Role::Git, Vec::new()),
            init(
                "polyaxon-init-dockerfile-b",
                Role::Dockerfile,
                vec![
                    GENERATED.to_owned(),
                    "--destination=/plx/artifacts/dockerfile".to_owned(),
                ],
            ),
        ],
        containers: vec![ContainerPlan {
            name: "polyaxon-main".to_owned(),
            role: Role::Main,
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            ..ContainerPlan::default()
        }],
        ..PodPlan::default()
    }
}

fn generated() -> PodPlan {
    pod(&["--dockerfile=/plx/artifacts/dockerfile/Dockerfile"])
}

/// Lines with the second at which they were written.
fn observed(lines: &[(i64, &str)]) -> BuildObserver {
    let observer = BuildObserver::new(MAIN);
    read(&observer, lines);
    observer
}

fn read(observer: &BuildObserver, lines: &[(i64, &str)]) {
    for (second, line) in lines {
        let at_ns = second * 1_000_000_000;
        let piece = LogPiece {
            at_ns,
            stream: 2,
            data: Bytes::from(format!("{line}\n")),
        };
        observer.push(MAIN, &piece, at_ns);
    }
}

const LOG: &[(i64, &str)] = &[
    (0, "INFO[0000] Retrieving image manifest busybox"),
    (
        2,
        "INFO[0002] Building stage 'busybox' [idx: '0', base-idx: '-1']",
    ),
    (2, "INFO[0002] Using caching version of cmd: RUN echo one"),
    (2, "INFO[0002] No cached layer found for cmd RUN false"),
    (3, "INFO[0003] RUN echo one"),
    (3, "INFO[0003] Found cached layer, extracting to filesystem"),
    (4, "INFO[0004] RUN false"),
];

const FAILED: (i64, &str) = (
    9,
    "error building image: error building stage: failed to execute command: waiting for process to exit: exit status 1",
);

fn update(status: Status, end: Option<End>) -> StatusUpdate {
    let failure = match &end {
        Some(End::Container(ending)) => Some(Box::new(Failure {
            last_lines: ending.last_lines.clone(),
            ..Failure::default()
        })),
        _ => None,
    };
    StatusUpdate {
        status,
        reason: "Error".to_owned(),
        message: "raw".to_owned(),
        build: None,
        isolation: None,
        failure,
        end: end.map(Box::new),
    }
}

fn ended(container: &str, code: Option<i32>, reason: &str) -> End {
    End::Container(Ending {
        container: container.to_owned(),
        exit_code: code,
        reason: reason.to_owned(),
        message: String::new(),
        last_lines: vec!["polyaxon git: error: cannot fetch `main`".to_owned()],
        main_image: String::new(),
        platform: None,
    })
}

#[test]
fn a_failed_instruction_is_shown_in_its_dockerfile() {
    let observer = observed(LOG);
    read(&observer, &[FAILED]);
    let mut told = update(
        Status::Failed,
        Some(ended("polyaxon-main", Some(1), "Error")),
    );
    complete(&mut told, &generated(), &observer);
    let failure = told.failure.clone().unwrap_or_default();
    assert_eq!(
        (failure.class.as_str(), failure.retry.as_str()),
        ("run_failed", "no")
    );
    assert_eq!(told.reason, "RunFailed");
    assert_eq!(told.message, "`RUN false` ended with exit status 1");
    assert_eq!(failure.message, told.message);
    assert_eq!(failure.instruction, "RUN false");
    assert!(!failure.hint.is_empty());
    let shown = failure
        .dockerfile_excerpt
        .iter()
        .find(|line| line.number == failure.dockerfile_line)
        .map(|line| line.text.as_str());
    assert_eq!(shown, Some("RUN false"), "{failure:?}");
    assert!(
        failure
            .last_lines
            .iter()
            .any(|line| line.contains("exit status 1"))
    );
    let build = told.build.unwrap_or_default();
    assert_eq!((build.image.as_str(), build.cache_misses.len()), ("", 1));
}

#[test]
fn a_build_tells_what_it_did() {
    let observer = observed(LOG);
    read(
        &observer,
        &[
            (6, "INFO[0006] Pushing image to r.test/a:1"),
            (8, "INFO[0008] Pushed r.test/a@sha256:11"),
        ],
    );
    let mut told = update(Status::Succeeded, None);
    told.build = Some(Box::new(BuildResult {
        image: "r.test/a:1".to_owned(),
        ..BuildResult::default()
    }));
    complete(&mut told, &generated(), &observer);
    assert_eq!(told.failure, None);
    let build = told.build.unwrap_or_default();
    let times: Vec<_> = build
        .timeline
        .iter()
        .map(|step| {
            (
                step.kind(),
                step.instruction.as_str(),
                step.seconds,
                step.cached,
            )
        })
        .collect();
    assert_eq!(
        times,
        [
            (Kind::Prepare, "", 3.0, false),
            (Kind::Instruction, "RUN echo one", 1.0, true),
            (Kind::Instruction, "RUN false", 2.0, false),
            (Kind::Push, "", 2.0, false),
        ]
    );
    assert_eq!(build.cache_hits, ["RUN echo one"]);
    assert_eq!(build.cache_misses, ["RUN false"]);
    let images: Vec<_> = build
        .base_images
        .iter()
        .map(|base| base.name.as_str())
        .collect();
    assert_eq!(images, ["busybox"]);
}

#[test]
fn the_log_tells_each_phase() {
    let observer = observed(&[
        (0, "INFO[0000] Retrieving image manifest busybox"),
        (
            2,
            "INFO[0002] Building stage 'busybox' [idx: '1', base-idx: '-1']",
        ),
        (2, "INFO[0002] Unpacking rootfs as cmd RUN one requires it."),
        (3, "WARN[0003] Retrying operation after 1s due to EOF"),
        (6, "INFO[0006] RUN one"),
        (6, "INFO[0006] Initializing snapshotter ..."),
        (6, "INFO[0006] Taking snapshot of full filesystem..."),
        (8, "INFO[0008] Cmd: /bin/sh"),
        (20, "output"),
        (20, "INFO[0020] Taking snapshot of full filesystem..."),
        (21, "INFO[0021] Pushed r.test/cache@sha256:1"),
        (25, "INFO[0025] RUN one"),
        (
            25,
            "INFO[0025] Found cached layer, extracting to filesystem",
        ),
        (26, "INFO[0026] COPY a /a"),
        (26, "INFO[0026] Taking snapshot of files..."),
        (27, "INFO[0027] Pushing image to r.test/a:1"),
        (30, "INFO[0030] Pushed r.test/a@sha256:11"),
    ]);
    let mut told = update(Status::Succeeded, None);
    complete(&mut told, &generated(), &observer);
    let timeline = told.build.unwrap_or_default().timeline;
    let steps: Vec<_> = timeline
        .iter()
        .map(|step| {
            (
                step.kind(),
                step.seconds,
                step.snapshot_seconds,
                step.cached,
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            (Kind::Prepare, 2.0, 0.0, false),
            (Kind::Unpack, 4.0, 0.0, false),
            (Kind::Instruction, 19.0, 7.0, false),
            (Kind::Instruction, 1.0, 0.0, true),
            (Kind::Instruction, 1.0, 1.0, false),
            (Kind::Push, 3.0, 0.0, false),
        ]
    );
    let sum: f64 = timeline.iter().map(|step| step.seconds).sum();
    assert!((sum - 30.0).abs() < 0.01, "the parts are the whole: {sum}");
}

#[test]
fn digests_of_base_images_say_how_they_are_known() {
    let observer = observed(LOG);
    observer.set_dockerfile("FROM a@sha256:22\nFROM r.test/b:1\nFROM c\nFROM scratch\n".to_owned());
    let pod = pod(&["-f=Other", "-c=/code"]);
    assert_eq!(
        base_images(&pod, &observer),
        ["a@sha256:22", "r.test/b:1", "c"]
    );
    observer.set_base_digests(vec![("r.test/b:1".to_owned(), "sha256:33".to_owned())]);
    let mut told = update(Status::Succeeded, None);
    complete(&mut told, &pod, &observer);
    let build = told.build.unwrap_or_default();
    let bases: Vec<_> = build
        .base_images
        .iter()
        .map(|base| (base.digest.as_str(), base.digest_source()))
        .collect();
    assert_eq!(
        bases,
        [
            ("sha256:22", Source::Name),
            ("sha256:33", Source::Registry),
            ("", Source::Unspecified)
        ]
    );
}

#[test]
fn a_reader_that_starts_over_counts_nothing_twice() {
    let observer = observed(LOG);
    observer.rewind(MAIN);
    read(&observer, LOG);
    read(&observer, &[FAILED]);
    let steps = observer.with_log(|log| log.steps().len());
    assert_eq!(steps, 2);
}

#[rstest]
#[case(
    "polyaxon-init-git-a",
    Some(1),
    "Error",
    "init_git",
    "cannot fetch `main`"
)]
#[case(
    "polyaxon-init-git-a",
    None,
    "ImagePull",
    "executor_image_pull",
    "ErrImagePull"
)]
#[case(
    "polyaxon-main",
    None,
    "CreateError",
    "start_error",
    "CreateContainerError"
)]
#[case("polyaxon-main", None, "StartError", "start_error", "StartError")]
#[case("polyaxon-main", Some(137), "OOMKilled", "oom", "out of memory")]
#[case("polyaxon-main", Some(3), "Error", "unknown", "exit status 3")]
fn endings_have_classes(
    #[case] container: &str,
    #[case] code: Option<i32>,
    #[case] reason: &str,
    #[case] class: &str,
    #[case] says: &str,
) {
    let mut told = update(Status::Failed, Some(ended(container, code, reason)));
    complete(&mut told, &generated(), &BuildObserver::new(MAIN));
    let failure = told.failure.unwrap_or_default();
    assert_eq!(failure.class, class);
    assert!(failure.message.contains(says), "{}", failure.message);
    assert!(!failure.hint.is_empty() && !failure.last_lines.is_empty());
}

#[test]
fn an_init_container_says_itself_why_it_failed() {
    let name = "polyaxon-init-git-a";
    let observer = BuildObserver::new(MAIN);
    let long = "x".repeat(20_000);
    for line in [
        long.as_str(),
        "fatal: Could not resolve host: git.test\n",
        "polyaxon git: error: no clone\n",
    ] {
        let piece = LogPiece {
            at_ns: 1,
            stream: 2,
            data: Bytes::copy_from_slice(line.as_bytes()),
        };
        observer.push(name, &piece, 1);
    }
    let mut told = update(Status::Failed, Some(ended(name, Some(1), "Error")));
    complete(&mut told, &generated(), &observer);
    let failure = told.failure.unwrap_or_default();
    assert_eq!(
        (failure.class.as_str(), failure.retry.as_str()),
        ("init_git", "yes")
    );
    assert_eq!(
        failure.last_lines.last().map(String::as_str),
        Some("polyaxon git: error: no clone")
    );
    assert!(
        failure.message.ends_with(": no clone"),
        "{}",
        failure.message
    );
    assert!(failure.last_lines.concat().len() < 10_000);
}

#[test]
fn stops_and_time_limits_are_told_apart() {
    for (reason, class, message) in [
        ("enough", "cancelled", "raw"),
        (
            "DeadlineExceeded",
            "timed_out",
            "the build ran into its time limit at `RUN false`",
        ),
    ] {
        let end = End::Stopped {
            reason: reason.to_owned(),
        };
        let mut told = update(Status::Stopped, Some(end));
        complete(&mut told, &generated(), &observed(LOG));
        let failure = told.failure.unwrap_or_default();
        assert_eq!(
            (failure.class.as_str(), failure.instruction.as_str()),
            (class, "RUN false")
        );
        assert_eq!(told.message, message);
    }
}

#[rstest]
#[case(true, "yes")]
#[case(false, "no")]
fn only_a_definite_absence_is_worth_another_build(#[case] definite: bool, #[case] retry: &str) {
    let end = End::Unconfirmed {
        reason: "not there".to_owned(),
        definite,
    };
    let mut told = update(Status::Failed, Some(end));
    complete(&mut told, &generated(), &observed(LOG));
    let failure = told.failure.unwrap_or_default();
    assert_eq!(
        (failure.class.as_str(), failure.retry.as_str()),
        ("push_unconfirmed", retry)
    );
    assert_eq!(told.reason, "PushUnconfirmed");
    assert!(failure.message.contains("not there"), "{}", failure.message);
}

#[test]
fn a_warning_is_left_alone() {
    let mut told = update(Status::Warning, None);
    let before = told.clone();
    complete(&mut told, &generated(), &observed(LOG));
    assert_eq!(told, before);
}

#[rstest]
#[case(&["--dockerfile=/plx/artifacts/dockerfile/Dockerfile"], None)]
#[case(&["-f", "Dockerfile"], None)]
#[case(&["-f", "docker/Other", "-c", "dir:///code/"], Some("/code/docker/Other"))]
#[case(&["-f=/x/Other"], Some("/x/Other"))]
#[case(&["-f=Other", "-c=/code", "--context-sub-path=sub/"], Some("/code/sub/Other"))]
#[case(&["-f=Other", "-c=s3://bucket/c.tar.gz"], None)]
fn dockerfiles_are_found(#[case] args: &[&str], #[case] path: Option<&str>) {
    assert_eq!(dockerfile_path(&pod(args)).as_deref(), path);
}

#[test]
fn a_dockerfile_of_the_context_serves_as_well() {
    let observer = observed(LOG);
    read(&observer, &[FAILED]);
    observer.set_dockerfile("FROM busybox@sha256:22\n\nRUN echo one\nRUN false\n".to_owned());
    let mut told = update(
        Status::Failed,
        Some(ended("polyaxon-main", Some(1), "Error")),
    );
    complete(&mut told, &pod(&["-f=Other", "-c=/code"]), &observer);
    assert_eq!(told.failure.unwrap_or_default().dockerfile_line, 4);
    let build = told.build.unwrap_or_default();
    assert_eq!(build.base_images[0].digest, "sha256:22");
}
